"""The errors that carry meaning: a polite no, try again later, and give up.

PilebotError
├── Refused     the rider (or caller) gets a clear, translated answer; nothing changed
├── TryAgain    a dependency is away; the row stays and is tried again after `after_s`
└── GiveUp      trying again cannot help; the row is closed as failed and shown to staff
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.replies import Option, Value


class PilebotError(Exception):
    """Base of every error this product raises on purpose."""


class Refused(PilebotError):
    """A polite no: `text` is an English source sentence that is translated when shown; `options`
    are ways on that can be tapped. `again` names the slot whose value cannot be taken: its question
    stays open, so that another value may simply be written."""

    def __init__(
        self,
        text: str,
        values: Mapping[str, Value] | None = None,
        options: Sequence[Option] = (),
        *,
        again: str = "",
    ) -> None:
        super().__init__(text)
        self.text = text
        self.values: Mapping[str, Value] = values or {}
        self.options = options
        self.again = again


class TryAgain(PilebotError):
    """A dependency is away; come back after `after_s` seconds (None: the queue's own back-off)."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.after_s = after_s


class GiveUp(PilebotError):
    """Trying again cannot help; staff must see `why`."""
