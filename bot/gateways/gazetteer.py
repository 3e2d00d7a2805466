"""Where a named street, square or landmark is, as far as the bundled street map knows it."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from bot.gateways.streets import M_PER_DEGREE, Point, streets

Spot = tuple[float, float]  # latitude, longitude

MIN_LETTERS: Final = 5  # shorter names are words of everyday language
_LABELS: Final = frozenset(("square", "landmark", "park", "district", "station"))
_NOT_A_PLACE: Final = frozenset(("helsinki",))  # the whole city
_STATION: Final = "helsingin päärautatieasema"
# What visitors call places: the map has only their Finnish names.
_ALSO: Final[Mapping[str, str]] = {
    "kamppi": "narinkkatori",
    "narinkka": "narinkkatori",
    "päärautatieasema": _STATION,
    "railway station": _STATION,
    "train station": _STATION,
    "central station": _STATION,
    "estación central": _STATION,
    "estación de tren": _STATION,
    "estação central": _STATION,
    "gare centrale": _STATION,
    "hauptbahnhof": _STATION,
    "火车站": _STATION,
    "cathedral": "helsingin tuomiokirkko",
    "tuomiokirkko": "helsingin tuomiokirkko",
    "senate square": "senaatintori",
}


def find(text: str, *, whole: bool = False) -> Spot | None:
    """The place named in a text, the longest name first; None when there is none.

    `whole`: only when the text is nothing but the name.
    """
    said = _plain(text)
    for name, spot in _names().items():
        if said == name or (not whole and _stands_in(name, said)):
            return spot
    return None


def _stands_in(name: str, said: str) -> bool:
    if not name.isascii():  # Chinese has no spaces between words
        return name in said
    return re.search(rf"(?<![a-z]){re.escape(name)}(?![a-z])", said) is not None


@lru_cache(maxsize=1)
def _names() -> Mapping[str, Spot]:
    """Every name in plain form with its place, the longest name first."""
    spots: dict[str, Spot] = {}
    longest: dict[str, int] = {}
    for line in streets().lines:
        name, points = _plain(line.name), line.rings[0]
        if len(points) > longest.get(name, 0):
            longest[name], spots[name] = len(points), _spot(points[len(points) // 2])
    for label in streets().labels:
        if label.kind in _LABELS:
            spots[_plain(label.name)] = _spot(label.at)
    for also, name in _ALSO.items():
        spots[_plain(also)] = spots[_plain(name)]
    for name in [n for n in spots if n in _NOT_A_PLACE or (n.isascii() and len(n) < MIN_LETTERS)]:
        del spots[name]
    return dict(sorted(spots.items(), key=lambda one: -len(one[0])))


def _spot(point: Point) -> Spot:
    """Latitude and longitude of a point in metres from the map's south-west corner."""
    west, south, _, _ = streets().bounds
    east_m, north_m = point
    lng = west + east_m / (M_PER_DEGREE * math.cos(math.radians(south)))
    return south + north_m / M_PER_DEGREE, lng


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFD", text.casefold())
    letters = "".join(c if c.isalnum() else " " for c in bare if not unicodedata.combining(c))
    return " ".join(letters.split())
