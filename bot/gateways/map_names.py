"""Names on a map: districts, parks and landmarks, then streets along their lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

from PIL import Image, ImageDraw

from bot.gateways.streets import Label, Point, View, frame, length, streets
from bot.gateways.typefaces import font_for

Box = tuple[float, float, float, float]

# kind → (size, bold, ink, halo)
PLACE_STYLES: Final = {
    "district": (19, True, "#7a7264", "#f8f5f0"),
    "station": (15, True, "#3f4c8a", "#f8f5f0"),
    "park": (14, False, "#3d7340", "#dcefd1"),
    "square": (14, False, "#6d6353", "#f4f0e8"),
    "water": (15, False, "#34789b", "#c3e1ee"),
    "landmark": (13, False, "#7b5a3c", "#f4efe6"),
}
_STREET_ORDER: Final = {"primary": 0, "secondary": 1, "street": 2, "walk": 3, "service": 4}


@dataclass(slots=True)
class Taken:
    """Boxes in the picture that names must keep clear of."""

    boxes: list[Box] = field(default_factory=list)

    def free(self, box: Box) -> bool:
        """True when nothing is there yet."""
        left, top, right, bottom = box
        return all(
            left >= b[2] or right <= b[0] or top >= b[3] or bottom <= b[1] for b in self.boxes
        )

    def take(self, box: Box) -> None:
        """Keep a box clear from now on."""
        self.boxes.append(box)


def draw_names(image: Image.Image, view: View, taken: Taken) -> None:
    """Names of places, then of streets, where there is room, the weightiest first."""
    order = {kind: number for number, kind in enumerate(PLACE_STYLES)}
    labels = [label for label in streets().labels if label.kind in order and label.name]
    seen: set[str] = set()
    for label in sorted(labels, key=lambda each: (order[each.kind], -each.weight_m)):
        big_enough = label.weight_m * view.px_per_m > 34 or label.kind in ("district", "station")
        if label.name not in seen and big_enough and _place_name(image, view, taken, label):
            seen.add(label.name)
    _street_names(image, view, taken)


def _place_name(image: Image.Image, view: View, taken: Taken, label: Label) -> bool:
    size, bold, ink, halo = PLACE_STYLES[label.kind]
    mark = _text_mark(label.name, size, bold, ink, halo)
    x, y = view.at(label.at)
    left, top, right, bottom = frame(view)
    room = label.weight_m * view.px_per_m / 4  # how far a name may move and still be inside
    half = mark.width / 2
    for shift in (0, 28, -28, 56, -56, 90, -90):
        if abs(shift) > room:
            break
        box = (x - half, y + shift - mark.height / 2, x + half, y + shift + mark.height / 2)
        inside = box[0] > left + 2 and box[2] < right - 2 and box[1] > top + 2
        if inside and box[3] < bottom - 2 and taken.free(box):
            taken.take(box)
            image.paste(mark, (round(box[0]), round(box[1])), mark)
            return True
    return False


def _street_names(image: Image.Image, view: View, taken: Taken) -> None:
    west, south, east, north = view.box_m()
    named = [
        line
        for line in streets().lines
        if line.name
        and line.kind in _STREET_ORDER
        and line.box[0] < east
        and line.box[2] > west
        and line.box[1] < north
        and line.box[3] > south
    ]
    named.sort(key=lambda line: (_STREET_ORDER[line.kind], -length(line.rings[0])))
    drawn: dict[str, list[Point]] = {}
    for line in named:
        size = 15 if line.kind in ("primary", "secondary") else 14
        mark = _text_mark(line.name, size, False, "#4a463f", "#ffffff")
        points = [view.at(point) for point in line.rings[0]]
        for middle, angle in _stretches(points, mark.width + 6, view):
            if any(math.dist(middle, other) < 330 for other in drawn.get(line.name, ())):
                continue
            turned = mark.rotate(angle, Image.Resampling.BICUBIC, expand=True)
            boxes = list(_boxes_along(middle, angle, mark.width, mark.height))
            if all(map(taken.free, boxes)):
                for box in boxes:
                    taken.take(box)
                x, y = middle
                image.paste(
                    turned, (round(x - turned.width / 2), round(y - turned.height / 2)), turned
                )
                drawn.setdefault(line.name, []).append(middle)


def _stretches(points: Sequence[Point], need: float, view: View) -> list[tuple[Point, float]]:
    """(middle, angle) of nearly straight stretches of a line that hold `need` pixels, those near
    the picture's middle first."""
    found = []
    left, top, right, bottom = frame(view)
    places = [0.0]
    for a, b in pairwise(points):
        places.append(places[-1] + math.dist(a, b))
    start = 0.0
    while start + need <= places[-1]:
        a, middle, b = (
            _at(points, places, place) for place in (start, start + need / 2, start + need)
        )
        start += 24
        chord = math.dist(a, b)
        off = abs((b[0] - a[0]) * (a[1] - middle[1]) - (a[0] - middle[0]) * (b[1] - a[1])) / (
            chord or 1
        )
        if chord < need * 0.985 or off > 3:
            continue
        if not all(left + 4 < x < right - 4 and top + 4 < y < bottom - 4 for x, y in (a, b)):
            continue
        angle = math.degrees(math.atan2(a[1] - b[1], b[0] - a[0]))
        angle = (angle + 90) % 180 - 90  # readable from below
        found.append((middle, angle))
    centre = (view.width / 2, view.height / 2)
    return sorted(found, key=lambda stretch: math.dist(stretch[0], centre))


def _at(points: Sequence[Point], places: Sequence[float], place: float) -> Point:
    """The point at a distance along a line."""
    for number in range(1, len(places)):
        if places[number] >= place:
            break
    span = places[number] - places[number - 1]
    share = (place - places[number - 1]) / span if span else 0.0
    (x0, y0), (x1, y1) = points[number - 1], points[number]
    return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


def _boxes_along(middle: Point, angle: float, width: float, height: float) -> Iterator[Box]:
    """Small boxes that together cover a turned name."""
    steps = max(1, round(width / height))
    dx, dy = math.cos(math.radians(angle)), -math.sin(math.radians(angle))
    half = height / 2 - 1
    for step in range(steps + 1):
        along = (step / steps - 0.5) * (width - height)
        x, y = middle[0] + dx * along, middle[1] + dy * along
        yield x - half, y - half, x + half, y + half


@lru_cache(maxsize=512)
def _text_mark(text: str, size: int, bold: bool, ink: str, halo: str) -> Image.Image:
    """A text with a halo on a clear ground."""
    font = font_for(text, size, bold=bold)
    left, top, right, bottom = font.getbbox(text, stroke_width=2)
    mark = Image.new("RGBA", (round(right - left) + 2, round(bottom - top) + 2), halo + "00")
    ImageDraw.Draw(mark).text(
        (1 - left, 1 - top), text, ink, font, stroke_width=2, stroke_fill=halo
    )
    return mark
