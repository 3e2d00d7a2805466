"""The case of a contested charge: opened or joined with the request, solved with its decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select

from bot.domain.cases import OPEN
from bot.domain.disputes import request_code
from bot.services import case_money, case_talk, case_work, cases, clocks
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store import inbox
from bot.store.cases import Case, CaseLink
from bot.store.database import UnitOfWork
from bot.store.offers import RefundRequest
from bot.store.staff import Staff

MOVED: Final = "dispute.moved"  # inbox
_CLOCK: Final = "dispute"
_CODES: Final = {
    "twice": "paid_twice", "failed": "payment_failed", "coupon": "coupon_invalid",
    "not_refunded": "refund_missing",
}  # fmt: skip


def subject(request: RefundRequest) -> str:
    """What the clock of a request is about: each has its own, whatever case it is in."""
    return f"dispute:{request.id}"


def begin(work: UnitOfWork, request: RefundRequest, *, text: str) -> Case:
    """The case of a new request, or the open one about money at this pile, which it joins; the day
    within which it is decided is the request's own."""
    case = cases.open_case(
        work, kind="billing", code=_CODES.get(request.reason, "bill_wrong"),
        rider_id=request.rider_id, session_id=request.session_id, source="system",
        text=text or f"Contests a bill: {request.reason}", key=request.key, but=(_CLOCK,),
    )  # fmt: skip
    cases.link(work, case, case_money.REQUEST, str(request.id), quiet=True)
    _start_clock(work, request, case)
    return case


def _start_clock(work: UnitOfWork, request: RefundRequest, case: Case) -> None:
    before = clocks.of_subject(work, subject(request))
    if all(each.state == "stopped" for each in before):
        clocks.start(
            work, _CLOCK, subject(request), round_=len(before) + 1, case_id=case.id,
            conversation_id=case.conversation_id, rider_id=request.rider_id, team=case.team,
        )  # fmt: skip


def of_request(work: UnitOfWork, request: RefundRequest) -> Case | None:
    """The case that a request is in."""
    linked = (
        select(Case)
        .join(CaseLink, CaseLink.case_id == Case.id)
        .where(CaseLink.kind == case_money.REQUEST, CaseLink.ref == str(request.id))
        .where(Case.merged_into.is_(None))
    )
    return work.session.scalars(linked).first()


def moved(work: UnitOfWork, request: RefundRequest) -> None:
    """A request is decided, or to be decided again: its clock, and what follows for its case."""
    if request.state not in case_money.UNDECIDED:
        event = f"{request_code(request.id)} {request.state}"
        clocks.stop(work, _CLOCK, subject(request), event=event)
        case = of_request(work, request)
        if case is not None and not case_money.waits(work, case.id):
            clocks.stop(work, _CLOCK, cases.subject(case.id), event=event)
    inbox.put(
        work, source="dispute", stream=subject(request), kind=MOVED,
        source_id=f"{request.id}:{request.state}:{request.action_id or 0}:{request.refund_id or 0}",
        body={"request_id": request.id},
    )  # fmt: skip


def on_moved(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind MOVED: the money is tied to the case, and with the last decision it is solved; one
    whose refund came to nothing is worked on again."""
    request = work.session.get_one(RefundRequest, int(body["request_id"]))
    case = of_request(work, request)
    if case is None:
        return
    case = case_work.locked(work, case.id)
    named = request_code(request.id)
    if request.refund_id is not None:
        cases.link(work, case, "refund", str(request.refund_id), quiet=True)
    if request.state in case_money.UNDECIDED:
        if request.state == "open" and case.status not in OPEN:
            cases.take_up(work, case, f"{named} is to be decided again: the refund failed")
        elif request.state == "open":
            _start_clock(work, request, case)
        return
    by = work.session.get(Staff, request.decided_by) if request.decided_by else None
    actor = Actor(by.id, by.role, by.name) if by else None
    cases.entry(
        work, case, "money", f"{named} {request.state}: {request.explanation}".rstrip(": "),
        actor=actor, key=f"dispute:{request.id}:{request.state}:{request.action_id or 0}",
    )  # fmt: skip
    case.updated_at = work.now
    if case.status in OPEN and case.kind == "billing" and not case_money.waits(work, case.id):
        fix, result = _told(request)
        case_work.solve(
            work, settings, actor, case.id, cause=case_talk.CONTESTED.text, fix=fix, result=result
        )


def _told(request: RefundRequest) -> tuple[str, str]:
    """What was done about a request, and with what result, for its rider."""
    if request.state == "declined":
        return case_talk.DECLINED.text, request.explanation or case_talk.DECLINED.text
    if request.state == "automatic":
        return case_talk.BY_TIME.text, case_talk.IN_FAVOUR.text
    return case_talk.GRANTED.text, request.explanation or case_talk.IN_FAVOUR.text
