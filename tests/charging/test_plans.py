"""Plans: paid ahead, earned by use, warned of, ended, returned; the books always agree."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import Engine, select

from bot.domain.discounts import Discount
from bot.errors import Refused
from bot.services import books, payment_results, plans, refunds, restarts
from bot.store.charging import Hold, Refund
from bot.store.offers import Plan, PlanUse
from bot.store.queues import Inbox
from bot.store.stations import Evse, TariffVersion
from tests.charging.test_coupons import charge, frozen_then_lowered
from tests.charging.test_parallel import together
from tests.charging.world import SETTINGS, World
from tests.offers import add_plan_offer


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def bought(world: World, **given: object) -> int:
    """A plan that is paid: 20 kWh for 5.00, of it 1.02 VAT, unless told otherwise."""
    offer = add_plan_offer(world.store, **given)
    with world.work() as work:
        plan = plans.buy(work, 1, offer, key="buy-1")
        assert plans.buy(work, 1, offer, key="buy-1").id == plan.id
        hold = work.session.scalars(select(Hold).where(Hold.subject == f"plan:{plan.id}")).one()
    with world.work() as work:
        body = {"hold_id": hold.id, "outcome": "captured", "amount_minor": plan.price_minor}
        payment_results.on_payment_result(work, SETTINGS, body)
    return plan.id


def row(world: World, plan_id: int = 1) -> Plan:
    with world.work() as work:
        return work.session.get_one(Plan, plan_id)


def fires(world: World, name: str) -> None:
    """A timer of the plan comes due."""
    with world.work() as work:
        rows = work.session.scalars(select(Inbox).where(Inbox.kind == "plan.timer")).all()
        (timer,) = [each for each in rows if each.source_id == f"plan:1:{name}"]
        world.now = timer.available_at
        for each in rows:
            each.state = "done" if each.available_at <= world.now else each.state
    with world.work() as work:
        plans.on_timer(work, SETTINGS, timer.body)


def test_a_plan_is_earned_as_it_is_used(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    bought(world, size=8_000)
    assert (world.balance("plan:1"), world.balance("revenue")) == (-398, 0)
    first = charge(world)  # 5 kWh at 0.40, start fee 1.00
    bill = world.bill(first)
    assert bill is not None
    assert [line["what"] for line in bill.body["lines"]] == ["flat", "energy", "plan"]
    assert bill.total_minor == 100
    assert (row(world).used, row(world).state, world.balance("plan:1")) == (5_000, "active", -149)
    world.pays(first, "captured")
    world.status("Available")
    second = charge(world, key="yes-2")  # 3 of 5 kWh are left
    bill = world.bill(second)
    assert bill is not None
    assert bill.total_minor == 80  # begun again so soon, it has no start fee
    assert (row(world).state, world.balance("plan:1")) == ("used_up", 0)
    with world.work() as work:
        uses = work.session.scalars(select(PlanUse).order_by(PlanUse.id)).all()
        assert [each.amount for each in uses] == [5_000, 3_000]
        assert sum(each.earned_minor for each in uses) == 398
        assert [fault for fault in books.audit(work) if "plan" in fault] == []


def give_back(world: World, session: int, amount: int) -> None:
    """A refund that the provider has carried out."""
    with world.work() as work:
        refund = refunds.give_back(work, world.hold(session).id, amount, reason="quality")
        assert refund is not None
        body = {"refund_id": refund.id, "outcome": "refunded"}
        payment_results.on_payment_result(work, SETTINGS, body)


def faults(world: World) -> list[str]:
    with world.work() as work:
        return books.audit(work)


@pytest.mark.parametrize("size", [20_000, 5_000])  # the second is used up by the charge
def test_units_come_back_when_all_of_a_charge_is_refunded(sqlite_world: World, size: int) -> None:
    world = sqlite_world
    world.rider()
    bought(world, size=size)
    session = charge(world)  # 1.00 for the start, 5 kWh by the plan
    world.pays(session, "captured")
    give_back(world, session, 40)
    assert row(world).used == 5_000, "a part of the money brings none back"
    give_back(world, session, 60)
    assert (row(world).used, row(world).state) == (0, "active")
    assert (world.balance("plan:1"), world.balance("revenue")) == (-398, 0 - 80)
    assert any("are yours again" in each for each in world.heard())
    world.status("Available")
    world.passes(3600)
    again = world.bill(charge(world, key="yes-2"))
    assert again is not None
    assert again.total_minor == 100, "they count once more"
    world.pays(again.session_id, "captured")
    assert faults(world) == []


def test_units_of_a_plan_that_has_ended_are_paid_back(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    bought(world)  # 20 kWh for 5.00
    session = charge(world)
    world.pays(session, "captured")
    fires(world, "end")
    for _ in range(2):
        give_back(world, session, 50)
    assert (row(world).state, row(world).used) == ("expired", 5_000)
    with world.work() as work:
        back = work.session.scalars(select(Refund).where(Refund.reason == "plan")).one()
        assert back.amount_minor == 125, "a quarter of its price"
    assert faults(world) == []
    assert any("has ended meanwhile" in each for each in world.heard())
    with world.work() as work:
        body = {"refund_id": back.id, "outcome": "refunded"}
        payment_results.on_payment_result(work, SETTINGS, body)
    assert (world.balance("plan:1"), faults(world)) == (0, [])


@pytest.mark.parametrize(("unit", "size", "used"), [("wh", 20_000, 3_000), ("wh", 2_000, 2_000)])
def test_a_lowered_meter_takes_less_of_a_plan(
    sqlite_world: World, unit: str, size: int, used: int
) -> None:
    world = sqlite_world
    world.rider()
    bought(world, unit=unit, size=size)
    frozen_then_lowered(world, 5_000, 3_000)
    assert row(world).used == used
    assert faults(world) == []


def test_a_start_that_a_plan_paid_goes_on_within_ten_minutes(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    bought(world)
    with world.work() as work:  # no start fee, so that the plan pays all of it
        energy = {"kind": "energy", "price": "0.40", "per": "kwh"}
        work.session.scalars(select(TariffVersion)).one().body = {"elements": [energy]}
    first = world.bill(charge(world))
    assert first is not None
    assert first.total_minor == 0
    world.status("Available")

    def goes_on() -> bool:
        with world.work() as work:
            return restarts.earlier(work, 1, work.session.get_one(Evse, 1)) is not None

    world.passes(300)
    assert goes_on()
    world.passes(301)
    assert not goes_on()


def test_hours_cover_energy_and_time(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    bought(world, unit="s", size=36_000, name="Month 10 h")
    session = charge(world)
    bill = world.bill(session)
    assert bill is not None
    assert bill.total_minor == 100  # the start fee alone
    assert row(world).used == 60


def test_the_end_is_warned_of_and_the_rest_is_earned(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    bought(world)
    fires(world, "warn")
    assert any("ends on" in each and "are left" in each for each in world.heard())
    fires(world, "end")
    assert (row(world).state, world.balance("plan:1"), world.balance("revenue")) == (
        "expired", 0, -398,
    )  # fmt: skip
    assert any("has ended" in each for each in world.heard())
    with world.work() as work:
        assert [fault for fault in books.audit(work) if "plan" in fault] == []


def test_a_plan_that_ends_while_it_charges_covers_that_charge(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    bought(world)
    session = world.says_yes()
    world.charges(session)
    fires(world, "end")
    assert row(world).state == "active"
    world.reports("Ended", 6_000, reason="Local")
    assert (row(world).used, row(world).state) == (5_000, "expired")


def test_an_unused_plan_is_returned_once_in_full(world: World) -> None:
    world.rider()
    plan = bought(world)

    def give_back() -> object:
        with world.work() as work:
            return plans.give_back(work, 1, plan).amount_minor

    found = together([give_back] * 6)
    assert sorted(str(each) for each in found if not isinstance(each, Refused)) == ["500"]
    with world.work() as work:
        payment_results.on_payment_result(work, SETTINGS, {"refund_id": 1, "outcome": "refunded"})
    assert world.balance("plan:1") == world.balance("tax:25.5") == world.balance("revenue") == 0
    with world.work() as work:
        assert [fault for fault in books.audit(work) if "plan" in fault] == []


def test_a_used_plan_is_not_returned(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    plan = bought(world)
    charge(world)
    with pytest.raises(Refused, match="cannot be returned"), world.work() as work:
        plans.give_back(work, 1, plan)


def test_one_plan_covers_one_charge_at_a_time(world: World) -> None:
    world.rider()
    bought(world)
    body = world.offer()
    starts = [partial(world.says_yes, key=f"yes-{n}", body=body) for n in range(6)]
    won = [each for each in together(starts) if isinstance(each, int)]
    assert len(won) == 1
    with world.work() as work:
        shown = Discount("plan", 1, "x", unit="wh", left=20_000)
        assert not plans.take(work, 1, shown, won[0])
