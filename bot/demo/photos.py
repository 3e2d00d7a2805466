"""Sample photos of stickers on piles for the demo's phone page, drawn: no camera, no downloads."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from typing import Final, Literal, get_args

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from bot.domain.codes import evse_code, parse
from bot.gateways.stickers import (
    HEIGHT_MM,
    WIDTH_MM,
    Label,
    PictureCanvas,
    draw_qr,
    sticker_png,
)

Style = Literal["clean", "angle", "dark", "blurred", "two", "foreign", "none"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)
SIZE: Final = (1200, 1600)  # as WhatsApp delivers phone photos

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]  # upper left, upper right, lower right, lower left

_FRONT: Final = (1000, 1700)  # the pile's front as it is drawn, before the camera looks at it
_STICKER: Final = 470
_LEAF: Final = "#35d493"


def sticker_photo(label: Label, style: Style, seed: int, brand: str = "Pilebot") -> bytes:
    """A phone photo (JPEG, 1200 × 1600) of the sticker on a pile; the same seed, the same photo.

    "two" shows the next EVSE's sticker too, "foreign" another company's code, "none" no code.
    """
    chance = random.Random(f"{label.code} {style} {seed}")  # noqa: S311 - a picture, no secret
    front, light = _front(label, style, brand, chance)
    quad = _pose(style, chance)
    image = _stand(_street(chance), _seen(front, quad))
    if style == "dark":
        image = _night(image, _seen(light, quad))
    if style == "blurred":
        image = image.filter(ImageFilter.GaussianBlur(2.2 + chance.random() / 2))
    image = _lens(image, chance, grain=20 if style == "dark" else 8)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=82)
    return written.getvalue()


def neighbour(label: Label) -> Label:
    """The label of the EVSE beside it on the same pile."""
    code = parse(label.code)
    assert code is not None
    number = label.evse_number + 1 if label.evse_number < 99 else 98
    return replace(label, code=evse_code(code.pile_number, number), evse_number=number)


# The pile -------------------------------------------------------------------------------------


def _front(
    label: Label, style: Style, brand: str, chance: random.Random
) -> tuple[Image.Image, Image.Image]:
    """The front of a pile (housing, screen, light bar, sockets, stickers) and what of it shines."""
    wide, high = _FRONT
    body = _housing(wide, high, chance)
    pen = ImageDraw.Draw(body)
    pen.rounded_rectangle((120, 90, wide - 120, 400), 34, "#0e1518", "#3a4448", 6)
    light = Image.new("RGBA", body.size, (0, 0, 0, 0))
    _screen(light, (150, 120, wide - 150, 370), brand)
    ImageDraw.Draw(light).rounded_rectangle((120, 440, wide - 120, 462), 11, _LEAF)
    body.alpha_composite(light)
    for x in (250, wide - 250):
        _socket(body, (x, 1480))
    if style == "two":
        _stick(body, sticker_png(label, brand, 400), (wide // 2 - 225, 930), chance)
        _stick(body, sticker_png(neighbour(label), brand, 400), (wide // 2 + 225, 930), chance)
    elif style == "foreign":
        _stick(body, _foreign_sticker(_STICKER), (wide // 2, 920), chance)
    elif style == "none":
        pen.rounded_rectangle((330, 760, 670, 1080), 20, None, "#8b9491", 4)
        for line in range(3):
            pen.rounded_rectangle(
                (370, 830 + line * 70, 630 - line * 50, 850 + line * 70), 8, "#8b9491"
            )
    else:
        _stick(body, sticker_png(label, brand, _STICKER), (wide // 2, 920), chance)
    return body, light


def _housing(wide: int, high: int, chance: random.Random) -> Image.Image:
    """Powder-coated metal with light from one side."""
    tone = chance.choice([(214, 219, 217), (186, 194, 193), (232, 232, 228)])
    body = Image.new("RGBA", (wide, high), (*tone, 255))
    shade = Image.linear_gradient("L").rotate(90).resize((wide, high))
    dark = Image.new("RGBA", (wide, high), (40, 50, 55, 255))
    body = Image.composite(dark, body, shade.point(lambda value: value * 0.32))
    body = Image.blend(body, _noise((wide, high), chance).convert("RGBA"), 0.025)
    mask = Image.new("L", (wide, high), 0)
    # a clear rim of 3 px, so that the edge comes out smooth in perspective
    ImageDraw.Draw(mask).rounded_rectangle((3, 3, wide - 4, high + 90), 86, 255)
    body.putalpha(mask)
    shine = Image.new("RGBA", body.size, (255, 255, 255, 0))
    ImageDraw.Draw(shine).rounded_rectangle(
        (10, 10, wide - 11, high + 82), 80, None, (255, 255, 255, 90), 6
    )
    body.alpha_composite(shine)
    return body


def _screen(body: Image.Image, box: tuple[int, int, int, int], brand: str) -> None:
    left, top, right, bottom = box
    canvas = PictureCanvas(1.0, right - left, bottom - top)
    canvas.box(0, 0, right - left, bottom - top, "#10312a", 14)
    canvas.text((right - left) / 2, 118, brand, 84, "#e9fff5", bold=True, anchor="m")
    canvas.text((right - left) / 2, 196, "Ready", 52, _LEAF, bold=False, anchor="m")
    body.alpha_composite(canvas.image, (left, top))


def _socket(body: Image.Image, middle: tuple[int, int]) -> None:
    x, y = middle
    pen = ImageDraw.Draw(body)
    for radius, colour in ((118, "#8d9694"), (108, "#20272a"), (86, "#2d3639"), (66, "#15191b")):
        pen.circle((x, y), radius, colour)
    for dx, dy, radius in ((-26, -14, 11), (26, -14, 11), (0, 28, 13), (-30, 26, 8), (30, 26, 8)):
        pen.circle((x + dx, y + dy), radius, "#707a7c")


def _stick(
    body: Image.Image, sticker: Image.Image, middle: tuple[int, int], chance: random.Random
) -> None:
    """A sticker, nobody puts one on quite straight, with its thin shadow."""
    turned = sticker.rotate(chance.uniform(-1.6, 1.6), Image.Resampling.BICUBIC, expand=True)
    x, y = middle[0] - turned.width // 2, middle[1] - turned.height // 2
    shadow = Image.new("RGBA", body.size, (0, 0, 0, 0))
    shadow.paste((10, 20, 20, 120), (x + 4, y + 6), turned.getchannel("A"))
    body.alpha_composite(shadow.filter(ImageFilter.GaussianBlur(5)))
    body.alpha_composite(turned, (x, y))


def _foreign_sticker(width: int) -> Image.Image:
    """Somebody else's parking sticker."""
    canvas = PictureCanvas(width / WIDTH_MM)
    canvas.box(0, 0, WIDTH_MM, HEIGHT_MM, "#ffffff", 4)
    canvas.box(0, 0, WIDTH_MM, 24, "#1b3f9c", 4)
    canvas.text(WIDTH_MM / 2, 17, "CityPark", 14, "#ffffff", bold=True, anchor="m")
    draw_qr(canvas, "https://citypark.example/pay?zone=4821", 14, 28, 62)
    canvas.text(WIDTH_MM / 2, 106, "Zone 4821", 13, "#1b3f9c", bold=True, anchor="m")
    canvas.text(WIDTH_MM / 2, 118, "Pay your parking here", 6, "#333333", bold=False, anchor="m")
    return canvas.image


