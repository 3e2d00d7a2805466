"""Holding money: by the saved card, by the pay page, and what happens when it does not work."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import GiveUp, TryAgain
from bot.store.riders import Rider
from tests.payments.conftest import World, eventually, with_changes

CHALLENGED = "4000002760003184"
DECLINED = "4000000000000002"


def test_saved_card_is_held_and_retrieved_before_it_counts(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"), 2000)
    result = world.place(hold)
    row, intent = world.row(hold), world.intent(hold)
    assert result["outcome"] == "held"
    assert result["amount_minor"] == 2000
    assert result["payment_intent"] == row.payment_intent == intent.id
    assert (intent.status, intent.amount_capturable, intent.currency) == (
        "requires_capture", 2000, "eur",
    )  # fmt: skip
    assert row.capture_before is not None
    assert result["capture_before"] == row.capture_before.isoformat()


def test_merchant_initiated_visa_hold_lapses_before_five_days(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    row = world.row(hold)
    assert row.capture_before is not None
    assert 4.5 < (row.capture_before - row.created_at).total_seconds() / 86_400 < 5


def test_new_card_pays_on_the_page_and_is_kept(world: World) -> None:
    rider = world.rider()
    hold = world.hold(rider, 1500)
    result = world.place(hold)
    assert result["outcome"] == "needs_rider"
    assert result["reason"] == "new_card"
    assert result["url"] == world.row(hold).checkout_url
    assert world.pay(hold).json()["status"] == "complete"
    eventually(lambda: "payment_intent.amount_capturable_updated" in world.events())
    world.work_off()
    assert world.outcomes(hold) == ["needs_rider", "held"]
    saved = world.rider_row(rider)
    assert saved.card_label == "Visa 4242"

    again = world.hold(saved, 900)  # and the next time no page is needed
    assert world.place(again)["outcome"] == "held"
    assert world.intent(again).customer == saved.stripe_customer


def test_page_asks_for_what_we_sent(world: World) -> None:
    hold = world.hold(world.rider(), 1500)
    world.place(hold)
    page = world.stripe.v1.checkout.sessions.retrieve(world.row(hold).checkout_session or "")
    assert (page.amount_total, page.currency, page.mode) == (1500, "eur", "payment")
    assert page.client_reference_id == str(hold.id)
    assert 29 * 60 < page.expires_at - page.created <= 51 * 60
    assert (page.success_url or "").startswith(f"{world.settings.public_url}/pay/")


def test_declined_saved_card_gets_a_page(world: World) -> None:
    hold = world.hold(world.rider("pm_card_chargeCustomerFail"))
    result = world.place(hold)
    assert (result["outcome"], result["reason"]) == ("needs_rider", "card_declined")
    world.pay(hold)
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["needs_rider", "held"]


def test_bank_that_wants_the_rider_gets_a_page(world: World) -> None:
    hold = world.hold(world.rider("pm_card_authenticationRequired"))
    result = world.place(hold)
    assert (result["outcome"], result["reason"]) == ("needs_rider", "authentication_required")
    assert world.pay(hold, CHALLENGED, approve=False).json()["status"] == "open"
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["needs_rider"]  # the bank is still waiting
    world.pay(hold, CHALLENGED, approve=True)
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["needs_rider", "held"]


def test_card_that_is_gone_at_stripe_gets_a_page(world: World) -> None:
    rider = world.rider("pm_card_visa")
    world.stripe.v1.payment_methods.detach(rider_card(world, rider.id))
    hold = world.hold(rider)
    assert world.place(hold)["reason"] == "card_gone"


def test_customer_that_is_gone_at_stripe_becomes_a_new_one(world: World) -> None:
    rider = world.rider("pm_card_visa")
    with world.store.begin() as work:
        row = work.session.get_one(type(rider), rider.id)
        row.stripe_customer = "cus_of_another_account"
    hold = world.hold(rider)
    assert world.place(hold)["outcome"] == "needs_rider"
    world.pay(hold)
    world.deliver("check", hold)
    assert world.rider_row(rider).stripe_customer != "cus_of_another_account"


def test_declined_on_the_page_leaves_it_open_for_another_card(world: World) -> None:
    hold = world.hold(world.rider())
    world.place(hold)
    assert world.pay(hold, DECLINED).status_code == 402
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["needs_rider"]
    world.pay(hold)
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["needs_rider", "held"]


def test_page_that_runs_out_is_told(world: World) -> None:
    hold = world.hold(world.rider())
    world.place(hold)
    world.demo.post(f"/demo/checkout/{world.row(hold).checkout_session}/expire")
    eventually(lambda: "checkout.session.expired" in world.events())
    world.work_off()
    assert world.results(hold)[-1] == {
        "hold_id": hold.id, "outcome": "expired", "amount_minor": 0, "reason": "page_expired",
    }  # fmt: skip


def test_amount_below_stripes_minimum_fails_with_its_reason(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"), 20)
    with pytest.raises(GiveUp):
        world.deliver("hold", hold)
    assert world.results(hold)[-1]["reason"] == "amount_too_small"
    assert world.outcomes(hold) == ["failed"]


def test_wrong_key_is_told_to_the_rider_and_to_staff(world: World) -> None:
    hold = world.hold(world.rider())
    wrong = with_changes(world.settings, stripe_secret_key="sk_test_wrong")
    with pytest.raises(GiveUp):
        world.deliver("hold", hold, wrong)
    assert world.outcomes(hold) == ["failed"]


def test_wrong_key_never_loses_a_capture(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.set(hold, state="capturing", capture_minor=500)
    wrong = with_changes(world.settings, stripe_secret_key="sk_test_wrong")
    with pytest.raises(TryAgain):
        world.deliver("capture", hold, wrong)
    world.deliver("capture", hold)
    assert world.outcomes(hold) == ["held", "captured"]


@pytest.mark.parametrize(
    "change", [{"amount_minor": 1200}, {"amount_minor": 800}, {"currency": "SEK"}]
)
def test_intent_of_another_amount_is_no_evidence(world: World, change: dict[str, Any]) -> None:
    """Somebody changed the row, or the intent is not the one we asked for."""
    hold = world.hold(world.rider("pm_card_visa"), 1000)
    world.place(hold)
    world.set(hold, state="creating", **change)
    with pytest.raises(GiveUp, match="Stripe holds 1000 of 1000 eur"):
        world.deliver("check", hold)
    assert world.results(hold)[-1]["reason"] == "amount_mismatch"
    assert world.intent(hold).status == "canceled"


def rider_card(world: World, rider_id: int) -> str:
    with world.store.read() as work:
        return work.session.get_one(Rider, rider_id).stripe_payment_method or ""
