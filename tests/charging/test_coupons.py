"""Coupons: issued within budgets and once a cause, pinned at the yes, used at the bill."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, select

from bot.errors import Refused
from bot.services import charging, coupon_codes, coupons, payment_results, refunds
from bot.store.offers import Coupon, CouponTemplate
from bot.store.riders import Rider
from bot.store.stations import Evse
from tests.charging.test_parallel import together
from tests.charging.world import SETTINGS, World
from tests.offers import LATER, add_template


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def give(world: World, cause: str = "breach:1", name: str = "sorry", rider: int = 1) -> str | None:
    """The code of a coupon given for a cause."""
    with world.work() as work:
        row = coupons.issue(work, rider, name, cause=cause, key=cause, country="FI")
        return row.code if row else None


def all_of(world: World) -> list[Coupon]:
    with world.work() as work:
        return list(work.session.scalars(select(Coupon).order_by(Coupon.id)))


def states(world: World) -> list[str]:
    return [each.state for each in all_of(world)]


def charge(world: World, wh: int = 5_000, *, rider: int = 1, key: str = "yes-1") -> int:
    """A whole charge of `wh` at 0.40 with a start fee of 1.00, to its bill."""
    session = world.says_yes(rider_id=rider, key=key)
    world.charges(session, tx=key)
    world.reports("Updated", 1_000 + wh, tx=key)
    world.reports("Ended", 1_000 + wh, tx=key, reason="Local")
    return session


# --- one order, one coupon


def test_a_coupon_counts_at_the_bill_and_once(world: World) -> None:
    world.rider()
    add_template(world.store)
    code = give(world)
    assert code and any(f"You got a coupon: {code}" in each for each in world.heard())
    session = charge(world)
    bill = world.bill(session)
    assert bill is not None
    assert [line["what"] for line in bill.body["lines"]] == ["flat", "energy", "coupon"]
    assert bill.total_minor == 200
    assert states(world) == ["used"]
    world.pays(session, "captured")
    world.status("Available")
    assert world.offer()["discounts"] == []


def test_a_coupon_is_free_again_when_nothing_is_billed(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store)
    give(world)
    session = world.says_yes()
    assert states(world) == ["reserved"]
    world.pays(session, "failed", reason="card_declined")
    assert states(world) == ["open"]
    again = world.says_yes(key="yes-2")
    assert again != session
    assert states(world) == ["reserved"]


def test_a_full_refund_gives_the_coupon_back_and_a_part_does_not(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store, valid_days=1)
    give(world)
    session = charge(world)
    world.pays(session, "captured")
    for amount, state in ((50, "used"), (150, "open")):
        with world.work() as work:
            refund = refunds.give_back(work, world.hold(session).id, amount, reason="quality")
            assert refund is not None
        world.passes(2 * 24 * 3600)
        with world.work() as work:
            body = {"refund_id": refund.id, "outcome": "refunded"}
            payment_results.on_payment_result(work, SETTINGS, body)
        assert states(world) == [state]
    assert all_of(world)[0].expires_at >= world.now + timedelta(days=6), "good for a while again"
    assert any("good again" in each for each in world.heard())


def test_cancelled_starts_do_not_lengthen_a_coupon(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store, valid_days=2)
    give(world)
    good_until = all_of(world)[0].expires_at

    def comes_to_nothing(number: int) -> None:
        session = world.says_yes(key=f"yes-{number}")
        if number > 3:
            ahead = all_of(world)[0].expires_at + timedelta(hours=1) - world.now
            world.passes(ahead.total_seconds())
        world.pays(session, "failed", reason="card_declined")

    for number in (1, 2, 3):
        comes_to_nothing(number)
        assert all_of(world)[0].expires_at == good_until, "as it was"
    comes_to_nothing(4)  # it lapsed while it was reserved: a day more, once
    assert all_of(world)[0].expires_at == world.now + timedelta(days=1)
    comes_to_nothing(5)
    assert all_of(world)[0].expires_at < world.now
    assert world.offer()["discounts"] == []


def test_a_lowered_meter_lowers_what_a_coupon_cost(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store, percent=Decimal(50), most_minor=500)
    give(world)
    session = frozen_then_lowered(world, 5_000, 3_000)
    bill = world.bill(session)
    assert bill is not None
    assert (bill.total_minor, all_of(world)[0].used_minor) == (150, 110)
    assert world.credit_notes() == [("C-000001", 40)]


def frozen_then_lowered(world: World, frozen_wh: int, final_wh: int) -> int:
    """A charge billed at the rider's stop while the pile was away, whose meter ended lower."""
    session = world.says_yes()
    world.charges(session)
    world.reports("Updated", 1_000 + frozen_wh)
    world.presence(online=False)
    world.says_stop(session)
    world.passes(60)
    world.pays(session, "captured")
    world.presence(online=True)
    world.reports("Ended", 1_000 + final_wh, reason="Remote")
    return session


