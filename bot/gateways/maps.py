"""Map pictures: streets with numbered pins around the rider, drawn here, offline.

Inside the bundled extract of central Helsinki it is a street map; elsewhere rings of distance
around the rider, true to scale and direction.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bot.gateways.map_names import Box, Taken, draw_names
from bot.gateways.streets import (
    ATTRIBUTION,
    Point,
    View,
    frame,
    paint,
    streets,
)
from bot.gateways.typefaces import font_for
from bot.replies import MapPicture, MapPoint, Say

WIDTH: Final = 800
HEIGHT: Final = 600
MARGINS: Final = (62, 74, 62, 92)  # left, top, right, bottom: pins and legend stay inside
MAX_PX_PER_M: Final = 1.7
MIN_PX_PER_M: Final = 0.02
LEAST_COVERED: Final = 0.45  # share of the picture the street map must fill to be used

# Colour and shape both tell the state: green drop, red square, grey diamond.
FREE: Final = "#0a7d4f"
BUSY: Final = "#c2372e"
UNKNOWN: Final = "#5f6672"
RIDER: Final = "#1a66d6"
INK: Final = "#2d3238"
QUIET_INK: Final = "#5c5a55"
LEGEND: Final = {
    "free": Say("Free"),
    "busy": Say("Busy"),
    "unknown": Say("Not confirmed"),
    "rider": Say("You"),
}

Translate = Callable[[str], str]


def draw(picture: MapPicture, translate: Translate = str) -> bytes:
    """The picture as JPEG, 800 × 600; `translate` turns the legend's English words."""
    view = _view(picture)
    on_streets = _covered(view) >= LEAST_COVERED
    image = _ground(view, picture, on_streets)
    taken = Taken()
    pins = sorted(picture.points, key=lambda point: -point.lat)  # southern ones lie on top
    places = _spread([_pin_place(view, point) for point in pins])
    for x, y in places:
        taken.take((x - 22, y - 52, x + 22, y + 4))
    rider = view.at(streets().metres(picture.lat, picture.lng))
    taken.take((rider[0] - 16, rider[1] - 16, rider[0] + 16, rider[1] + 16))
    _legend(image, taken, translate)
    _scale_bar(image, view, taken)
    if on_streets:
        _attribution(image, taken)
        draw_names(image, view, taken)
    _rider(image, rider)
    for point, place in zip(pins, places, strict=True):
        _paste_pin(image, point, place)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=88, subsampling=0, optimize=True)
    return written.getvalue()


def base_map(width: int) -> tuple[bytes, tuple[float, float, float, float]]:
    """The whole bundled map as PNG, `width` pixels wide, and (west, south, east, north).

    A place lies at x = (lng - west) / (east - west), y = (north - lat) / (north - south) of it.
    """
    map_ = streets()
    wide_m, high_m = map_.size_m
    view = View((wide_m / 2, high_m / 2), width / wide_m, width, round(width * high_m / wide_m))
    image = paint(view)
    taken = Taken()
    _attribution(image, taken)
    draw_names(image, view, taken)
    written = io.BytesIO()
    image.quantize(192, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        written, "PNG", optimize=True
    )
    return written.getvalue(), map_.bounds


# What is shown -------------------------------------------------------------------------------


