"""What was understood of one message: an intent, its entities, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

# How a payload behind a button names an intent and its slots: "start_charge?pile=1023-27".
# The engine's own answers to an open question look like "=yes" (see bot/dialog/engine.py).


@dataclass(frozen=True, slots=True)
class Entity:
    """A piece of the text: `type` as in nlu/data, canonical `value`, `text` as written."""

    type: str
    value: str
    text: str = ""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Understanding:
    """`engine` is "button", "qr", "rasa", "keywords" or "safety"; `confidence` is 0 to 1."""

    intent: str
    confidence: float
    entities: tuple[Entity, ...] = ()
    secondary: str | None = None
    lang: str | None = None  # a guess from the text; None when it does not tell
    engine: str = "keywords"
    # Further requests of the same message, to be served after `intent`; `secondary` may be no more
    # than a second guess.
    also: tuple[str, ...] = ()

    def entity(self, type_: str) -> str | None:
        """The last value of an entity type (a later correction wins), or None."""
        values = [entity.value for entity in self.entities if entity.type == type_]
        return values[-1] if values else None


class Understander(Protocol):
    """nlu.understand: never raises, never takes longer than its own time limit."""

    def __call__(
        self,
        text: str,
        *,
        payload: str | None = None,
        codes: tuple[str, ...] = (),
        lang: str | None = None,
        context: frozenset[str] = frozenset(),
    ) -> Understanding:
        """`payload` of a tapped button, `codes` read from a photo, `context` facts that the
        conversation knows (session_active, has_booking, plugged_in, asked_confirm[:intent])."""
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a voice note; `confidence` is 0 to 1. Card numbers are hidden in `text`."""

    text: str
    confidence: float
    card_hidden: bool = False


class Transcribe(Protocol):
    """Voice to text: never raises, never takes longer than its own time limit."""

    def __call__(self, audio: bytes, content_type: str) -> Transcript | None:
        """None where nothing was understood: the rider is asked to type."""
        ...
