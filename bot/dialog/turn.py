"""One turn of the conversation: what was heard, of whom, and what a handler may reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from bot.replies import Replies
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider
from bot.understanding import Understanding


@dataclass(frozen=True, slots=True)
class Heard:
    """What came in. `key` names the message and so everything this turn calls for."""

    key: str
    understanding: Understanding
    text: str = ""
    payload: str | None = None
    place: tuple[float, float] | None = None  # a shared location: lat, lng
    photo_problem: str | None = None  # why a photo gave no code of ours


@dataclass(frozen=True, slots=True)
class Turn:
    """Handed to every handler. Money and devices are reached through bot/services only."""

    work: UnitOfWork
    settings: Settings
    rider: Rider
    conversation: Conversation
    heard: Heard
    keep: dict[str, str] = field(default_factory=dict)  # slots a prompt fills by itself (an offer)
    left: dict[str, str] = field(default_factory=dict)  # slots of the dialog that this turn leaves

    @property
    def now(self) -> datetime:
        """The moment of this turn."""
        return self.work.now

    @property
    def lang(self) -> str:
        """The language the rider is answered in."""
        return self.rider.lang or "en"

    def value(self, name: str) -> str | None:
        """A value named in the tapped button ("station" in "find_pile?station=5")."""
        return payload_values(self.heard.payload).get(name)


def payload_values(payload: str | None) -> dict[str, str]:
    """The slot values behind a button: {"pile": "1023-27"} for "start_charge?pile=1023-27"."""
    if not payload or "?" not in payload:
        return {}
    return dict(parse_qsl(payload.split("?", 1)[1]))


# None: this need not be asked, the handler does without.
Prompt = str | Callable[[Turn, Mapping[str, Any]], Replies | None]


@dataclass(frozen=True, slots=True)
class Instead:
    """What a handler returns that found another intent to be meant: that one begins with the same
    message, so that its question is open and a yes answers it."""

    intent: str


@dataclass(slots=True)
class State:
    """The open dialog, kept as JSON in conversation.dialog.

    `slots` are canonical texts by name; `asking` is the slot the last question was about; `tag`
    marks the buttons of this dialog, so that a button of an older question is recognised as stale.
    """

    intent: str
    slots: dict[str, str] = field(default_factory=dict)
    asking: str | None = None
    tag: str = ""
    at: str = ""

    def dump(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "intent": self.intent,
            "slots": self.slots,
            "asking": self.asking,
            "tag": self.tag,
            "at": self.at,
        }
