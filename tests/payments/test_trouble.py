"""Crashes, lost answers and lost events: the money is right all the same."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from bot.errors import TryAgain
from bot.gateways.payments import deliver_payment
from bot.gateways.stripe_events import poll_unsettled
from bot.store.charging import Hold
from bot.store.database import Store, UnitOfWork
from bot.store.inbox import put
from bot.store.riders import Rider
from tests.payments.conftest import World, eventually

CREATE = "POST /v1/payment_intents"
PAGE = "POST /v1/checkout/sessions"


class Crash(Exception):
    """The process died between Stripe's answer and our commit."""


class CrashingStore(Store):
    """Reads as usual; the transaction after the call to Stripe never commits."""

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        with super().begin() as work:
            yield work
            raise Crash


def crash(world: World, kind: str, hold: Hold) -> None:
    """Deliver an effect in a process that dies before it can write down what happened."""
    store = CrashingStore(world.store.engine)
    with pytest.raises(Crash):
        deliver_payment(store, world.settings, f"payment.{kind}", {"hold_id": hold.id})


def test_crash_after_holding_replays_to_the_same_intent(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    crash(world, "hold", hold)
    assert world.row(hold).payment_intent is None
    assert world.place(hold)["outcome"] == "held"
    assert [intent.id for intent in world.intents()] == [world.row(hold).payment_intent]


def test_crash_after_opening_a_page_replays_to_the_same_page(world: World) -> None:
    hold = world.hold(world.rider())
    crash(world, "hold", hold)
    world.place(hold)
    pages = world.stripe.v1.checkout.sessions.list({}).data
    assert [page.id for page in pages] == [world.row(hold).checkout_session]


def test_crash_then_another_card_adopts_what_stands(world: World) -> None:
    """The rider's card changed between the crash and the replay: same key, other parameters."""
    rider = world.rider("pm_card_visa")
    hold = world.hold(rider)
    crash(world, "hold", hold)
    new = world.stripe.v1.payment_methods.attach(
        "pm_card_mastercard", {"customer": rider_customer(world, rider)}
    )
    with world.store.begin() as work:
        work.session.get_one(Rider, rider.id).stripe_payment_method = new.id
    assert world.place(hold)["outcome"] == "held"
    assert len(world.intents()) == 1


def test_crash_and_much_later_adopts_instead_of_replaying(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"), age=timedelta(hours=21))
    created_by_crashed_worker(world, hold)
    world.demo.delete("/demo/idempotency")
    assert world.place(hold)["outcome"] == "held"
    assert len(world.intents()) == 1


def test_hold_that_nobody_placed_for_a_day_is_not_placed_any_more(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"), age=timedelta(hours=21))
    world.place(hold)
    assert world.results(hold)[-1]["reason"] == "too_late"
    assert world.intents() == []


@pytest.mark.parametrize("card", ["pm_card_visa", None])
def test_void_finds_what_a_crash_left_behind(world: World, card: str | None) -> None:
    hold = world.hold(world.rider(card))
    crash(world, "hold", hold)
    world.set(hold, state="voiding")
    world.deliver("hold", hold)
    world.deliver("void", hold)
    assert world.outcomes(hold) == ["void"]
    assert all(intent.status == "canceled" for intent in world.intents())
    pages = world.stripe.v1.checkout.sessions.list({}).data
    assert all(page.status == "expired" for page in pages)
    assert len(pages) + len(world.intents()) == 1


def test_crash_after_capture_books_what_was_taken(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.set(hold, state="capturing", capture_minor=640)
    crash(world, "capture", hold)
    world.deliver("capture", hold)
    assert world.results(hold)[-1]["amount_minor"] == 640
    assert world.outcomes(hold) == ["held", "captured"]


def test_crash_after_refund_gives_back_once(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.set(hold, state="capturing", capture_minor=640)
    world.deliver("capture", hold)
    refund = world.refund(hold, 100)
    with pytest.raises(Crash):
        deliver_payment(
            CrashingStore(world.store.engine), world.settings, "payment.refund",
            {"refund_id": refund.id},
        )  # fmt: skip
    world.deliver_refund(refund)
    assert len(world.stripe.v1.refunds.list({}).data) == 1


def test_workers_that_deliver_at_the_same_moment_do_it_once(world: World) -> None:
    """A lease ran out while its worker was slow."""
    hold = world.hold(world.rider("pm_card_visa"))
    with ThreadPoolExecutor(5) as workers:
        list(workers.map(lambda _: world.deliver("hold", hold), range(5)))
        world.set(hold, state="capturing", capture_minor=500)
        list(workers.map(lambda _: world.deliver("capture", hold), range(5)))
    assert len(world.intents()) == 1
    assert world.outcomes(hold) == ["held", "captured"]


def test_answer_lost_on_the_way_is_asked_for_again(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.fault(CREATE, status=0, after=True)
    assert world.place(hold)["outcome"] == "held"  # the SDK repeats with the same key
    assert len(world.intents()) == 1


def test_stripe_away_means_try_again_and_then_the_same_intent(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.fault(CREATE, status=0, after=True, times=3)
    with pytest.raises(TryAgain):
        world.deliver("hold", hold)
    assert world.place(hold)["outcome"] == "held"
    assert len(world.intents()) == 1


def test_server_error_before_execution_is_tried_again(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.fault(CREATE, status=503, times=3)
    with pytest.raises(TryAgain):
        world.deliver("hold", hold)
    assert world.intents() == []
    assert world.place(hold)["outcome"] == "held"


def test_too_many_requests_wait_a_little(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.fault(CREATE, status=429)
    with pytest.raises(TryAgain) as caught:
        world.deliver("hold", hold)
    assert caught.value.after_s is not None
    assert 2 <= caught.value.after_s <= 10
    assert world.place(hold)["outcome"] == "held"


def test_server_error_stored_under_the_key_is_looked_behind(world: World) -> None:
    """Stripe keeps a 500 under its key for a day: repeating would never end."""
    hold = world.hold(world.rider("pm_card_visa"))
    world.fault(CREATE, status=500, after=True, stored=True)
    assert world.place(hold)["outcome"] == "held"
    assert len(world.intents()) == 1


def test_server_error_stored_for_a_page_opens_another(world: World) -> None:
    hold = world.hold(world.rider())
    world.fault(PAGE, status=500, after=True, stored=True)
    assert world.place(hold)["outcome"] == "needs_rider"
    world.pay(hold)
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["needs_rider", "held"]


@pytest.mark.parametrize("executed", [True, False])
def test_server_error_stored_for_a_capture_does_not_lose_it(world: World, executed: bool) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.set(hold, state="capturing", capture_minor=500)
    match = f"{CREATE}/*/capture"
    if executed:
        world.fault(match, status=500, after=True, stored=True)
        with pytest.raises(TryAgain):  # the second key finds it captured: look again
            world.deliver("capture", hold)
    else:
        world.fault(match, status=503, times=3)
        with pytest.raises(TryAgain):
            world.deliver("capture", hold)
    world.deliver("capture", hold)
    assert world.intent(hold).amount_received == 500
    assert world.outcomes(hold) == ["held", "captured"]


def test_lost_events_are_made_up_for_by_the_poll(world: World) -> None:
    world.lose_events()
    hold = world.hold(world.rider())
    world.place(hold)
    world.pay(hold)
    assert poll_unsettled(world.store) == 0  # too fresh
    world.set(hold, updated_at=world.row(hold).updated_at - timedelta(minutes=6))
    assert poll_unsettled(world.store) == 1
    assert poll_unsettled(world.store) == 0  # asked already
    world.work_off()
    assert world.outcomes(hold) == ["needs_rider", "held"]


def test_poll_ends_captures_and_voids_that_got_lost(world: World) -> None:
    world.lose_events()
    taken, given = (world.hold(world.rider("pm_card_visa")) for _ in range(2))
    for hold, state in ((taken, "capturing"), (given, "voiding")):
        world.place(hold)
        old = world.row(hold).updated_at - timedelta(minutes=6)
        world.set(hold, state=state, capture_minor=444, updated_at=old)
    poll_unsettled(world.store)
    world.work_off()
    assert world.results(taken)[-1]["amount_minor"] == 444
    assert world.outcomes(given) == ["held", "void"]


def test_poll_retries_a_refund_nobody_heard_of(world: World) -> None:
    world.lose_events()
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.set(hold, state="capturing", capture_minor=500)
    world.deliver("capture", hold)
    world.refund(hold, 200, age=timedelta(minutes=6))
    poll_unsettled(world.store)
    world.work_off()
    assert world.outcomes(hold) == ["held", "captured", "refunded"]


def test_hold_that_lapses_soon_is_told_once(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    row = world.row(hold)
    assert row.capture_before is not None
    poll_unsettled(world.store)
    assert world.outcomes(hold) == ["held"]
    world.set(hold, capture_before=row.created_at + timedelta(hours=11))
    for _ in range(3):
        poll_unsettled(world.store)
    assert world.outcomes(hold) == ["held", "expiring"]


def test_rider_who_pays_a_dead_hold_gets_the_money_back_at_once(world: World) -> None:
    hold = world.hold(world.rider())
    world.place(hold)
    world.set(hold, state="failed")  # the pile was taken meanwhile
    world.pay(hold)
    eventually(lambda: "payment_intent.amount_capturable_updated" in world.events())
    world.work_off()
    assert world.intent(hold).status == "canceled"
    assert world.outcomes(hold) == ["needs_rider", "void"]


def test_second_authorisation_of_a_hold_is_released(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    known = world.intent(hold)
    rider = rider_of(world, hold)
    stray = world.stripe.v1.payment_intents.create({
        "amount": 2000, "currency": "eur", "customer": rider.stripe_customer or "",
        "payment_method": rider.stripe_payment_method or "", "capture_method": "manual",
        "confirm": True, "off_session": True, "metadata": known.metadata.to_dict(),
    })  # fmt: skip
    eventually(lambda: world.events().count("payment_intent.amount_capturable_updated") == 2)
    world.work_off()
    assert world.stripe.v1.payment_intents.retrieve(stray.id).status == "canceled"
    assert world.intent(hold).status == "requires_capture"


def test_lapsed_hold_is_told_by_its_event(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.demo.post(f"/demo/payment_intents/{world.row(hold).payment_intent}/expire")
    eventually(lambda: "payment_intent.canceled" in world.events())
    world.work_off()
    assert world.outcomes(hold) == ["held", "expired"]


def test_event_believed_in_nothing_but_a_look(world: World) -> None:
    """An event that says "paid" about an unpaid page changes nothing."""
    hold = world.hold(world.rider())
    world.place(hold)
    page = world.row(hold).checkout_session
    lie = {
        "id": "evt_lie", "type": "checkout.session.completed",
        "data": {"object": {"id": page, "object": "checkout.session", "status": "complete"}},
    }  # fmt: skip
    with world.store.begin() as work:
        put(work, source="stripe", source_id="evt_lie", stream="payment:x", kind="stripe.event",
            body={"event": lie})  # fmt: skip
    world.work_off()
    assert world.outcomes(hold) == ["needs_rider"]


def test_database_begun_anew_does_not_replay_the_old_ones_payments(world: World) -> None:
    """Same Stripe account, same row ids, other rows: keys and marks must differ."""
    rider = world.rider("pm_card_visa")
    hold = world.hold(rider)
    world.place(hold)
    old = world.row(hold).payment_intent
    new_row = hold.created_at + timedelta(seconds=5)
    world.set(hold, payment_intent=None, state="creating", created_at=new_row)
    world.deliver("hold", hold)
    assert world.row(hold).payment_intent != old


def created_by_crashed_worker(world: World, hold: Hold) -> None:
    """A worker placed the hold in time and died; the row's age says that was long ago."""
    young = world.row(hold).created_at
    store = CrashingStore(world.store.engine, clock=lambda: young)
    with pytest.raises(Crash):
        deliver_payment(store, world.settings, "payment.hold", {"hold_id": hold.id})


def rider_customer(world: World, rider: Rider) -> str:
    return world.rider_row(rider).stripe_customer or ""


def rider_of(world: World, hold: Hold) -> Rider:
    with world.store.read() as work:
        return work.session.get_one(Rider, hold.rider_id)
