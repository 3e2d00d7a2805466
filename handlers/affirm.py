"""A yes or no that nothing was waiting for."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say


@intent("affirm", "answer")
def nothing_to_confirm(turn: Turn) -> Replies:
    """Never guess what a yes was for: it may cost money."""
    return Choose(
        Say("There is no open question, so I did nothing. What would you like to do?"),
        [
            Option("find_pile", Say("Find a pile")),
            Option("start_charge", Say("Start a charge")),
            Option("help", Say("Menu")),
        ],
    )


@intent("deny")
def fine(turn: Turn) -> Replies:
    """A no needs no more than an answer."""
    return Say("All right. Write to me whenever you need a pile.")
