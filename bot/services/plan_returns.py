"""Units of a plan that come back: the charge that took them was refunded in full, or took less.

While the plan runs they count again; once it has ended, what they cost goes back instead.
"""

from __future__ import annotations

from sqlalchemy import func, select

from bot.domain.pricing import Bill
from bot.domain.session import SessionFacts
from bot.replies import Amount, Say, Value
from bot.services import payments, plans, refund_words, refunds
from bot.services.billing import post
from bot.services.outbound import tell_rider
from bot.store.database import UnitOfWork
from bot.store.offers import Plan, PlanUse


def refunded(work: UnitOfWork, session_id: int) -> None:
    """The charge was refunded in full: all that it took of its plan comes back."""
    _keep(work, session_id, 0, key=f"returned:{session_id}")


def corrected(work: UnitOfWork, session_id: int, facts: SessionFacts, bill: Bill) -> None:
    """The charge has its bill, and that comes to less now: what it took is what it takes now."""
    plan = _plan_of(work, session_id)
    if plan is None:
        return
    covered = any(line.what == "plan" for line in bill.lines)
    usage = facts.usage()
    taken = usage.energy_wh() if plan.unit == "wh" else usage.charging_s()
    keep = taken if covered else 0
    _keep(work, session_id, keep, key=f"meter:{session_id}:{keep}")


def _plan_of(work: UnitOfWork, session_id: int) -> Plan | None:
    """The plan a charge took of, locked."""
    mine = select(PlanUse.plan_id).where(PlanUse.session_id == session_id).limit(1)
    plan_id = work.session.scalars(mine).first()
    if plan_id is None:
        return None
    return work.session.get_one(Plan, plan_id, with_for_update=True, populate_existing=True)


def _keep(work: UnitOfWork, session_id: int, amount: int, *, key: str) -> None:
    """The charge has no more than `amount` of its plan; a repeat changes nothing."""
    plan = _plan_of(work, session_id)
    if plan is None:
        return
    sums = func.sum(PlanUse.amount), func.sum(PlanUse.saved_minor), func.sum(PlanUse.earned_minor)
    row = work.session.execute(select(*sums).where(PlanUse.session_id == session_id)).one()
    taken, saved, earned = (int(each) for each in row)
    back = taken - amount
    if back <= 0 or plan.state == "refunded" or plan.ends_at is None:
        return
    runs = plan.ends_at > work.now
    if runs:
        before = plans.pack(plan)
        plan.used -= back
        earned = before.earned_minor() - plans.pack(plan).earned_minor()
        plan.state = "active"
    else:
        key, earned = f"{plans.LATE}{key}", earned * back // taken
    work.session.add(
        PlanUse(
            plan_id=plan.id, session_id=session_id, key=key, amount=-back,
            saved_minor=-(saved * back // taken), earned_minor=-earned, at=work.now,
        )
    )  # fmt: skip
    work.session.flush()
    plans.earn(work, plan, key, -earned)
    if runs:
        _tell(work, plan, back, key)
    elif earned:
        _pay_back(work, plan, back, earned, key)


def _tell(work: UnitOfWork, plan: Plan, back: int, key: str) -> None:
    said = Say(
        "{amount} of your plan {plan} are yours again; {left} are left.",
        {"amount": Amount(back, plan.unit), "plan": plan.name, "left": plans.left(plan)},
    )
    tell_rider(work, plan.rider_id, said, key=f"plan:{plan.id}:{key}")


def _pay_back(work: UnitOfWork, plan: Plan, back: int, earned: int, key: str) -> None:
    """The plan has ended, so nothing could be charged with them: the price of the units goes back,
    with its part of the tax."""
    hold = payments.of(work, f"plan:{plan.id}")
    assert hold is not None
    tax = plans.tax_on(plan, earned)
    refund = refunds.give_back(work, hold.id, earned + tax, reason="plan")
    assert refund is not None
    source, rate = f"plan:{plan.id}", f"tax:{plan.tax_percent}"
    amounts = {source: -tax, rate: tax}
    post(work, source=source, kind=f"tax:{key}", currency=plan.currency, amounts=amounts)
    values: dict[str, Value] = {"amount": Amount(back, plan.unit), "plan": plan.name}
    why = Say("Your plan {plan} has ended meanwhile; this is what {amount} of it cost.", values)
    said = refund_words.told(work, refund, why)
    tell_rider(work, plan.rider_id, said, key=f"plan:{plan.id}:{key}")