def _view(picture: MapPicture) -> View:
    """The window that shows the rider and every pin, kept on the street map where it can be."""
    map_ = streets()
    places = [map_.metres(picture.lat, picture.lng)]
    places += [map_.metres(point.lat, point.lng) for point in picture.points]
    wests, souths = [p[0] for p in places], [p[1] for p in places]
    left, top, right, bottom = MARGINS
    room = (WIDTH - left - right, HEIGHT - top - bottom)
    wide, high = max(wests) - min(wests), max(souths) - min(souths)
    scale = min(MAX_PX_PER_M, room[0] / max(wide, 1), room[1] / max(high, 1))
    scale = max(scale, MIN_PX_PER_M)
    east = (min(wests) + max(wests)) / 2 + (right - left) / 2 / scale
    north = (min(souths) + max(souths)) / 2 + (top - bottom) / 2 / scale
    view = View((east, north), scale, WIDTH, HEIGHT)
    if _covered(view) < LEAST_COVERED:
        return view
    slack = (room[0] / scale - wide) / 2, (room[1] / scale - high) / 2
    middle = (
        _towards_map(east, WIDTH / 2 / scale, map_.size_m[0], slack[0]),
        _towards_map(north, HEIGHT / 2 / scale, map_.size_m[1], slack[1]),
    )
    return View(middle, scale, WIDTH, HEIGHT)


def _ground(view: View, picture: MapPicture, on_streets: bool) -> Image.Image:
    """Streets, rings of distance, or streets that fade into rings where the map ends."""
    if not on_streets:
        return _rings(view, picture)
    image = paint(view)
    left, top, right, bottom = frame(view)
    if (left, top, right, bottom) == (0, 0, view.width, view.height):
        return image
    soft = 9
    mask = Image.new("L", image.size, 0)
    box = [
        edge + inwards * soft if 0 < edge < full else edge - inwards * 4 * soft
        for edge, inwards, full in (
            (left, 1, WIDTH), (top, 1, HEIGHT), (right, -1, WIDTH), (bottom, -1, HEIGHT),
        )
    ]  # fmt: skip
    ImageDraw.Draw(mask).rectangle(box, 255)
    return Image.composite(image, _rings(view, picture), mask.filter(ImageFilter.BoxBlur(soft / 2)))


def _towards_map(middle: float, half: float, size: float, slack: float) -> float:
    """Move a window onto the map by at most `slack`, so that no pin leaves the picture."""
    wanted = size / 2 if 2 * half >= size else min(max(middle, half), size - half)
    return min(max(wanted, middle - slack), middle + slack)


def _covered(view: View) -> float:
    """The share of the picture the bundled map fills."""
    west, south, east, north = view.box_m()
    wide, high = streets().size_m
    shared = max(0.0, min(east, wide) - max(west, 0)) * max(0.0, min(north, high) - max(south, 0))
    return shared / ((east - west) * (north - south))


def _pin_place(view: View, point: MapPoint) -> Point:
    """Where a pin's tip stands; far ones are kept at the picture's edge."""
    x, y = view.at(streets().metres(point.lat, point.lng))
    return min(max(x, 30), WIDTH - 30), min(max(y, 60), HEIGHT - 60)


def _spread(places: list[Point]) -> list[Point]:
    """Pins that hide each other moved apart sideways, by as little as keeps the numbers legible."""
    spread: list[Point] = []
    for x, y in places:
        for shift in (0, 26, -26, 44, -44):
            if all(abs(x + shift - a) > 24 or abs(y - b) > 24 for a, b in spread):
                break
        else:
            shift = 0
        spread.append((x + shift, y))
    return spread


# Pins, rider, legend --------------------------------------------------------------------------


def _paste_pin(image: Image.Image, point: MapPoint, place: Point) -> None:
    pin = _pin(point.state, str(point.number))
    image.paste(pin, (round(place[0] - pin.width / 2), round(place[1] - pin.height + 6)), pin)


