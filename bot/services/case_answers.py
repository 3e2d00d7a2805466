"""The call-back for who has no chat: by e-mail with links that work once, by partners' API, by a
person who calls (bot/services/case_calls.py)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from bot.domain.contacts import phone_number
from bot.replies import Say, Value
from bot.services import case_mail, case_talk, sealed
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork

ANSWERS: Final = ("yes", "no", "talk")
LINKS_LAST: Final = timedelta(days=30)
_PURPOSE: Final = "case-answer"

Door = Literal["chat", "mail", "partner", "phone", ""]


def door(settings: Settings, case: Case) -> Door:
    """How whoever opened a case can be asked; "" when they cannot."""
    if case.rider_id is not None:
        return "chat"
    if case.source == "partner":
        return "partner"
    if phone_number(case.contact):
        return "phone"
    reads = "@" in case.contact and not case_mail.is_machine(case.contact)
    return "mail" if settings.smtp_url and reads else ""


def ask(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """The call-back by e-mail: three links, each to a page that asks once more."""
    links: dict[str, Value] = {
        answer: f"{address(settings, case, work.now)}?answer={answer}" for answer in ANSWERS
    }
    text = Say("Case {case}: {about}. Is it solved?", _about(work, case))
    if case.asked > 1:
        text = Say(
            "I ask once more about case {case}: {about}. Is it solved? Without an answer by "
            "tomorrow I take it as a yes.",
            _about(work, case),
        )
    said = Say(
        "{question}\n\nYes: {yes}\nNo: {no}\nI want to talk to a person: {talk}\n\nEach link opens "
        "a page that asks you to confirm. Only one answer counts.",
        {"question": text, **links},
    )
    case_mail.send(work, settings, case, key=f"ask:{case.rounds}:{case.asked}", text=said)


def tell_solved(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """The result by e-mail, as soon as there is one."""
    if door(settings, case) == "mail":
        said = Say("{state} We ask you tomorrow whether all is well.",
                   {"state": case_talk.state(work, settings, case)})  # fmt: skip
        case_mail.send(work, settings, case, key=f"done:{case.rounds}", text=said)


def _about(work: UnitOfWork, case: Case) -> dict[str, Value]:
    return {"case": case.id, "about": case_talk.name_of(work, case)}


def address(settings: Settings, case: Case, now: datetime) -> str:
    """Where the answer to this round's call-back is given; the next round has another."""
    told = f"{case.id}-{case.rounds}-{int((now + LINKS_LAST).timestamp())}"
    token = sealed.sign(settings.secret_key, _PURPOSE, told)
    return f"{settings.public_url.rstrip('/')}/case/{token}"


def asked(work: UnitOfWork, settings: Settings, token: str) -> Case | None:
    """The case that waits for the answer of a link; None when it waits for none (any more)."""
    keys = settings.secret_keys()
    told = next(
        (found for key in keys if (found := sealed.signed(key, _PURPOSE, token)) is not None), None
    )
    if told is None:
        return None
    number, round_, until = (int(part) for part in told.split("-"))
    case = work.session.get(Case, number)
    expired = datetime.fromtimestamp(until, UTC) <= work.now
    waits = case is not None and case.status == "done" and case.rounds == round_
    return case if waits and not expired else None
