"""Ways on from a pile that does not work: which, in what words, and whether riders take them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.errors import Refused
from bot.gateways.render import Context, render
from bot.gateways.translate import LANGUAGES, say
from bot.replies import Amount, Choose, Rate, Say
from bot.services import bookings, charging, diversion, jobs, later, nearest, stations
from bot.services.diversion import Diverted
from bot.services.nearest import Way
from bot.store.database import make_engine
from bot.store.diversion import Diversion
from bot.store.jobs import Job
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile, Station
from tests.charging.world import PILE, SETTINGS
from tests.databases import with_tables
from tests.services.test_cases import TEO
from tests.services.test_outages import Town


@pytest.fixture
def town(sqlite_url: str) -> Iterator[Town]:
    """Kamppi's only pile, and others at 1, 2, 3 and 4 km; the second of those has fast chargers."""
    engine = with_tables(make_engine(sqlite_url))
    town = Town(engine)
    for station, name, lat in (
        (2, "Pasila", 60.18), (3, "Vallila", 60.19), (4, "Arabia", 60.20), (5, "Oulunkylä", 60.21),
    ):  # fmt: skip
        town.builds(station, name, piles=1, lat=lat)
    with town.work() as work:
        work.session.get_one(Pile, "P003000").kind = "dc"
    yield town
    engine.dispose()


def breaks(town: Town, *numbers: int, code: str = "PowerMeterFailure") -> None:
    with town.work() as work:
        for evse in work.session.scalars(select(Evse).where(Evse.pile_id == PILE)):
            if evse.number in numbers:
                evse.status, evse.fault_code = "Faulted", code


def refused(town: Town, evse: int = 1) -> tuple[str, list[str]]:
    """What a rider is told who wants to charge there, and the titles of the ways on."""
    with town.work() as work:
        try:
            charging.offer(
                work, SETTINGS, evse=work.session.get_one(Evse, evse),
                rider=work.session.get_one(Rider, 1),
            )  # fmt: skip
        except Refused as no:
            told = say("en", Say(no.text, no.values))
            return told, [say("en", each.title) for each in no.options]
    raise AssertionError("nobody was refused")


def rows(town: Town) -> list[Diversion]:
    with town.store.read() as work:
        return list(work.session.scalars(select(Diversion).order_by(Diversion.id)))


def test_the_three_nearest_of_its_sort_with_reason_and_end(town: Town) -> None:
    breaks(town, 1, 2, 3)
    text, ways = refused(town)
    assert text.startswith(
        "1023-10 reports a fault and cannot charge. Cause: the meter does not answer. "
        "When it works again is not known yet. The nearest free one is 2000-1"
    )
    assert ways == ["Pasila", "Arabia", "Oulunkylä"]  # Vallila has no such chargers
    (row,) = rows(town)
    assert (row.rider_id, row.pile_id, row.why) == (1, PILE, "faulted")
    assert row.stations == [2, 4, 5]


def test_another_socket_of_the_same_place_comes_first(town: Town) -> None:
    breaks(town, 1)
    text, ways = refused(town)
    assert "1023-20 here is free: send me that code." in text
    assert ways == ["1023-20", "Pasila", "Arabia"]


def test_a_code_that_no_table_knows_is_no_reason(town: Town) -> None:
    breaks(town, 1, 2, 3, code="X99")
    text, _ = refused(town)
    assert "Cause" not in text
    assert "When it works again is not known yet." in text


def test_when_it_works_again_follows_the_repair_job(town: Town) -> None:
    breaks(town, 1, 2, 3)
    case = town.report()
    with town.work() as work:
        job = jobs.open_job(
            work, kind="repair", pile=work.session.get_one(Pile, PILE), text="Broken", key="j1"
        )
        job.case_id = case
        number = job.id
    assert "A technician is being sent; when it works again is not known yet." in refused(town)[0]
    with town.work() as work:
        jobs.accept(work, SETTINGS, TEO, number)
    # accepted at noon in Helsinki; the promise is a day
    assert "A technician is expected by 21 Nov 2026, 12:00." in plain(refused(town)[0])
    town.passes(13 * 3600)  # the local day of the promise has begun
    with town.work() as work:
        jobs.on_my_way(work, TEO, number)
    assert "A technician is on the way, expected by 12:00." in refused(town)[0]
    with town.work() as work:
        jobs.arrive(work, TEO, number, distance_m=9)
    assert "A technician is working on it now." in refused(town)[0]
    with town.work() as work:
        job = work.session.get_one(Job, number)
        job.state, job.open_key = "cancelled", None
    assert "When it works again is not known yet." in refused(town)[0]


def test_a_promise_that_has_passed_is_not_promised_again(town: Town) -> None:
    breaks(town, 1, 2, 3)
    case = town.report()
    with town.work() as work:
        pile = work.session.get_one(Pile, PILE)
        job = jobs.open_job(work, kind="repair", pile=pile, text="Broken", key="j1")
        job.case_id = case
        jobs.accept(work, SETTINGS, TEO, job.id)
    town.now += timedelta(days=1, seconds=1)
    with town.work() as work:
        for each in work.session.scalars(select(Pile)):
            each.seen_at = town.now
    assert "has taken it on; when it works again is not known yet." in refused(town)[0]


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


