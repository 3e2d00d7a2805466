"""The bundled street map of central Helsinki: loading it and painting any part of it.

Data: © OpenStreetMap contributors, ODbL (bot/gateways/data/NOTICE.md); every picture made from it
carries that line. Painted at double size and shrunk, because Pillow draws hard edges.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw

ATTRIBUTION: Final = "© OpenStreetMap contributors"
M_PER_DEGREE: Final = 111_320.0
OVERSAMPLING: Final = 2
_UNITS_PER_M: Final = 4
_DATA: Final = Path(__file__).parent / "data/helsinki.json.gz"

LAND: Final = "#f5f2ec"
WATER: Final = "#b4d9ea"
_AREAS: Final = {  # painted in this order: kind → (fill, outline)
    "square": ("#eee9df", None),
    "grass": ("#dcebcd", None),
    "park": ("#cde6bd", None),
    "pitch": ("#bfdfb5", None),
    "water": (WATER, None),
    "sea": (WATER, None),
    "pier": ("#eee9df", None),
    "platform": ("#e2dfdb", None),
    "building": ("#e8e2d7", "#d6cdbf"),
}
# Painted in this order: kind → (metres wide, least pixels, fill, edge); edges of all go first.
_LINES: Final = {
    "path": (1.6, 1.0, "#e3d3bb", None),
    "steps": (2.2, 1.0, "#d8c4a6", None),
    "service": (4.0, 1.4, "#ffffff", "#ddd6ca"),
    "walk": (7.0, 2.4, "#fbf7ee", "#d8cfbf"),
    "street": (8.0, 2.6, "#ffffff", "#cfc7b9"),
    "secondary": (9.5, 3.4, "#fdf0c4", "#d9c388"),
    "primary": (11.0, 4.0, "#f9dd8f", "#d1ad5b"),
    "yard": (1.0, 0.7, "#c4c0bd", None),
    "rail": (1.2, 0.8, "#b3aeab", None),
    "tram": (0.9, 0.6, "#c9bda9", None),
}

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """An area (rings) or a line (one ring that stays open), in metres from the south-west."""

    kind: str
    name: str
    rings: tuple[tuple[Point, ...], ...]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Label:
    """A name at a place; `weight_m` tells about how wide the named thing is."""

    kind: str
    name: str
    at: Point
    weight_m: float


@dataclass(frozen=True, slots=True)
class Streets:
    """The whole bundled map."""

    bounds: tuple[float, float, float, float]  # west, south, east, north
    size_m: Point
    areas: tuple[Shape, ...]
    lines: tuple[Shape, ...]
    labels: tuple[Label, ...]

    def metres(self, lat: float, lng: float) -> Point:
        """East and north of the map's south-west corner."""
        west, south, _, _ = self.bounds
        east_m = (lng - west) * M_PER_DEGREE * math.cos(math.radians(south))
        return east_m, (lat - south) * M_PER_DEGREE


@dataclass(frozen=True, slots=True)
class View:
    """A window on the map: its middle in metres, its scale and its size in pixels."""

    middle: Point
    px_per_m: float
    width: int
    height: int

    def at(self, point: Point) -> Point:
        """Where a point lies in the picture."""
        x = (point[0] - self.middle[0]) * self.px_per_m + self.width / 2
        return x, self.height / 2 - (point[1] - self.middle[1]) * self.px_per_m

    def box_m(self) -> tuple[float, float, float, float]:
        """West, south, east and north of what is seen, in metres."""
        half_width = self.width / 2 / self.px_per_m
        half_height = self.height / 2 / self.px_per_m
        east, north = self.middle
        return east - half_width, north - half_height, east + half_width, north + half_height

    def larger(self, times: int) -> View:
        """The same window with more pixels."""
        return View(self.middle, self.px_per_m * times, self.width * times, self.height * times)


