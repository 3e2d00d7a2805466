"""What a rider gets when we did not keep a promise: a coupon, or the doubt decided for them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from bot.domain.cases import OPEN
from bot.domain.money import exponent
from bot.replies import Say
from bot.services import (
    case_money,
    case_talk,
    case_work,
    cases,
    coupon_templates,
    coupons,
    refund_words,
    refunds,
)
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.cases import Case, Clock
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.offers import Coupon, RefundRequest

LATE_TEMPLATE: Final = "late"
PHOTO_TEMPLATE: Final = "fault_photo"
assert {LATE_TEMPLATE, PHOTO_TEMPLATE} == set(coupon_templates.BY_THEMSELVES)


def for_breach(work: UnitOfWork, clock: Clock, case: Case | None) -> None:
    """One coupon for one missed promise, with our excuse; none where no budget is left for it."""
    if clock.rider_id is None:
        return
    country = _country(work, case)
    coupon = coupons.issue(
        work, clock.rider_id, LATE_TEMPLATE, cause=f"clock:{clock.id}", key=f"clock:{clock.id}",
        country=country, tell=False,
    )  # fmt: skip
    given = "A coupon for the missed promise"
    told = given if coupon else none_given(work, LATE_TEMPLATE, country)
    if case is not None:
        cases.entry(work, case, "money", told, key=f"clock:{clock.id}:coupon")
    if coupon is not None:
        words = {"late": case_talk.late(clock), "coupon": coupons.describe(work, coupon)}
        said = Say("{late} You get {coupon}; it counts by itself at your next charge.", words)
        tell_rider(work, clock.rider_id, said, key=f"clock:{clock.id}:late")


def for_photo(work: UnitOfWork, case: Case, job: Job) -> str:
    """The first photo that showed us a fault, which is the one that `job` repairs, earns a coupon;
    what became of that, for the case's file."""
    if case.rider_id is None:
        return "No coupon: there is no rider to give it to"
    cause, country = f"fault-photo:job:{job.id}", _country(work, case)
    if work.session.scalars(select(Coupon.id).where(Coupon.cause == cause)).first() is not None:
        return "No coupon: this fault was shown by a photo before"
    why = Say("Your photo helped: a technician is asked to repair the pile. Thank you.")
    if job.state == "done":
        why = Say("Your photo helped: the pile is repaired by now. Thank you.")
    coupon = coupons.issue(
        work, case.rider_id, PHOTO_TEMPLATE, cause=cause, key=f"case:{case.id}:photo",
        country=country, why=why,
    )  # fmt: skip
    return "Coupon for the photo" if coupon else none_given(work, PHOTO_TEMPLATE, country)


def none_given(work: UnitOfWork, name: str, country: str | None) -> str:
    """Why no coupon was given, for the case's file."""
    if any(each.name == name for each in coupon_templates.active(work, country)):
        return "No coupon: none is left to give"
    return f"No coupon: no template “{name}” is active{f' in {country}' if country else ''}"


def _country(work: UnitOfWork, case: Case | None) -> str | None:
    station = cases.station_of(work, case) if case is not None else None
    return station.country if station else None


def decide_for_rider(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """Give back what was taken for the charge in doubt, as far as a machine may decide alone."""
    asked = select(RefundRequest.id).where(RefundRequest.session_id == case.session_id)
    if work.session.scalars(asked).first() is not None:
        return  # decided there, by a deadline of its own
    hold = refunds.hold_with_money(work, case.session_id or 0)
    left = refunds.balance(work, hold).left.amount_minor if hold else 0
    if hold is None or left == 0:
        return
    if left > settings.dispute_refund_max * 10 ** exponent(hold.currency):
        text = "Too much to be decided without a person"
        cases.entry(work, case, "money", text, key=f"case:{case.id}:decide")
        return
    refund = refunds.give_back(
        work, hold.id, left, reason=f"case {case.id} undecided", at_most=True
    )
    if refund is None:
        return
    cases.link(work, case, "refund", str(refund.id), quiet=True)
    cases.entry(work, case, "money", "Undecided in time: decided for the rider, all given back")
    if case.rider_id is not None:
        why = Say(
            "We did not decide about your bill within the time we promised, so it is decided for "
            "you (case {case}).",
            {"case": case.id},
        )
        said = refund_words.told(work, refund, why)
        tell_rider(work, case.rider_id, said, key=f"case:{case.id}:decided")
    if case.status in OPEN and case.kind == "billing" and not case_money.waits(work, case.id):
        case_work.solve(
            work, settings, None, case.id, cause=case_talk.CONTESTED.text,
            fix=case_talk.BY_TIME.text, result=case_talk.IN_FAVOUR.text,
        )  # fmt: skip
