"""A rider's standing order to top up: agreed to once, run when the balance falls, told each time.

A run follows a settled charge (inbox kind "wallet.settled"); the month's cap is bot/domain's rule.
A card that says no switches it off.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from bot.domain.money import Money
from bot.domain.wallet import (
    AutoPlan,
    auto_amount,
    is_capped,
    least_top_up,
    month_of,
    most_limit,
    most_top_up,
    next_month,
)
from bot.errors import Refused
from bot.replies import Choose, Moment, Option, Reply, Say
from bot.services import topups, wallet
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.wallet import AutoTopUp, TopUp, Wallet

KIND: Final = "wallet.settled"
_OFF: Final = Option("auto_top_up_off", Say("Switch it off"))


def of(work: UnitOfWork, rider_id: int) -> AutoTopUp | None:
    """The rider's standing order that is on."""
    return work.session.scalars(
        select(AutoTopUp)
        .join(Wallet, Wallet.id == AutoTopUp.wallet_id)
        .where(Wallet.rider_id == rider_id, AutoTopUp.state == "on")
    ).first()


def plan_of(order: AutoTopUp) -> AutoPlan:
    """What was agreed to."""
    return AutoPlan(order.trigger_minor, order.amount_minor, order.cap_minor)


def refuse(work: UnitOfWork, settings: Settings, rider: Rider, plan: AutoPlan, cur: str) -> None:
    """Raises Refused for a plan that cannot be run."""
    least, most, cap = least_top_up(cur), most_top_up(cur), most_limit(cur)
    amounts = max(plan.trigger_minor, plan.cap_minor) <= cap.amount_minor
    if not (amounts and least.amount_minor <= plan.amount_minor <= most.amount_minor):
        raise Refused(
            "One top-up is between {least} and {most}; trigger and limit of a month are at most "
            "{cap}. Please write the three again: trigger, amount, limit; like 10 50 "
            "150.",
            {"least": least, "most": most, "cap": cap},
            again="plan",
        )
    topups.refuse(work, settings, rider, Money(plan.amount_minor, cur))
    if rider.stripe_payment_method is None:
        raise Refused(
            "Automatic top-up needs a saved card. Top up once and let the payment page keep your "
            "card, then ask me again.",
            {},
            topups.amount_options(cur),
        )


def agree(
    work: UnitOfWork, settings: Settings, rider: Rider, plan: AutoPlan, currency: str
) -> AutoTopUp:
    """Switch it on, as shown and confirmed; at once where the balance is below the trigger."""
    refuse(work, settings, rider, plan, currency)
    mine = wallet.lock(work, wallet.open_wallet(work, rider.id, currency).id)
    order = work.session.get(AutoTopUp, mine.id)
    if order is None:
        order = AutoTopUp(wallet_id=mine.id, agreed_at=work.now)
        work.session.add(order)
    order.state, order.agreed_at = "on", work.now
    order.trigger_minor, order.amount_minor = plan.trigger_minor, plan.amount_minor
    order.cap_minor = plan.cap_minor
    order.ended_at = order.ended_why = order.told_capped_at = None
    work.session.flush()
    look_after(work, mine, source=f"agreed:{mine.id}:{work.now.isoformat()}")
    return order


def off(work: UnitOfWork, rider_id: int, *, why: str = "rider") -> bool:
    """Switch it off at once, in every wallet of the rider's; False when it was not on."""
    was_on = False
    while (order := of(work, rider_id)) is not None:
        wallet.lock(work, order.wallet_id)
        order.state, order.ended_at, order.ended_why = "off", work.now, why
        work.session.flush()
        was_on = True
    return was_on


def look_after(work: UnitOfWork, mine: Wallet, *, source: str) -> None:
    """Money left this wallet: see soon whether it has to be topped up."""
    inbox.put(
        work,
        source="wallet",
        source_id=source,
        stream=f"wallet:{mine.id}",
        kind=KIND,
        body={"wallet_id": mine.id},
    )


