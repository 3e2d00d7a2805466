"""Figures: counted by the hour from what happened, shown by right, behind each the rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.figures import period
from bot.services import desk_figures, station_figures
from bot.services.handoff import to_queue
from bot.store.figures import StaffHour, StationHour
from bot.store.riders import Conversation
from bot.store.staff import Audit
from tests.console.desk import Desk
from tests.test_scenarios import play
from tests.world import World

CHARGE = """
rider has a card
rider says 1023-27
rider says yes
pile accepts the start
pile reports socket 2 Occupied
pile starts
clock passes 60 s
pile charges for 6000 Wh
clock passes 30 min
rider says stop
pile accepts the stop
pile ends
bot says Receipt R-000001
"""


def test_a_charge_is_found_in_the_figures_of_its_station(world: World, desk: Desk) -> None:
    play(world, CHARGE)
    with world.store.begin() as work:
        start = work.now - timedelta(hours=4)
        station_figures.count(work, start, work.now)
        station_figures.count(work, start, work.now)  # again is the same
        today = work.now.astimezone().date()
    with world.store.read() as work:
        asked = period(today - timedelta(days=1), today, work.now, "Europe/Helsinki")
        (use,) = [each for each in station_figures.uses(work, asked) if each.sessions]
        (money,) = station_figures.takings(work, asked)[use.station_id]
        assert (use.sessions, use.energy_wh) == (1, 6000)
        assert 30 * 60 <= use.occupied_s <= 33 * 60
        assert (money.gross_minor, money.back_minor, money.net_minor) == (180, 0, 180)
        assert station_figures.week(work, asked)

    span = {"from": str(today - timedelta(days=1)), "to": str(today)}
    page = desk.agent("manager").get("/figures", params=span).text
    assert "6.0 kWh" in page
    assert "1.80 EUR" in page
    assert "1.80 EUR" not in desk.agent("technician").get("/figures", params=span).text


def test_the_clock_makes_up_for_what_was_not_counted(world: World) -> None:
    play(world, CHARGE)
    station_figures.keep(world.store)
    with world.store.read() as work:
        hours = list(work.session.scalars(select(StationHour.hour).order_by(StationHour.hour)))
    assert hours
    world.ahead += timedelta(hours=5)
    station_figures.keep(world.store)
    with world.store.read() as work:
        later = set(work.session.scalars(select(StationHour.hour)))
    assert set(hours) < later
    assert len(later) >= 5


def test_calls_are_answered_by_people_not_by_the_bot(world: World, desk: Desk) -> None:
    anna, manager = desk.agent("agent", "Anna"), desk.agent("manager", "Mia")
    play(world, "rider says agent\nbot says person")
    chat = desk.conversation("+358401234567")
    world.ahead += timedelta(minutes=7)
    assert anna.post(f"/conversations/{chat.id}/claim").status_code == 303
    world.ahead += timedelta(minutes=1)
    sent = anna.post(f"/conversations/{chat.id}/send", text="How can I help?", key="k1")
    assert sent.status_code == 303, sent.text
    world.settle()
    with world.store.read() as work:
        today = work.now.date()
        asked = period(today - timedelta(days=1), today + timedelta(days=1), work.now, "UTC")
        (call,) = desk_figures.calls(work, asked)
        (person,) = desk_figures.people(work, asked)
        bot = desk_figures.bot(work, asked)
    assert call.staff_id == anna.staff_id
    assert call.waited_s is not None and 8 * 60 <= call.waited_s < 9 * 60
    assert (person.taken, person.lines, person.answered) == (1, 1, 1)
    assert (bot.contacts.all, bot.contacts.with_person, bot.contacts.contained) == (1, 1, 0)

    span = {"from": str(asked.first), "to": str(asked.last)}
    assert call.reason in manager.get("/figures/bot", params=span).text
    rows = manager.get("/figures/calls", params={**span, "reason": call.reason}).text
    assert "Anna" in rows
    assert f"/conversations/{chat.id}" in rows
    own = anna.get("/figures", follow_redirects=True).text
    assert "My figures" in own
    assert "Mia" not in own


def test_minutes_at_the_desk_are_counted_while_somebody_is_there(world: World, desk: Desk) -> None:
    here = desk.agent("agent", "Anna")
    away = desk.agent("agent", "Bert", presence="away")
    for _ in range(3):
        desk_figures.note_presence(world.store)
    with world.store.read() as work:
        found = {row.staff_id: row.online_s for row in work.session.scalars(select(StaffHour))}
    assert found == {here.staff_id: 180}
    assert away.staff_id not in found


def test_who_takes_figures_as_a_file_is_noted_and_proves_who_they_are(
    world: World, desk: Desk
) -> None:
    play(world, CHARGE)
    manager = desk.agent("manager")
    station_figures.keep(world.store)
    answer = manager.post("/figures/export/stations")
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith("\ufeffstation,name,sockets")
    with world.store.read() as work:
        (row,) = work.session.scalars(select(Audit).where(Audit.action == "figures.export"))
    assert row.object == "figures:stations"
    assert desk.agent("finance").post("/figures/export/people").status_code == 403
    assert manager.post("/figures/export/nothing").status_code == 404


def test_riders_who_come_back_are_counted_by_month(world: World, desk: Desk) -> None:
    play(world, CHARGE)
    page = desk.agent("manager").get("/figures/riders").text
    assert "Who comes back" in page
    with world.store.read() as work:
        ((_, size, cells),) = desk_figures.months(work, work.now)
        churned = desk_figures.coming_back(work, work.now + timedelta(days=1))
    assert (size, cells) == (1, [1])
    assert (churned.recent, churned.new, churned.lost) == (1, 1, 0)


@pytest.mark.parametrize("path", ["/figures", "/figures/bot", "/figures/calls", "/figures/people"])
@pytest.mark.parametrize("query", ["from=x&to=y", "from=2030-01-01&to=1999-01-01", "station=zz"])
def test_odd_days_are_answered_with_possible_ones(desk: Desk, path: str, query: str) -> None:
    assert desk.agent("manager").get(f"{path}?{query}").status_code == 200


def test_an_empty_house_has_teaching_pages(desk: Desk) -> None:
    manager = desk.agent("manager")
    assert "Nobody was called for" in manager.get("/figures/calls").text
    assert "Nobody was at the desk" in manager.get("/figures/people").text


def test_nobody_answered_yet_shows_as_such(world: World, desk: Desk) -> None:
    play(world, "rider says hello")
    with world.store.begin() as work:
        chat = work.session.scalars(select(Conversation)).one()
        to_queue(work, chat, reason="asked")
        asked = period(work.now.date(), work.now.date(), work.now, "UTC")
    with world.store.read() as work:
        (call,) = desk_figures.calls(work, asked)
    assert (call.staff_id, call.waited_s) == (None, None)