@lru_cache(maxsize=128)
def _pin(state: str, text: str, size: int = 40) -> Image.Image:
    """A pin with its shadow; the tip is in the middle, 6 px above the lower edge."""
    times = 4
    wide, high = (size + 12) * times, (size + 22) * times
    middle, top, edge = wide / 2, 5 * times, 2.6 * times
    radius = size / 2 * times
    shape = Image.new("L", (wide, high), 0)
    draw_shape = ImageDraw.Draw(shape)
    tip = high - 6 * times
    _outline(draw_shape, state, (middle, top + radius), radius, tip)
    inner = Image.new("L", (wide, high), 0)
    _outline(ImageDraw.Draw(inner), state, (middle, top + radius), radius - edge, tip - 2 * edge)
    pin = Image.new("RGBA", (wide, high), (0, 0, 0, 0))
    shadow = ImageChops.offset(shape, 0, 2 * times).filter(ImageFilter.GaussianBlur(2.2 * times))
    pin.putalpha(shadow.point(lambda value: value * 0.45))
    pin.paste("#ffffff", mask=shape)
    colour = {"free": FREE, "busy": BUSY}.get(state, UNKNOWN)
    pin.paste(colour, mask=inner)
    if text:
        font = font_for(text, size * (0.56 if len(text) < 2 else 0.48) * times, bold=True)
        ImageDraw.Draw(pin).text((middle, top + radius), text, "#ffffff", font, anchor="mm")
    return pin.resize((wide // times, high // times), Image.Resampling.LANCZOS)


def _outline(
    pen: ImageDraw.ImageDraw, state: str, middle: Point, radius: float, tip: float
) -> None:
    """Drop, square or diamond, each with a point below that stands on the place."""
    x, y = middle
    box = (x - radius, y - radius, x + radius, y + radius)
    if state == "free":
        pen.ellipse(box, 255)
        half = radius * 0.82
        pen.polygon([(x - half, y + radius * 0.57), (x, tip), (x + half, y + radius * 0.57)], 255)
    elif state == "busy":
        small = radius * 0.92
        pen.rounded_rectangle((x - small, y - small, x + small, y + small), radius * 0.28, 255)
        half = radius * 0.45
        pen.polygon([(x - half, y + small - 1), (x, tip), (x + half, y + small - 1)], 255)
    else:
        far = radius * 1.16
        pen.polygon([(x - far, y), (x, y - far), (x + far, y), (x, max(tip, y + far))], 255)


def _rider(image: Image.Image, place: Point) -> None:
    times, size = 4, 56
    dot = Image.new("RGBA", (size * times, size * times), (26, 102, 214, 0))
    pen = ImageDraw.Draw(dot)
    middle = size * times / 2
    for radius, colour in ((27, (26, 102, 214, 46)), (11.5, "#ffffff"), (8.5, RIDER)):
        far = radius * times
        pen.ellipse((middle - far, middle - far, middle + far, middle + far), colour)
    dot = dot.resize((size, size), Image.Resampling.LANCZOS)
    image.paste(dot, (round(place[0] - size / 2), round(place[1] - size / 2)), dot)


def _panel(image: Image.Image, box: Box, radius: int = 9) -> None:
    """A white, slightly see-through panel with a soft edge."""
    left, top, right, bottom = map(round, box)
    times = 3
    mask = Image.new("L", ((right - left) * times, (bottom - top) * times), 0)
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, mask.width - 1, mask.height - 1), radius * times, 232
    )
    mask = mask.resize((right - left, bottom - top), Image.Resampling.BOX)
    image.paste("#ffffff", (left, top), mask)


def _legend(image: Image.Image, taken: Taken, translate: Translate) -> None:
    """Bottom left: what the shapes mean, and the rider's dot."""
    entries = [(state, translate(word.text)) for state, word in LEGEND.items()]
    fonts = [font_for(text, 16) for _, text in entries]
    widths = [font.getlength(text) for font, (_, text) in zip(fonts, entries, strict=True)]
    left, high = 12, 36
    top = HEIGHT - 12 - high
    right = left + 14 + sum(widths) + len(entries) * 25 + (len(entries) - 1) * 16 + 12
    _panel(image, (left, top, right, top + high))
    taken.take((left, top, right, top + high))
    pen = ImageDraw.Draw(image)
    x = left + 14.0
    for (state, text), font, width in zip(entries, fonts, widths, strict=True):
        if state == "rider":
            middle = (x + 8, top + high / 2)
            _dot(image, middle)
        else:
            pin = _pin(state, "", 15)
            image.paste(pin, (round(x + 8 - pin.width / 2), round(top + high / 2 - 16)), pin)
        pen.text((x + 25, top + high / 2), text, INK, font, anchor="lm")
        x += 25 + width + 16