@lru_cache(maxsize=1)
def streets() -> Streets:
    """The bundled map, read once."""
    raw = json.loads(gzip.decompress(_DATA.read_bytes()))
    west, south, east, north = raw["bounds"]
    width, height = raw["size"]
    return Streets(
        bounds=(west, south, east, north),
        size_m=(width / _UNITS_PER_M, height / _UNITS_PER_M),
        areas=_in_order(raw["areas"], _AREAS, rings_at=1, name_at=None),
        lines=_in_order(raw["lines"], _LINES, rings_at=2, name_at=1),
        labels=tuple(
            Label(kind, name, (e / _UNITS_PER_M, n / _UNITS_PER_M), weight / _UNITS_PER_M)
            for kind, name, e, n, weight in raw["labels"]
        ),
    )


def paint(view: View) -> Image.Image:
    """The part of the map a view shows, without names; beyond `frame` it means nothing."""
    large = view.larger(OVERSAMPLING)
    map_ = streets()
    image = Image.new("RGB", (large.width, large.height), LAND)
    draw = ImageDraw.Draw(image)
    box = view.box_m()
    _paint_areas(draw, large, _seen(map_.areas, box))
    _paint_lines(draw, large, list(_seen(map_.lines, box)))
    return image.reduce(OVERSAMPLING)


def frame(view: View) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the bundled map in the picture, cut to the picture."""
    wide, high = streets().size_m
    left, top = view.at((0, high))
    right, bottom = view.at((wide, 0))
    return max(0, left), max(0, top), min(view.width, right), min(view.height, bottom)


def _paint_areas(draw: ImageDraw.ImageDraw, view: View, areas: Iterable[Shape]) -> None:
    for area in areas:
        fill, outline = _AREAS[area.kind]
        outer, *holes = ([view.at(point) for point in ring] for ring in area.rings)
        draw.polygon(outer, fill, outline, 1)
        for hole in holes:
            draw.polygon(hole, LAND, outline, 1)


def _paint_lines(draw: ImageDraw.ImageDraw, view: View, lines: list[Shape]) -> None:
    placed = [(line, [view.at(point) for point in line.rings[0]]) for line in lines]
    for edge in (True, False):
        for line, points in placed:
            metres, least, fill, edge_colour = _LINES[line.kind]
            width = max(metres * view.px_per_m, least * OVERSAMPLING)
            if edge and edge_colour is not None:
                _stroke(draw, points, width + 2 * OVERSAMPLING * 0.75, edge_colour)
            elif not edge:
                _stroke(draw, points, width, fill)


def _stroke(draw: ImageDraw.ImageDraw, points: Sequence[Point], width: float, colour: str) -> None:
    draw.line(points, colour, max(1, round(width)))
    if width >= 5:  # round joints and ends, where gaps would show
        radius = width / 2 - 0.5
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)


def _seen(shapes: Iterable[Shape], box: tuple[float, float, float, float]) -> Iterable[Shape]:
    west, south, east, north = box
    for shape in shapes:
        left, bottom, right, top = shape.box
        if left <= east and right >= west and bottom <= north and top >= south:
            yield shape


def _in_order(
    raw: list[Any], order: Iterable[str], *, rings_at: int, name_at: int | None
) -> tuple[Shape, ...]:
    place = {kind: number for number, kind in enumerate(order)}
    shapes = []
    for row in sorted(raw, key=lambda row: place[row[0]]):
        flat = row[rings_at] if name_at is None else [row[rings_at]]
        rings = tuple(tuple(_points(ring)) for ring in flat)
        easts, norths = zip(*rings[0], strict=True)
        box = (min(easts), min(norths), max(easts), max(norths))
        shapes.append(Shape(row[0], "" if name_at is None else row[name_at], rings, box))
    return tuple(shapes)


def _points(steps: list[int]) -> Iterable[Point]:
    east = north = 0
    for step_east, step_north in zip(steps[::2], steps[1::2], strict=True):
        east, north = east + step_east, north + step_north
        yield east / _UNITS_PER_M, north / _UNITS_PER_M


def length(points: Sequence[Point]) -> float:
    """Length of a line."""
    return sum(math.dist(a, b) for a, b in pairwise(points))
