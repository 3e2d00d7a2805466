"""Thanks and goodbye."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Replies, Say


@intent("thanks_bye", digression=True)
def welcome_back(turn: Turn) -> Replies:
    """Short, so that it does not start a conversation."""
    return Say("You are welcome. Have a good ride!")
