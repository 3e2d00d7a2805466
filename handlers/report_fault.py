"""Something is broken or blocked: a person gets it, the rider gets the nearest working pile."""

from __future__ import annotations

from bot.dialog.intents import intent, maybe, wish
from bot.dialog.kinds import PILE, PilePoint
from bot.dialog.turn import Turn
from bot.replies import Replies, Say
from bot.services import handoff


@wish
class Fault:
    """The pile, when the rider names it."""

    pile: PilePoint | None = maybe(PILE)


@intent("report_fault")
def report(turn: Turn, want: Fault) -> Replies:
    """Kept with its pile for the person who takes over."""
    handoff.to_queue(turn.work, turn.conversation, reason="fault")
    if want.pile is None:
        return Say(
            "Thank you for telling us. A person will look at it and answer here. Which pile is it? "
            "Please send its code or a photo, and what you see. Write BOT to come back to me."
        )
    return Say(
        "Thank you for telling us about pile {pile}. A person will look at it and answer here. "
        "Please add a photo or what you see. Write BOT to come back to me.",
        {"pile": PILE.dump(want.pile)},
    )
