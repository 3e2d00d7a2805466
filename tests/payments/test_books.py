"""`./run books`: proves that the books balance and agree with Stripe, or names what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

import app
from bot.commands import money
from bot.gateways.stripe_books import check_books
from bot.gateways.stripe_client import client_for
from bot.services import billing, books, money_watch, payment_results, refunds, wallet
from bot.store.charging import ChargingSession, Hold, LedgerEntry, Refund
from bot.store.desk import ConversationMark
from bot.store.riders import Rider
from tests.test_scenarios import FOLDER, play
from tests.world import World, open_world


@pytest.fixture
def paid(tmp_path: Path) -> Iterator[World]:
    """A hold that lapsed, a debt that was paid, and a charge with a hold of its own."""
    with open_world(tmp_path) as world:
        play(world, (FOLDER / "pay_debt.txt").read_text(encoding="utf-8"))
        yield world


def faults(world: World) -> list[str]:
    return check_books(world.store, world.settings)[1]


def test_books_agree_until_somebody_meddles(paid: World) -> None:
    assert check_books(paid.store, paid.settings) == (2, [])
    debt = 2
    with paid.store.begin() as work:
        assert work.session.get_one(Hold, debt).purpose == "debt"
        refunds.give_back(work, debt, 30, reason="goodwill")
    paid.settle()
    assert faults(paid) == []

    # behind our back at Stripe
    stripe = client_for(paid.settings)
    with paid.store.read() as work:
        intent = work.session.get_one(Hold, debt).payment_intent or ""
    stripe.v1.refunds.create({"payment_intent": intent, "amount": 20})
    (fault,) = faults(paid)
    assert f"hold {debt} ({intent}): 30 EUR given back by the books, 50 by Stripe" in fault

    # and in our tables
    with paid.store.begin() as work:
        entry = work.session.scalars(
            select(LedgerEntry).where(LedgerEntry.kind == "paid", LedgerEntry.account == "provider")
        ).one()
        entry.amount_minor += 1
    told = faults(paid)
    assert any("hold:2 paid: does not balance by 1 EUR" in each for each in told)
    assert any("hold:2 paid: 91 is posted, 90 should be" in each for each in told)
    with paid.store.begin() as work:
        work.session.execute(delete(LedgerEntry).where(LedgerEntry.kind == "owed"))
        work.session.get_one(Hold, debt).captured_minor = 89
    assert any("89 EUR taken by the books, 90 by Stripe" in each for each in faults(paid))


def test_the_command_says_so_by_its_exit_code(
    paid: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(money, "settings_for", lambda _: paid.settings)
    monkeypatch.setattr(money, "make_engine", lambda _: paid.store.engine)
    assert app.main(["books"]) == 0
    assert "2 payments compared, 0 faults" in capsys.readouterr().out
    with paid.store.begin() as work:
        work.session.execute(delete(LedgerEntry).where(LedgerEntry.kind == "billed"))
    assert app.main(["books"]) == 1
    assert "bill:1 billed: 0 is posted" in capsys.readouterr().out


def test_a_page_that_is_paid_twice_over_is_given_back(paid: World) -> None:
    """The lapsed hold turns out to have been taken after all: one of the two goes back."""
    with paid.store.begin() as work:
        first = work.session.get_one(Hold, 1)
        body = {"hold_id": first.id, "outcome": "captured", "amount_minor": 90}
        payment_results.on_payment_result(work, paid.settings, body)
        session = work.session.get_one(ChargingSession, first.session_id)
        assert session.state == "settled"
        assert refunds.balance(work, first).left.amount_minor == 0
    paid.bot_says("+358401234567", "€0.90 of your charge at", "More was taken than you owe")


def test_an_account_nobody_answers_for_is_a_fault(paid: World) -> None:
    with paid.store.begin() as work:
        billing.post(
            work, source="x:1", kind="lost", currency="EUR", amounts={"shoebox": 5, "provider": -5}
        )
    told = faults(paid)
    assert "account shoebox: no part of the product knows it" in told
    assert "x:1 lost: -5 is posted, 0 should be" in told


def test_a_part_tells_what_the_ledger_must_hold(
    paid: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with paid.store.begin() as work:
        billing.post(work, source="gift:1", kind="given", currency="EUR",
                     amounts={"purse:1": -5, "refunds": 5})  # fmt: skip
    purses = {("purse 1", "EUR"): -5}
    part = books.Part(
        lambda _: {}, lambda _: purses, lambda name: name.replace(":", " ", 1) if
        name.startswith("purse:") else None,
    )  # fmt: skip
    monkeypatch.setattr(books, "PARTS", [*books.PARTS, part])
    assert faults(paid) == []
    purses["purse 1", "EUR"] = -7
    assert faults(paid) == ["purse 1: rows and ledger differ by -2 EUR (minor units)"]


def of_good_will(paid: World) -> int:
    """A refund nobody was owed, of the debt that was paid."""
    with paid.store.begin() as work:
        refund = refunds.give_back(work, 2, 30, reason="goodwill")
        assert refund is not None
        return refund.id


def of_a_duplicate(paid: World) -> int:
    """The lapsed hold was taken after all: what was paid twice is on its way back."""
    with paid.store.begin() as work:
        body = {"hold_id": 1, "outcome": "captured", "amount_minor": 90}
        payment_results.on_payment_result(work, paid.settings, body)
        refund = work.session.scalars(select(Refund)).one()
        assert (refund.reason, refund.amount_minor) == ("duplicate", 90)
        return refund.id


@pytest.mark.parametrize("made", [of_good_will, of_a_duplicate])
def test_a_refund_the_bank_sends_back_goes_into_the_wallet_once(
    paid: World, made: Callable[[World], int]
) -> None:
    number = made(paid)
    with paid.store.read() as work:
        refund = work.session.get_one(Refund, number)
        hold = work.session.get_one(Hold, refund.hold_id)
        amount, left = refund.amount_minor, refunds.balance(work, hold).left
        assert books.audit(work) == []
    body = {"hold_id": hold.id, "refund_id": number, "outcome": "refund_failed", "reason": "lost"}
    for _ in range(2):
        with paid.store.begin() as work:
            payment_results.on_payment_result(work, paid.settings, body)
    with paid.store.begin() as work:
        assert wallet.balance(work, hold.rider_id, "EUR").cash_minor == amount
        assert refunds.balance(work, hold).left == left, "it is given, if by another way"
        assert books.audit(work) == []
    paid.bot_says("+358401234567", f"did not accept the €0.{amount}", "wallet")


def test_a_dispute_blocks_and_brings_its_evidence(paid: World) -> None:
    with paid.store.begin() as work:
        hold = work.session.get_one(Hold, 2)
        money_watch.disputed(work, hold, dispute="dp_1", status="needs_response", why="fraudulent")
        marks_ = work.session.scalars(
            select(ConversationMark.text).where(ConversationMark.key == "dispute:dp_1:evidence")
        ).one()
        assert work.session.get_one(Rider, hold.rider_id).stripe_payment_method is None
    assert "Bill R-000001: €0.90" in marks_ or "Bill R-000001: 0.90 EUR" in marks_
    assert "10000 Wh" in marks_
    assert "13000 Wh" in marks_
    assert "rider: 1023-27" in marks_
