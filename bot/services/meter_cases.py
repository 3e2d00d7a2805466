"""The case of a doubted meter: opened with the readings, ended by the test's result."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from bot.domain.cases import OPEN
from bot.services import case_money, case_work, cases, clocks
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.cases import Case, CaseLink
from bot.store.database import UnitOfWork
from bot.store.offers import MeterCheck

LINK: Final = "meter"
_OWN_DOUBTS: Final = ("bill_wrong", "paid_twice")  # the test alone does not decide these


def begin(work: UnitOfWork, check: MeterCheck, *, source: str, text: str) -> Case:
    """The case of a check, with the clock of a doubted bill; one that is open about money at this
    pile takes it in."""
    case = cases.open_case(
        work, kind="billing", code="meter", rider_id=check.rider_id, session_id=check.session_id,
        text=text, source=source, key=check.key,
    )  # fmt: skip
    cases.start_clock(work, case, "dispute", at=work.now)
    cases.link(work, case, LINK, str(check.id), quiet=True)
    return case


def of_check(work: UnitOfWork, check: MeterCheck) -> Case | None:
    """The case that a check belongs to; None where nobody asked for it."""
    linked = (
        select(Case)
        .join(CaseLink, CaseLink.case_id == Case.id)
        .where(CaseLink.kind == LINK, CaseLink.ref == str(check.id), Case.merged_into.is_(None))
    )
    return work.session.scalars(linked).first()


def end(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    check: MeterCheck,
    *,
    tested: str,
    result: str,
) -> None:
    """The doubt is decided: the case is solved, unless it is about more than the meter."""
    case = of_check(work, check)
    if case is None:
        return
    if check.refund_id is not None:
        cases.link(work, case, "refund", str(check.refund_id), quiet=True)
    cases.entry(
        work, case, "note", f"Meter tested: {tested} {result}", actor=actor,
        key=f"meter:{check.id}:{check.state}",
    )  # fmt: skip
    if case_money.undecided(work, case.id):
        return  # the last decision ends it (bot/services/dispute_cases.py)
    contested = any(each.kind == case_money.REQUEST for each in cases.links(work, case.id))
    if case.code in _OWN_DOUBTS and not contested:
        return
    clocks.stop(work, "dispute", cases.subject(case.id), event=f"tested by {actor.name}"[:80])
    if (case.code == "meter" or contested) and case.status in OPEN:
        case_work.solve(
            work, settings, actor, case.id, cause=tested,
            fix="The meter was tested against a reference.", result=result,
        )  # fmt: skip
