"""What became of the payments of top-ups: in the wallet once, or told why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.domain.money import Money
from bot.replies import Choose, Link, Moment, Option, Reply, Say, Value
from bot.services import auto_top_ups, payments, wallet
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.charging import Hold
from bot.store.database import UnitOfWork
from bot.store.wallet import TopUp, Wallet

PAGE: Final = Say("Open payment page")


def lock(work: UnitOfWork, number: int) -> None:
    """The wallet's lock comes before its payment's."""
    wallet.lock(work, work.session.get_one(TopUp, number).wallet_id)


def account_of(work: UnitOfWork, hold: Hold) -> str:
    """Money of top-ups waits here until it is in the wallet, or back with the rider."""
    return wallet.PREPAID


def on_result(
    work: UnitOfWork, settings: Settings, hold: Hold, outcome: str, body: Mapping[str, Any]
) -> None:
    """What became of the payment of a top-up."""
    top_up = work.session.get_one(TopUp, int(hold.subject.partition(":")[2]))
    mine = work.session.get_one(Wallet, top_up.wallet_id)
    key = f"topup:{top_up.id}:{outcome}"
    if outcome == "captured":
        _paid(work, top_up, mine, hold)
    elif top_up.state != "open":
        return
    elif outcome == "needs_rider" and top_up.automatic:
        payments.release(work, hold)  # the saved card said no, and nobody is there to confirm
        _end(work, top_up, "failed")
        auto_top_ups.declined(work, mine, _money(top_up, mine), key=key)
    elif outcome == "needs_rider":
        tell_rider(
            work, mine.rider_id, _pay_page(top_up, mine, str(body.get("url") or "")), key=key
        )
    elif outcome in {"failed", "expired", "void"}:
        _end(work, top_up, "failed" if outcome == "failed" else "expired")
        if top_up.automatic:
            auto_top_ups.declined(work, mine, _money(top_up, mine), key=key)
        else:
            tell_rider(work, mine.rider_id, _not_paid(top_up, mine, outcome), key=key)


def _money(top_up: TopUp, mine: Wallet) -> Money:
    return Money(top_up.amount_minor, mine.currency)


def _end(work: UnitOfWork, top_up: TopUp, state: str) -> None:
    top_up.state, top_up.ended_at = state, work.now
    work.session.flush()


def _paid(work: UnitOfWork, top_up: TopUp, mine: Wallet, hold: Hold) -> None:
    """Into the wallet, once: also where the page was paid after it had been given up."""
    if top_up.state == "paid":
        return
    source = f"topup:{top_up.id}"
    money = _money(top_up, mine)
    wallet.credit(
        work, mine.rider_id, money, bonus=False, source=source, kind="paid", account=wallet.PREPAID
    )
    if top_up.bonus_minor:
        bonus = Money(top_up.bonus_minor, mine.currency)
        wallet.credit(work, mine.rider_id, bonus, bonus=True, source=source, kind="bonus")
    top_up.payment_intent = hold.payment_intent
    _end(work, top_up, "paid")
    told = auto_top_ups.run_told(work, mine, top_up) if top_up.automatic else None
    reply = told or _receipt(work, top_up, mine, hold)
    tell_rider(work, mine.rider_id, reply, key=f"{source}:paid")


def _receipt(work: UnitOfWork, top_up: TopUp, mine: Wallet, hold: Hold) -> Reply:
    stands = wallet.stand(mine)
    values: dict[str, Value] = {
        "amount": _money(top_up, mine),
        "time": Moment(work.now, wallet.zone_of(work, mine.rider_id), "date_time"),
        "reference": hold.payment_intent or "",
        "cash": stands.cash,
        "bonus": stands.bonus,
    }
    text = Say(
        "Top-up receipt: {amount} on {time} is in your wallet.\nCash: {cash}\nBonus: {bonus}\n"
        "Payment {reference}",
        values,
    )
    if top_up.bonus_minor:
        values["added"] = Money(top_up.bonus_minor, mine.currency)
        text = Say(
            "Top-up receipt: {amount} on {time} is in your wallet, and {added} of bonus with it.\n"
            "Cash: {cash}\nBonus: {bonus}\nPayment {reference}",
            values,
        )
    return Choose(
        text,
        [Option("wallet", Say("Wallet")), Option("start_charge", Say("Start a charge"))],
    )


def _pay_page(top_up: TopUp, mine: Wallet, url: str) -> Reply:
    return Link(
        Say(
            "Please pay {amount} on the secure payment page. It is in your wallet as soon as it "
            "is done.",
            {"amount": _money(top_up, mine)},
        ),
        PAGE,
        url,
    )


def _not_paid(top_up: TopUp, mine: Wallet, outcome: str) -> Reply:
    values: dict[str, Value] = {"amount": _money(top_up, mine)}
    text = Say(
        "The payment page for {amount} ran out before it was used. Nothing is taken.", values
    )
    if outcome == "failed":
        text = Say("The top-up of {amount} did not go through, and nothing was taken.", values)
    return Choose(text, [Option(f"top_up?amount={top_up.amount_minor}", Say("Try again"))])
