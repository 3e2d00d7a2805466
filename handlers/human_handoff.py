"""A person, please: the chat moves to the staff queue and the bot falls silent."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Replies, Say
from bot.services import desk, handoff


@intent(
    "human_handoff",
    words=("agent", "human", "agente", "atendente", "人工", "conseiller", "mitarbeiter"),
)
def to_person(turn: Turn) -> Replies:
    """At once, no menu in between."""
    handoff.to_queue(turn.work, turn.conversation, reason="asked")
    return Say(
        "I am getting a person for you, who will answer in this chat. {wait} You can already "
        "write what it is about. Stopping a charge still works at any time. Write BOT to come "
        "back to me.",
        {"wait": desk.waiting_text(turn.work, turn.settings, turn.conversation)},
    )