# The place and the camera ---------------------------------------------------------------------


def _street(chance: random.Random) -> Image.Image:
    """A street out of focus: sky, façades, trees, paving."""
    wide, high = SIZE[0] // 4, SIZE[1] // 4
    sky = chance.choice([("#c4d9e8", "#eef2ef"), ("#b9c3cb", "#e3e3de"), ("#e9cfb4", "#f5eadc")])
    image = _gradient((wide, high), *sky)
    pen = ImageDraw.Draw(image)
    horizon = int(high * chance.uniform(0.6, 0.68))
    x = -20
    while x < wide:
        house = chance.randint(45, 100)
        roof = chance.randint(20, 150)
        tone = chance.choice(["#b98f6c", "#cdb89a", "#a39c92", "#c9c2b2", "#9b7562", "#d9cda9"])
        pen.rectangle((x, roof, x + house, horizon), tone)
        for row in range(roof + 14, horizon - 22, 26):
            for column in range(x + 8, x + house - 12, 18):
                lit = "#f6e3a8" if chance.random() < 0.12 else "#5d6a74"
                pen.rectangle((column, row, column + 8, row + 13), lit)
        x += house
    for _ in range(chance.randint(1, 3)):
        tree = (chance.randint(0, wide), horizon - chance.randint(30, 70))
        for _ in range(14):
            spot = (tree[0] + chance.gauss(0, 18), tree[1] + chance.gauss(0, 14))
            pen.circle(
                spot, chance.randint(8, 18), chance.choice(["#58764a", "#6b8a57", "#48643f"])
            )
    image.paste(_gradient((wide, high - horizon), "#9a9994", "#6f6f6c"), (0, horizon))
    pen = ImageDraw.Draw(image)
    for number in range(9):
        y = horizon + number * number * 2 + 3
        pen.line((0, y, wide, y), "#8a8984", 1)
        pen.line(
            (wide / 2 + (number - 4) * 26, horizon, wide / 2 + (number - 4) * 130, high), "#858480"
        )
    return image.resize(SIZE, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(11))


