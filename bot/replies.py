"""What a handler may answer: meaning, not appearance; channels decide how it looks.

Texts are English source sentences with named placeholders (`{pile}`); they are translated and
their values formatted for the rider's language when a message leaves, because only then are
the channel, the language and the 24-hour window known. Everything here survives a trip through
JSON (`dump` / `load`), since replies wait in the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from bot.domain.money import Money


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Marks an English source sentence that stands apart from its Say, for the catalogues."""
    return text


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, shown in the station's time zone; `form` is "time", "date",
    "date_time", or "day_time" (short, for buttons)."""

    at: datetime
    tz: str
    form: str = "time"


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with a unit that is shown by locale: Wh, W, s, m or percent; "milli" is a bare
    number in thousandths (25500 is 25.5)."""

    number: int
    unit: str  # "wh" | "w" | "s" | "m" | "percent" | "milli"


@dataclass(frozen=True, slots=True)
class Rate:
    """A price per "kwh", "min", "h" or "start"; `amount` is exact, in major units ("0.29")."""

    amount: str
    currency: str
    per: str


@dataclass(frozen=True, slots=True)
class Written:
    """Words by a person of the staff: shown as they stand, neither translated nor escaped."""

    text: str


@dataclass(frozen=True, slots=True)
class Say:
    """A text: English source sentence plus the values of its placeholders."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)


# What may stand behind a placeholder. A nested Say is translated first, then put in.
Value = str | int | Money | Moment | Amount | Rate | Written | Say


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to tap: what we get back (`payload`), what the rider sees, and a line below."""

    payload: str
    title: Say
    detail: Say | None = None


@dataclass(frozen=True, slots=True)
class Choose:
    """A question with up to ten options: up to three are buttons, more are a list."""

    prompt: Say
    options: Sequence[Option]
    list_button: Say = field(default_factory=lambda: Say("Choose"))


@dataclass(frozen=True, slots=True)
class Link:
    """A text with one button that opens a page (paying, invoices)."""

    prompt: Say
    title: Say
    url: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A place on the map, shown as the channel's own location message."""

    lat: float
    lng: float
    label: str
    address: str


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A numbered pin of a map picture; `state` is "free", "busy" or "unknown"."""

    lat: float
    lng: float
    number: int
    state: str


@dataclass(frozen=True, slots=True)
class MapPicture:
    """A street map with numbered pins around the rider's own place."""

    lat: float
    lng: float
    points: Sequence[MapPoint]
    caption: Say


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture by its media id, with a caption."""

    media_id: int
    caption: Say


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document by its media id."""

    media_id: int
    name: str
    caption: Say


@dataclass(frozen=True, slots=True)
class Receipt:
    """The bill of one session as text plus a PDF made when it is sent."""

    bill_id: int


@dataclass(frozen=True, slots=True)
class InvoicePaper:
    """An invoice or credit note by its id: a text plus the PDF, kept as first made."""

    invoice_id: int


Reply = Say | Choose | Link | Pin | MapPicture | Picture | Document | Receipt | InvoicePaper
Replies = Reply | Sequence[Reply]

_TYPES: Final = {
    kind.__name__: kind
    for kind in (
        Say, Option, Choose, Link, Pin, MapPoint, MapPicture, Picture, Document, Receipt,
        InvoicePaper, Money, Moment, Amount, Rate, Written,
    )
}  # fmt: skip


def dump(value: Any) -> Any:
    """The JSON form of a reply or of a value inside one."""
    if type(value) in _TYPES.values():
        named = {each.name: dump(getattr(value, each.name)) for each in fields(value)}
        return {"_": type(value).__name__, **named}
    if isinstance(value, datetime):
        return {"_": "at", "iso": value.isoformat()}
    if isinstance(value, Mapping):
        return {key: dump(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} cannot stand in a reply")


def load(raw: Any) -> Any:
    """The reply (or value) that `dump` wrote."""
    if isinstance(raw, list):
        return tuple(load(item) for item in raw)
    if not isinstance(raw, dict):
        return raw
    kind = raw.get("_")
    if kind == "at":
        return datetime.fromisoformat(raw["iso"])
    if kind is None:
        return {key: load(item) for key, item in raw.items()}
    return _TYPES[kind](**{key: load(item) for key, item in raw.items() if key != "_"})


def as_sequence(replies: Replies | None) -> Sequence[Reply]:
    """None, one reply or several, as a sequence."""
    if replies is None:
        return ()
    if isinstance(replies, tuple | list):
        return replies
    assert not isinstance(replies, Sequence)
    return (replies,)
