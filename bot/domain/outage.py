"""When many broken piles are one thing: a site or the city went down within minutes; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(minutes=10)  # what falls silent within this has one cause
MANY: Final = 3  # piles of one site
MANY_SITES: Final = 3  # sites at once: it is not the site (network, power, our own side)
CITY: Final = "city"


@dataclass(frozen=True, slots=True)
class Down:
    """A pile that is silent or faulted since a moment."""

    pile_id: str
    station_id: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """Piles that went down together; `scope` is "station:5" or "city"."""

    scope: str
    pile_ids: tuple[str, ...]


def together(
    down: Sequence[Down], totals: Mapping[int, int], now: datetime, *, many: int = MANY
) -> list[Found]:
    """What is one outage now. `totals`: how many piles each station has.

    A site is out when `many` of its piles, or all of two or more, went down within the window.
    Three sites out at once are one outage of the city.
    """
    fresh = [each for each in down if now - each.since <= WINDOW]
    of_station = Counter(each.station_id for each in fresh)
    out = sorted(
        station
        for station, count in of_station.items()
        if count >= many or (count >= 2 and count == totals.get(station))
    )
    if len(out) >= MANY_SITES:
        return [Found(CITY, _piles(fresh, set(out)))]
    return [Found(f"station:{station}", _piles(fresh, {station})) for station in out]


def _piles(fresh: Sequence[Down], stations: set[int]) -> tuple[str, ...]:
    return tuple(sorted({each.pile_id for each in fresh if each.station_id in stations}))
