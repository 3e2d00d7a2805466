"""Map pictures: right places, quick, honest about whose data it is; and stickers to print."""

import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from bot.gateways import maps, streets
from bot.gateways.map_names import Taken
from bot.gateways.maps import base_map, draw
from bot.gateways.streets import View
from bot.replies import MapPicture, MapPoint, Say

HELSINKI = (60.1699, 24.9438)


def picture(*points: tuple[float, float, str], at: tuple[float, float] = HELSINKI) -> MapPicture:
    pins = [MapPoint(lat, lng, n, state) for n, (lat, lng, state) in enumerate(points, 1)]
    return MapPicture(*at, pins, Say("Near you"))


CENTRE = picture(
    (60.1712, 24.9414, "free"), (60.1689, 24.9470, "busy"), (60.1680, 24.9410, "unknown")
)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def near(image: Image.Image, place: tuple[float, float], colour: str) -> bool:
    """True when a colour stands in the 20 pixels around a place."""
    x, y = map(round, place)
    wanted = Image.new("RGB", (1, 1), colour).getpixel((0, 0))
    assert isinstance(wanted, tuple)
    spot = image.convert("RGB").crop((x - 20, y - 45, x + 20, y + 5))
    return any(
        max(abs(a - b) for a, b in zip(pixel, wanted, strict=True)) < 24
        for _, pixel in spot.getcolors(4000) or []
        if isinstance(pixel, tuple)
    )


def test_a_picture_is_a_jpeg_of_the_size_whatsapp_shows_well() -> None:
    image = opened(draw(CENTRE))
    assert (image.format, image.size) == ("JPEG", (800, 600))


def test_pins_stand_on_their_places_in_the_colour_of_their_state() -> None:
    image = opened(draw(CENTRE))
    view = maps._view(CENTRE)
    colours = {"free": maps.FREE, "busy": maps.BUSY, "unknown": maps.UNKNOWN}
    for point in CENTRE.points:
        place = view.at(streets.streets().metres(point.lat, point.lng))
        assert near(image, place, colours[point.state])
        for state, colour in colours.items():
            assert state == point.state or not near(image, place, colour)
    rider = view.at(streets.streets().metres(*HELSINKI))
    assert near(image, (rider[0], rider[1] + 20), maps.RIDER)


def test_states_differ_in_shape_too() -> None:
    shapes = [maps._pin(state, "1").getchannel("A") for state in ("free", "busy", "unknown")]
    for number, shape in enumerate(shapes):
        for other in shapes[number + 1 :]:
            assert ImageChops.difference(shape, other).getbbox() is not None


latitudes, longitudes = st.floats(60.1642, 60.1791), st.floats(24.9352, 24.9534)


@settings(max_examples=40, deadline=None)
@given(st.tuples(latitudes, longitudes), st.lists(st.tuples(latitudes, longitudes), max_size=10))
def test_every_pin_and_the_rider_are_inside_the_picture(
    rider: tuple[float, float], places: list[tuple[float, float]]
) -> None:
    shown = picture(*((lat, lng, "free") for lat, lng in places), at=rider)
    view = maps._view(shown)
    for lat, lng in [rider, *places]:
        x, y = view.at(streets.streets().metres(lat, lng))
        assert 30 <= x <= maps.WIDTH - 30
        assert 60 <= y <= maps.HEIGHT - 60


def test_a_warm_picture_takes_under_a_tenth_of_a_second() -> None:
    draw(CENTRE)
    took = []
    for _ in range(5):
        began = time.process_time()
        draw(CENTRE)
        took.append(time.process_time() - began)
    assert min(took) < 0.1


def test_openstreetmap_is_named_on_street_maps_only(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[Image.Image] = []
    monkeypatch.setattr(maps, "_attribution", lambda image, taken: named.append(image))
    draw(CENTRE)
    assert len(named) == 1
    draw(picture((61.5, 23.76, "free"), at=(61.498, 23.77)))
    assert len(named) == 1
    base_map(300)
    assert len(named) == 2


def test_the_attribution_is_drawn() -> None:
    view = View((500, 800), 1.0, 800, 600)
    image = streets.paint(view)
    before, taken = image.copy(), Taken()
    maps._attribution(image, taken)
    changed = ImageChops.difference(before, image).getbbox()
    assert changed is not None
    assert changed[0] > 550
    assert changed[1] > 560
    assert taken.boxes


def test_far_from_helsinki_there_are_rings_of_distance() -> None:
    tampere = picture((61.5, 23.76, "free"), (61.4, 23.9, "busy"), at=(61.498, 23.77))
    image = opened(draw(tampere))
    assert image.size == (800, 600)
    view = maps._view(tampere)
    assert maps._covered(view) == 0
    for point in tampere.points:
        place = view.at(streets.streets().metres(point.lat, point.lng))
        assert near(image, place, maps.FREE if point.state == "free" else maps.BUSY)


@pytest.mark.parametrize(
    "shown",
    [
        picture(),
        picture((*HELSINKI, "free")),
        picture(*[(*HELSINKI, "busy")] * 10),
        picture((60.2, 25.2, "free")),
        picture((-33.8, 151.2, "free")),
        picture((60.17, 24.94, "a state from the future")),
        picture(at=(0.0, 0.0)),
        picture(at=(-89.9, 179.9)),
    ],
)
def test_odd_pictures_are_drawn(shown: MapPicture) -> None:
    assert opened(draw(shown)).size == (800, 600)


def test_the_legend_is_translated() -> None:
    words: list[str] = []

    def chinese(word: str) -> str:
        words.append(word)
        return {"Free": "空闲", "Busy": "使用中", "Not confirmed": "未确认", "You": "您"}[word]

    assert draw(CENTRE, chinese) != draw(CENTRE)
    assert set(words) == {"Free", "Busy", "Not confirmed", "You"}


def test_the_base_map_covers_its_bounds() -> None:
    data, (west, south, east, north) = base_map(500)
    image = opened(data)
    assert image.format == "PNG"
    assert image.width == 500
    assert (west, south, east, north) == (24.9352, 60.1642, 24.9534, 60.1791)
    wide_m, high_m = streets.streets().metres(north, east)
    assert image.height == pytest.approx(500 * high_m / wide_m, abs=1)

    def at(lat: float, lng: float) -> tuple[int, int, int]:
        x = (lng - west) / (east - west) * image.width
        y = (north - lat) / (north - south) * image.height
        pixel = image.convert("RGB").getpixel((round(x), round(y)))
        assert isinstance(pixel, tuple)
        return pixel[0], pixel[1], pixel[2]

    red, _, blue = at(60.1775, 24.9440)  # the bay north of Kaisaniemi
    assert blue > red + 30
    red, green, blue = at(60.1752, 24.9432)  # the pitch in Kaisaniemi park
    assert green > red + 10
    assert green > blue + 10


def test_the_bundled_map_is_small_and_carries_its_licence() -> None:
    assert streets._DATA.stat().st_size < 60_000
    notice = (streets._DATA.parent / "NOTICE.md").read_text(encoding="utf-8")
    assert "OpenStreetMap contributors" in notice
    assert "Open Database License" in notice
    map_ = streets.streets()
    names = {line.name for line in map_.lines} | {label.name for label in map_.labels}
    assert {"Mannerheimintie", "Aleksanterinkatu", "Esplanadinpuisto", "Kluuvi"} <= names
