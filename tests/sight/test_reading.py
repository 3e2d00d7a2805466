"""What the cascade reads, and what it refuses before any decoder sees it."""

import io
import random
import struct
import time
import zlib
from collections.abc import Callable
from functools import cache

import pytest
import segno
from PIL import Image, ImageEnhance, ImageFilter

from bot.demo import photos
from bot.demo.photos import STYLES, Style, neighbour
from bot.domain.codes import PileCode, evse_code, read_payload
from bot.gateways import qr
from bot.gateways.qr import Reading, decode
from bot.gateways.stickers import Label, sticker_png

LABEL = Label(
    "1023-27", 2, "Type 2, 22 kW", "https://pile.example", "whatsapp:+14155238886"
)  # fmt: skip
OURS = PileCode("1023", 2)

sticker_photo = cache(photos.sticker_photo)  # drawing one takes longer than reading it


def read(data: bytes) -> Reading[PileCode]:
    return decode(data, lambda text: read_payload(text, ["pile.example"], ["+14155238886"]))


def jpeg(image: Image.Image, **options: object) -> bytes:
    written = io.BytesIO()
    image.convert("RGB").save(written, "JPEG", **options)
    return written.getvalue()


def png(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def code(payload: str, scale: int = 6, **options: object) -> Image.Image:
    written = io.BytesIO()
    segno.make(payload, error="h", micro=False).save(
        written, kind="png", scale=scale, border=4, **options
    )
    return Image.open(io.BytesIO(written.getvalue()))


def sticker() -> Image.Image:
    flat = Image.new("RGB", (1000, 1340), "#9aa19e")
    picture = sticker_png(LABEL, "Pilebot", 700)
    flat.paste(picture, (150, 120), picture)
    return flat


def test_the_sticker_reads() -> None:
    reading = read(png(sticker_png(LABEL, "Pilebot")))
    assert reading.codes == (OURS,)
    assert reading.texts == (LABEL.whatsapp_url,)
    assert reading.problem is None
    assert reading.engine == "zxing-cpp"


def noise(size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(4).randbytes(3 * size[0] * size[1]))


def far_away(image: Image.Image) -> Image.Image:
    street = Image.new("RGB", (1600, 1200), "#8a8f93")
    street.paste(image.resize((330, 442)), (900, 400))
    return street


DEGRADED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "small": lambda image: image.resize((280, 375)),
    "turned": lambda image: image.rotate(31, expand=True, fillcolor="#777777"),
    "upside_down": lambda image: image.rotate(180),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(4)),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.12),
    "pale": lambda image: ImageEnhance.Contrast(image).enhance(0.18),
    "noisy": lambda image: Image.blend(image, noise(image.size), 0.4),
    "stretched": lambda image: image.resize((1500, 800)),
    "shadowed": lambda image: Image.composite(
        image,
        ImageEnhance.Brightness(image).enhance(0.25),
        Image.linear_gradient("L").rotate(90).resize(image.size).point(lambda v: 255 * (v > 120)),
    ),
    "far_away": far_away,
}  # fmt: skip


@pytest.mark.parametrize("name", DEGRADED)
def test_the_sticker_reads_in_bad_photos(name: str) -> None:
    assert read(jpeg(DEGRADED[name](sticker()), quality=60)).codes == (OURS,)


@pytest.mark.parametrize("style", ["clean", "angle", "dark", "blurred"])
def test_the_demo_photos_read(style: Style) -> None:
    assert read(sticker_photo(LABEL, style, 1)).codes == (OURS,)


def test_demo_photos_of_the_longest_code_read() -> None:
    label = Label(evse_code("104512", 11), 11, "Schuko", LABEL.public_url, LABEL.whatsapp_number)
    assert read(sticker_photo(label, "angle", 5)).codes == (PileCode("104512", 11),)


def test_the_same_seed_gives_the_same_photo() -> None:
    first = photos.sticker_photo(LABEL, "none", 1)
    assert first == sticker_photo(LABEL, "none", 1)
    assert first != photos.sticker_photo(LABEL, "none", 2)
    assert set(STYLES) == {"clean", "angle", "dark", "blurred", "two", "foreign", "none"}


def test_two_of_our_codes_are_both_returned() -> None:
    reading = read(sticker_photo(LABEL, "two", 1))
    assert set(reading.codes) == {OURS, PileCode("1023", 3)}
    assert neighbour(LABEL).code == evse_code("1023", 3)


def test_one_code_twice_is_one_code() -> None:
    flat = Image.new("RGB", (900, 450), "white")
    flat.paste(code("1023-27"), (20, 20))
    flat.paste(code("https://pile.example/p/1023-27"), (450, 20))
    assert read(png(flat)).codes == (OURS,)


def test_a_foreign_code_is_told_by_its_kind_only() -> None:
    reading = read(sticker_photo(LABEL, "foreign", 1))
    assert reading.codes == ()
    assert reading.foreign == ("url:citypark.example",)
    assert reading.problem is None
    assert "zone=4821" not in repr(reading)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ("WIFI:S:home;P:secret;;", "text:22"),
        ("https://user:pw@evil.test/p/1023-27", "url:evil.test"),
        ("102327", "text:6"),
        ("http://[", "text:8"),
    ],
)
def test_kinds_of_foreign_codes(payload: str, kind: str) -> None:
    assert read(png(code(payload))).foreign == (kind,)


