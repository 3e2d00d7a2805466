"""Outages on a real database: many piles out at once are one case and one line to each rider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from bot.domain import codes
from bot.domain.booking_facts import BookingFacts, Terms, dump_booking
from bot.services import cases, charging_facts, later, outages
from bot.store.bookings import Booking
from bot.store.cases import Case, Outage, OutageRider
from bot.store.database import make_engine
from bot.store.queues import Outbox
from bot.store.riders import Conversation, Message
from bot.store.stations import Evse, Pile, Station
from bot.store.waiting import Waiter
from tests.charging.world import SETTINGS
from tests.databases import with_tables
from tests.services.test_cases import Office, Route
from tests.world import add_pile, open_world

assert later  # the world's routes need it loaded
CALLED = replace(SETTINGS, page_on_call="whatsapp:+358409999999")


class Town(Office):
    """An office with further stations, of four piles with two sockets each."""

    routes: ClassVar[Mapping[str, Route]] = {"outage.timer": outages.on_timer}

    def builds(self, station: int, name: str, *, piles: int = 4, lat: float = 60.2) -> None:
        with self.work() as work:
            work.session.add(
                Station(id=station, name=name, address=f"{name} 1", lat=lat, lng=24.9,
                        tz="Europe/Helsinki", country="FI", currency="EUR", tax_percent="25.5")
            )  # fmt: skip
            work.session.flush()
            for number in range(piles):
                pile = f"P00{station}00{number}"
                work.session.add(
                    Pile(id=pile, number=pile[3:], station_id=station, kind="ac", online=True,
                         seen_at=self.now)
                )  # fmt: skip
                work.session.flush()
                for socket in (1, 2):
                    work.session.add(
                        Evse(pile_id=pile, number=socket, code=codes.evse_code(pile[3:], socket),
                             connector_type="IEC_62196_T2", max_power_w=11_000, tariff_id=1,
                             status="Available", status_at=self.now)
                    )  # fmt: skip

    def fails(self, *piles: str) -> None:
        """Piles fall silent now."""
        for each in piles:
            with self.work() as work:
                pile = work.session.get_one(Pile, each)
                pile.online, pile.seen_at = False, self.now
                outages.look(work, CALLED)
        self.drain()

    def back(self, *piles: str) -> None:
        for each in piles:
            with self.work() as work:
                work.session.get_one(Pile, each).online = True
                outages.over(work, each)

    def socket(self, pile: str, number: int, status: str) -> None:
        """What a pile tells of a socket, as the gateway hands it on."""
        with self.work() as work:
            mine = select(Evse).where(Evse.pile_id == pile, Evse.number == number)
            evse = work.session.scalars(mine).one()
            evse.status, evse.status_at = status, self.now
            body = {"pile_id": pile, "evse_number": number, "status": status,
                    "at": self.now.isoformat()}  # fmt: skip
            charging_facts.on_pile_status(work, CALLED, body)
        self.drain()

    def outages(self) -> list[Outage]:
        with self.store.read() as work:
            return list(work.session.scalars(select(Outage).order_by(Outage.id)))

    def ended(self) -> datetime | None:
        (only,) = self.outages()
        return only.ended_at

    def pages(self) -> list[str]:
        with self.store.read() as work:
            rows = work.session.scalars(select(Outbox.body).where(Outbox.kind == "page"))
            return [str(each["text"]) for each in rows]

    def heard_of_it(self) -> dict[int, int]:
        """How often each rider was told that something is out."""
        with self.store.read() as work:
            told: dict[int, int] = {}
            for body in work.session.scalars(select(Outbox.body).where(Outbox.kind == "message")):
                if "Several piles" in str(body["reply"]):
                    chat = work.session.get_one(Conversation, body["conversation_id"])
                    told[chat.rider_id] = told.get(chat.rider_id, 0) + 1
            return told


PASILA = [f"P00200{number}" for number in range(4)]


@pytest.fixture
def town(sqlite_url: str) -> Iterator[Town]:
    engine = with_tables(make_engine(sqlite_url))
    town = Town(engine)
    town.builds(2, "Pasila")
    yield town
    engine.dispose()


def test_an_outage_is_one_case_one_page_and_one_line_to_each_rider(town: Town) -> None:
    mine = town.report(pile_id="P002001")
    town.fails(*PASILA[:2])
    assert town.outages() == []
    town.fails(*PASILA[2:])
    town.fails(PASILA[2])  # told twice
    (outage,) = town.outages()
    assert len(outage.piles) == 4
    with town.store.read() as work:
        case = work.session.get_one(Case, outage.case_id)
        assert (case.kind, case.code, case.priority) == ("incident", "outage", 2)
        linked = {(each.kind, each.ref) for each in cases.links(work, case.id)}
        assert linked == {("outage", str(outage.id)), ("case", str(mine))}
    assert town.pages() == ["OUTAGE: 3 piles are out at Pasila."]
    assert town.heard_of_it() == {1: 1}
    assert "The nearest free one is {other} at {place}" in town.said()[-1]


def test_it_is_over_when_nothing_was_down_for_two_minutes(town: Town) -> None:
    town.report(pile_id="P002001")
    town.fails(*PASILA)
    town.back(*PASILA)
    town.passes(60)
    town.fails(PASILA[3])  # it came for a minute only
    town.passes(61)
    assert town.ended() is None
    town.back(PASILA[3])
    in_service(town, *[])  # somebody takes them all out: nothing works, nothing is over
    town.passes(121)
    assert town.ended() is None
    in_service(town, *PASILA[1:])  # the first stays out
    town.back(PASILA[3])
    since = town.now
    town.passes(119)
    assert town.ended() is None
    town.passes(1)
    assert town.ended() == since
    with town.work() as work:
        outages.over(work, "P002001")  # more news of it
    town.passes(200)
    assert len([text for text in town.said() if "outage at" in text]) == 1


def in_service(town: Town, *piles: str) -> None:
    with town.work() as work:
        for pile in work.session.scalars(select(Pile).where(Pile.station_id == 2)):
            pile.in_service = pile.id in piles


def test_one_bad_socket_in_each_of_many_piles_is_no_outage(town: Town) -> None:
    for pile in PASILA:
        town.socket(pile, 1, "Faulted")
    assert (town.outages(), town.pages(), town.heard_of_it()) == ([], [], {})


def test_piles_whose_sockets_all_fault_are_one_and_it_ends_when_they_work(town: Town) -> None:
    town.report(pile_id=PASILA[0])
    for pile in PASILA[:3]:
        town.socket(pile, 1, "Faulted")
        town.socket(pile, 2, "Faulted")
    (outage,) = town.outages()
    assert outage.piles == PASILA[:3]
    assert town.heard_of_it() == {1: 1}
    town.socket(PASILA[3], 1, "Occupied")  # news of another pile ends nothing
    town.socket(PASILA[0], 1, "Available")
    town.passes(125)
    assert town.ended() is None
    town.socket(PASILA[1], 2, "Available")
    town.socket(PASILA[2], 1, "Available")
    town.passes(125)
    assert town.ended() is not None
    assert len([text for text in town.said() if "the piles work again" in text]) == 1


def test_a_socket_that_staff_took_out_does_not_hide_that_its_pile_is_broken(town: Town) -> None:
    with town.work() as work:
        for evse in work.session.scalars(select(Evse).where(Evse.number == 2, Evse.id > 3)):
            evse.in_service = False
    for pile in PASILA[:3]:
        town.socket(pile, 1, "Faulted")
    assert [each.piles for each in town.outages()] == [PASILA[:3]]


def test_whoever_it_touches_hears_once_and_nobody_twice(town: Town) -> None:
    """One who charges, booked, waits, reported and asked; one each; and three whom it does not."""
    for rider in range(2, 10):
        town.rider(rider)
    town.report(pile_id=PASILA[0])
    with town.work() as work:
        evse = work.session.scalars(select(Evse).where(Evse.pile_id == PASILA[1])).first()
        assert evse is not None
        evse_id = evse.id
    town.says_yes(evse_id, 1, key="one")
    town.says_yes(evse_id + 1, 2, key="two")
    books(town, 1, evse_id, 60)
    books(town, 3, evse_id, 170)
    books(town, 6, evse_id, 190)  # in more than three hours
    waits(town, 1, "IEC_62196_T2")
    waits(town, 4, "IEC_62196_T2")
    waits(town, 7, "IEC_62196_T2_COMBO")  # of a connector that is not out
    asked(town, 1, "2001")
    asked(town, 5, codes.evse_code("2002", 1))
    asked(town, 8, codes.evse_code("2002", 1), ago=16)
    asked(town, 9, "", payload="find_pile?station=2")
    town.fails(*PASILA[:3])
    assert town.heard_of_it() == dict.fromkeys((1, 2, 3, 4, 5, 9), 1)
    asked(town, 4, "2003")
    town.fails(PASILA[3])  # it grows
    assert [each.told for each in town.outages()] == [6]
    town.builds(3, "Vallila", piles=2, lat=60.3)
    town.builds(4, "Arabia", piles=2, lat=60.4)
    asked(town, 2, "4000")  # who has heard of Pasila asked for another place that is out
    town.fails("P003000", "P003001", "P004000", "P004001")  # it is the whole city
    assert [each.scope for each in town.outages()] == ["station:2", "station:3", "city"]
    assert town.heard_of_it() == dict.fromkeys((1, 2, 3, 4, 5, 9), 1)


def books(town: Town, rider: int, evse: int, minutes: int) -> None:
    at = town.now + timedelta(minutes=minutes)
    until = at + timedelta(minutes=15)
    facts = BookingFacts(Terms("EUR", 0, 0), town.now, at, until, state="RESERVED")
    with town.work() as work:
        work.session.add(
            Booking(rider_id=rider, evse_id=evse, key=f"b{rider}", state="RESERVED", live=True,
                    starts_at=at, ends_at=until, created_at=town.now,
                    facts=dump_booking(facts), tariff={})
        )  # fmt: skip


def waits(town: Town, rider: int, connector: str) -> None:
    with town.work() as work:
        work.session.add(
            Waiter(key=f"w{rider}", rider_id=rider, station_id=2, connector_type=connector,
                   rank=rider, joined_at=town.now)
        )  # fmt: skip


def asked(town: Town, rider: int, code: str, *, ago: int = 5, payload: str = "") -> None:
    with town.work() as work:
        chats = select(Conversation.id).where(Conversation.rider_id == rider)
        entities = {"pile_code": code} if code else {}
        work.session.add(
            Message(conversation_id=work.session.scalars(chats).one(), author="rider",
                    at=town.now - timedelta(minutes=ago), channel="whatsapp", text=code,
                    body={"payload": payload} if payload else {},
                    understood={"intent": "start_charge", "entities": entities})
        )  # fmt: skip


def test_three_sites_out_are_the_citys_and_end_as_one(town: Town) -> None:
    """What was told of the first site counts; its case becomes part of the city's."""
    town.builds(3, "Vallila", piles=2, lat=60.3)
    town.builds(4, "Arabia", piles=2, lat=60.4)
    town.rider(2)
    town.report(pile_id=PASILA[0])
    town.fails(*PASILA[:3])
    town.passes(9 * 60)
    town.fails(PASILA[3], "P003000", "P003001")
    with town.work() as work:  # somebody of the third site
        cases.open_case(
            work, kind="fault", code="broken", rider_id=2, key="m2", pile_id="P004001",
            text="Dark", source="whatsapp",
        )  # fmt: skip
    town.fails("P004000", "P004001")
    first, second, city = town.outages()
    assert (city.scope, city.open_key) == ("city", "city")
    assert first.ended_at == second.ended_at == town.now
    assert len(city.piles) == 8
    assert town.heard_of_it() == {1: 1, 2: 1}
    with town.store.read() as work:
        told = set(work.session.scalars(
            select(OutageRider.rider_id).where(OutageRider.outage_id == city.id)
        ))  # fmt: skip
        assert told == {1, 2}
    assert "Part of an outage of many stations" in town.file(first.case_id or 0)
    assert town.pages()[-1] == "OUTAGE: 8 piles are out at many stations."
    everything: list[Any] = city.piles
    town.back(*everything[1:])
    town.passes(130)
    assert town.outages()[2].ended_at is None  # the very first is still out
    town.back(everything[0])
    town.passes(130)
    assert town.outages()[2].ended_at is not None
    assert len([text for text in town.said() if "outage at" in text]) == 2


def test_the_page_of_an_outage_is_sent(tmp_path: Path) -> None:
    """Over OCPP frames, to the telephone of who is on call."""
    phone = "+358409999999"
    with open_world(tmp_path, page_on_call=f"whatsapp:{phone}") as world:
        world.rider_says(phone, "hello")  # opens the 24 hours
        world.bot_says(phone, "Hello")
        add_pile(world, "Kamppi", "1024")
        for number in ("1023", "1024"):
            world.pile(number).status(1, "Faulted")
        world.bot_is_silent(phone)
        for number in ("1023", "1024"):
            world.pile(number).status(2, "Faulted")
        world.bot_says(phone, "OUTAGE: 2 piles are out at Kamppi.")
