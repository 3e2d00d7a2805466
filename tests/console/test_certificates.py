"""Certificates of sites and piles: entered with their paper, replaced, told when they run out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.domain.certificates import state_of
from bot.services import certificates
from bot.store.maintenance import Certificate
from bot.store.queues import Inbox, Outbox
from bot.store.stations import Pile
from tests.console.desk import Agent, Desk
from tests.world import World

PDF = ("paper.pdf", b"%PDF-1.4 a paper", "application/pdf")


@pytest.mark.parametrize(
    ("days", "state"), [(400, "valid"), (31, "valid"), (30, "due"), (0, "due"), (-1, "expired")]
)
def test_how_a_certificate_stands(days: int, state: str) -> None:
    today = date(2026, 3, 29)
    assert state_of(today + timedelta(days=days), today) == state


def enter(agent: Agent, day: date, **fields: Any) -> None:
    files = {"paper": fields.pop("paper")} if "paper" in fields else None
    form = {"station": "1", "kind": "lightning", "reference": "LP 17", **fields}
    answer = agent.post("/certificates/add", expires_on=day.isoformat(), files=files, **form)
    assert answer.status_code == 303


def standing(world: World) -> list[Certificate]:
    with world.store.read() as work:
        rows = select(Certificate).where(Certificate.ended_at.is_(None)).order_by(Certificate.id)
        return list(work.session.scalars(rows))


def test_one_is_entered_shown_and_replaced(world: World, desk: Desk) -> None:
    tina, today = desk.agent("technician"), world.now.date()
    enter(tina, today + timedelta(days=20), pile="1023", paper=PDF)
    shown = tina.get("/certificates").text
    assert "Lightning and surge protection" in shown
    assert "ends soon" in shown
    assert tina.get("/certificates/count").text == "1"
    (first,) = standing(world)
    paper = tina.get(f"/certificates/{first.id}/paper")
    assert paper.content == PDF[1]
    assert paper.headers["Content-Disposition"].startswith("attachment")
    assert "ends soon" in tina.get("/piles/P001023").text
    enter(tina, today + timedelta(days=700), pile="1023")  # the new one takes its place
    enter(tina, today + timedelta(days=700))  # of the whole site: another thing
    assert [each.pile_id for each in standing(world)] == ["P001023", None]
    assert tina.get("/certificates/count").text == ""
    tina.post("/certificates/end", certificate=str(standing(world)[0].id), reason="Wrong pile")
    assert [each.pile_id for each in standing(world)] == [None]


@pytest.mark.parametrize(
    "fields",
    [
        {"station": "99"}, {"station": ""}, {"kind": "luck"}, {"pile": "9999"},
        {"expires_on": "soon"}, {"expires_on": "2001-01-01"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_not_entered(world: World, desk: Desk, fields: dict[str, str]) -> None:
    form = {"station": "1", "kind": "fire", "expires_on": "2099-01-01", **fields}
    answer = desk.agent("technician").post("/certificates/add", **form)
    assert answer.status_code == 303
    assert standing(world) == []


def test_managers_are_paged_when_one_runs_out_and_not_when_it_was_replaced(
    world: World, desk: Desk
) -> None:
    tina, today = desk.agent("technician"), world.now.date()
    enter(tina, today + timedelta(days=1), kind="fire")
    enter(tina, today + timedelta(days=1), kind="meter", pile="1023")
    enter(tina, today + timedelta(days=90), kind="meter", pile="1023")
    settings = replace(world.settings, page_managers="mailto:chef@example.com")
    with world.store.begin() as work:
        timers = work.session.scalars(select(Inbox).where(Inbox.kind == certificates.TIMER)).all()
        with_clock = [each.available_at.astimezone(ZoneInfo("Europe/Helsinki")) for each in timers]
        assert {(each.hour, each.minute) for each in with_clock} == {(0, 0)}
        for each in [*timers[:2], *timers[:2]]:
            certificates.on_timer(work, settings, each.body)
    with world.store.read() as work:
        rows = work.session.scalars(select(Outbox).where(Outbox.kind == "page"))
        (page,) = [each.body for each in rows]
    assert page["to"] == "chef@example.com"
    assert "Fire safety of" in page["text"]


def test_a_sockets_cap_is_set_by_managers(world: World, desk: Desk) -> None:
    lea = desk.agent("manager")
    assert lea.post("/piles/P001023/cap", socket="1", power_cap_kw="7,4").status_code == 303
    with world.store.read() as work:
        assert work.session.get_one(Pile, "P001023").evses[0].power_cap_w == 7_400
    for odd in ("-1", "NaN", "much", "99999999"):
        lea.post("/piles/P001023/cap", socket="1", power_cap_kw=odd)
    lea.post("/piles/P001023/cap", socket="77", power_cap_kw="5")
    with world.store.read() as work:
        assert work.session.get_one(Pile, "P001023").evses[0].power_cap_w == 7_400
    lea.post("/piles/P001023/cap", socket="1", power_cap_kw="")
    with world.store.read() as work:
        assert work.session.get_one(Pile, "P001023").evses[0].power_cap_w is None
