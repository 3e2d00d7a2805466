"""WhatsApp's 24-hour window as staff see it: how long free words are taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.gateways.delivery import WINDOW, window_open
from bot.store.riders import Conversation

_SOON: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Window:
    """`closes_at` is None where no window holds (web chat) or none was ever open."""

    open: bool
    closes_at: datetime | None
    words: str
    tone: str  # good, warn, bad, neutral


def window(conversation: Conversation, now: datetime) -> Window:
    """The window of a conversation at a moment."""
    if conversation.last_channel != "whatsapp":
        return Window(True, None, "Web chat: no time limit.", "neutral")
    heard = conversation.last_whatsapp_at
    if heard is None:
        return Window(False, None, "The rider has never written on WhatsApp.", "bad")
    closes = heard + WINDOW
    if not window_open(conversation, now):
        return Window(
            False, closes, "The 24-hour window is closed: only an approved template can be sent.",
            "bad",
        )  # fmt: skip
    left = closes - now
    tone = "warn" if left < _SOON else "good"
    return Window(True, closes, f"The 24-hour window closes in {in_words(left)}.", tone)


def in_words(left: timedelta) -> str:
    """ "3 h 12 m"."""
    minutes = max(1, int(left.total_seconds() // 60))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m"