def test_a_foreign_code_in_the_same_photo_does_not_end_the_search() -> None:
    """The foreign code is read at once, ours only after the photo has been worked on."""
    ours = code("https://pile.example/p/1023-27", dark="#8a8a8a", light="#9c9c9c").convert("RGB")
    flat = Image.new("RGB", (1000, 500), "white")
    flat.paste(code("https://evil.test/", 8), (20, 20))
    flat.paste(ours.filter(ImageFilter.GaussianBlur(2)), (560, 60))
    reading = read(jpeg(flat, quality=70))
    assert reading.codes == (OURS,)
    assert reading.foreign == ("url:evil.test",)


def test_inverted_and_transparent_codes() -> None:
    inverted = code("1023-27", dark="white", light="black").convert("RGB")
    assert read(png(inverted)).codes == (OURS,)
    assert read(png(code("1023-27", light=None).convert("RGBA"))).codes == (OURS,)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "I;16", "CMYK"])
def test_every_picture_mode(mode: str) -> None:
    image = code("1023-27").convert("L")
    if mode == "CMYK":
        written = io.BytesIO()
        image.convert(mode).save(written, "JPEG")
        assert read(written.getvalue()).codes == (OURS,)
        return
    if mode == "I;16":
        wide = b"".join(bytes((value, value)) for value in image.tobytes())
        assert read(png(Image.frombytes("I;16", image.size, wide))).codes == (OURS,)
        return
    assert read(png(image.convert(mode))).codes == (OURS,)


def test_a_sideways_photo_with_broken_exif() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = sticker().rotate(90, expand=True)
    good = jpeg(image, exif=exif)
    assert read(good).codes == (OURS,)
    broken = jpeg(image, exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff garbage")
    assert read(broken).codes == (OURS,)


def test_a_large_photo_is_scaled_while_it_is_decoded() -> None:
    large = Image.new("RGB", (8000, 6000), "#7d8284")
    large.paste(sticker().resize((3000, 4020)), (2000, 900))
    data = jpeg(large, quality=80)
    reading = read(data)
    assert reading.codes == (OURS,)
    assert max(qr.load(data).size) == qr.LONG_SIDE


def test_without_pyzbar_zxing_still_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qr, "pyzbar", None)
    assert read(sticker_photo(LABEL, "clean", 1)).codes == (OURS,)
    assert read(sticker_photo(LABEL, "none", 1)).problem == "no_code"


# What must be refused -------------------------------------------------------------------------


def png_bomb(width: int, height: int) -> bytes:
    """A valid PNG of one colour: small in bytes, huge in pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def many_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = jpeg(Image.effect_noise((320, 240), 80), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


def webp_header(width: int, height: int) -> bytes:
    head = b"VP8X" + struct.pack("<II", 10, 0)
    head += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(head) + 4) + b"WEBP" + head


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "png_160_mp": (lambda: png_bomb(16_000, 10_000), "too_large"),
    "png_26_mp": (lambda: png_bomb(6_500, 4_000), "too_large"),
    "webp_82_mp": (lambda: webp_header(10_000, 8_200), "too_large"),
    "webp_cut": (lambda: b"RIFF\x00\x00\x00\x00WEBPVP8 ", "too_large"),
    "webp_unknown_chunk": (lambda: b"RIFF\xff\x00\x00\x00WEBPJUNK" + bytes(64), "too_large"),
    "jpeg_many_scans": (lambda: many_scans(2_000), "too_large"),
    "jpeg_progressive_18_mp": (
        lambda: jpeg(Image.new("L", (4_500, 4_000)), progressive=True), "too_large"),
    "too_many_bytes": (lambda: b"\xff\xd8\xff" + bytes(qr.MAX_BYTES), "too_large"),
    "eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
    "html": (lambda: b"<!doctype html><img src=x>", "not_an_image"),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not_an_image"),
    "heic": (lambda: b"\x00\x00\x00\x18ftypheic" + bytes(64), "not_an_image"),
    "gif": (lambda: b"GIF89a" + bytes(64), "not_an_image"),
    "empty": (lambda: b"", "not_an_image"),
    "random": (lambda: b"\x00" + random.Random(1).randbytes(5000), "not_an_image"),
    "jpeg_cut": (lambda: jpeg(sticker())[:9000], "unreadable"),
    "png_cut": (lambda: png(sticker())[:4000], "unreadable"),
    "jpeg_garbage": (lambda: b"\xff\xd8\xff\xe0" + random.Random(2).randbytes(9000), "unreadable"),
    "png_garbage": (lambda: b"\x89PNG\r\n\x1a\n" + random.Random(3).randbytes(900), "unreadable"),
    "gif_in_jpeg_clothes": (lambda: b"\xff\xd8\xffGIF89a", "unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_at_once(name: str) -> None:
    make, problem = HOSTILE[name]
    data = make()
    began = time.process_time()
    reading = read(data)
    assert reading.problem == problem
    assert reading.codes == ()
    assert time.process_time() - began < 1


def test_a_damaged_photo_never_raises() -> None:
    chance = random.Random(7)
    good = jpeg(sticker().resize((150, 201)))
    for _ in range(25):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert read(bytes(damaged)).problem in (
            None,
            "unreadable",
            "no_code",
            "too_large",
            "not_an_image",
        )


def test_no_code_in_the_photo() -> None:
    reading = read(sticker_photo(LABEL, "none", 1))
    assert (reading.codes, reading.foreign, reading.problem) == ((), (), "no_code")


def test_scans_inside_a_thumbnail_do_not_count() -> None:
    thumbnail = b"Exif\0\0" + b"\xff\xda" * 200
    assert read(jpeg(sticker(), exif=thumbnail)).codes == (OURS,)


def test_the_time_is_told() -> None:
    assert 0 < read(png(sticker())).ms < 5_000
