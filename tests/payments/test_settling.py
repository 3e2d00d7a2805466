"""Capturing, giving back and refunding; each effect happens once however often it is delivered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.errors import GiveUp
from bot.gateways.payments import deliver_payment
from bot.store.charging import Hold, Refund
from bot.store.riders import Rider
from tests.payments.conftest import World, eventually


def test_capture_takes_part_and_releases_the_rest(world: World) -> None:
    hold = held(world, 2000)
    world.set(hold, state="capturing", capture_minor=735)
    world.deliver("capture", hold)
    intent = world.intent(hold)
    assert (intent.status, intent.amount_received, intent.amount_capturable) == (
        "succeeded", 735, 0,
    )  # fmt: skip
    assert world.results(hold)[-1] == {
        "hold_id": hold.id, "outcome": "captured", "amount_minor": 735,
        "payment_intent": intent.id,
    }  # fmt: skip


def test_nothing_owed_gives_everything_back(world: World) -> None:
    hold = held(world)
    world.set(hold, state="capturing", capture_minor=0)
    world.deliver("capture", hold)
    assert world.intent(hold).status == "canceled"
    assert world.results(hold)[-1]["outcome"] == "void"
    assert world.results(hold)[-1]["reason"] == "nothing_owed"


@pytest.mark.parametrize("owed", [2001, -1, None])
def test_capture_of_more_than_the_hold_is_refused_before_any_call(
    world: World, owed: int | None
) -> None:
    hold = held(world, 2000)
    world.set(hold, state="capturing", capture_minor=owed)
    with pytest.raises(GiveUp):
        world.deliver("capture", hold)
    assert world.intent(hold).status == "requires_capture"


def test_capture_of_a_lapsed_hold_is_told(world: World) -> None:
    hold = held(world)
    world.demo.post(f"/demo/payment_intents/{world.row(hold).payment_intent}/expire")
    world.set(hold, state="capturing", capture_minor=500)
    world.deliver("capture", hold)
    assert world.results(hold)[-1]["outcome"] == "expired"
    assert world.results(hold)[-1]["reason"] == "automatic"


def test_capture_refused_for_good_is_told_each_time_it_is_asked_for(world: World) -> None:
    """The charging service asks again later, as another attempt with a key of its own."""
    hold = held(world, 2000)
    world.set(hold, state="capturing", capture_minor=500)
    match = "POST /v1/payment_intents/*/capture"
    for attempt in (1, 2):
        for _ in range(2):  # the second delivery is a repeat
            world.fault(match, status=402)
            with pytest.raises(GiveUp):
                world.deliver("capture", hold, attempt=attempt)
    assert world.outcomes(hold) == ["held", "failed", "failed"]
    world.deliver("capture", hold, attempt=3)
    assert world.intent(hold).amount_received == 500
    assert world.outcomes(hold) == ["held", "failed", "failed", "captured"]


def test_void_of_a_held_card(world: World) -> None:
    hold = held(world)
    world.set(hold, state="voiding")
    world.deliver("void", hold)
    assert world.intent(hold).status == "canceled"
    assert world.outcomes(hold) == ["held", "void"]


def test_void_refused_for_good_is_told_once_and_shown_to_staff(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.set(hold, state="voiding")
    world.fault("POST /v1/payment_intents/*/cancel", status=400)
    with pytest.raises(GiveUp, match="does not release it"):
        world.deliver("void", hold)
    assert world.results(hold)[-1]["reason"] == "void_refused"
    assert world.outcomes(hold)[-1] == "failed"


def test_void_closes_an_unpaid_page(world: World) -> None:
    hold = world.hold(world.rider())
    world.place(hold)
    world.set(hold, state="voiding")
    world.deliver("void", hold)
    page = world.stripe.v1.checkout.sessions.retrieve(world.row(hold).checkout_session or "")
    assert page.status == "expired"
    assert world.outcomes(hold) == ["needs_rider", "void"]
    assert world.pay(hold).status_code == 400


def test_void_of_a_page_paid_meanwhile_cancels_the_payment(world: World) -> None:
    hold = world.hold(world.rider())
    world.place(hold)
    world.pay(hold)
    world.set(hold, state="voiding")
    world.deliver("void", hold)
    assert world.intent(hold).status == "canceled"
    assert world.outcomes(hold) == ["needs_rider", "void"]


def test_void_after_capture_tells_that_the_money_was_taken(world: World) -> None:
    hold = held(world)
    world.set(hold, state="capturing", capture_minor=300)
    world.deliver("capture", hold)
    world.set(hold, state="voiding")
    world.deliver("void", hold)
    assert world.results(hold)[-1]["outcome"] == "captured"
    assert world.results(hold)[-1]["amount_minor"] == 300


def test_void_of_a_hold_that_never_reached_stripe(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.set(hold, state="voiding")
    world.deliver("hold", hold)  # first on its stream, and must not hold anything now
    world.deliver("void", hold)
    assert world.intents() == []
    assert world.outcomes(hold) == ["void"]


def test_void_for_a_customer_that_is_gone_at_stripe(world: World) -> None:
    rider = world.rider()
    with world.store.begin() as work:
        work.session.get_one(Rider, rider.id).stripe_customer = "cus_gone"
    hold = world.hold(rider)
    world.set(hold, state="voiding")
    world.deliver("void", hold)
    assert world.outcomes(hold) == ["void"]


def test_each_effect_delivered_five_times_happens_once(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"), 2000)
    for _ in range(5):
        world.deliver("hold", hold)
    world.set(hold, state="capturing", capture_minor=1000)
    for _ in range(5):
        world.deliver("capture", hold)
    refund = world.refund(hold, 400)
    for _ in range(5):
        world.deliver_refund(refund)
    assert len(world.intents()) == 1
    assert world.intent(hold).amount_received == 1000
    assert given_back(world, hold) == [400]
    assert world.outcomes(hold) == ["held", "captured", "refunded"]


def test_pages_and_voids_delivered_five_times_happen_once(world: World) -> None:
    hold = world.hold(world.rider())
    for _ in range(5):
        world.deliver("hold", hold)
    world.set(hold, state="voiding")
    for _ in range(5):
        world.deliver("void", hold)
    assert len(world.stripe.v1.checkout.sessions.list({}).data) == 1
    assert world.outcomes(hold) == ["needs_rider", "void"]


def test_refunds_in_parts_never_exceed_what_was_taken(world: World) -> None:
    hold = captured(world, 1000)
    first, second, third = (world.refund(hold, part) for part in (600, 400, 1))
    world.deliver_refund(first)
    world.deliver_refund(second)
    with pytest.raises(GiveUp):
        world.deliver_refund(third)
    assert sorted(given_back(world, hold)) == [400, 600]
    last = world.results(hold)[-1]
    assert (last["outcome"], last["reason"]) == ("refund_failed", "charge_already_refunded")
    assert last["refund_id"] == third.id


def test_refund_the_bank_sends_back_later_is_told(world: World) -> None:
    hold = captured(world, 1000)
    refund = world.refund(hold, 250)
    world.deliver_refund(refund)
    with world.store.read() as work:
        given = work.session.get_one(Refund, refund.id).provider_id
    world.demo.post(f"/demo/refunds/{given}/fail")
    eventually(lambda: "refund.failed" in world.events())
    world.work_off()
    assert world.outcomes(hold) == ["held", "captured", "refunded", "refund_failed"]


def test_old_refund_is_looked_for_before_it_is_made(world: World) -> None:
    """After the keys are pruned a replay would pay twice."""
    hold = captured(world, 1000)
    refund = world.refund(hold, 250, age=timedelta(hours=21))
    world.deliver_refund(refund)
    with world.store.begin() as work:  # a crash lost what we knew
        work.session.get_one(Refund, refund.id).provider_id = None
    world.demo.delete("/demo/idempotency")
    world.deliver_refund(refund)
    assert given_back(world, hold) == [250]


def test_dispute_takes_the_card_off_and_is_noted(world: World) -> None:
    hold = captured(world, 1000)
    world.demo.post(f"/demo/payment_intents/{world.row(hold).payment_intent}/dispute")
    eventually(lambda: "charge.dispute.created" in world.events())
    world.work_off()
    assert (world.row(hold).reason or "").endswith("needs_response: fraudulent")
    with world.store.read() as work:
        rider = work.session.get_one(Rider, hold.rider_id)
    assert rider.stripe_payment_method is None
    again = world.hold(rider)
    assert world.place(again)["outcome"] == "needs_rider"


def test_detached_card_is_forgotten(world: World) -> None:
    rider = world.rider("pm_card_visa")
    world.stripe.v1.payment_methods.detach(rider_method(world, rider))
    eventually(lambda: "payment_method.detached" in world.events())
    world.work_off()
    assert world.rider_row(rider).card_label is None


@pytest.mark.parametrize(
    ("state", "kind", "outcome"),
    [("voiding", "void", "void"), ("capturing", "capture", "failed"), ("held", "check", "expired")],
)
def test_payment_that_stripe_does_not_know_ends_and_is_shown_to_staff(
    world: World, state: str, kind: str, outcome: str
) -> None:
    hold = world.hold(world.rider())
    world.set(hold, state=state, payment_intent="pi_of_another_account", capture_minor=500)
    with pytest.raises(GiveUp, match="does not know"):
        world.deliver(kind, hold)
    assert world.outcomes(hold) == [outcome]


def test_unknown_effects_and_rows_give_up(world: World) -> None:
    hold = world.hold(world.rider())
    with pytest.raises(GiveUp):
        deliver_payment(world.store, world.settings, "payment.hold", {"hold_id": 999})
    with pytest.raises(GiveUp):
        deliver_payment(world.store, world.settings, "payment.gift", {"hold_id": hold.id})


def held(world: World, amount_minor: int = 2000) -> Hold:
    hold = world.hold(world.rider("pm_card_visa"), amount_minor)
    world.place(hold)
    return hold


def captured(world: World, amount_minor: int) -> Hold:
    hold = held(world, amount_minor)
    world.set(hold, state="capturing", capture_minor=amount_minor)
    world.deliver("capture", hold)
    world.set(hold, state="captured", captured_minor=amount_minor)
    return hold


def given_back(world: World, hold: Hold) -> list[int]:
    intent = world.row(hold).payment_intent or ""
    listed = world.stripe.v1.refunds.list({"payment_intent": intent, "limit": 100})
    return [refund.amount for refund in listed.data]


def rider_method(world: World, rider: Rider) -> str:
    return world.rider_row(rider).stripe_payment_method or ""
