"""What we promise, how long each may take, and how often we kept it lately."""

from __future__ import annotations

from typing import Final

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain.clocks import Policy
from bot.replies import Amount, Replies, Say, Value
from bot.services import clock_results, clocks
from bot.services.clock_results import Kept

# The same words as on the poster at the pile; {limit} is the policy in force.
PROMISES: Final[dict[str, Say]] = {
    "bill": Say("Your bill"),
    "urgent": Say("A person contacts you when a charge loses power"),
    "fault_response": Say("A technician takes a fault on"),
    "first_reply": Say("A person answers a complaint"),
    "dispute": Say("A doubted bill is decided"),
    "on_site": Say("Somebody at a broken pile"),
}


@intent(
    "promise",
    words=(
        "promise", "promises", "promesa", "promesas", "promessa", "promessas", "承诺", "promesse",
        "promesses", "versprechen",
    ),
)  # fmt: skip
def promise(turn: Turn) -> Replies:
    """The policy in force, and the last 30 days."""
    counted = clock_results.lately(turn.work)
    told = Say("What we promise, and how often we kept it in the last 30 days:")
    for name, what in PROMISES.items():
        policy, kept = clocks.policy(turn.work, name), counted.get(name, Kept(0, 0))
        line = _line(what, policy, kept)
        told = Say("{before}\n- {line}", {"before": told, "line": line})
    return [
        told,
        Say("The clocks run day and night. What we miss is made good without your asking."),
    ]


def _line(what: Say, policy: Policy, kept: Kept) -> Say:
    """One promise: its limit, what is aimed at where that is less, and how it was kept."""
    values: dict[str, Value] = {
        "what": what, "limit": Amount(policy.limit_s, "s"), "met": kept.met, "n": kept.n,
        "aimed": kept.aimed, "target": Amount(policy.target_s or policy.limit_s, "s"),
    }  # fmt: skip
    if policy.target_s is None:
        if not kept.n:
            return Say("{what}: within {limit}. Nothing to count yet.", values)
        return Say("{what}: within {limit}. Kept {met} of {n}.", values)
    if not kept.n:
        return Say("{what}: within {target}, at most {limit}. Nothing to count yet.", values)
    return Say(
        "{what}: within {target}, at most {limit}. Kept {met} of {n}, {aimed} within {target}.",
        values,
    )
