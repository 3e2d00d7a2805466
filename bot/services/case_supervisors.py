"""A case that goes to a supervisor calls them: a mention in its chat, a page where it has none."""

from __future__ import annotations

from sqlalchemy import func, select

from bot.services import paging
from bot.services.audit import Actor
from bot.services.marks import mark
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.staff import Staff


def call(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """Every manager learns why they have it, once for each reason."""
    told = select(func.count()).where(CaseEntry.case_id == case.id, CaseEntry.kind == "level")
    key = f"case:{case.id}:level:{work.session.scalar(told)}"
    text = f"Case {case.id} needs a supervisor. {case.level_reason}"
    managers = work.session.scalars(select(Staff).where(Staff.active, Staff.role == "manager"))
    called = managers.all()
    if case.conversation_id is None or not called:
        paging.page_once(
            work, settings, key=key, text=text, path=f"/tickets/{case.id}", managers_only=True
        )
        return
    for staff in called:
        mark(
            work, case.conversation_id, "mention", text, body={"case_id": case.id},
            actor=Actor(staff.id, staff.role, staff.name), key=f"{key}:{staff.id}",
        )  # fmt: skip
    touched(work, *(f"mention:{staff.id}" for staff in called))
