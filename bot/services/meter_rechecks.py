"""A meter failed its test: every charge since its last good test is computed anew and repaid.

The rule is that of a single check (ten times the difference, at most what is left of the charge).
Each charge gets a check of its own, so that none is repaid twice; up to what somebody may give
alone it is paid at once, above it a second person lets it go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from bot.domain.disputes import meter_owes
from bot.domain.money import Money, payable
from bot.domain.pricing import load_bill
from bot.domain.staff_actions import plain, refund_limit
from bot.services import audit, meter_checks, refunds
from bot.services.audit import Actor
from bot.services.meter_checks import NotPossible
from bot.settings import Settings
from bot.store.charging import Bill, ChargingSession
from bot.store.database import UnitOfWork
from bot.store.offers import MeterCheck
from bot.store.upsert import insert

CONFIRMED: Final = ("paid", "failed")  # by a second person
LOOK_BACK: Final = timedelta(days=180)  # older payments take no refund any more
MOST: Final = 200  # charges in one go; what is left comes with the next
REASON_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Owed:
    """A charge at the meter, and what goes back of it."""

    session: ChargingSession
    bill: Bill
    owed: Money


@dataclass(frozen=True, slots=True)
class Recheck:
    """What a failed test means for the charges before it. `since` is the last good test, None
    where there was none; `nothing` counts charges of which nothing is left to give."""

    check: MeterCheck
    since: datetime | None
    begins: datetime
    ends: datetime
    owed: Sequence[Owed]
    nothing: int
    limit: Money  # what this person may still give alone

    @property
    def total(self) -> Money:
        """Of all charges."""
        return Money(sum(each.owed.amount_minor for each in self.owed), self.check.currency)

    @property
    def waits(self) -> bool:
        """Whether a second person has to let it go."""
        return self.total > self.limit


def look(work: UnitOfWork, settings: Settings, actor: Actor, check_id: int) -> Recheck:
    """What a recheck would repay now. Raises NotPossible where the test did not fail."""
    check = work.session.get(MeterCheck, check_id)
    if check is None or check.state not in CONFIRMED or check.recheck_of is not None:
        raise NotPossible("Only after a failed test that a second person has confirmed.")
    if meter_checks.error_of(check) < 0:
        raise NotPossible("The meter shows too little: nobody paid too much.")
    assert check.tested_at is not None
    evse_id = work.session.get_one(ChargingSession, check.session_id).evse_id
    since = _good_test(work, evse_id, before=check.tested_at)
    begins = max(since or check.tested_at - LOOK_BACK, work.now - LOOK_BACK)
    ends = _good_test(work, evse_id, after=check.tested_at) or work.now
    rows = work.session.execute(
        select(ChargingSession, Bill)
        .join(Bill, Bill.session_id == ChargingSession.id)
        .where(
            ChargingSession.evse_id == evse_id,
            ChargingSession.ended_at > begins,
            ChargingSession.ended_at <= ends,
            Bill.currency == check.currency,
            ~select(MeterCheck.id).where(MeterCheck.session_id == ChargingSession.id).exists(),
        )
        .order_by(ChargingSession.id)
        .limit(MOST)
    ).all()
    found = [Owed(session, bill, _owed(work, check, bill)) for session, bill in rows]
    owed = [each for each in found if each.owed.amount_minor]
    alone = refund_limit(settings.refund_limits, actor.role, check.currency)
    left = max(0, alone.amount_minor - _given_alone(work, check, actor))
    return Recheck(
        check, since, begins, ends, owed, len(found) - len(owed), Money(left, check.currency)
    )


def _good_test(
    work: UnitOfWork,
    evse_id: int,
    *,
    before: datetime | None = None,
    after: datetime | None = None,
) -> datetime | None:
    """When the meter was right: the last time before a moment, or the first after one."""
    good = (
        select(MeterCheck.tested_at)
        .join(ChargingSession, ChargingSession.id == MeterCheck.session_id)
        .where(
            ChargingSession.evse_id == evse_id,
            MeterCheck.state == "fair",
            MeterCheck.recheck_of.is_(None),
        )
    )
    if before is not None:
        good = good.where(MeterCheck.tested_at < before).order_by(MeterCheck.tested_at.desc())
    if after is not None:
        good = good.where(MeterCheck.tested_at > after).order_by(MeterCheck.tested_at)
    return work.session.scalars(good.limit(1)).first()


def _owed(work: UnitOfWork, check: MeterCheck, bill: Bill) -> Money:
    energy = sum(x.gross_minor for x in load_bill(bill.body).lines if x.what == "energy")
    hold = refunds.hold_with_money(work, bill.session_id)
    left = refunds.balance(work, hold).left.amount_minor if hold is not None else 0
    owed = meter_owes(energy, meter_checks.error_of(check), left)
    return Money(payable(max(0, owed), check.currency), check.currency)


def _given_alone(work: UnitOfWork, check: MeterCheck, actor: Actor) -> int:
    """What somebody has repaid for this meter without a second person: small steps add up."""
    given = select(func.sum(MeterCheck.owed_minor)).where(
        MeterCheck.recheck_of == check.id,
        MeterCheck.tested_by == actor.staff_id,
        MeterCheck.decided_by.is_(None),
        MeterCheck.state == "paid",
    )
    return int(work.session.scalar(given) or 0)


def order(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    check_id: int,
    *,
    reason: str,
    expected_minor: int,
) -> Recheck:
    """Repay what was shown, at once or by a second person's yes. Raises NotPossible, also when it
    is not what was shown any more."""
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Please give a reason: it is kept with the recheck.")
    work.session.get(MeterCheck, check_id, with_for_update=True)  # one at a time for a test
    found = look(work, settings, actor, check_id)
    if not found.owed:
        raise NotPossible("There is no charge left that something would go back for.")
    if found.total.amount_minor != expected_minor:
        raise NotPossible("The charges have changed since you looked. Please look again.")
    for each in found.owed:
        _repay(work, actor, found, each, reason)
    audit.record(
        work, actor, "meter.rechecked", f"meter_check:{check_id}",
        after={
            "charges": len(found.owed), "owed_minor": found.total.amount_minor,
            "currency": found.total.currency, "state": "tested" if found.waits else "paid",
        },
        reason=reason,
    )  # fmt: skip
    return found


def _repay(work: UnitOfWork, actor: Actor, found: Recheck, each: Owed, reason: str) -> None:
    meter, check = each.bill.body["meter"], found.check
    row = work.session.scalars(
        insert(work, MeterCheck)
        .values(
            key=f"meter:{each.session.id}", rider_id=each.session.rider_id,
            session_id=each.session.id, state="tested", asked_at=work.now,
            start_wh=meter["start_wh"], end_wh=meter["end_wh"], shown_wh=check.shown_wh,
            true_wh=check.true_wh, note=reason, currency=each.bill.currency,
            owed_minor=each.owed.amount_minor, tested_by=actor.staff_id, tested_at=work.now,
            recheck_of=check.id,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(MeterCheck)
    ).first()  # fmt: skip
    if row is None:  # the rider has asked for a check of it at this moment
        raise NotPossible("The charges have changed since you looked. Please look again.")
    if not found.waits:
        row.state = "paid"
        paid = meter_checks.pay(work, row)
        assert paid, "what is owed was computed in this transaction"


def rows_of(work: UnitOfWork, check_id: int) -> Sequence[MeterCheck]:
    """The charges that were rechecked because of a test."""
    rows = select(MeterCheck).where(MeterCheck.recheck_of == check_id).order_by(MeterCheck.id)
    return work.session.scalars(rows).all()


def summary(rows: Sequence[MeterCheck]) -> str:
    """How a recheck stands, for the list of checks; "" before there is one."""
    parts = []
    for state, words in (("paid", "paid back"), ("tested", "waiting for approval")):
        mine = [each for each in rows if each.state == state]
        if mine:
            money = Money(sum(each.owed_minor or 0 for each in mine), mine[0].currency)
            parts.append(f"{len(mine)} charges, {plain(money)} {words}")
    return "; ".join(parts)


def approve(work: UnitOfWork, actor: Actor, check_id: int) -> int:
    """A second person lets go all that waits; how many charges. Raises NotPossible."""
    waiting = [each for each in rows_of(work, check_id) if each.state == "tested"]
    if not waiting:
        raise NotPossible("This is decided already.")
    paid = 0
    for each in waiting:
        check = meter_checks.decide(work, actor, each.id, "paid")
        if meter_checks.pay(work, check):
            paid += 1
        else:  # all of it went back otherwise meanwhile
            check.state, check.owed_minor = "refused", 0
    return paid


def refuse(work: UnitOfWork, actor: Actor, check_id: int) -> int:
    """A second person says no to all that waits: it can be ordered again. Raises NotPossible."""
    waiting = [each for each in rows_of(work, check_id) if each.state == "tested"]
    if not waiting:
        raise NotPossible("This is decided already.")
    for each in waiting:
        work.session.delete(meter_checks.refuse(work, actor, each.id))
    return len(waiting)
