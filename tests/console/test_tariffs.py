"""Prices change by two people, from a moment on; what a charge would cost; stations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.console import tariff_form
from bot.demo.helsinki import TARIFFS
from bot.domain.tariffs import TariffError, load_tariff
from bot.services.tariffs import tariff_for
from bot.store.staff import Audit
from bot.store.stations import Evse, Station, TariffProposal, TariffVersion
from tests.console.desk import Agent, Desk
from tests.world import World

PRICE: dict[str, Any] = {"kind-0": "energy:kwh", "price-0": "0,35", "reason": "Power got dearer"}
STATION = {"currency": "EUR", "tz": "Europe/Helsinki", "tax_percent": "25.5", "includes_tax": True}


def propose(manager: Agent, **fields: Any) -> None:
    answer = manager.post("/tariffs/1/propose", **{**PRICE, "key": "k1", **fields})
    assert answer.status_code == 303, answer.text


def proposals(world: World) -> list[TariffProposal]:
    with world.store.read() as work:
        return list(work.session.scalars(select(TariffProposal).order_by(TariffProposal.id)))


def price_at(world: World, ahead: timedelta = timedelta()) -> str:
    """Of the energy at pile 1023."""
    with world.store.read() as work:
        evse = work.session.scalars(select(Evse)).first()
        assert evse is not None
        return str(tariff_for(work, evse, work.now + ahead).elements[0].price)


def test_prices_count_when_a_second_person_has_approved_them(world: World, desk: Desk) -> None:
    manager, finance = desk.agent("manager", "Mia"), desk.agent("finance", "Sofia")
    propose(manager)
    assert price_at(world) == "0.30"
    assert manager.post("/tariffs/proposals/1/approve").status_code == 403
    assert "Power got dearer" in finance.get("/tariffs").text
    assert "/tariffs/proposals/1/approve" in finance.get("/tariffs/1").text
    finance.post("/tariffs/proposals/1/approve")
    assert price_at(world, timedelta(seconds=1)) == "0.35"
    assert price_at(world, -timedelta(days=1)) == "0.30"  # never in retrospect
    with world.store.read() as work:
        actions = work.session.scalars(select(Audit.action)).all()
    assert {"tariff_propose", "tariff_approve"} <= set(actions)


def test_prices_of_a_moment_ahead_wait_for_it(world: World, desk: Desk) -> None:
    manager, finance = desk.agent("manager"), desk.agent("finance")
    local = (world.now + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    propose(manager, valid_from=local)
    finance.post("/tariffs/proposals/1/approve")
    assert price_at(world, timedelta(days=2)) == "0.30"
    assert price_at(world, timedelta(days=4)) == "0.35"
    assert "Ahead" in finance.get("/tariffs/1").text


def test_a_double_click_proposes_once(world: World, desk: Desk) -> None:
    manager = desk.agent("manager")
    propose(manager)
    propose(manager)
    propose(manager, key="k2")
    assert len(proposals(world)) == 2


def test_of_approval_and_rejection_at_once_one_counts(world: World, desk: Desk) -> None:
    propose(desk.agent("manager"))
    people = [desk.agent("finance", f"Finance {number}") for number in range(6)]
    for each in people:
        each.token = each.csrf()

    def decide(number: int) -> int:
        path = f"/tariffs/proposals/1/{'approve' if number % 2 else 'reject'}"
        data = {"csrf": people[number].token, "reason": "Too dear"}
        return people[number].http.post(path, data=data).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(decide, range(6))) == {303}
    (row,) = proposals(world)
    with world.store.read() as work:
        versions = work.session.scalars(select(TariffVersion)).all()
    assert len(versions) == (2 if row.state == "approved" else 1)
    loser = next(each for each in people if each.staff_id != row.decided_by)
    loser.post("/tariffs/proposals/1/approve")
    assert f"has {row.state} it already" in loser.get("/tariffs/1").text


def test_nobody_approves_what_they_proposed_even_after_a_change_of_role(
    world: World, desk: Desk
) -> None:
    finance = desk.agent("finance", "Sofia")
    propose(desk.agent("manager"))
    with world.store.begin() as work:
        work.session.get_one(TariffProposal, 1).asked_by = finance.staff_id
    finance.post("/tariffs/proposals/1/approve")
    assert proposals(world)[0].state == "waiting"
    assert "Nobody decides on their own" in finance.get("/tariffs/1").text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"price-0": "x"}, "not a number"),
        ({"price-0": "-1"}, "must not be negative"),
        ({"price-0": ""}, "needs both"),
        ({"kind-0": "", "price-0": ""}, "at least one price"),
        ({"kind-0": "energy:min"}, "cannot be priced"),
        ({"start-0": "22:00"}, "first and a last time"),
        ({"reason": " "}, "say why"),
        ({"valid_from": "2020-01-01T00:00"}, "from now on"),
        ({"valid_from": "soon"}, "date and a time"),
        ({"idle_grace": "1.5"}, "whole number"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_form_is_kept(
    world: World, desk: Desk, fields: dict[str, str], why: str
) -> None:
    answer = desk.agent("manager").post("/tariffs/1/propose", **{**PRICE, "key": "k", **fields})
    assert answer.status_code == 422
    assert why in answer.text
    assert "Power got dearer" in answer.text or "reason" in fields
    assert proposals(world) == []


@pytest.mark.parametrize("name", TARIFFS)
def test_every_tariff_survives_its_form(name: str) -> None:
    body = TARIFFS[name]
    form: dict[str, str] = {}
    for number, row in enumerate(tariff_form.rows_of(body)):
        form |= {f"kind-{number}": row.kind, f"price-{number}": row.price}
        form |= {f"days-{number}": row.days, f"step-{number}": row.step}
        form |= {f"start-{number}": row.start, f"end-{number}": row.end}
    from bot.console.pages.tariffs import _rest

    form |= _rest(body)
    assert load_tariff(tariff_form.read(form), **STATION) == load_tariff(body, **STATION)


def test_an_unreadable_form_is_an_error_in_words() -> None:
    with pytest.raises(TariffError, match="Row 1 needs both"):
        tariff_form.read({"kind-0": "energy:kwh"})


def test_what_a_charge_would_cost_now_and_by_a_proposal(world: World, desk: Desk) -> None:
    manager = desk.agent("manager")
    now = manager.get("/tariffs/1?kwh=10&kw=11&idle=0").text
    assert "<b>3.00 EUR</b>" in now
    propose(manager, **{"kind-1": "idle:min", "price-1": "0.10", "idle_grace": "10"})
    then = manager.get("/tariffs/1?kwh=10&kw=11&idle=40&by=p1").text
    assert "<b>6.50 EUR</b>" in then  # 10 kWh at 0.35 and 30 of 40 minutes at 0.10
    assert "lie between" in manager.get("/tariffs/1?kwh=-1").text
    assert "are numbers" in manager.get("/tariffs/1?kwh=nan%3Cb%3E").text
    assert manager.get("/tariffs/1?at=nonsense&by=p%00&station=x&kwh=nan").status_code == 200


# --- stations ------------------------------------------------------------------------------------


def test_a_manager_changes_what_is_told_of_a_station(world: World, desk: Desk) -> None:
    manager, agent = desk.agent("manager"), desk.agent("agent")
    given = {
        "name": "Kamppi", "address": "Kamppi 1", "open_hours": "6–22",
        "directions": "Level -2", "emergency_note": "<b>Isolator</b>: left wall",
    }  # fmt: skip
    assert agent.post("/stations/1/save", **given).status_code == 403
    assert manager.post("/stations/1/save", **given).status_code == 303
    shown = agent.get("/stations/1").text
    assert "Level -2" in shown
    assert "&lt;b&gt;Isolator" in shown
    refused = manager.post("/stations/1/save", **{**given, "name": " "})
    assert refused.status_code == 422
    assert "cannot be empty" in refused.text
    with world.store.read() as work:
        assert work.session.get_one(Station, 1).name == "Kamppi"
        change = work.session.scalars(select(Audit).where(Audit.action == "station_change")).one()
    assert change.before is not None
    assert change.before["open_hours"] == "24/7"
    assert "Kamppi" in agent.get("/stations").text
    assert agent.get("/stations/99").status_code == 404
    assert agent.get("/stations/1/photo").status_code == 404
