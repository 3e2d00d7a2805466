"""What plans say the ledger must hold: their tax at the sale, what uses earned, what is not yet."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, select

from bot.services import plans
from bot.services.failed_refunds import in_wallet
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
        source = f"plan:{use.plan_id}"
        found[source, use.key] = -use.earned_minor
        if use.key.startswith(plans.LATE):
            plan = work.session.get_one(Plan, use.plan_id)
            found[source, f"tax:{use.key}"] = plans.tax_on(plan, -use.earned_minor)
    return found


def open_sides(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """What is paid for plans and not earned, and what is on its way back, by plan."""
    sides: dict[tuple[str, str], int] = defaultdict(int)
    for plan in work.session.scalars(select(Plan).where(Plan.state.in_(_SOLD))):
        owed = plans.unearned(work, plan) if plan.state == "active" else 0
        sides[f"plan {plan.id}", plan.currency] -= owed + _going_back(work, plan)
    return sides


def side_of(account: str) -> str | None:
    """The side an account of the ledger counts to."""
    family, _, number = account.partition(":")
    return f"plan {number}" if family == "plan" and number.isdigit() else None


def _going_back(work: UnitOfWork, plan: Plan) -> int:
    """What the provider has not given back yet, or could not."""
    waiting = (
        select(func.sum(Refund.amount_minor))
        .join(Hold, Hold.id == Refund.hold_id)
        .where(
            Hold.subject == f"plan:{plan.id}",
            Refund.reason == "plan",
            Refund.state != "done",
            ~in_wallet(),
        )
    )
    return int(work.session.scalar(waiting) or 0)
