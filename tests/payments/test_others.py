"""Payments of other things than charges: sales, deposits and kept cards."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.money import Money
from bot.domain.pay_methods import offered, read_methods
from bot.domain.payment import after, capture_again_s
from bot.replies import Say
from bot.services import payment_results, payments
from bot.services.payment_results import Service
from bot.store.charging import Hold
from bot.store.riders import Rider
from tests.payments.conftest import World, with_changes


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What a service of the product is told of its payments."""
    told: list[tuple[str, str]] = []

    def settle(_work: Any, _settings: Any, hold: Hold, outcome: str, _body: Any) -> None:
        told.append((outcome, hold.state))

    monkeypatch.setitem(payment_results.SERVICES, "thing", Service(settle))
    return told


def ask(world: World, rider: Rider, purpose: Any, amount_minor: int = 1500, **more: Any) -> Hold:
    with world.store.begin() as work:
        return payments.ask(
            work, rider_id=rider.id, subject="thing:1", purpose=purpose,
            amount=Money(amount_minor, "EUR"), title=Say("Top-up"), note=Say("Thank you."), **more,
        )  # fmt: skip


def test_a_sale_by_the_saved_card_is_taken_at_once(world: World, heard: list[Any]) -> None:
    hold = ask(world, world.rider("pm_card_visa"), "sale")
    world.settle()
    assert heard == [("captured", "captured")]
    assert (world.row(hold).captured_minor, world.intent(hold).amount_received) == (1500, 1500)


def test_a_sale_on_the_page_by_something_slow(world: World, heard: list[Any]) -> None:
    world.settings = with_changes(world.settings, payment_methods="card,link;EUR:card,paynow")
    hold = ask(world, world.rider("pm_card_visa"), "sale", saved_card=False)
    world.settle()
    assert heard == [("needs_rider", "waiting")]
    page = world.stripe.v1.checkout.sessions.retrieve(world.row(hold).checkout_session or "")
    assert page.to_dict()["allowed_payment_method_types"] == ["card", "paynow"]
    world.pay(hold, method="paynow")
    world.deliver("check", hold)
    world.settle()
    assert len(heard) == 1  # the money is on its way
    (intent,) = world.intents()
    world.demo.post(f"/demo/payment_intents/{intent.id}/arrive", json={})
    world.deliver("check", hold)
    world.settle()
    assert heard[1:] == [("captured", "captured")]
    assert world.row(hold).captured_minor == 1500


@pytest.mark.parametrize("amount_minor", [-1, 0, 49, 100_000_000, 10**9])
def test_an_impossible_amount_is_answered(
    world: World, heard: list[Any], amount_minor: int
) -> None:
    hold = ask(world, world.rider("pm_card_visa"), "sale", amount_minor)
    world.settle()
    assert heard == [("failed", "failed")]
    assert world.row(hold).reason in {"bad_amount", "amount_too_small"}
    assert world.intents() == []


def test_slow_money_that_never_comes(world: World, heard: list[Any]) -> None:
    world.settings = with_changes(world.settings, payment_methods="card,paynow")
    hold = ask(world, world.rider(), "sale")
    world.settle()
    world.pay(hold, method="paynow")
    (intent,) = world.intents()
    world.demo.post(f"/demo/payment_intents/{intent.id}/arrive", json={"succeeded": False})
    world.deliver("check", hold)
    world.settle()
    assert heard == [("needs_rider", "waiting"), ("failed", "failed")]
    assert world.row(hold).reason == "payment_intent_payment_attempt_failed"


def test_a_deposit_is_held_then_taken_in_part(world: World, heard: list[Any]) -> None:
    hold = ask(world, world.rider("pm_card_visa"), "deposit")
    world.settle()
    assert world.intent(hold).status == "requires_capture"
    with world.store.begin() as work:
        payments.capture(work, work.session.get_one(Hold, hold.id), 400)
    world.settle()
    assert heard == [("held", "held"), ("captured", "captured")]
    assert world.intent(hold).amount_received == 400