def _dot(image: Image.Image, middle: Point) -> None:
    times, size = 4, 18
    dot = Image.new("RGBA", (size * times, size * times), (26, 102, 214, 0))
    ImageDraw.Draw(dot).ellipse((8, 8, size * times - 9, size * times - 9), RIDER, "#c9dcf8", 10)
    dot = dot.resize((size, size), Image.Resampling.LANCZOS)
    image.paste(dot, (round(middle[0] - size / 2), round(middle[1] - size / 2)), dot)


def _scale_bar(image: Image.Image, view: View, taken: Taken) -> None:
    """Bottom right: a round distance, above the line that says whose map it is."""
    metres = next(m for m in _round_numbers() if m * view.px_per_m >= 70)
    text = f"{metres} m" if metres < 1000 else f"{metres // 1000} km"
    wide = metres * view.px_per_m
    right, bottom = WIDTH - 22, HEIGHT - 40
    left = right - wide
    _panel(image, (left - 10, bottom - 30, right + 10, bottom + 8))
    taken.take((left - 10, bottom - 30, right + 10, bottom + 8))
    pen = ImageDraw.Draw(image)
    pen.line([(left, bottom - 6), (left, bottom), (right, bottom), (right, bottom - 6)], INK, 2)
    pen.text(((left + right) / 2, bottom - 5), text, INK, font_for(text, 15), anchor="mb")


def _round_numbers() -> Iterator[int]:
    ten = 10
    while True:
        yield from (ten, 2 * ten, 5 * ten)
        ten *= 10


def _attribution(image: Image.Image, taken: Taken) -> None:
    font = font_for(ATTRIBUTION, 12)
    right, bottom = image.width - 6, image.height - 5
    left, top = right - font.getlength(ATTRIBUTION) - 10, bottom - 18
    _panel(image, (left, top, right, bottom), 4)
    taken.take((left, top, right, bottom))
    ImageDraw.Draw(image).text((right - 5, bottom - 9), ATTRIBUTION, QUIET_INK, font, anchor="rm")


# Outside the bundled map ----------------------------------------------------------------------


def _rings(view: View, picture: MapPicture) -> Image.Image:
    """Rings of distance around the rider; north is up."""
    times = 2
    large = view.larger(times)
    image = Image.new("RGB", (large.width, large.height), "#eef1ee")
    pen = ImageDraw.Draw(image)
    x, y = large.at(streets().metres(picture.lat, picture.lng))
    step = next(m for m in _round_numbers() if m * large.px_per_m >= 110)
    for number in range(12, 0, -1):
        far = number * step * large.px_per_m
        fill = "#e6ece6" if number % 2 else "#eef1ee"
        pen.ellipse((x - far, y - far, x + far, y + far), fill, "#c9d3ca", 2)
    for number in range(4):
        dx, dy = ((0, -1), (1, 0), (0, 1), (-1, 0))[number]
        pen.line((x, y, x + dx * 4000, y + dy * 4000), "#d5ddd6", 2)
    for number in range(1, 12):
        metres = number * step
        text = f"{metres} m" if metres < 1000 else f"{metres / 1000:g} km"
        up = y - metres * large.px_per_m
        font = font_for(text, 26)
        wide = font.getlength(text) / 2 + 10
        pen.rounded_rectangle((x - wide, up - 19, x + wide, up + 19), 19, "#f4f7f4")
        pen.text((x, up), text, "#66756a", font, anchor="mm")
    pen.polygon([(60, 40), (76, 84), (60, 74), (44, 84)], "#8a978d")
    pen.text((60, 108), "N", "#8a978d", font_for("N", 34, bold=True), anchor="mm")
    return image.reduce(times)
