"""Top-ups, standing orders and pay-outs: credited once, capped, back to where it came from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from bot.domain.wallet import AutoPlan
from bot.errors import Refused
from bot.gateways.stripe_events import on_stripe_event
from bot.services import auto_top_ups, payment_results, payouts, wallet
from bot.services.wallet import Balance
from bot.store.charging import Hold, Refund
from bot.store.database import make_engine
from bot.store.riders import Rider
from bot.store.wallet import AutoTopUp, TopUp
from tests.charging.world import SETTINGS, World
from tests.databases import with_tables
from tests.wallet.test_charges import charge
from tests.wallet.world import (
    answers,
    eur,
    faults,
    fill,
    give_card,
    paid,
    stands,
    top_up,
)

BONUS = replace(SETTINGS, top_up_bonuses="EUR:50:5,EUR:100:20")


@pytest.fixture
def engine(sqlite_url: str) -> Engine:
    """One database is enough where no race is meant."""
    return with_tables(make_engine(sqlite_url))


@pytest.fixture
def world(engine: Engine) -> World:
    made = World(engine)
    made.rider()
    return made


# --- topping up


def test_a_top_up_is_credited_once_however_often_it_is_told(world: World) -> None:
    subject = top_up(world, 2000)
    assert top_up(world, 2000) == subject  # the same yes
    answers(world, subject, "needs_rider", url="https://pay.example")
    answers(world, subject, "captured")
    answers(world, subject, "captured")
    assert stands(world) == Balance(2000, 0, 0, "EUR")
    assert sum("Top-up receipt" in each for each in world.heard()) == 1
    assert faults(world) == []


@pytest.mark.parametrize("outcome", ["failed", "expired"])
def test_a_page_paid_after_it_was_given_up_still_counts(world: World, outcome: str) -> None:
    subject = top_up(world, 2000)
    answers(world, subject, outcome)
    assert stands(world).cash_minor == 0
    assert "nothing was taken" in world.heard()[-1] or "Nothing is taken" in world.heard()[-1]
    answers(world, subject, "captured")
    assert stands(world).cash_minor == 2000
    assert faults(world) == []


def test_the_bonus_comes_once_for_money_that_stays(world: World) -> None:
    paid(world, 10_000, settings=BONUS)
    assert stands(world) == Balance(10_000, 2000, 0, "EUR")
    _pay_out(world, 10_000, key="out-1")
    assert stands(world) == Balance(0, 2000, 0, "EUR")  # bonus is never paid out
    paid(world, 10_000, key="top-2", settings=BONUS)
    assert stands(world) == Balance(10_000, 2000, 0, "EUR")  # the same money again
    paid(world, 5000, key="top-3", settings=BONUS)
    assert stands(world) == Balance(15_000, 2500, 0, "EUR")
    assert faults(world) == []


def test_amounts_that_cannot_be_topped_up(world: World) -> None:
    for amount, said in ((499, "smallest"), (50_001, "largest")):
        with pytest.raises(Refused, match=said):
            top_up(world, amount)
    with pytest.raises(Refused, match="not offered"):
        top_up(world, 2000, settings=replace(SETTINGS, wallet="off"))


# --- standing orders


def _agree(world: World, trigger: int, amount: int, cap: int) -> None:
    with world.work() as work:
        rider = work.session.get_one(Rider, 1)
        auto_top_ups.agree(work, SETTINGS, rider, AutoPlan(trigger, amount, cap), "EUR")
    world.drain()


def _settled(world: World, number: int) -> None:
    """Money left the wallet: the standing order looks."""
    with world.work() as work:
        mine = wallet.find(work, 1, "EUR")
        assert mine is not None
        auto_top_ups.look_after(work, mine, source=f"test:{number}")
    world.drain()


def _order(world: World) -> AutoTopUp:
    with world.work() as work:
        return work.session.scalars(select(AutoTopUp)).one()


def _runs(world: World) -> list[str]:
    with world.work() as work:
        rows = work.session.scalars(select(TopUp).where(TopUp.automatic).order_by(TopUp.id))
        return [f"topup:{each.id}" for each in rows]


def test_it_runs_after_a_charge_below_the_trigger_and_is_told(world: World) -> None:
    give_card(world)
    fill(world, 1, 4000)
    _agree(world, 3900, 2000, 4000)
    assert _runs(world) == []  # above the trigger
    session = world.says_yes()
    charge(world, session)
    assert len(_runs(world)) == 1
    _settled(world, 1)
    assert len(_runs(world)) == 1  # one at a time
    answers(world, _runs(world)[0], "captured")
    assert "I have topped up" in world.heard()[-1]
    assert faults(world) == []


def test_the_months_cap_holds_and_is_told_once(world: World) -> None:
    give_card(world)
    _agree(world, 100_000, 2000, 4000)
    for number in range(4):
        for subject in _runs(world):
            answers(world, subject, "captured")
        _settled(world, number)
    assert len(_runs(world)) == 2
    assert sum("reached this month's limit" in each for each in world.heard()) == 1
    world.now += timedelta(days=12)  # December in Helsinki
    _settled(world, 9)
    assert len(_runs(world)) == 3


@pytest.mark.parametrize("outcome", ["needs_rider", "failed"])
def test_a_card_that_says_no_switches_it_off(world: World, outcome: str) -> None:
    give_card(world)
    _agree(world, 1000, 2000, 4000)
    answers(world, _runs(world)[0], outcome, url="https://pay.example")
    assert (_order(world).state, _order(world).ended_why) == ("off", "declined")
    assert "declined by your card" in world.heard()[-1]
    assert stands(world).cash_minor == 0
    _settled(world, 1)
    assert len(_runs(world)) == 1


def test_off_is_at_once_and_needs_a_card_to_be_on(world: World) -> None:
    with pytest.raises(Refused, match="saved card"):
        _agree(world, 1000, 2000, 4000)
    give_card(world)
    fill(world, 1, 5000)
    _agree(world, 1000, 2000, 4000)
    with world.work() as work:
        assert auto_top_ups.off(work, 1)
        assert not auto_top_ups.off(work, 1)
    _settled(world, 1)
    assert _runs(world) == []


# --- paying out


def _pay_out(world: World, amount: int, *, key: str = "out") -> payouts.Plan:
    with world.work() as work:
        planned = payouts.start(work, work.session.get_one(Rider, 1), eur(amount), key=key)
    for refund_id in _refunds(world):
        _refunded(world, refund_id, "refunded")
    return planned


def _refunds(world: World) -> list[int]:
    with world.work() as work:
        return list(work.session.scalars(select(Refund.id).where(Refund.state == "open")))


def _refunded(world: World, refund_id: int, outcome: str) -> None:
    with world.work() as work:
        body = {"refund_id": refund_id, "outcome": outcome, "reason": "expired_or_canceled_card"}
        payment_results.on_payment_result(work, SETTINGS, body)
    world.drain()


def test_cash_goes_back_to_the_newest_payment_first(world: World) -> None:
    paid(world, 2000)
    paid(world, 3000, key="top-2")
    session = world.says_yes()
    charge(world, session)
    cash = stands(world).cash_minor
    planned = _pay_out(world, cash)
    assert [each.left_minor for each in planned.parts] == [3000, cash - 3000]
    assert planned.parts[0].id > planned.parts[1].id
    assert stands(world) == Balance(0, 0, 0, "EUR")
    assert faults(world) == []
    with pytest.raises(Refused, match="on its way"):
        _pay_out(world, cash)


def test_money_of_old_payments_and_credits_goes_to_staff(world: World) -> None:
    paid(world, 2000)
    world.now += timedelta(days=200)
    paid(world, 1000, key="top-2")
    fill(world, 1, 500)
    planned = _pay_out(world, 3500)
    assert (planned.by_itself, planned.by_hand) == (eur(1000), eur(2500))
    with world.work() as work:
        waiting = payouts.waiting_for_staff(work, planned.wallet_id)
        assert [each.amount_minor for each in waiting] == [2500]
        assert faults_of(world) == []
        assert payouts.sent_by_hand(work, waiting[0].id) is not None
        assert payouts.sent_by_hand(work, waiting[0].id) is None
    assert faults(world) == []


def faults_of(world: World) -> list[str]:
    """The books, read beside an open transaction."""
    from bot.services.books import audit

    with world.store.read() as work:
        return audit(work)


@pytest.mark.parametrize("first", [False, True])
def test_what_the_bank_does_not_take_is_back_in_the_wallet(world: World, first: bool) -> None:
    paid(world, 2000)
    with world.work() as work:
        payouts.start(work, work.session.get_one(Rider, 1), eur(2000), key="out")
    number = _refunds(world)[0]
    if first:  # done, and sent back by the bank later
        _refunded(world, number, "refunded")
    _refunded(world, number, "refund_failed")
    _refunded(world, number, "refund_failed")
    assert stands(world) == Balance(2000, 0, 0, "EUR")
    assert "is in your wallet again" in " ".join(world.heard())
    assert faults(world) == []


def test_nothing_is_paid_out_that_changed_or_is_contested(world: World) -> None:
    with pytest.raises(Refused, match="no cash"):
        _pay_out(world, 1000)
    paid(world, 2000)
    with pytest.raises(Refused, match="has changed"):
        _pay_out(world, 1999)
    with world.work() as work:
        hold = work.session.scalars(select(Hold)).one()
        hold.reason = "dispute dp_1 needs_response: fraudulent"
    with pytest.raises(Refused, match="looking into"):
        _pay_out(world, 2000)
    with world.work() as work:
        work.session.scalars(select(Hold)).one().reason = "dispute dp_1 won: "
    _pay_out(world, 2000)
    assert faults(world) == []


def _dispute(world: World, status: str) -> None:
    """The bank tells of a dispute over the first top-up that was paid."""
    kind = "closed" if status == "lost" else "created"
    with world.work() as work:
        hold = work.session.scalars(select(Hold).order_by(Hold.id)).first()
        assert hold is not None
        thing = {
            "id": "dp_1", "object": "dispute", "status": status, "reason": "fraudulent",
            "payment_intent": hold.payment_intent,
        }  # fmt: skip
        event = {"id": "ev", "type": f"charge.dispute.{kind}", "data": {"object": thing}}
        on_stripe_event(work, SETTINGS, {"event": event})


@pytest.mark.parametrize(("spent", "left", "goes_back"), [(0, 1000, 1000), (1500, 0, 0)])
def test_a_top_up_that_the_bank_gave_back_is_not_paid_out_once_more(
    world: World, spent: int, left: int, goes_back: int
) -> None:
    paid(world, 2000)
    paid(world, 1000, key="top-2")
    if spent:
        with world.work() as work:
            mine = wallet.open_wallet(work, 1, "EUR")
            wallet.draw(work, mine.id, spent, source="spent", account="revenue")
    _dispute(world, "needs_response")
    with pytest.raises(Refused, match="looking into"):
        _pay_out(world, 3000 - spent)
    _dispute(world, "lost")
    _dispute(world, "lost")  # told again
    assert stands(world).cash_minor == left
    assert "no longer in your wallet" in " ".join(world.heard())
    if left:
        _pay_out(world, left)
        assert sum(_amounts(world)) == goes_back, "and not by the payment that is lost"
        assert faults(world) == []


def _amounts(world: World) -> list[int]:
    with world.work() as work:
        first = work.session.scalars(select(Hold.id).order_by(Hold.id)).first()
        rows = work.session.scalars(select(Refund).where(Refund.hold_id != first))
        return [each.amount_minor for each in rows]