# --- taken ---------------------------------------------------------------------------------------


def evse_of(town: Town, pile: str) -> int:
    with town.store.read() as work:
        return work.session.scalars(select(Evse.id).where(Evse.pile_id == pile)).all()[0]


def test_starting_at_a_place_that_was_shown_takes_the_offer_once(town: Town) -> None:
    breaks(town, 1, 2, 3)
    refused(town)
    town.passes(600)
    refused(town, 2)  # again, within the half hour: one offer
    assert len(rows(town)) == 1
    there = evse_of(town, "P004000")
    body = town.offer(there)
    town.says_yes(there, body=body)
    town.says_yes(there, body=body)  # the same yes again
    (row,) = rows(town)
    assert (row.taken_by, row.taken_evse_id, row.taken_at) == ("start", there, town.now)
    with town.store.read() as work:
        assert diversion.counted(work, PILE) == diversion.Counted(offered=1, taken=1)
        assert diversion.counted(work, "P002000") == diversion.Counted(offered=0, taken=0)


@pytest.mark.parametrize("by", ["booking", "later"])
def test_booking_or_planning_a_start_there_takes_it_too(town: Town, by: str) -> None:
    breaks(town, 1, 2, 3)
    refused(town)
    at = town.now + timedelta(hours=1)
    body = town.offer(there := evse_of(town, "P004000"))
    with town.work() as work:
        rider, evse = work.session.get_one(Rider, 1), work.session.get_one(Evse, there)
        if by == "booking":
            shown = bookings.propose(
                work, SETTINGS, rider=rider, evse=evse, starts_at=at,
                ends_at=at + timedelta(hours=1),
            )  # fmt: skip
            bookings.book(work, SETTINGS, rider=rider, body=shown.body, key="b")
        else:
            later.confirm(
                work, SETTINGS, rider=rider, evse=evse, starts_at=at, offer_body=body, key="l"
            )
    assert [(each.taken_by, each.taken_evse_id) for each in rows(town)] == [(by, there)]


@pytest.mark.parametrize(
    ("pile", "later_s", "rider"),
    [("P003000", 0, 1), ("P002000", 7201, 1), ("P002000", 0, 2)],
    ids=["not shown", "much later", "another rider"],
)
def test_what_is_no_answer_to_the_offer_does_not_take_it(
    town: Town, pile: str, later_s: int, rider: int
) -> None:
    town.rider(2)
    breaks(town, 1, 2, 3)
    refused(town)
    town.passes(later_s)
    town.says_yes(evse_of(town, pile), rider)
    assert [each.taken_at for each in rows(town)] == [None]


def test_nothing_near_is_no_offer(town: Town) -> None:
    breaks(town, 1, 2, 3)
    with town.work() as work:
        for pile in work.session.scalars(select(Pile).where(Pile.id != PILE)):
            pile.online = False
    text, ways = refused(town)
    assert (rows(town), ways) == ([], [])
    assert text.endswith("When it works again is not known yet.")


def test_stations_that_are_out_as_well_are_passed_over(town: Town) -> None:
    with town.store.read() as work:
        pile = work.session.get_one(Pile, PILE)
        found = nearest.ways(work, SETTINGS, pile, but=[1, 2])
        assert [each.name for each in found] == ["Arabia", "Oulunkylä"]
        here = stations.around(work, SETTINGS, work.session.get_one(Station, 1))
        assert [each.station.id for each in here] == [1, 2, 3, 4, 5]


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", sorted(LANGUAGES))
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_said_fits_one_message_in_every_language(lang: str, count: int) -> None:
    """With long names, long causes and prices: the text with its buttons, or its list."""
    name = "Kansainvälinen Helsinki-Vantaan lentoasema, terminaali 2, pysäköintitalo P5, taso 3"
    way = Way(7, name, "123456-129", 18, 29_999, 520, Rate("0.4975", "EUR", "kwh"), here=False)
    lines = (
        Say("Cause: {reason}.", {"reason": Say(
            "the control pilot is short-circuited: look at cable and inlet")}),
        Say("A technician has taken it on; when it works again is not known yet."),
    )  # fmt: skip
    told = Diverted(lines, (way,) * count)
    text = Say("{evse} reports a fault and cannot charge. {hint}",
               {"evse": "123456-129", "hint": told.text})  # fmt: skip
    more = [nearest.find_near(Station(lat=60.123456, lng=24.123456))]
    for options in (told.rows, [*told.rows, *more]):
        (message,) = render(Choose(text, options), lang, _nowhere())
        assert len(message["text"]) < 1024
        limit = 20 if message["kind"] == "buttons" else 24
        titles = [each["title"] for each in message["options"]]
        assert all(len(each) <= limit for each in titles)
        assert len(set(titles)) == len(titles) == len(options)
    distance = say(lang, Say("{d}", {"d": Amount(29_999, "m")}))
    rendered = render(Choose(text, [*told.rows, *more, *more]), lang, _nowhere())
    assert distance in str(rendered)


def _nowhere() -> Context:
    def never(*_args: Any) -> Any:
        raise AssertionError("no file is needed")

    return Context(never, never, never, never, never)
