"""Slot kinds of bookings: where, when and for how long, in the words of the station's clock."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot.dialog.kinds import PILE, PLACE, STATION, PilePoint, only_a_code, tapped
from bot.dialog.turn import Turn
from bot.domain import times
from bot.domain.times import When
from bot.services import stations
from bot.services.stations import Place
from bot.store.stations import Station
from bot.understanding import Entity

_FILLERS: Final = 4  # characters around a time that do not make it another request


@dataclass(frozen=True, slots=True)
class Spot:
    """Where to book: a pile (and its EVSE), a station, or around a place."""

    point: PilePoint | None = None
    station: Station | None = None
    place: Place | None = None

    @property
    def known_station(self) -> Station | None:
        """The station that a pile or a name leads to."""
        return self.point.pile.station if self.point is not None else self.station


class SpotKind:
    """A pile by code or photo, a station by name, a place by name or shared location."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Spot | None:
        """Raises Refused for codes that are mistyped or unknown."""
        raw = tapped(turn, name)
        if raw is not None and (known := self.load(turn, raw)) is not None:
            return known
        point = PILE.hear(turn, "pile", asked=asked)
        if point is not None:
            return Spot(point=point)
        station = STATION.hear(turn, "station", asked=asked)
        if station is not None:
            return Spot(station=station)
        place = PLACE.hear(turn, "place", asked=asked)
        return Spot(place=place) if place is not None else None

    def dump(self, value: Spot) -> str:
        """ "pile:1023-27", "station:5" or "place:60.1,24.9,Kamppi"."""
        if value.point is not None:
            return f"pile:{PILE.dump(value.point)}"
        if value.station is not None:
            return f"station:{value.station.id}"
        assert value.place is not None
        return f"place:{PLACE.dump(value.place)}"

    def load(self, turn: Turn, raw: str) -> Spot | None:
        """None when it is not there any more."""
        kind, _, rest = raw.partition(":")
        if kind == "pile":
            point = PILE.load(turn, rest)
            return Spot(point=point) if point else None
        if kind == "station":
            station = STATION.load(turn, rest)
            return Spot(station=station) if station else None
        if kind == "place" and rest.count(",") >= 2:
            return Spot(place=PLACE.load(turn, rest))
        return None

    def claims(self, turn: Turn) -> bool:
        """A bare code or a photo of one."""
        return only_a_code(turn)


@dataclass(frozen=True, slots=True)
class Said:
    """A time as somebody said it, and when: only a station's clock can tell what it means."""

    text: str
    at: datetime

    def read(self, zone: str) -> When | None:
        """What it means on a zone's clock."""
        return times.resolve(self.text, now=self.at, zone=ZoneInfo(zone))


class SaidKind:
    """Words of time, kept as they were said."""

    stands_alone = True

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Said | None:
        """The time of a message; the whole answer where it was asked for."""
        raw = tapped(turn, name)
        if raw is not None:
            tapped_words = Said(raw[:120], turn.now) if asked and _means_time(turn, raw) else None
            return self.load(turn, raw) or tapped_words
        spoken = _spoken_time(turn, self.times(turn))
        if spoken is None and asked and _means_time(turn, turn.heard.text):
            spoken = turn.heard.text
        return Said(spoken[:120], turn.now) if spoken else None

    def times(self, turn: Turn) -> list[Entity]:
        """The words of time in a message that count here."""
        return [each for each in turn.heard.understanding.entities if each.type == "time"]

    def alike(self, one: str, other: str) -> bool:
        """Whether two kept values say the same."""
        return bool(json.loads(one)["text"] == json.loads(other)["text"])

    def dump(self, value: Said) -> str:
        """JSON."""
        return json.dumps({"text": value.text, "at": value.at.isoformat()})

    def load(self, turn: Turn, raw: str) -> Said | None:
        """None for what is no such text."""
        try:
            kept = json.loads(raw)
            return Said(str(kept["text"]), datetime.fromisoformat(kept["at"]))
        except (ValueError, KeyError, TypeError):
            return None

    def claims(self, turn: Turn) -> bool:
        """Nothing but a time."""
        return _only_a_time(turn)


