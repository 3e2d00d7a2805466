"""Giving money back: never more than was captured, whoever asks, decided under the hold's lock.

Locks are taken in one order everywhere: the charge, its hold, the refund, what staff asked for
(`StaffAction`), what the rider asked for (`RefundRequest`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from bot.domain.money import Money, payable
from bot.domain.staff_actions import plain
from bot.errors import PilebotError
from bot.services import case_money, payments
from bot.services.failed_refunds import in_wallet
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork


class TooMuch(PilebotError):
    """More than is left of what was captured; `left` is what could be given."""

    def __init__(self, left: Money) -> None:
        super().__init__(f"only {left.amount_minor} {left.currency} (minor units) are left")
        self.left = left


@dataclass(frozen=True, slots=True)
class Balance:
    """Of one hold, in minor units: what was taken of the rider and what went back.

    A refund counts from the moment it is asked for until it has failed.
    """

    captured_minor: int
    refunded_minor: int
    currency: str

    @property
    def left(self) -> Money:
        """What can still be given back."""
        return Money(max(0, self.captured_minor - self.refunded_minor), self.currency)


def hold_with_money(work: UnitOfWork, session_id: int) -> Hold | None:
    """The hold of a session that money was taken of."""
    return work.session.scalars(
        select(Hold)
        .where(Hold.session_id == session_id, Hold.captured_minor > 0)
        .order_by(Hold.seq.desc())
        .limit(1)
    ).first()


def lock_charge(work: UnitOfWork, session_id: int) -> Hold | None:
    """Whoever decides on the money of a charge decides alone, from here on: the charge is locked,
    then the hold that money was taken of, which is returned."""
    work.session.flush()
    session = work.session.get(ChargingSession, session_id)
    if session is not None:
        work.session.refresh(session, with_for_update=True)
    hold = hold_with_money(work, session_id)
    if hold is not None:
        work.session.refresh(hold, with_for_update=True)
    return hold


def balance(work: UnitOfWork, hold: Hold) -> Balance:
    """How a hold stands; to decide on it, use `give_back`."""
    return balances(work, [hold])[hold.id]


def balances(work: UnitOfWork, holds: list[Hold]) -> Mapping[int, Balance]:
    """How several holds stand, by their ids."""
    ids = [hold.id for hold in holds]
    given = select(Refund.hold_id, func.sum(Refund.amount_minor)).where(
        Refund.hold_id.in_(ids), or_(Refund.state != "failed", in_wallet())
    )
    back = {row[0]: int(row[1]) for row in work.session.execute(given.group_by(Refund.hold_id))}
    return {
        hold.id: Balance(hold.captured_minor or 0, back.get(hold.id, 0), hold.currency)
        for hold in holds
    }


def give_back(
    work: UnitOfWork, hold_id: int, amount_minor: int, *, reason: str, at_most: bool = False
) -> Refund | None:
    """Send money back to where it came from; the provider is asked after the commit.

    `at_most`: as much of the amount as is left. None when that is nothing, or less than a card can
    be given (a few thousandths of a dinar; such parts of an amount are left off). Each call is a
    refund of its own: who may ask twice guards that with a unique row of theirs in the same
    transaction.
    Raises TooMuch, and ValueError for an amount that is none.
    """
    if amount_minor <= 0:
        raise ValueError(f"{amount_minor} is no amount to give back")
    work.session.flush()
    hold = work.session.get_one(Hold, hold_id, with_for_update=True, populate_existing=True)
    left = balance(work, hold).left
    if amount_minor > left.amount_minor:
        if not at_most:
            raise TooMuch(left)
        amount_minor = left.amount_minor
    if hold.method == "card":
        amount_minor = payable(amount_minor, hold.currency)
    if not amount_minor:
        return None
    refund = Refund(
        hold_id=hold.id,
        amount_minor=amount_minor,
        currency=hold.currency,
        reason=reason[:120],
        created_at=work.now,
    )
    work.session.add(refund)
    work.session.flush()
    payments.way(hold).refund(work, hold, refund)
    if hold.session_id is not None:
        told = f"{plain(Money(amount_minor, hold.currency))} given back: {reason}"
        case_money.went_back(work, hold.session_id, refund.id, told)
    return refund
