"""Prices change by two people, from a moment on; what a charge would cost; stations."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.console import tariff_form
from bot.console.tariff_words import sentence, week
from bot.demo.helsinki import TARIFFS
from bot.domain.tariffs import TariffError, load_tariff
from bot.services.tariffs import tariff_for
from bot.store.staff import Audit
from bot.store.stations import Evse, Station, Tariff, TariffProposal, TariffVersion
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
        ({"start-0": "22:00"}, "both a first and a last time"),
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


FULL: dict[str, Any] = {
    "elements": [
        {"kind": "energy", "price": "0.10", "per": "kwh", "step": 5, "tax_percent": "10",
         "only": {"min_kwh": "10", "max_kwh": "20.5", "min_kw": "3.7", "max_a": "48",
                  "min_s": 450, "max_s": 7200, "start_date": "2026-12-24",
                  "end_date": "2027-01-01"}},
        {"kind": "flat", "price": "3", "per": "start",
         "only": {"reservation": "RESERVATION_EXPIRES"}},
        {"kind": "idle", "price": "1", "per": "min", "when": {"weekdays": [1, 4]}},
    ],
    "minimum": {"before": "1", "after": "1.50"}, "maximum": {"after": "30"},
    "idle_cap": "9", "idle_grace_s": 600, "idle_if_waited": True,
}  # fmt: skip


def filled(body: Mapping[str, Any]) -> dict[str, str]:
    """The form of a version, as a browser would send it back."""
    form = tariff_form.rest_of(body, includes_tax=True)
    for number, row in enumerate(tariff_form.rows_of(body)):
        form |= {f"{each.name}-{number}": getattr(row, each.name) for each in fields(row)}
    return {name: value for name, value in form.items() if value or name.startswith("kind")}


@pytest.mark.parametrize("body", [*TARIFFS.values(), FULL], ids=[*TARIFFS, "all there is"])
def test_every_tariff_survives_its_form(body: Mapping[str, Any]) -> None:
    assert load_tariff(tariff_form.read(filled(body)), **STATION) == load_tariff(body, **STATION)


def test_every_price_reads_as_a_sentence() -> None:
    said = [sentence(each, "EUR") for each in load_tariff(FULL, **STATION).elements]
    assert said == [
        "Each kWh costs 0.10 EUR, counted in steps of 5 Wh, taxed at 10 %: from 2026-12-24 to "
        "2026-12-31; from 10 to 20.5 kWh; power of 3.7 kW or more; current under 48 A; "
        "from 7.5 to 120 min.",
        "Not coming to a booking costs 3 EUR, always.",
        "Staying plugged in costs 1 EUR a minute: Tue, Fri.",
    ]


def test_the_week_in_bands_also_when_the_clock_changes() -> None:
    rules = load_tariff(TARIFFS["AC day and night"], **STATION)
    for day in ("2026-11-27", "2026-10-24", "2026-03-27"):
        _, days = week(rules, datetime.fromisoformat(f"{day}T12:00:00+00:00"))
        assert len(days) == 7
        for each in days:
            told = [(band.start, band.end, band.price) for band in each.bands]
            assert told == [
                ("00:00", "07:00", "0.19"), ("07:00", "22:00", "0.29"), ("22:00", "24:00", "0.19"),
            ]  # fmt: skip


def test_prices_are_checked_before_they_are_proposed(world: World, desk: Desk) -> None:
    manager = desk.agent("manager")
    form = {**PRICE, "kind-1": "idle:min", "price-1": "0.10", "idle_grace": "10", "max_kwh-0": "5"}
    page = manager.post("/tariffs/1/check", **form, s_kwh="10", s_idle="40")
    assert page.status_code == 200
    assert "Each kWh costs 0.35 EUR: the first 5 kWh." in page.text
    assert "without conditions: where none fits it is free" in page.text
    assert "<b>4.75 EUR</b>" in page.text  # 5 kWh at 0.35 and 30 of 40 minutes at 0.10
    part = manager.http.post(
        "/tariffs/1/check", data={"csrf": manager.csrf(), **form}, headers={"HX-Request": "true"}
    ).text
    assert "<form" not in part
    assert "The week" in part
    assert proposals(world) == []


@pytest.mark.parametrize(
    ("currency", "price", "field", "why"),
    [
        ("EUR", {"price-0": "5000"}, "price-0", "more than can be meant"),
        ("EUR", {"price-0": "0.1234567"}, "price-0", "more than 6 decimals"),
        ("EUR", {"kind-0": "flat:start", "price-0": "1.005"}, "price-0", "has 2 decimals"),
        ("JPY", {"kind-0": "flat:start", "price-0": "50.5"}, "price-0", "JPY has no decimals"),
        ("JPY", {"maximum_after": "99.9"}, "maximum_after", "JPY has no decimals"),
        ("KWD", {"kind-0": "flat:start", "price-0": "0.0505"}, "price-0", "KWD has 3 decimals"),
        ("EUR", {"minimum_after": "-2"}, "minimum_after", "must not be negative"),
        ("EUR", {"minimum_after": "9", "maximum_after": "8"}, "maximum_after", "below the least"),
        ("EUR", {"max_kwh-0": "x"}, "max_kwh-0", "not a number"),
        ("EUR", {"min_min-0": "soon"}, "min_min-0", "whole number"),
        ("EUR", {"tax-0": "250"}, "tax-0", "between 0 and 100"),
        (
            "EUR",
            {"from_day-0": "2026-12-24", "to_day-0": "2026-12-01"},
            "to_day-0",
            "before the first",
        ),
        ("EUR", {"reservation-0": "RESERVATION"}, "reservation-0", "reserving"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    world: World, desk: Desk, currency: str, price: dict[str, str], field: str, why: str
) -> None:
    with world.store.begin() as work:
        work.session.get_one(Station, 1).currency = currency
        work.session.get_one(Tariff, 1).currency = currency
    answer = desk.agent("manager").post("/tariffs/1/propose", **{**PRICE, "key": "k", **price})
    assert answer.status_code == 422
    at = answer.text.index(f'id="h-{field}"')
    assert why in answer.text[at : at + 400]
    assert proposals(world) == []


# --- OCPI


def test_a_version_goes_out_and_comes_back_as_a_proposal(world: World, desk: Desk) -> None:
    manager, finance = desk.agent("manager"), desk.agent("finance")
    answer = finance.get("/tariffs/1/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tariff-1.json"'
    text = answer.text.replace('"price": 0.30', '"price": 0.37')
    assert text != answer.text
    manager.post("/tariffs/1/import", text=text, reason="From the roaming hub", key="k1")
    assert price_at(world) == "0.30"
    finance.post("/tariffs/proposals/1/approve")
    assert price_at(world, timedelta(seconds=1)) == "0.37"
    assert finance.get("/tariffs/99/export").status_code == 404
    assert finance.get("/tariffs/1/export?version=99").status_code == 404
    assert finance.get("/tariffs/1/import").status_code == 403


def test_an_import_names_what_is_wrong_and_what_nobody_knows(world: World, desk: Desk) -> None:
    manager = desk.agent("manager")
    text = manager.get("/tariffs/1/export").text
    wrong = manager.post("/tariffs/1/import", text=text.replace("ENERGY", "<b>"), key="k")
    assert wrong.status_code == 422
    assert "<code>$.elements[0].price_components[0].type</code>" in wrong.text
    other = manager.post("/tariffs/1/import", text=text.replace('"EUR"', '"SEK"'), key="k")
    assert "this tariff is in EUR, not SEK" in other.text
    strange = text.replace('"elements"', '"mood": 1,\n"elements"')
    given = {"text": strange, "reason": "why", "key": "k"}
    asked = manager.post("/tariffs/1/import", **given)
    assert asked.status_code == 422
    assert "<code>$.mood</code>" in asked.text
    assert proposals(world) == []
    assert manager.post("/tariffs/1/import", **given, without="1").status_code == 303
    assert len(proposals(world)) == 1
    file = {"file": ("t.json", text.encode(), "application/json")}
    checked = manager.post("/tariffs/1/import", files=file, do="check", key="k2")
    assert "What it says" in checked.text


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
