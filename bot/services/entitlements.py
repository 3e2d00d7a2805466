"""What a rider holds that lowers a bill: taken for a charge, used at its bill, else given back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select

from bot.domain.discounts import Discount
from bot.domain.pricing import load_bill
from bot.domain.session import SessionFacts
from bot.errors import Refused
from bot.services import coupons, plan_returns, plans
from bot.services.failed_refunds import in_wallet
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.stations import Evse


def take(
    work: UnitOfWork, session: ChargingSession, discounts: Sequence[Discount], evse: Evse
) -> None:
    """Pin what the offer promised to the charge. Raises Refused where another charge has it."""
    for each in discounts:
        if not _take(work, session, each):
            raise Refused(
                "{name} has been used meanwhile, so the price has changed. Please send {evse} "
                "again to see it.",
                {"name": each.name, "evse": evse.code},
            )


def _take(work: UnitOfWork, session: ChargingSession, discount: Discount) -> bool:
    if discount.kind == "plan":
        return plans.take(work, session.rider_id, discount, session.id)
    return coupons.take(work, session.rider_id, discount.ref, session.id)


def follow(
    work: UnitOfWork, session: ChargingSession, before: SessionFacts, now: SessionFacts
) -> None:
    """A charge lived through something: with its bill, or without any, it is decided what was
    used up."""
    if not now.terms.discounts:
        return
    if before.bill_minor is not None:
        _corrected(work, session, before, now)
    elif now.bill_minor is not None:
        row = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
        bill = load_bill(row.body)
        coupons.settle(work, session.id, bill)
        plans.settle(work, session.id, now, bill)
    elif now.state in {"releasing", "void", "failed", "settled"}:
        coupons.settle(work, session.id, None)
        plans.settle(work, session.id, now, None)


def _corrected(
    work: UnitOfWork, session: ChargingSession, before: SessionFacts, now: SessionFacts
) -> None:
    """The meter ended lower than billed: less was used up."""
    if now.readings == before.readings:
        return
    bill = now.bill()
    coupons.corrected(work, session.id, bill)
    plan_returns.corrected(work, session.id, now, bill)


def refunded(work: UnitOfWork, refund: Refund) -> None:
    """Money went back: when all of it did, so does what was used up."""
    hold = work.session.get_one(Hold, refund.hold_id)
    taken = work.session.scalar(
        select(func.sum(Hold.captured_minor)).where(Hold.session_id == hold.session_id)
    )
    back = work.session.scalar(
        select(func.sum(Refund.amount_minor))
        .join(Hold, Hold.id == Refund.hold_id)
        .where(Hold.session_id == hold.session_id, or_(Refund.state == "done", in_wallet()))
    )
    if hold.session_id is not None and taken and (back or 0) >= taken:
        coupons.give_back(work, hold.session_id)
        plan_returns.refunded(work, hold.session_id)
