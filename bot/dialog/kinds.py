"""Slot kinds: each hears a value in what the rider said, keeps it as text, reads it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.dialog.turn import Turn, payload_values
from bot.domain import codes
from bot.errors import Refused
from bot.services import stations
from bot.services.stations import Place
from bot.store.stations import Evse, Pile, Station

T = TypeVar("T")


class Kind(Protocol[T]):
    """`hear` and `load` give None for "not this"; raise Refused to say why it cannot be.

    A kind may also have `claims(turn)` (the whole message is such a value), `takes_anything` (free
    text), `stands_alone` (kept when an earlier slot is corrected: a time does not hang on the pile)
    and `alike(one, other)` (whether two kept values say the same; else they are compared).
    """

    def hear(self, turn: Turn, name: str, *, asked: bool) -> T | None:
        """The value in a message, be it tapped, shared, photographed or typed.

        `asked`: the last question was about this slot, so the bare text may be the answer.
        """
        ...

    def dump(self, value: T) -> str:
        """The canonical text kept between turns."""
        ...

    def load(self, turn: Turn, raw: str) -> T | None:
        """The value again, or None when it no longer exists: then it is asked anew."""
        ...


def tapped(turn: Turn, name: str) -> str | None:
    """The value of slot `name` in a tapped button, be it of an open question or a fresh one."""
    payload = turn.heard.payload
    if payload and payload.startswith("="):
        return payload[1:]
    return payload_values(payload).get(name)


class Agreed:
    """A yes. A no is None here: the engine ends the dialog on it."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> bool | None:
        """True for a yes in any form."""
        value = tapped(turn, name)
        if value is not None:
            return True if value == "yes" else None
        return True if turn.heard.understanding.intent == "affirm" else None

    def dump(self, value: bool) -> str:
        """ "yes"."""
        return "yes"

    def load(self, turn: Turn, raw: str) -> bool | None:
        """True."""
        return raw == "yes" or None


@dataclass(frozen=True, slots=True)
class PilePoint:
    """What a pile code leads to: an EVSE, or a pile whose EVSE is still to be picked."""

    pile: Pile
    evse: Evse | None


class PileKind:
    """A pile or EVSE by its code, from a photo, a button or typed."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> PilePoint | None:
        """Raises Refused for codes that are mistyped or unknown."""
        raw = tapped(turn, name) or turn.heard.understanding.entity("pile_code")
        if raw is None and asked:
            raw = turn.heard.text
        return self.find(turn, raw) if raw else None

    def dump(self, value: PilePoint) -> str:
        """The code."""
        return value.evse.code if value.evse else value.pile.number

    def load(self, turn: Turn, raw: str) -> PilePoint | None:
        """None when the pile has been taken down since."""
        return self.find(turn, raw)

    def find(self, turn: Turn, raw: str) -> PilePoint | None:
        """Raises Refused for codes that are mistyped or unknown."""
        code = codes.examine(raw)
        if isinstance(code, codes.Mistyped):
            raise Refused(
                "{code} is not one of our codes: one digit seems wrong. Please check the sticker, "
                "or send a photo of it.",
                {"code": code.text},
            )
        if code is None:
            return None
        pile, evse = stations.by_code(turn.work, code)
        return PilePoint(pile, evse)


class EvseKind:
    """One EVSE: by its whole code, or by its number at the pile already named."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Evse | None:
        """Raises Refused for codes that are mistyped or unknown."""
        raw = tapped(turn, name)
        point = PILE.find(turn, raw) if raw else PILE.hear(turn, "pile", asked=False)
        if point is not None:
            return point.evse
        number = turn.heard.text.strip().lstrip("#")
        pile = turn.conversation.dialog.get("slots", {}).get("pile")
        if not asked or not number.isdecimal() or pile is None:
            return None
        known = PILE.load(turn, pile)
        return (
            next((e for e in known.pile.evses if e.number == int(number)), None) if known else None
        )

    def dump(self, value: Evse) -> str:
        """The code."""
        return value.code

    def load(self, turn: Turn, raw: str) -> Evse | None:
        """None when it has been taken down since."""
        point = PILE.find(turn, raw)
        return point.evse if point else None


def only_a_code(turn: Turn) -> bool:
    """Whether a message is nothing but a pile's code."""
    if turn.heard.payload is not None or turn.heard.understanding.entity("pile_code") is None:
        return False
    text = turn.heard.text.strip()
    return not text or isinstance(codes.examine(text), codes.PileCode)


