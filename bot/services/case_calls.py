"""The call-back to who has a phone and no chat: a person calls and notes what they said.

Nobody is taken for silent who was never called: such a ticket waits, and its clock is missed.
"""

from __future__ import annotations

from typing import Final

from bot.domain import cases as rules
from bot.services import audit, case_people, case_timers, case_work, cases
from bot.services.audit import Actor
from bot.services.case_work import NotPossible
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork

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
    case.asked += 1
    case.updated_at = work.now
    cases.entry(work, case, "asked", f"Call {case.asked}: nobody answered", actor=actor)
    if case.asked >= rules.CALL_BACKS:
        case_timers.close(work, case, "silence")
    return case
