"""A request that is understood but that only people serve in this version."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say


@intent("unsupported", digression=True)
def offer_person(turn: Turn) -> Replies:
    """Say so at once and name who can."""
    return Choose(
        Say("I cannot do that in this chat myself, but a person can. Shall I get one for you?"),
        [
            Option("human_handoff", Say("Talk to a person")),
            Option("help", Say("Menu")),
        ],
    )
