"""What we promise, how long each may take, and how often we kept it lately."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Amount, Replies, Say, Value
from bot.services import clock_results, promises
from bot.services.clock_results import Kept
from bot.services.promises import Promise


@intent(
    "promise",
    words=(
        "promise", "promises", "promesa", "promesas", "promessa", "promessas", "承诺", "promesse",
        "promesses", "versprechen",
    ),
)  # fmt: skip
def promise(turn: Turn) -> Replies:
    """The text of the poster, and the last 30 days."""
    counted, found = clock_results.lately(turn.work), promises.in_force(turn.work)
    told = Say(
        "What we promise (version {version}), and how often we kept it in the last 30 days:",
        {"version": promises.version(found)},
    )
    for each in found:
        line = _line(each, counted.get(each.name, Kept(0, 0)))
        told = Say("{before}\n- {line}", {"before": told, "line": line})
    ends = promises.when_missed(found)
    told_last = ends[0]
    for each_end in ends[1:]:
        told_last = Say("{before} {next}", {"before": told_last, "next": each_end})
    return [told, told_last]


def _line(promise: Promise, kept: Kept) -> Say:
    """One promise, and how it was kept."""
    policy = promise.policy
    values: dict[str, Value] = {
        "promise": promise.line, "met": kept.met, "n": kept.n, "aimed": kept.aimed,
        "target": Amount(policy.target_s or policy.limit_s, "s"),
    }  # fmt: skip
    if not kept.n:
        return Say("{promise} Nothing to count yet.", values)
    if policy.target_s is None:
        return Say("{promise} Kept {met} of {n}.", values)
    return Say("{promise} Kept {met} of {n}, {aimed} within {target}.", values)