def test_a_coupon_can_be_kept_for_later(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store)
    give(world)
    with world.work() as work:
        offer = charging.offer(
            work, SETTINGS, evse=work.session.get_one(Evse, 1),
            rider=work.session.get_one(Rider, 1), keep_coupons=True,
        )  # fmt: skip
    assert offer.discounts == ()
    assert offer.before == offer.examples
    world.says_yes(body=offer.body)
    assert states(world) == ["open"]


def test_a_price_shown_with_a_coupon_is_not_taken_without_it(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store)
    give(world)
    body = world.offer()
    with world.work() as work:
        work.session.scalars(select(Coupon)).one().state = "used"
    with pytest.raises(Refused, match="used meanwhile"):
        world.says_yes(body=body)
    with world.work() as work:
        assert charging.open_session(work, 1) is None
    assert world.says_yes(key="yes-2")


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({}, True),
        ({"country": "SE", "currency": "SEK"}, False),
        ({"stations": frozenset({9})}, False),
        ({"stations": frozenset({1})}, True),
        ({"min_spend_minor": 100_000}, False),
        ({"percent": Decimal(10), "most_minor": 500}, True),
    ],
)
def test_where_it_counts(sqlite_world: World, given: dict[str, Any], counts: bool) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store, **given)
    with world.work() as work:
        country = given.get("country", "FI")
        assert coupons.issue(work, 1, "sorry", cause="c", key="c", country=country)
    assert bool(world.offer()["discounts"]) is counts


# --- budgets and causes


def test_one_coupon_for_each_cause_ever(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    world.rider(2)
    add_template(world.store)
    add_template(world.store, "other")
    first = give(world)
    assert first and give(world) == first
    assert give(world, name="other") == first
    assert give(world, rider=2) is None
    assert len(all_of(world)) == 1


def test_budgets_hold_for_all_for_a_month_and_for_a_rider(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store, budget_minor=300, monthly_minor=200)
    assert [give(world, f"breach:{n}") is None for n in range(4)] == [False, False, True, True]
    world.now += timedelta(days=15)  # December
    assert give(world, "breach:5")
    assert give(world, "breach:6") is None
    world.now += LATER  # the first ones expired unused: they cost nothing
    assert give(world, "breach:7")
    add_template(world.store, "once", per_rider=1)
    assert give(world, "x:1", "once")
    assert give(world, "x:2", "once") is None
    assert give(world, "x:3", "unknown") is None
    with world.work() as work:
        for row in work.session.scalars(select(CouponTemplate)):
            row.state = "draft"
    assert give(world, "x:4") is None


def test_no_budget_is_passed_by_many_at_once(world: World) -> None:
    for rider in range(1, 13):
        world.rider(rider)
    add_template(world.store, budget_minor=500)
    jobs = [partial(give, world, f"breach:{n}", rider=n) for n in range(1, 13)]
    found = [each for each in together(jobs) if each is not None]
    assert len(found) == len(all_of(world)) == 5


def test_one_cause_given_by_many_at_once(world: World) -> None:
    world.rider()
    add_template(world.store)
    found = together([partial(give, world) for _ in range(10)])
    assert len(set(found)) == len(all_of(world)) == 1


def test_a_coupon_is_used_once_by_twenty_starts_at_once(world: World) -> None:
    world.rider()
    add_template(world.store)
    give(world)
    body = world.offer()
    starts = [partial(world.says_yes, key=f"yes-{n}", body=body) for n in range(20)]
    won = [each for each in together(starts) if isinstance(each, int)]
    assert len(won) == 1
    # Also where nothing but the coupon's own row decides.
    with world.work() as work:
        work.session.scalars(select(Coupon)).one().state = "open"

    def take() -> object:
        with world.work() as work:
            return coupons.take(work, 1, 1, won[0])

    assert sum(each is True for each in together([take] * 20)) == 1


# --- typed codes


def typed(world: World, code: str, rider: int = 1) -> str:
    """What claiming a code says."""
    with world.work() as work:
        try:
            return coupon_codes.claim(work, rider, code).code
        except Refused as error:
            return error.text


def test_codes_are_answered_clearly(sqlite_world: World) -> None:
    world = sqlite_world
    for rider in (1, 2, 3):
        world.rider(rider)
    ends = world.now + timedelta(days=3)
    add_template(world.store, "rain", code="RAIN5", budget_minor=200, ends_at=ends)
    assert typed(world, "rain-5") == typed(world, "RA1N5") == "RAIN5"
    assert typed(world, "RAIN5", 2) == "RAIN5"
    assert "are taken" in typed(world, "RAIN5", 3)
    own = all_of(world)[0].plain_code
    assert "another rider's" in typed(world, own, 2)
    wrong = own[:-1] + ("2" if own[-1] != "2" else "3")
    assert "seems wrong" in typed(world, wrong)
    world.now = ends + timedelta(hours=1)
    assert "has ended" in typed(world, "RAIN5")
    assert "was good until" in typed(world, own)
    for _ in range(coupon_codes.WRONG_CODES + 1):
        said = typed(world, "GUESS1")
    assert "many codes" in said


def test_a_rider_without_a_charge_gets_the_only_market(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store)
    with world.work() as work:
        assert coupons.country_of(work, 1) is None
        assert coupons.issue(work, 1, "sorry", cause="c", key="c") is not None
