"""The rider's yes to an offer that a person of the staff sent; works while they own the chat."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Replies, Say
from bot.services import actions


@intent("agree_start")
def agree(turn: Turn) -> Replies | None:
    """What follows (hold, plug in, started) is told as it happens."""
    named = turn.value("action") or ""
    number = int(named) if named.isascii() and named.isdigit() else 0
    refused = actions.agreed(turn.work, turn.settings, action_id=number, rider_id=turn.rider.id)
    return Say(refused.text, refused.values) if refused is not None else None
