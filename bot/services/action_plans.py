"""What an action of staff would do to whom, checked: the preview and the order share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import func, select

from bot.domain.money import Money, payable
from bot.domain.pricing import load_bill
from bot.domain.staff_actions import KINDS, Kind, plain, refund_limit
from bot.domain.wallet import most_top_up
from bot.services import (
    charging,
    coupon_templates,
    coupons,
    payouts,
    pile_plans,
    refund_words,
    refunds,
    session_effects,
    wallet,
)
from bot.services.audit import Actor
from bot.services.notices import notice
from bot.services.plan_parts import CREDIT_AS, Asked, NotPossible, Plan, Target
from bot.settings import Settings
from bot.store.charging import Bill, ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Pile

__all__ = ["CREDIT_AS", "NotPossible", "Plan", "Target", "make_plan", "waiting_minor"]

T = TypeVar("T")


def make_plan(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    kind: Kind,
    target: Target,
    *,
    deciding: bool = False,
) -> Plan:
    """What `kind` would do now. Raises NotPossible, or Refused with a rider's words, if it may not.

    `deciding`: it is about to be done, so the pile is locked against the same order. The right to
    the kind is the route's to check; who may touch whose charge is checked here.
    """
    session = _get(work, ChargingSession, target.session_id)
    conversation = _get(work, Conversation, target.conversation_id)
    evse = _get(work, Evse, session.evse_id if session else target.evse_id)
    pile = evse.pile if evse else _get(work, Pile, target.pile_id)
    rider_id = conversation.rider_id if conversation else None
    if conversation is not None and session is not None and session.rider_id != rider_id:
        raise NotPossible("This charge is not this rider's.")
    _is_theirs(work, actor, kind, conversation)
    asked = Asked(
        work, settings, actor, kind, conversation, session, pile, evse, deciding, target,
    )  # fmt: skip
    return _PLANS[kind.name](asked)


def _get(work: UnitOfWork, table: type[T], id_: Any) -> T | None:
    return work.session.get(table, id_) if id_ is not None else None


def _is_theirs(
    work: UnitOfWork, actor: Actor, kind: Kind, conversation: Conversation | None
) -> None:
    """Agents act in conversations that they have taken over, and on piles by themselves."""
    if actor.role != "agent":
        return
    if conversation is None:
        if kind.subject != "pile":
            raise NotPossible("Open the rider's conversation to do this.")
        return
    if conversation.owner != "human" or conversation.owner_id != actor.staff_id:
        raise NotPossible("Take the conversation over first.")


# --- money


def _refund(asked: Asked) -> Plan:
    session = asked.charge()
    hold = refunds.hold_with_money(asked.work, session.id)
    if hold is None:
        raise NotPossible("No money was taken for this charge, so none can be given back.")
    stands = refunds.balance(asked.work, hold)
    waiting = Money(waiting_minor(asked.work, hold.id), hold.currency)
    left = Money(max(0, stands.left.amount_minor - waiting.amount_minor), hold.currency)
    alone = refund_limit(asked.settings.refund_limits, asked.actor.role, hold.currency)
    given = _given_alone(asked.work, session.id, asked.actor.staff_id)
    limit = Money(max(0, alone.amount_minor - given), hold.currency)
    facts = [
        ("Taken", plain(Money(stands.captured_minor, hold.currency))),
        ("Given back", plain(Money(stands.refunded_minor, hold.currency))),
    ]
    if waiting.amount_minor:
        facts.append(("Waiting for approval", plain(waiting)))
    facts += [("Can be given back", plain(left)), ("You alone, up to", plain(limit))]
    if not left.amount_minor:
        raise NotPossible("Everything that was taken for this charge has been given back.")
    return asked.plan(
        f"Charge {session.id} at {asked.at()}",
        f"{refund_words.for_staff(asked.work, hold)} The rider is told with amount, reason and "
        f"date. Above {plain(limit)} a second person approves it first.",
        *facts,
        hold=hold,
        left=left,
        limit=limit,
        body={"hold_id": hold.id},
    )


def _given_alone(work: UnitOfWork, session_id: int, staff_id: int) -> int:
    """What somebody has given of a charge without a second person: small steps add up."""
    given = select(func.sum(StaffAction.amount_minor)).where(
        StaffAction.kind.in_(("refund", "waive_idle")),
        StaffAction.session_id == session_id,
        StaffAction.asked_by == staff_id,
        StaffAction.decided_by.is_(None),
        StaffAction.state.in_(("running", "done")),
    )
    return int(work.session.scalar(given) or 0)


def waiting_minor(work: UnitOfWork, hold_id: int) -> int:
    """How much of a hold waits for a second person."""
    session_id = select(Hold.session_id).where(Hold.id == hold_id).scalar_subquery()
    asked = select(func.sum(StaffAction.amount_minor)).where(
        StaffAction.kind == "refund",
        StaffAction.state == "waiting",
        StaffAction.session_id == session_id,
    )
    return int(work.session.scalar(asked) or 0)


def _waive_idle(asked: Asked) -> Plan:
    """The idle lines of a paid bill go back, as a refund of theirs."""
    refund = _refund(asked)
    session = asked.charge()
    bill = asked.work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
    fee = sum(each.gross_minor for each in load_bill(bill.body).lines if each.what == "idle")
    assert refund.left is not None and refund.limit is not None and refund.hold is not None
    done = select(StaffAction.id).where(
        StaffAction.kind == "waive_idle",
        StaffAction.session_id == session.id,
        StaffAction.state.in_(("running", "done")),
    )
    if fee <= 0 or asked.work.session.scalars(done).first() is not None:
        raise NotPossible("There is no idle fee on this bill that could be waived.")
    currency = refund.left.currency
    amount = Money(payable(min(fee, refund.left.amount_minor), currency), currency)
    if amount > refund.limit:
        raise NotPossible(
            f"{plain(amount)} is above what you may give alone. Ask for it as a refund: a second "
            "person approves it."
        )
    return asked.plan(
        refund.subject,
        f"{plain(amount)} for staying plugged in. "
        f"{refund_words.for_staff(asked.work, refund.hold)} The rider is told with amount, reason "
        "and date.",
        ("Idle fee", plain(Money(fee, amount.currency))),
        *refund.facts,
        hold=refund.hold,
        amount=amount,
        body={"hold_id": refund.hold.id},
    )


def _coupon(asked: Asked) -> Plan:
    if asked.conversation is None:
        raise NotPossible("Open the rider's conversation to do this.")
    work, rider_id = asked.work, asked.conversation.rider_id
    found = coupon_templates.active(work, coupons.country_of(work, rider_id))
    if not found:
        raise NotPossible("There is no approved coupon template for this rider's market.")
    facts = []
    for row in found:
        left = Money(coupons.room(work, row, rider_id), row.currency)
        facts.append((row.name, f"{plain(left)} left" if left.amount_minor else "none left"))
    chosen = next((each for each in found if each.id == asked.target.template_id), None)
    if asked.deciding and chosen is None:
        raise NotPossible("Please pick a template.")
    if asked.deciding and chosen is not None and not coupons.room(work, chosen, rider_id):
        raise NotPossible("The budget of this template is used up, or this rider had enough of it.")
    return asked.plan(
        f"A coupon of “{chosen.name}”" if chosen else "A coupon",
        "The rider gets it into the chat at once. It counts by itself at the next charge it fits.",
        *facts,
        templates=[(each.id, each.name) for each in found],
        body={"template_id": chosen.id} if chosen else {},
    )


def _payment_link(asked: Asked) -> Plan:
    session = asked.charge()
    progress = charging.progress(asked.work, session)
    if session.state not in {"holding", "debt"}:
        raise NotPossible("Nothing is owed for this charge.")
    if progress.pay_url:
        return asked.plan(
            f"Charge {session.id} at {asked.at()}",
            "The rider gets the link to the payment page once more. Nothing is taken before they "
            "confirm.",
            ("Owed" if session.state == "debt" else "To be held", plain(_asked_of(progress))),
            pay_page=notice(
                "pay_debt" if session.state == "debt" else "pay",
                session_effects.occasion(asked.work, session, {"url": progress.pay_url}),
            ),
        )
    if session.facts["hold"] not in {"failed", "expired", "void", "held"}:
        raise NotPossible("The payment is being asked for already.")
    return asked.plan(
        f"Charge {session.id} at {asked.at()}",
        "The saved card is tried once more. If it says no, the rider gets a link to a payment "
        "page. When the bill is paid they may charge again.",
        ("Owed", plain(progress.cost)),
    )


def _asked_of(progress: charging.Progress) -> Money:
    return progress.cost if progress.state == "debt" else progress.hold


def _receipt(asked: Asked) -> Plan:
    session = asked.charge()
    bill = asked.work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    if bill is None:
        raise NotPossible("There is no bill for this charge yet; it comes when the charge ends.")
    return asked.plan(
        f"Receipt {bill.number}",
        "The rider gets the receipt with its PDF into the chat again.",
        ("Total", plain(Money(bill.total_minor, bill.currency))),
        ("Made", bill.created_at),
        body={"bill_id": bill.id},
    )


# --- charging


def _stop(asked: Asked) -> Plan:
    session = asked.charge()
    if not session.open or session.state == "stopping":
        raise NotPossible(
            "This charge is stopping already." if session.open else "This charge has ended."
        )
    progress = charging.progress(asked.work, session)
    facts: list[tuple[str, str | datetime]] = [
        ("Energy", f"{progress.energy_wh / 1000:.2f} kWh"),
        ("Cost so far", plain(progress.cost)),
    ]
    if progress.meter_at is not None:
        facts.append(("Last meter reading", progress.meter_at))
    told = (
        f"The bill is frozen at {plain(progress.cost)} now, and the pile is told to stop. "
        if progress.started_at
        else "The start is called off, and what is held is released. "
    )
    pile = asked.evse.pile if asked.evse else None
    if pile is not None and not pile.online:
        told += "The pile is out of contact: it stops when it is back. "
    told += "The rider is told."
    return asked.plan(f"Charge {session.id} at {asked.at()}", told, *facts)


def _start(asked: Asked) -> Plan:
    if asked.conversation is None:
        raise NotPossible("Open the rider's conversation to do this.")
    rider = asked.work.session.get_one(Rider, asked.conversation.rider_id)
    if asked.evse is None:
        if charging.open_session(asked.work, rider.id) is not None:
            raise NotPossible("This rider has a charge running.")
        return asked.plan(
            "A new charge",
            "The rider gets the price with a button. Charging starts when they tap yes, not "
            "before.",
        )
    offer = charging.offer(asked.work, asked.settings, evse=asked.evse, rider=rider)
    wh, total = offer.examples[-1]
    return asked.plan(
        f"A new charge at {asked.at()}",
        "The rider gets the price with a button. Charging starts when they tap yes, not before; "
        "the offer is good for an hour.",
        ("Held", plain(offer.hold)),
        (f"{wh / 1000:g} kWh cost about", plain(total)),
        ("Cable", "plugged in" if offer.plugged else "not plugged in yet"),
        offer=offer,
        body={"offer": offer.body},
    )


def _credit(asked: Asked) -> Plan:
    """Money of good will into the wallet; what one person gives a rider in a day adds up."""
    if asked.conversation is None:
        raise NotPossible("Open the rider's conversation to do this.")
    work, rider_id = asked.work, asked.conversation.rider_id
    currency = wallet.currency_of(work, rider_id)
    if asked.settings.wallet == "off" or currency is None:
        raise NotPossible("Wallets are switched off in this installation.")
    if asked.deciding and asked.target.template_id not in CREDIT_AS:
        raise NotPossible("Please say whether it is bonus or cash.")
    alone = refund_limit(asked.settings.refund_limits, asked.actor.role, currency)
    given = select(func.sum(StaffAction.amount_minor)).where(
        StaffAction.kind == "credit",
        StaffAction.rider_id == rider_id,
        StaffAction.asked_by == asked.actor.staff_id,
        StaffAction.decided_by.is_(None),
        StaffAction.state.in_(("running", "done")),
        StaffAction.asked_at > work.now - timedelta(days=1),
    )
    left = max(0, alone.amount_minor - int(work.session.scalar(given) or 0))
    stands = wallet.balance(work, rider_id, currency)
    return asked.plan(
        "The rider's wallet",
        "The rider is told at once. Bonus is for charging only; cash can be paid out to the rider. "
        f"Above {plain(Money(left, currency))} a second person approves it first.",
        ("Cash", plain(stands.cash)),
        ("Bonus", plain(stands.bonus)),
        ("You alone today, up to", plain(Money(left, currency))),
        left=most_top_up(currency),
        limit=Money(left, currency),
        templates=list(CREDIT_AS.items()),
        pick="As",
        body={"bonus": asked.target.template_id == 1},
    )


def _payout_sent(asked: Asked) -> Plan:
    if asked.conversation is None:
        raise NotPossible("Open the rider's conversation to do this.")
    for owned in wallet.wallets_of(asked.work, asked.conversation.rider_id):
        for payout in payouts.waiting_for_staff(asked.work, owned.id):
            return asked.plan(
                f"Pay-out {payout.id}",
                "Send the money first. The books then say that it left our bank, and the rider is "
                "told. Give the bank's reference as the reason.",
                ("Amount", plain(Money(payout.amount_minor, owned.currency))),
                ("Asked for", payout.created_at),
                body={"payout_id": payout.id},
            )
    raise NotPossible("No pay-out of this rider waits to be sent by hand.")


_PLANS: Final[Mapping[str, Callable[[Asked], Plan]]] = {
    "refund": _refund, "stop": _stop, "start": _start, "payment_link": _payment_link,
    "receipt": _receipt, "waive_idle": _waive_idle, "coupon": _coupon, "credit": _credit,
    "payout_sent": _payout_sent,
    **pile_plans.PLANS,
}  # fmt: skip
assert set(_PLANS) == set(KINDS)
