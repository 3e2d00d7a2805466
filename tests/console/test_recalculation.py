"""A bill beside its fresh computation; the difference credited once, above a limit by two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.store.charging import Bill, ChargingSession, CreditNote, LedgerEntry, Refund
from bot.store.desk import StaffAction
from bot.store.stations import TariffVersion
from tests.console.desk import Desk
from tests.console.journey import PHONE, charge
from tests.world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        world.settings = replace(world.settings, refund_limits="finance:2,manager:2")
        yield world


def version(world: World, price: str) -> int:
    """Another version of the prices at pile 1023, from ahead on."""
    with world.store.begin() as work:
        row = TariffVersion(
            tariff_id=1, valid_from=work.now + timedelta(days=9),
            body={"elements": [{"kind": "energy", "price": price, "per": "kwh"}]},
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        return row.id


def notes(world: World) -> list[CreditNote]:
    with world.store.read() as work:
        return list(work.session.scalars(select(CreditNote)))


def test_a_right_bill_is_the_same_on_both_sides(world: World, desk: Desk) -> None:
    session_id = charge(world)  # 10 kWh at 0.30
    finance = desk.agent("finance")
    page = finance.get(f"/charges/{session_id}/bill").text
    assert 'class="differs"' not in page
    assert "Nothing to give back" in page
    refused = finance.post(f"/charges/{session_id}/bill/correct", key="k", reason="why")
    assert refused.status_code == 409
    assert "was not billed too much" in refused.text
    dearer = version(world, "0.90")
    page = finance.get(f"/charges/{session_id}/bill?by={dearer}").text
    assert "a bill is never raised afterwards" in page
    assert "6.00" in page, "by how much it is too low"
    form = {"key": "d", "reason": "why", "by": str(dearer)}
    raised = finance.post(f"/charges/{session_id}/bill/correct", **form)
    assert raised.status_code == 409
    assert "never raised afterwards" in raised.text
    assert finance.get("/charges/999/bill").status_code == 404
    assert finance.get(f"/charges/{session_id}/bill?by=999").status_code == 404
    assert desk.agent("agent").get(f"/charges/{session_id}/bill").status_code == 403
    assert notes(world) == []


def test_the_difference_is_credited_and_given_back_once(world: World, desk: Desk) -> None:
    session_id, finance = charge(world), desk.agent("finance")
    cheaper = version(world, "0.20")
    page = finance.get(f"/charges/{session_id}/bill?by={cheaper}").text
    assert 'class="differs"' in page
    assert "-1.00" in page
    assert "1.00 EUR</b> too much" in page
    form: dict[str, Any] = {"by": str(cheaper), "key": "k", "reason": "The wrong version counted"}
    for _ in range(2):
        assert finance.post(f"/charges/{session_id}/bill/correct", **form).status_code == 303
    (note,) = notes(world)
    assert (note.total_minor, note.reason) == (100, "correction")
    with world.store.read() as work:
        assert work.session.scalars(select(Bill.total_minor)).all() == [300]  # never edited
        assert work.session.scalars(select(Refund.amount_minor)).all() == [100]
        entries = select(LedgerEntry.source, func.sum(LedgerEntry.amount_minor))
        for _, total in work.session.execute(entries.group_by(LedgerEntry.source)):
            assert total == 0
        session = work.session.get_one(ChargingSession, session_id)
        assert session.facts["refund_minor"] == 100
    world.bot_says(PHONE, "€1.00 of your charge at 1023-27 goes back to")
    again = finance.get(f"/charges/{session_id}/bill?by={cheaper}").text
    assert "1.00 EUR of the printed bill is credited already" in again
    assert "Nothing to give back" in again


def test_above_the_limit_a_second_person_corrects(world: World, desk: Desk) -> None:
    session_id, finance, mia = charge(world), desk.agent("finance"), desk.agent("manager", "Mia")
    free = version(world, "0.05")
    form: dict[str, Any] = {"by": str(free), "key": "k", "reason": "Goodwill of the operator"}
    finance.post(f"/charges/{session_id}/bill/correct", **form)
    assert notes(world) == []
    with world.store.read() as work:
        (action,) = work.session.scalars(select(StaffAction))
    assert (action.state, action.amount_minor) == ("waiting", 250)
    assert finance.post(f"/approvals/{action.id}/approve").status_code == 303  # their own: refused
    assert notes(world) == []
    mia.post(f"/approvals/{action.id}/approve")
    (note,) = notes(world)
    assert note.total_minor == 250
