"""Coupon templates: written by a manager, good once finance has approved them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select, update

from bot.domain.discounts import CouponRules, dump_rules, plain_code
from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store.changes import touched
from bot.store.database import Store, UnitOfWork
from bot.store.offers import CouponTemplate
from bot.store.stations import Station

log = structlog.get_logger()

MOST_DAYS: Final = 730


class NotPossible(PilebotError):
    """A template cannot be kept or decided so; the message says why (for staff)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A template as a form gives it."""

    name: str
    rules: CouponRules
    code: str
    valid_days: int
    ends_at: datetime | None
    per_rider: int
    budget_minor: int
    monthly_minor: int | None


def all_of(work: UnitOfWork) -> Sequence[CouponTemplate]:
    """Every template, by market and name."""
    order = (CouponTemplate.country, CouponTemplate.name)
    return work.session.scalars(select(CouponTemplate).order_by(*order)).all()


def active(work: UnitOfWork, country: str | None) -> Sequence[CouponTemplate]:
    """What may be issued in a market; None: anywhere."""
    found = [each for each in all_of(work) if each.state == "active"]
    return [each for each in found if country in {None, each.country}]


def markets(work: UnitOfWork) -> list[tuple[str, str]]:
    """Countries with stations, and their currency."""
    pairs = select(Station.country, Station.currency).distinct().order_by(Station.country)
    return [(row[0], row[1]) for row in work.session.execute(pairs)]


# Given by themselves (bot/services/compensation.py), and for what.
BY_THEMSELVES: Final[Mapping[str, str]] = {
    "late": "a promise that was missed", "fault_photo": "the photo that showed a fault",
}  # fmt: skip


def lacking(work: UnitOfWork) -> list[str]:
    """What riders of a market would not get because no coupon for it is active there, in words for
    staff: nobody may find that out by a promise that was not made good."""
    there = {(each.name, each.country): each.state for each in all_of(work)}
    found = []
    for country, _ in markets(work):
        for name, cause in BY_THEMSELVES.items():
            state = there.get((name, country))
            if state != "active":
                why = "waits for finance" if state == "draft" else "is missing"
                found.append(f"{country}: the coupon “{name}” {why}, so {cause} gives none.")
    return found


def warn(store: Store) -> None:
    """Say in the log what is lacking; the clock does at its start and some times a day."""
    with store.read() as work:
        for text in lacking(work):
            log.warning("coupon_lacking", why=text)


def save(work: UnitOfWork, actor: Actor, id_: int | None, draft: Draft) -> CouponTemplate:
    """Make or change a template; it waits for approval then. Raises NotPossible."""
    _check(work, draft, id_)
    row = work.session.get(CouponTemplate, id_) if id_ else None
    if row is None:
        row = CouponTemplate(state="draft")
        work.session.add(row)
    row.name, row.rules = draft.name, dump_rules(draft.rules)
    row.country, row.currency = draft.rules.country, draft.rules.currency
    row.code = draft.code or None
    row.plain_code = plain_code(draft.code) if draft.code else None
    row.valid_days, row.ends_at, row.per_rider = draft.valid_days, draft.ends_at, draft.per_rider
    row.budget_minor, row.monthly_minor = draft.budget_minor, draft.monthly_minor
    row.state, row.changed_by, row.changed_at = "draft", actor.staff_id, work.now
    row.approved_by = row.approved_at = None
    work.session.flush()
    audit.record(
        work, actor, "coupon.save", f"coupon_template:{row.id}",
        after={"rules": row.rules, "budget_minor": row.budget_minor, "code": row.code},
    )  # fmt: skip
    return row


def _check(work: UnitOfWork, draft: Draft, id_: int | None) -> None:
    rules = draft.rules
    if not 1 <= len(draft.name) <= 60:
        raise NotPossible("Give it a name of 1 to 60 characters.")
    if bool(rules.fixed_minor) is bool(rules.percent):
        raise NotPossible("Give either an amount or a percentage.")
    if rules.percent and not 0 < rules.percent <= 100:
        raise NotPossible("A percentage lies between 0 and 100.")
    if rules.percent and not rules.most_minor:
        raise NotPossible("A percentage needs the most it may take off.")
    if draft.budget_minor < rules.worth_minor:
        raise NotPossible("The budget does not pay for one coupon.")
    if not 1 <= draft.valid_days <= MOST_DAYS or draft.per_rider < 1:
        raise NotPossible(f"A coupon is good for 1 to {MOST_DAYS} days, one or more a rider.")
    if (rules.country, rules.currency) not in markets(work):
        raise NotPossible("There is no station in this market.")
    if draft.code:
        plain = plain_code(draft.code)
        if plain is None or not 4 <= len(plain) <= 16 or not any(c.isdigit() for c in draft.code):
            raise NotPossible("A code has 4 to 16 letters and digits, at least one digit.")
        same = select(CouponTemplate).where(CouponTemplate.plain_code == plain)
        if (twin := work.session.scalars(same).first()) is not None and twin.id != id_:
            raise NotPossible(f"“{twin.name}” has a code that riders could mistake for this one.")
    named = select(CouponTemplate).where(
        CouponTemplate.name == draft.name, CouponTemplate.country == rules.country
    )
    if (other := work.session.scalars(named).first()) is not None and other.id != id_:
        raise NotPossible("There is a template of this name in this market.")


def approve(work: UnitOfWork, actor: Actor, id_: int) -> None:
    """Finance says yes: coupons may be issued. Raises NotPossible."""
    row = work.session.get(CouponTemplate, id_)
    if row is not None and row.changed_by == actor.staff_id:
        raise NotPossible("Somebody else has to approve what you wrote yourself.")
    _decide(work, actor, id_, "draft", "active")


def end(work: UnitOfWork, actor: Actor, id_: int) -> None:
    """No more coupons of it; those in riders' hands stay good. Raises NotPossible."""
    _decide(work, actor, id_, "active", "ended")


def _decide(work: UnitOfWork, actor: Actor, id_: int, before: str, after: str) -> None:
    values = {"state": after}
    decided = {"approved_by": actor.staff_id, "approved_at": work.now} if after == "active" else {}
    won = work.session.scalars(
        update(CouponTemplate)
        .where(CouponTemplate.id == id_, CouponTemplate.state == before)
        .values(**values, **decided)
        .returning(CouponTemplate.id)
        .execution_options(synchronize_session=False)
    ).first()
    if won is None:
        raise NotPossible("This was decided already.")
    touched(work, "coupon")
    audit.record(
        work, actor, f"coupon.{after}", f"coupon_template:{id_}",
        before={"state": before}, after={"state": after},
    )  # fmt: skip
