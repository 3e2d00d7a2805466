"""Threats and groups: managers are paged once, the case is theirs to end and keeps the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.services import case_work, cases
from bot.store.cases import Case
from bot.store.database import make_engine
from bot.store.queues import Outbox
from bot.store.staff import Staff
from tests.charging.world import SETTINGS
from tests.console.desk import open_desk
from tests.databases import with_tables
from tests.services.test_cases import ANNA, CHEF, Office
from tests.world import World, open_world

PHONE = "+358401234567"


@pytest.fixture
def office(sqlite_url: str) -> Iterator[Office]:
    engine = with_tables(make_engine(sqlite_url))
    office = Office(engine)
    for number in (2, 3):
        office.rider(number)
    with office.work() as work:
        work.session.get_one(Staff, CHEF.staff_id).page_address = "mailto:chef@call.fi"
    yield office
    engine.dispose()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as opened:
        yield opened


def pages(office: Office) -> list[tuple[str, str]]:
    with office.store.read() as work:
        rows = work.session.scalars(select(Outbox.body).where(Outbox.kind == "page")).all()
    return [(each["to"], each["text"]) for each in rows]


def complain(office: Office, rider_id: int, code: str = "site_care", **more: str) -> int:
    return office.report(f"r{rider_id}{code}", code=code, rider_id=rider_id, **more)


def test_three_people_within_an_hour_are_a_group(office: Office) -> None:
    complain(office, 1)
    complain(office, 1, "bill_wrong")  # the same person
    complain(office, 2)
    complain(office, 3, "broken")  # a fault: no complaint
    office.passes(3_601)
    complain(office, 3)  # too late to be one with them
    assert pages(office) == []
    first, second = complain(office, 1, "staff"), complain(office, 2, "bill_wrong")
    assert first != second  # the first is one of before, told of again
    with office.store.read() as work:
        group = work.session.scalars(select(Case).where(Case.code == "group")).one()
    said = f"GROUP: case {group.id}, several riders complain about Kamppi within an hour."
    assert pages(office) == [("chef@call.fi", said)]
    complain(office, 3, "hazard")  # a fourth word of it: no second page
    assert len(pages(office)) == 1
    with office.store.read() as work:
        tied = {each.ref for each in cases.links(work, group.id) if each.kind == "case"}
    assert {str(first), str(second)} < tied
    with pytest.raises(case_work.NotPossible, match="manager"), office.work() as work:
        case_work.solve(work, SETTINGS, ANNA, group.id, cause="a", fix="b", result="c")
    with pytest.raises(case_work.NotPossible, match="manager"), office.work() as work:
        case_work.classify(work, SETTINGS, ANNA, group.id, "other")
    with office.work() as work:
        case_work.solve(work, SETTINGS, CHEF, group.id, cause="a", fix="b", result="c")
    assert office.case(group.id).status == "done"


def test_a_threat_pages_managers_whoever_has_the_chat(world: World) -> None:
    with open_desk(world) as desk:
        anna = desk.agent("agent", "Anna")
        desk.agent("manager", "Chef", page_address="mailto:chef@call.fi")
        world.deliveries = {**world.deliveries, "page": lambda key, body: "done"}
        world.rider_says(PHONE, "agent")
        assert anna.post(f"/conversations/{desk.conversation(PHONE).id}/claim").status_code == 303
        world.rider_says(PHONE, "I will go to the press and my lawyer will sue you")
        world.rider_says(PHONE, "My lawyer will write to you tomorrow, I sue you")
    with world.store.read() as work:
        case = work.session.scalars(select(Case)).one()
        assert (case.kind, case.code, case.priority) == ("crisis", "threat", 2)
        told = [each.text for each in cases.entries(work, case.id) if each.kind == "again"]
        assert told == ["My lawyer will write to you tomorrow, I sue you"]
        page = work.session.scalars(select(Outbox.body).where(Outbox.kind == "page")).one()
        assert page["path"] == f"/tickets/{case.id}"
        assert page["text"].startswith("THREAT: case")