class BeginKind(SaidKind):
    """When something is to begin: a time that says until when is none, "later" is one that is still
    to be named."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> Said | None:
        """Buttons name no such words, but for the answers to this very question."""
        if turn.heard.payload is not None and not asked:
            return None
        said = super().hear(turn, name, asked=asked)
        if said is None and _LATER.search(turn.heard.text):
            return Said("", turn.now)
        return said

    def times(self, turn: Turn) -> list[Entity]:
        """Those with no word for "until" before them or at their head."""
        text = turn.heard.text
        return [
            each
            for each in super().times(turn)
            if not _UNTIL.search(text[: text.find(each.text)]) and not _UNTIL_HEAD.match(each.text)
        ]


_UNTIL_WORDS: Final = (
    r"until|till?|by|before|hasta(?: (?:las?|el))?|antes de(?: las?)?|at[eé](?: (?:[àa]s|as|o))?|"
    r"jusqu['’]?\s?[àa]u?|avant|bis(?: um)?|vor"
)
_UNTIL: Final = re.compile(rf"(?:\b(?:{_UNTIL_WORDS})|充?到|直到)\s*$", re.IGNORECASE)
_UNTIL_HEAD: Final = re.compile(rf"(?:{_UNTIL_WORDS})\b|到", re.IGNORECASE)
_LATER: Final = re.compile(
    r"\b(?:later|m[aá]s tarde|luego|mais tarde|plus tard|sp[aä]e?ter)\b|稍后|晚[点點]|[待等][会會]",
    re.IGNORECASE,
)


def _spoken_time(turn: Turn, named: list[Entity]) -> str | None:
    """The words of time in a message: the last clock time (a later one corrects), with its day."""
    spoken = [each.text for each in named]
    if not spoken:
        return turn.heard.text if times.is_delay(turn.heard.text) else None
    if len(spoken) == 1:
        return spoken[0]
    read = [times.resolve(each, now=turn.now, zone=UTC) for each in spoken]
    exact = [text for text, when in zip(spoken, read, strict=True) if when and when.exact]
    days = [text for text, when in zip(spoken, read, strict=True) if when and not when.exact]
    if not exact:
        return spoken[-1]
    return f"{days[-1]} {exact[-1]}" if days else exact[-1]


def _means_time(turn: Turn, text: str) -> bool:
    return times.resolve(text, now=turn.now, zone=UTC) is not None


def _only_a_time(turn: Turn) -> bool:
    if turn.heard.payload is not None:
        return False
    text = turn.heard.text.strip()
    spoken = [each.text for each in turn.heard.understanding.entities if each.type == "time"]
    rest = len(text) - sum(len(each) for each in spoken)
    return bool(spoken) and rest <= _FILLERS


class LengthKind:
    """How long: seconds, of "for an hour" (not of "in an hour")."""

    stands_alone = True

    def hear(self, turn: Turn, name: str, *, asked: bool) -> int | None:
        """The length of a message."""
        raw = tapped(turn, name)
        if raw is not None:
            return self.load(turn, raw)
        lengths = [e.value for e in turn.heard.understanding.entities if e.type == "duration"]
        if lengths and times.is_delay(turn.heard.text):
            lengths = lengths[1:]
        return self.load(turn, lengths[-1]) if lengths else None

    def dump(self, value: int) -> str:
        """Digits."""
        return str(value)

    def load(self, turn: Turn, raw: str) -> int | None:
        """None for what is no length."""
        return int(raw) if raw.isdigit() and 0 < int(raw) < 1_000_000 else None


class MomentKind:
    """One exact start: a button, or words that settle what was said before."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> datetime | None:
        """Asked "morning or evening?", a bare word of it is enough."""
        raw = tapped(turn, name)
        if raw is not None:
            return self.load(turn, raw)
        zone = turn.conversation.dialog.get("slots", {}).get("zone")
        if not asked or zone is None:
            return None
        said = SAID.load(turn, turn.conversation.dialog["slots"].get("when", ""))
        texts = [turn.heard.text, *([f"{said.text} {turn.heard.text}"] if said else [])]
        for text in texts:
            when = times.resolve(text, now=turn.now, zone=ZoneInfo(zone))
            if when is not None and when.exact and not when.ambiguous and when.start > turn.now:
                return when.start
        return None

    def dump(self, value: datetime) -> str:
        """ISO, in UTC."""
        return value.astimezone(UTC).isoformat()

    def load(self, turn: Turn, raw: str) -> datetime | None:
        """None for what is no moment."""
        try:
            moment = datetime.fromisoformat(raw)
        except ValueError:
            return None
        return moment if moment.tzinfo is not None else None

    def claims(self, turn: Turn) -> bool:
        """Nothing but a time."""
        return _only_a_time(turn)


def zone_of(spot: Spot, turn: Turn) -> str:
    """The clock that a spot goes by."""
    station = spot.known_station
    if station is None and spot.place is not None:
        near = stations.nearby(turn.work, turn.settings, spot.place, limit=1)
        station = near[0].station if near else None
    return station.tz if station is not None else turn.settings.desk_tz


SPOT = SpotKind()
SAID = SaidKind()
BEGIN = BeginKind()
LENGTH = LengthKind()
MOMENT = MomentKind()
