"""The call-back to who has a phone and no chat: a person calls and notes what they said.

Nobody is taken for silent who was never called: such a ticket waits, and its clock is missed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from bot.domain import cases as rules
from bot.services import audit, case_people, case_timers, case_work, cases
from bot.services.audit import Actor
from bot.services.case_work import NotPossible
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry
from bot.store.database import UnitOfWork

PAUSE: Final = timedelta(hours=1)
ANSWERS: Final = {
    "yes": "Yes, solved", "no": "No, not solved", "talk": "Wants to talk",
    "none": "Nobody answered the phone",
}  # fmt: skip


def note(work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, answer: str) -> Case:
    """What they said when they were called; twice nobody there closes it. Raises NotPossible."""
    case = case_work.locked(work, case_id)
    if case.status != "done" or case_people.door(settings, case) != "phone":
        raise NotPossible("This ticket waits for no call.")
    if answer not in ANSWERS:
        raise NotPossible("Say what they answered.")
    audit.record(work, actor, "case_call_back", f"case:{case.id}", after={"answer": answer})
    if answer != "none":
        cases.entry(work, case, "contact", f"Called back: {ANSWERS[answer]}", actor=actor)
        case_work.answered(work, settings, case, answer)
        return case
    if _called_since(work, case, work.now - PAUSE):
        raise NotPossible("Somebody has just called: try again in an hour, so that it counts.")
    case.asked += 1
    case.updated_at = work.now
    cases.entry(work, case, "asked", f"Call {case.asked}: nobody answered", actor=actor)
    if case.asked >= rules.CALL_BACKS:
        case_timers.close(work, case, "silence")
    return case


def _called_since(work: UnitOfWork, case: Case, since: datetime) -> bool:
    """Whether somebody has called in vain; two calls in a row are no second try."""
    calls = select(CaseEntry.id).where(
        CaseEntry.case_id == case.id, CaseEntry.kind == "asked", CaseEntry.at > since,
        CaseEntry.staff_id.is_not(None),
    )  # fmt: skip
    return work.session.scalars(calls).first() is not None
