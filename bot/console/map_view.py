"""The map of stations as SVG: the bundled streets, tiles where they are set, pins on top."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bot.gateways.maps import base_map
from bot.gateways.streets import ATTRIBUTION
from bot.settings import Settings

WIDTH: Final = 1200  # of the drawing, in its own units
LEAST_HEIGHT, MOST_HEIGHT = 400, 1000
TILE: Final = 256
MAX_ZOOM: Final = 17
MARGIN: Final = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A station to be shown; `tone` is good, warn, bad or neutral, `count` stands in its pin."""

    station_id: int
    name: str
    lat: float
    lng: float
    tone: str
    count: int
    told: str  # for those who cannot see it: "3 of 4 free"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture under the pins."""

    url: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Pin:
    """A place in the drawing."""

    place: Place
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class MapView:
    """What the template draws; `beyond` are the places outside of the bundled streets."""

    left: int
    top: int
    width: int
    height: int
    pictures: Sequence[Picture]
    pins: Sequence[Pin]
    beyond: Sequence[Place]
    credit: str


@lru_cache(maxsize=1)
def bundled() -> tuple[bytes, tuple[float, float, float, float]]:
    """The bundled streets as PNG, and west, south, east, north."""
    return base_map(WIDTH)


def draw(settings: Settings, places: Sequence[Place], bundled_url: str) -> MapView:
    """The map of these places."""
    if settings.map_tiles and places:
        return _tiled(settings, places)
    _, (west, south, east, north) = bundled()
    high = (north - south) / ((east - west) * math.cos(math.radians(south)))
    height = round(WIDTH * high)
    inside = [p for p in places if west <= p.lng <= east and south <= p.lat <= north]
    pins = [
        Pin(
            each,
            round((each.lng - west) / (east - west) * WIDTH),
            round((north - each.lat) / (north - south) * height),
        )
        for each in inside
    ]
    beyond = [each for each in places if each not in inside]
    picture = Picture(bundled_url, 0, 0, WIDTH, height)
    window = _window(pins, height)
    return MapView(*window, [picture], _sorted(pins), beyond, ATTRIBUTION)


def _window(pins: Sequence[Pin], height: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part that shows all pins, about as wide as a screen."""
    if not pins:
        return 0, 0, WIDTH, height
    tops, bottoms = min(pin.y for pin in pins), max(pin.y for pin in pins)
    shown = min(height, max(round(WIDTH * 0.55), bottoms - tops + 3 * MARGIN))
    top = round(min(max(0, (tops + bottoms) / 2 - shown / 2), height - shown))
    return 0, top, WIDTH, shown


def _tiled(settings: Settings, places: Sequence[Place]) -> MapView:
    """Web Mercator: the deepest zoom at which all places fit."""
    for zoom in range(MAX_ZOOM, -1, -1):
        points = [_mercator(each.lat, each.lng, zoom) for each in places]
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        top, bottom = min(y for _, y in points), max(y for _, y in points)
        if right - left <= WIDTH - 2 * MARGIN and bottom - top <= MOST_HEIGHT - 2 * MARGIN:
            break
    height = max(LEAST_HEIGHT, round(bottom - top) + 2 * MARGIN)
    x0, y0 = (left + right) / 2 - WIDTH / 2, (top + bottom) / 2 - height / 2
    last = 2**zoom - 1
    pictures = [
        Picture(
            settings.map_tiles.replace("{z}", str(zoom)).replace("{x}", str(column % (last + 1)))
            .replace("{y}", str(row)),
            column * TILE - x0, row * TILE - y0, TILE, TILE,
        )
        for row in range(max(0, int(y0 // TILE)), min(last, int((y0 + height) // TILE)) + 1)
        for column in range(int(x0 // TILE), int((x0 + WIDTH) // TILE) + 1)
    ]  # fmt: skip
    pins = [
        Pin(each, round(x - x0), round(y - y0)) for each, (x, y) in zip(places, points, strict=True)
    ]
    return MapView(0, 0, WIDTH, height, pictures, _sorted(pins), [], settings.map_credit)


def _mercator(lat: float, lng: float, zoom: int) -> tuple[float, float]:
    whole = TILE * 2**zoom
    lat = math.radians(max(-85.0, min(85.0, lat)))
    return (lng + 180) / 360 * whole, (1 - math.asinh(math.tan(lat)) / math.pi) / 2 * whole


def _sorted(pins: Sequence[Pin]) -> list[Pin]:
    """Southern ones lie on top."""
    return sorted(pins, key=lambda pin: pin.y)
