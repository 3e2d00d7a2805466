"""Who waits for news of a case, and by which door they hear it: whoever reported it, and those
whose reports were merged into it."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select

from bot.domain.contacts import phone_number
from bot.replies import Reply, Say
from bot.services import case_mail
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork

Door = Literal["chat", "mail", "partner", "phone", ""]


def reports(work: UnitOfWork, case: Case) -> list[Case]:
    """One report for each person behind a case, its own first; a report is a case, too."""
    merged = select(Case).where(Case.merged_into == case.id).order_by(Case.id)
    found: dict[str, Case] = {}
    for each in (case, *work.session.scalars(merged)):
        found.setdefault(person(each), each)
    return list(found.values())


def person(case: Case) -> str:
    """Who reported a case; two reports of one person are the same."""
    return f"rider:{case.rider_id}" if case.rider_id else f"contact:{case.contact.casefold()}"


def of_rider(work: UnitOfWork, case: Case, rider_id: int) -> Case | None:
    """A rider's own report in a case; None: it is not theirs."""
    return next((each for each in reports(work, case) if each.rider_id == rider_id), None)


def of_sender(work: UnitOfWork, case: Case, address: str) -> Case | None:
    """The report of whoever writes from an address; None: it is not theirs."""
    mine = (each for each in reports(work, case) if each.contact.casefold() == address)
    return next(mine, None) if address else None


def door(settings: Settings, report: Case) -> Door:
    """How whoever made a report can be told and asked; "" when they cannot."""
    if report.rider_id is not None:
        return "chat"
    if report.source == "partner":
        return "partner"
    if phone_number(report.contact):
        return "phone"
    reads = "@" in report.contact and not case_mail.is_machine(report.contact)
    return "mail" if settings.smtp_url and reads else ""


def tell_chat(
    work: UnitOfWork, case: Case, report: Case, reply: Reply | list[Reply], *, key: str
) -> None:
    """Something about a case to the rider of a report; nothing where that is none."""
    if report.rider_id is None or report.conversation_id is None:
        return
    tell_rider(work, report.rider_id, reply, key=_once(case, report, key))
    case.told_at = work.now


def tell(
    work: UnitOfWork, settings: Settings, case: Case, report: Case, said: Say, *, key: str
) -> None:
    """The same in a letter to who wrote one; partners ask for it themselves."""
    if door(settings, report) != "mail":
        tell_chat(work, case, report, said, key=key)
    elif case_mail.send(work, settings, case, key=key, text=said, to=report):
        case.told_at = work.now


def _once(case: Case, report: Case, key: str) -> str:
    return f"case:{case.id}:{key}" if report is case else f"case:{case.id}:{key}:{report.id}"
