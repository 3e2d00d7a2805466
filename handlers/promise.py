"""What we promise, how long each may take, and how often we kept it lately."""

from __future__ import annotations

from typing import Final

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Amount, Replies, Say, Value
from bot.services import clock_results, clocks

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
        limit = Amount(clocks.policy(turn.work, name).limit_s, "s")
        met, n = counted.get(name, (0, 0))
        values: dict[str, Value] = {"what": what, "limit": limit, "met": met, "n": n}
        line = (
            Say("{what}: within {limit}. Kept {met} of {n}.", values)
            if n
            else Say("{what}: within {limit}. Nothing to count yet.", values)
        )
        told = Say("{before}\n- {line}", {"before": told, "line": line})
    return [
        told,
        Say("The clocks run day and night. What we miss is made good without your asking."),
    ]
