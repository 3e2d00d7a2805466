"""Piles live: the list, the map, one pile whole; what they say is never markup."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.console import map_view
from bot.domain.uptime import share_online
from bot.store.stations import Pile
from tests.console.desk import Desk
from tests.world import World, add_station

RIDER = "+358409990002"


def charge(world: World) -> None:
    """A rider charges at socket 1 of pile 1023; the meter has moved by 1.5 kWh."""
    world.rider_says(RIDER, "hello")
    world.give_card(RIDER)
    world.rider_says(RIDER, "1023-16")
    world.rider_taps(RIDER, "Yes, start")
    pile = world.pile("1023")
    pile.answers("RequestStartTransaction", status="Accepted")
    pile.status(1, "Occupied")
    pile.transaction_event(1, "Started", chargingState="Charging")
    for _ in range(3):
        world.clock_passes(20)
        pile.meter_wh += 500
        pile.transaction_event(1, "Updated", chargingState="Charging")


def test_the_list_tells_state_heartbeat_charge_and_danger(world: World, desk: Desk) -> None:
    add_station(world.store, name="Kluuvi", pile="2044", lat=60.1705, lng=24.944)
    charge(world)
    agent = desk.agent("agent")
    shown = agent.get("/piles").text
    assert "Charging" in shown
    assert "1.50 kWh" in shown
    assert "0.45 EUR" in shown
    assert "Not confirmed" in shown  # 2044 was never heard
    busy = agent.get("/piles?tab=charging").text
    assert ">1023<" in busy
    assert ">2044<" not in busy
    assert ">2044<" in agent.get("/piles?tab=care").text
    world.rider_says("+358409990003", "fire at pile 1023")
    shown = agent.get("/piles?tab=care").text
    assert "Incident 1" in shown
    assert ">1023<" in shown
    assert agent.get("/piles?tab=nonsense").status_code == 404


def test_the_list_of_one_station_and_its_next_page(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.console import pile_view

    for number in range(2001, 2006):
        add_station(world.store, name=f"Station {number}", pile=str(number))
    monkeypatch.setattr(pile_view, "PER_PAGE", 2)
    agent, path, seen = desk.agent("agent"), "/piles", []
    while path:
        page = agent.get(path, headers={"HX-Request": "true"}).text
        seen += [part.split("<")[0] for part in page.split('class="pile-name"')[1:]]
        more = page.split('class="button button-quiet" href="')
        path = more[1].split('"')[0].replace("&amp;", "&") if len(more) > 1 else ""
    assert len(seen) == 6
    with world.store.read() as work:
        kamppi = work.session.get_one(Pile, "P001023").station_id
    only = agent.get(f"/piles?station={kamppi}", headers={"HX-Request": "true"}).text
    assert ">1023<" in only
    assert ">2001<" not in only


def test_one_pile_whole(world: World, desk: Desk) -> None:
    charge(world)
    technician = desk.agent("technician")
    shown = technician.get("/piles/P001023").text
    for part in ("Charging", "Energy rises to 1.50 kWh", "Transaction started", "100.0 %", "Start"):
        assert part in shown
    assert RIDER not in shown
    assert technician.get("/piles/P009999").status_code == 404
    fragment = technician.get("/piles/P001023", headers={"HX-Request": "true"}).text
    assert "<html" not in fragment


def test_who_was_shown_the_way_on_from_a_broken_pile(world: World, desk: Desk) -> None:
    agent = desk.agent("agent")
    assert "never</span>" in agent.get("/piles/P001023").text
    add_station(world.store, name="Otto", pile="2045")
    for pile, status in (("2045", "Available"), ("1023", "Faulted")):
        world.pile(pile).goes("online")
        for socket in (1, 2):
            world.pile(pile).status(socket, status)
    world.rider_says(RIDER, "1023-27")
    world.bot_says(RIDER, "reports a fault", "Otto")
    shown = agent.get("/piles/P001023").text
    assert '<b class="num">1</b> time ' in shown
    assert "0 went there" in shown


def test_what_a_pile_says_is_never_markup(world: World, desk: Desk) -> None:
    world.pile("1023").says(
        "BootNotification",
        reason="PowerUp",
        chargingStation={"model": "<script>x</script>", "vendorName": "<b>"},
    )
    shown = desk.agent("agent").get("/piles/P001023").text
    assert "<script>x" not in shown
    assert "&lt;script&gt;x" in shown


def test_stickers_of_a_pile_come_as_pdf(world: World, desk: Desk) -> None:
    answer = desk.agent("technician").get("/piles/P001023/labels.pdf")
    assert answer.content.startswith(b"%PDF")
    assert "pile-1023-labels.pdf" in answer.headers["content-disposition"]


def test_the_map_shows_stations_where_they_are_and_names_those_beyond_it(
    world: World, desk: Desk
) -> None:
    add_station(world.store, name="Kluuvi", pile="2044", lat=60.1705, lng=24.944)
    add_station(world.store, name="Lissabon", pile="2045", lat=38.7, lng=-9.1)
    agent = desk.agent("agent")
    shown = agent.get("/piles?tab=map").text
    assert 'aria-label="Kluuvi: 0 of 2 free"' in shown
    assert "Not on this map" in shown
    assert "Lissabon" in shown.split("Not on this map")[1]
    assert agent.get("/piles/map.png").content.startswith(b"\x89PNG")


def test_tiles_cover_every_pin(world: World) -> None:
    settings = replace(world.settings, map_tiles="https://t.example/{z}/{x}/{y}.png")
    places = [
        map_view.Place(1, "Kamppi", 60.169, 24.931, "good", 1, ""),
        map_view.Place(2, "Turku", 60.451, 22.266, "bad", 0, ""),
    ]
    drawn = map_view.draw(settings, places, "/x")
    assert [pin.place.name for pin in drawn.pins] == ["Turku", "Kamppi"]  # from north to south
    for pin in drawn.pins:
        assert 0 < pin.x < drawn.width
        assert 0 < pin.y < drawn.height
        assert any(
            p.x <= pin.x <= p.x + p.width and p.y <= pin.y <= p.y + p.height for p in drawn.pictures
        )
    assert all(p.url.startswith("https://t.example/") for p in drawn.pictures)
    # As any slippy map has it: at zoom 17 Kamppi lies in column 74613, row 37939.
    one = map_view.draw(settings, places[:1], "/x")
    assert "https://t.example/17/74613/37939.png" in [each.url for each in one.pictures]


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "now_online", "share"),
    [
        ([], True, 1.0),
        ([], False, 0.0),
        ([(NOON + HOUR, False)], False, 0.25),
        ([(NOON + HOUR, True)], True, 0.75),
        ([(NOON - HOUR, False), (NOON + 2 * HOUR, True)], True, 0.5),
        ([(NOON - HOUR, True), (NOON + 9 * HOUR, False)], False, 1.0),
    ],
)
def test_share_of_a_time_in_contact(
    changes: list[tuple[datetime, bool]], now_online: bool, share: float
) -> None:
    assert share_online(changes, NOON, NOON + 4 * HOUR, now_online=now_online) == share


def test_no_share_of_no_time() -> None:
    assert share_online([], NOON, NOON, now_online=True) is None