def _gradient(size: tuple[int, int], upper: str, lower: str) -> Image.Image:
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, lower), Image.new("RGB", size, upper), mask)


def _pose(style: Style, chance: random.Random) -> Quad:
    """Where the corners of the pile's front come to lie in the photo."""
    wide, high = SIZE

    def about(x: float, y: float, by: float = 18) -> Point:
        return x * wide + chance.uniform(-by, by), y * high + chance.uniform(-by, by)

    if style == "angle":
        if chance.random() < 0.5:
            return about(0.20, 0.00), about(0.80, 0.13), about(0.74, 0.98), about(0.13, 1.22)
        return about(0.20, 0.13), about(0.80, 0.00), about(0.87, 1.22), about(0.26, 0.98)
    return about(0.12, 0.04), about(0.88, 0.04), about(0.90, 1.06), about(0.10, 1.06)


def _seen(front: Image.Image, quad: Quad) -> Image.Image:
    """The front as the camera sees it, the rest clear."""
    terms = _perspective(quad, front.size)
    return front.transform(SIZE, Image.Transform.PERSPECTIVE, terms, Image.Resampling.BICUBIC)


def _stand(image: Image.Image, pile: Image.Image) -> Image.Image:
    """The pile in the street, with a soft shadow behind it."""
    shadow = Image.new("L", SIZE, 0)
    shadow.paste(128, (34, 22), pile.getchannel("A"))
    shadow = shadow.reduce(4).filter(ImageFilter.GaussianBlur(7)).resize(SIZE)
    image = Image.composite(Image.new("RGB", SIZE, "#20262a"), image, shadow)
    image.paste(pile, (0, 0), pile)
    return image


def _perspective(quad: tuple[Point, ...], size: tuple[int, int]) -> tuple[float, ...]:
    """Pillow's eight terms that map picture places inside `quad` back to a flat `size`."""
    wide, high = size
    rows = []
    for (x, y), (u, v) in zip(quad, ((0, 0), (wide, 0), (wide, high), (0, high)), strict=True):
        rows.append([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, float(u)])
        rows.append([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, float(v)])
    for column in range(8):  # Gauss and Jordan
        pivot = max(range(column, 8), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        by = rows[column][column]
        rows[column] = [value / by for value in rows[column]]
        for row in range(8):
            if row != column:
                times = rows[row][column]
                rows[row] = [a - times * b for a, b in zip(rows[row], rows[column], strict=True)]
    return tuple(row[8] for row in rows)


def _night(image: Image.Image, light: Image.Image) -> Image.Image:
    """Little light, bluish, but for what shines itself and its glow on the metal."""
    image = ImageEnhance.Brightness(ImageEnhance.Color(image).enhance(0.6)).enhance(0.34)
    image = Image.blend(image, Image.new("RGB", image.size, (12, 20, 44)), 0.3)
    shining = Image.new("RGB", image.size, 0)
    shining.paste(light, (0, 0), light)
    glow = shining.reduce(8).filter(ImageFilter.BoxBlur(26)).filter(ImageFilter.GaussianBlur(9))
    image = ImageChops.add(image, ImageEnhance.Brightness(glow).enhance(1.3).resize(image.size))
    return ImageChops.add(image, ImageEnhance.Brightness(shining).enhance(0.8))


def _lens(image: Image.Image, chance: random.Random, grain: int) -> Image.Image:
    """Light fall-off towards the corners and the sensor's grain (a standard deviation)."""
    corners = Image.radial_gradient("L").resize(image.size).point(lambda v: max(0, v - 100) * 0.42)
    image = Image.composite(Image.new("RGB", image.size, "#0c0f10"), image, corners)
    share = grain / 74  # of even noise over 0 to 255
    noise = _noise(image.size, chance).point(lambda v: 128 + (v - 128) * share)
    return ImageChops.add(image, Image.merge("RGB", [noise] * 3), 1, -128)


def _noise(size: tuple[int, int], chance: random.Random) -> Image.Image:
    """Even grey noise that a seed can repeat (Pillow's own cannot)."""
    return Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
