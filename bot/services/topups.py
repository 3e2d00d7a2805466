"""Topping up a wallet: what is offered, paid by card or on a page, credited once.

The payment is a sale (bot/services/payments.py) for "topup:<id>"; what comes of it is heard in
bot/services/topup_results.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from bot.domain.money import Money
from bot.domain.wallet import (
    bonus_for,
    counts,
    least_top_up,
    most_top_up,
    read_bonuses,
    usual_amounts,
)
from bot.errors import Refused
from bot.replies import Option, Say
from bot.services import payments, wallet
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.wallet import Payout, TopUp

NOTE: Final = Say("Goes into your wallet. Cash can be paid back to you at any time, without a fee.")


@dataclass(frozen=True, slots=True)
class Quote:
    """What a top-up would do: shown before the yes."""

    money: Money
    bonus: Money
    counted_minor: int
    card: str  # the saved card it is taken from, "" for a page


def amount_options(currency: str) -> list[Option]:
    """Amounts to tap."""
    return [
        Option(f"top_up?amount={each.amount_minor}", Say("{amount}", {"amount": each}))
        for each in usual_amounts(currency)
    ]


def quote(work: UnitOfWork, settings: Settings, rider: Rider, money: Money) -> Quote:
    """What a top-up of this amount is; Refused with what is possible where it is none."""
    refuse(work, settings, rider, money)
    counted = _counted(work, rider.id, money)
    bonus = bonus_for(read_bonuses(settings.top_up_bonuses), Money(counted, money.currency))
    card = (rider.card_label or "") if rider.stripe_payment_method else ""
    return Quote(money, Money(bonus, money.currency), counted, card)


def refuse(work: UnitOfWork, settings: Settings, rider: Rider, money: Money) -> None:
    """Raises Refused for an amount that cannot be topped up."""
    if settings.wallet == "off":
        raise Refused("Prepaid wallets are not offered here. You pay each charge by card.")
    if money.currency not in wallet.currencies(work):
        ours = wallet.currency_of(work, rider.id) or ""
        raise Refused(
            "I cannot top up in {currency}: no pile of ours charges in it. How about one of these "
            "amounts?",
            {"currency": money.currency},
            amount_options(ours),
            again="amount",
        )
    least, most = least_top_up(money.currency), most_top_up(money.currency)
    if money < least:
        raise Refused(
            "The smallest top-up is {least}. Please write a larger amount, or tap one.",
            {"least": least},
            amount_options(money.currency),
            again="amount",
        )
    if money > most:
        raise Refused(
            "The largest top-up is {most}. Please write a smaller amount, or tap one.",
            {"most": most},
            amount_options(money.currency),
            again="amount",
        )


def _counted(work: UnitOfWork, rider_id: int, money: Money) -> int:
    """How much of it earns a bonus; top-ups still on their way count as come."""
    known = wallet.find(work, rider_id, money.currency)
    if known is None:
        return money.amount_minor
    paid_in, counted = work.session.execute(
        select(func.sum(TopUp.amount_minor), func.sum(TopUp.counted_minor)).where(
            TopUp.wallet_id == known.id, TopUp.state.in_(("open", "paid"))
        )
    ).one()
    drawn = select(func.sum(Payout.amount_minor)).where(
        Payout.wallet_id == known.id, Payout.state != "returned"
    )
    return counts(
        money.amount_minor,
        paid_in=int(paid_in or 0),
        drawn=int(work.session.scalar(drawn) or 0),
        counted=int(counted or 0),
    )


def start(
    work: UnitOfWork,
    settings: Settings,
    rider: Rider,
    money: Money,
    *,
    key: str,
    automatic: bool = False,
    promised: Money | None = None,
) -> TopUp | None:
    """Ask for the money of a top-up that was agreed to; a repeat of `key` returns the same one.
    None where an automatic one is under way already. Raises Refused when less bonus comes with it
    by now than was `promised`."""
    if (known := _by_key(work, key)) is not None:
        return known
    refuse(work, settings, rider, money)
    mine = wallet.lock(work, wallet.open_wallet(work, rider.id, money.currency).id)
    quoted = quote(work, settings, rider, money)
    if promised is not None and quoted.bonus < promised:
        raise Refused(
            "The bonus for this top-up has changed since I showed it, so nothing was taken. "
            "Please look at it again.",
            {},
            [Option(f"top_up?amount={money.amount_minor}", Say("Top up"))],
        )
    top_up = TopUp(
        key=key,
        wallet_id=mine.id,
        amount_minor=money.amount_minor,
        bonus_minor=quoted.bonus.amount_minor,
        counted_minor=quoted.counted_minor if quoted.bonus.amount_minor else 0,
        automatic=automatic,
        created_at=work.now,
    )
    try:
        with work.session.begin_nested():
            work.session.add(top_up)
            work.session.flush()
    except IntegrityError:  # the same yes twice at the same moment, or two settles
        return _by_key(work, key)
    payments.ask(
        work,
        rider_id=rider.id,
        subject=f"topup:{top_up.id}",
        purpose="sale",
        amount=money,
        title=Say("Top-up {amount}", {"amount": money}),
        note=NOTE,
    )
    return top_up


def _by_key(work: UnitOfWork, key: str) -> TopUp | None:
    return work.session.scalars(select(TopUp).where(TopUp.key == key)).first()
