"""A charge from the yes to the settled bill, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from bot.services import billing
from tests.charging.world import World


@pytest.fixture
def world(engine: Engine) -> World:
    world = World(engine)
    world.rider()
    return world


def test_a_charge_that_goes_well(world: World) -> None:
    session = world.says_yes()
    assert world.progress(session).waiting_for == "payment"
    assert len(world.effects("payment.hold")) == 1

    world.pays(session, "held")
    assert world.progress(session).waiting_for == "pile"
    world.answers("start", "accepted")
    assert world.progress(session).waiting_for == "plug"
    world.status("Occupied")
    world.reports("Started", 1000)
    assert world.progress(session).waiting_for == "energy"
    world.passes(60)
    world.reports("Updated", 3000)

    now = world.progress(session)
    assert (now.state, now.energy_wh, now.cost.amount_minor) == ("charging", 2000, 180)
    assert now.seconds == 60

    world.passes(60)
    world.reports("Updated", 6000)
    world.passes(10)
    world.says_stop(session)
    assert world.progress(session).waiting_for == "stop"
    world.answers("stop", "accepted")
    world.reports("Ended", 6100, reason="Remote")

    # 5 kWh × 0.40 + 1.00; what came after the word "stop" is not billed
    bill = world.bill(session)
    assert bill is not None
    assert bill.total_minor == 300
    assert bill.number == "R-000001"
    assert world.heard()[-1] == "Receipt"
    assert world.hold(session).capture_minor == 300
    world.pays(session, "captured")
    assert world.session(session).state == "settled"
    assert world.hold(session).state == "captured"
    assert world.balance("rider:1") == 0
    assert world.balance("provider") == 300
    with world.work() as work:
        view = billing.bill_view(work, bill.id)
    assert (view.energy_wh, view.meter_start_wh, view.meter_end_wh) == (5000, 1000, 6000)
    assert view.captured.amount_minor + view.released.amount_minor == view.hold.amount_minor
    assert view.tariff.version == "7"