def on_settled(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "wallet.settled": top up where the rider's order says so."""
    mine = wallet.lock(work, int(body["wallet_id"]))
    order = work.session.get(AutoTopUp, mine.id)
    if order is None or order.state != "on" or settings.wallet == "off":
        return
    rider = work.session.get_one(Rider, mine.rider_id)
    plan, available = plan_of(order), wallet.stand(mine).available.amount_minor
    taken = taken_this_month(work, mine)
    amount = auto_amount(plan, available_minor=available, taken_minor=taken)
    began = wallet.month_began(work, mine.rider_id)
    if is_capped(plan, available_minor=available, taken_minor=taken):
        if order.told_capped_at is None or order.told_capped_at < began:
            order.told_capped_at = work.now
            reply = _capped(work, mine, order)
            tell_rider(work, rider.id, reply, key=f"auto:{mine.id}:cap:{began:%Y-%m}")
    elif amount and rider.stripe_payment_method is None:
        off(work, rider.id, why="no_card")
        key = f"auto:{mine.id}:no-card:{work.now.isoformat()}"
        tell_rider(work, rider.id, _no_card(), key=key)
    elif amount and not _under_way(work, mine):
        number = select(func.count()).select_from(TopUp).where(TopUp.wallet_id == mine.id)
        key = f"auto:{mine.id}:{(work.session.scalar(number) or 0) + 1}"
        money = Money(amount, mine.currency)
        topups.start(work, settings, rider, money, key=key, automatic=True)


def _under_way(work: UnitOfWork, mine: Wallet) -> bool:
    open_ = select(TopUp.id).where(
        TopUp.wallet_id == mine.id, TopUp.automatic, TopUp.state == "open"
    )
    return work.session.scalars(open_).first() is not None


def taken_this_month(work: UnitOfWork, mine: Wallet) -> int:
    """What automatic top-ups have taken since the month began, or are about to."""
    total = select(func.sum(TopUp.amount_minor)).where(
        TopUp.wallet_id == mine.id,
        TopUp.automatic,
        TopUp.state.in_(("open", "paid")),
        TopUp.created_at >= wallet.month_began(work, mine.rider_id),
    )
    return int(work.session.scalar(total) or 0)


# --- what the rider is told


def run_told(work: UnitOfWork, mine: Wallet, top_up: TopUp) -> Reply | None:
    """The words for an automatic top-up that is in the wallet."""
    order = work.session.get(AutoTopUp, mine.id)
    rider = work.session.get_one(Rider, mine.rider_id)
    if order is None:
        return None
    text = Say(
        "Your balance fell below {trigger}, so I have topped up {amount} from {card}, as agreed. "
        "Your wallet has {available}. This month: {taken} of at most {cap}.",
        {
            "trigger": Money(order.trigger_minor, mine.currency),
            "amount": Money(top_up.amount_minor, mine.currency),
            "card": rider.card_label or Say("your card"),
            "available": wallet.stand(mine).available,
            "taken": Money(taken_this_month(work, mine), mine.currency),
            "cap": Money(order.cap_minor, mine.currency),
        },
    )
    return Choose(text, [Option("wallet", Say("Wallet")), _OFF])


def declined(work: UnitOfWork, mine: Wallet, money: Money, *, key: str) -> None:
    """The card said no: it is switched off, and the rider is told."""
    off(work, mine.rider_id, why="declined")
    text = Say(
        "The automatic top-up of {amount} was declined by your card, so nothing was taken and "
        "automatic top-up is switched off. You can top up by hand, perhaps with another card.",
        {"amount": money},
    )
    options = [
        Option(f"top_up?amount={money.amount_minor}", Say("Top up")),
        Option("auto_top_up", Say("Set it up again")),
    ]
    tell_rider(work, mine.rider_id, Choose(text, options), key=key)


def _no_card() -> Reply:
    text = Say(
        "Your balance is low, but you have no saved card any more, so automatic top-up is "
        "switched off."
    )
    return Choose(text, [Option("top_up", Say("Top up"))])


def _capped(work: UnitOfWork, mine: Wallet, order: AutoTopUp) -> Reply:
    zone = wallet.zone_of(work, mine.rider_id)
    text = Say(
        "Your balance is below {trigger}, but automatic top-ups have reached this month's limit "
        "of {cap}. They go on from {date}. You can top up by hand at any time.",
        {
            "trigger": Money(order.trigger_minor, mine.currency),
            "cap": Money(order.cap_minor, mine.currency),
            "date": Moment(_next(work.now, zone), zone, "date_time"),
        },
    )
    return Choose(text, [Option("top_up", Say("Top up")), Option("auto_top_up", Say("Change it"))])


def _next(at: datetime, zone: str) -> datetime:
    assert month_of(at, zone) <= at
    return next_month(at, zone)
