"""What plans say the ledger must hold: their tax at the sale, what uses earned, what is not yet."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select

from bot.services import plans
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.offers import Plan, PlanUse

_SOLD = ("active", "used_up", "expired", "refunded")


def earned(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """Revenue and tax by (source, kind)."""
    found: dict[tuple[str, str], int] = {}
    for plan in work.session.scalars(select(Plan).where(Plan.state.in_(_SOLD))):
        source = f"plan:{plan.id}"
        found[source, "sold"] = -plan.tax_minor
        if plan.state == "refunded":
            found[source, "returned"] = plan.tax_minor
        elif plan.state != "active":
            found[source, "ended"] = -plans.unearned(work, plan)
    for use in work.session.scalars(select(PlanUse)):
        found[f"plan:{use.plan_id}", f"used:{use.session_id}"] = -use.earned_minor
    return found


def open_sides(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """What is paid for plans and not earned, by plan."""
    sides: dict[tuple[str, str], int] = defaultdict(int)
    for plan in work.session.scalars(select(Plan).where(Plan.state.in_(("active", "refunded")))):
        owed = plans.unearned(work, plan)
        if plan.state == "refunded":
            owed = plan.price_minor - _back(work, plan)
        sides[f"plan {plan.id}", plan.currency] -= owed
    return sides


def side_of(account: str) -> str | None:
    """The side an account of the ledger counts to."""
    family, _, number = account.partition(":")
    return f"plan {number}" if family == "plan" and number.isdigit() else None


def _back(work: UnitOfWork, plan: Plan) -> int:
    done = (
        select(func.sum(Refund.amount_minor))
        .join(Hold, Hold.id == Refund.hold_id)
        .where(Hold.subject == f"plan:{plan.id}", Refund.state == "done")
    )
    return int(work.session.scalar(done) or 0)