class Left(Generic[T]):
    """A kind that falls back on what the dialog before it was about: "start later", said of the
    pile whose price is in view."""

    def __init__(self, kind: Kind[T]) -> None:
        self.kind = kind

    def hear(self, turn: Turn, name: str, *, asked: bool) -> T | None:
        """What is said, else what was left."""
        value = self.kind.hear(turn, name, asked=asked)
        if value is None and (raw := turn.left.get(name)) is not None:
            value = self.kind.load(turn, raw)
        return value

    def dump(self, value: T) -> str:
        """As the kind does."""
        return self.kind.dump(value)

    def load(self, turn: Turn, raw: str) -> T | None:
        """As the kind does."""
        return self.kind.load(turn, raw)

    def claims(self, turn: Turn) -> bool:
        """A bare code: the answer, although it starts a charge elsewhere."""
        return only_a_code(turn)


class Words:
    """Free text, as a name or an address: whatever is typed is the answer, see `takes_anything`."""

    takes_anything = True

    def __init__(self, longest: int) -> None:
        self.longest = longest

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """What was tapped, or typed when asked. Raises Refused for too much of it."""
        value = tapped(turn, name)
        if value is None and asked and turn.heard.payload is None:
            value = " ".join(turn.heard.text.split())
        if value is not None and len(value) > self.longest:
            raise Refused(
                "That is too long: {limit} characters at most. Please send it again, shorter.",
                {"limit": self.longest},
            )
        return value or None

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """As it is."""
        return raw


class Findings(Words):
    """What somebody saw at a pile and did there: words of danger and of stopping are part of it.
    Whoever asks says how to call people at once."""

    takes_danger = True


class Digits(Words):
    """The number of a row behind a button; nobody types it."""

    takes_anything = False

    def __init__(self) -> None:
        super().__init__(18)

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Digits only."""
        value = super().hear(turn, name, asked=False)
        return value if value and value.isascii() and value.isdigit() else None


class Kept:
    """A JSON text that a prompt keeps for its handler; riders never say it."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """Nothing."""
        return None

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """As it is."""
        return raw


class Choice:
    """A value that only buttons carry."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """The value of a tapped button."""
        return tapped(turn, name) if payload_values(turn.heard.payload) or asked else None

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """As it is."""
        return raw


class PlaceKind(Generic[T]):
    """Where to look: a shared location, a place or station by name, or the last known place."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Place | None:
        """None when the message names no place."""
        if turn.heard.place is not None:
            return Place(*turn.heard.place, label="")
        if (near := payload_values(turn.heard.payload).get(name)) is not None:
            return self.load(turn, near)
        spoken = turn.heard.understanding.entity("location") or turn.heard.understanding.entity(
            "station_name"
        )
        understood = turn.heard.understanding
        if spoken is None and asked and understood.confidence < 1:  # not "help", not "yes"
            if understood.intent in ("unclear", "out_of_scope"):
                return stations.place_named(turn.work, turn.heard.text)
            spoken = turn.heard.text
        return stations.place_at(turn.work, spoken) if spoken else None

    def dump(self, value: Place) -> str:
        """ "lat,lng,label"."""
        return f"{value.lat:.6f},{value.lng:.6f},{value.label}"

    def load(self, turn: Turn, raw: str) -> Place | None:
        """The place again."""
        lat, lng, label = raw.split(",", 2)
        return Place(float(lat), float(lng), label)


class StationKind:
    """A station by id (tapped) or by name (typed, fuzzy)."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Station | None:
        """None when the message names no station."""
        raw = tapped(turn, name)
        if raw is not None:
            return self.load(turn, raw)
        spoken = turn.heard.understanding.entity("station_name")
        if spoken is None and asked:
            spoken = turn.heard.text
        return stations.named(turn.work, spoken) if spoken else None

    def dump(self, value: Station) -> str:
        """The id."""
        return str(value.id)

    def load(self, turn: Turn, raw: str) -> Station | None:
        """The station, or None."""
        return turn.work.session.get(Station, int(raw)) if raw.isdigit() else None


AGREED = Agreed()
SURE = Agreed()  # money moves: the command said once more shows it again, it is no yes
PILE = PileKind()
EVSE = EvseKind()
KEPT = Kept()
CHOICE = Choice()
PLACE: PlaceKind[Place] = PlaceKind()
STATION = StationKind()
