"""The money of a case: what went back for it, and what about it is still to be decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import String, cast, select

from bot.domain.cases import OPEN
from bot.services import cases
from bot.store.cases import Case, CaseLink
from bot.store.database import UnitOfWork
from bot.store.offers import MeterCheck, RefundRequest

REQUEST: Final = "dispute"  # links
UNDECIDED: Final = ("open", "waiting")


def went_back(work: UnitOfWork, session_id: int, refund_id: int, text: str) -> None:
    """Money of a charge goes back: what is open about that charge knows of it."""
    about = select(Case).where(
        Case.session_id == session_id, Case.status.in_((*OPEN, "done")), Case.merged_into.is_(None)
    )
    for case in work.session.scalars(about.order_by(Case.id)):
        if cases.link(work, case, "refund", str(refund_id), quiet=True):
            cases.entry(work, case, "money", text)


def undecided(work: UnitOfWork, case_id: int) -> Sequence[RefundRequest]:
    """The contested charges of a case that wait for people."""
    of_case = select(CaseLink.ref).where(CaseLink.case_id == case_id, CaseLink.kind == REQUEST)
    rows = select(RefundRequest).where(
        cast(RefundRequest.id, String).in_(of_case), RefundRequest.state.in_(UNDECIDED)
    )
    return work.session.scalars(rows.order_by(RefundRequest.id)).all()


def waits(work: UnitOfWork, case_id: int) -> bool:
    """Whether something about the money of a case is still to be decided or tested."""
    tests = select(CaseLink.ref).where(CaseLink.case_id == case_id, CaseLink.kind == "meter")
    untested = select(MeterCheck.id).where(
        cast(MeterCheck.id, String).in_(tests), MeterCheck.state.in_(("open", "tested"))
    )
    return bool(undecided(work, case_id)) or work.session.scalars(untested).first() is not None