def test_a_deposit_is_let_go_once(world: World, heard: list[Any]) -> None:
    hold = ask(world, world.rider("pm_card_visa"), "deposit")
    world.settle()
    with world.store.begin() as work:
        row = work.session.get_one(Hold, hold.id)
        assert payments.release(work, row)
        assert not payments.release(work, row)
        with pytest.raises(ValueError, match="voiding"):
            payments.capture(work, row, 1)
    world.settle()
    assert heard == [("held", "held"), ("void", "void")]
    assert world.intent(hold).status == "canceled"


def test_a_refused_capture_is_tried_again_before_anybody_hears(
    world: World, heard: list[Any]
) -> None:
    hold = ask(world, world.rider("pm_card_visa"), "deposit")
    world.settle()
    world.fault(f"POST /v1/payment_intents/{world.intent(hold).id}/capture", status=402)
    with world.store.begin() as work:
        payments.capture(work, work.session.get_one(Hold, hold.id), 1500)
    world.settle()
    assert (heard, world.row(hold).state) == ([("held", "held")], "held")
    assert capture_again_s(1) is not None
    world.settle(timers=True)
    assert heard[1:] == [("captured", "captured")]
    assert world.row(hold).captures == 2


def test_a_card_is_kept_without_a_payment(world: World, heard: list[Any]) -> None:
    rider = world.rider("pm_card_visa")
    before = world.rider_row(rider).stripe_payment_method
    hold = ask(world, rider, "card", 0)
    world.settle()
    page = world.stripe.v1.checkout.sessions.retrieve(world.row(hold).checkout_session or "")
    assert (page.mode, page.amount_total) == ("setup", None)
    world.pay(hold, "5555555555554444")
    world.deliver("check", hold)
    world.settle()
    assert heard == [("needs_rider", "waiting"), ("saved", "saved")]
    now = world.rider_row(rider)
    assert now.card_label == "Mastercard 4444"
    assert world.intents() == []
    forgotten = world.stripe.v1.payment_methods.retrieve(before or "")
    assert forgotten.customer is None
    again = world.hold(now, 900)
    assert world.place(again)["outcome"] == "held"


def test_a_late_result_changes_nothing(world: World, heard: list[Any]) -> None:
    hold = ask(world, world.rider("pm_card_visa"), "deposit")
    world.settle()
    body = {"hold_id": hold.id, "outcome": "needs_rider", "url": "https://x"}
    with world.store.begin() as work:
        payment_results.on_payment_result(work, world.settings, body)
    assert heard == [("held", "held")]


STATES = ("creating", "waiting", "held", "capturing", "captured", "voiding", "void", "failed",
          "expired", "saved")  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_what_is_taken_stays_taken_and_what_is_over_stays_over(state: str) -> None:
    for outcome in ("held", "needs_rider", "void", "expired", "failed", "expiring", "saved"):
        if state in {"captured", "saved", "void", "failed", "expired"}:
            assert after(state, outcome) is None
    assert after(state, "captured") == (None if state in {"captured", "saved"} else "captured")


@pytest.mark.parametrize(
    ("purpose", "currency", "wanted", "pages"),
    [
        ("hold", "EUR", (), ("card", "link")),
        ("hold", "SGD", (), ("card", "paypal")),
        ("deposit", "SGD", (), ("card", "paypal")),
        ("sale", "SGD", (), ("card", "paynow", "paypal")),
        ("sale", "SGD", ("paynow",), ("paynow",)),
        ("debt", "SGD", (), ("card",)),
        ("card", "EUR", (), ("card", "link")),
        ("hold", "SGD", ("paynow",), ("card",)),
    ],
)
def test_what_a_page_offers(
    purpose: str, currency: str, wanted: tuple[str, ...], pages: tuple[str, ...]
) -> None:
    lists = read_methods("card,link;SGD:card,paynow,paypal")
    assert offered(lists, purpose, currency, wanted) == pages


@pytest.mark.parametrize("raw", ["card,", "SG:card", "card;link", "card;SGD:", "Card", "sgd:card"])
def test_wrong_lists_of_methods_are_named(raw: str) -> None:
    if raw == "card,":
        assert read_methods(raw) == {"*": ("card",)}
        return
    with pytest.raises(ValueError, match="is no"):
        read_methods(raw)
