"""E-mail as a door to cases: a letter opens one or joins its own; words of danger are danger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select

from bot.domain.cases import DANGER, TOPICS, topic_in
from bot.replies import Say
from bot.services import case_people, case_readers, cases, safety
from bot.services.case_mail import is_machine, send
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.stations import Pile

_NUMBER: Final = re.compile(r"\bcase\s*#?\s*(\d{1,9})\b", re.IGNORECASE)
_PILE: Final = re.compile(r"(?<!\d)(\d{4,6})(?:-\d+)?(?!\d)")


def on_email(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "case.email" (bot/web/mail_webhook.py): {from, name, subject, text, id,
    danger}."""
    sender, subject = str(body["from"]).casefold(), str(body["subject"])
    text = str(body["text"]).strip() or subject
    known = _own_case(work, sender, subject)
    if known is not None:
        _join(work, known, text, str(body["id"]), auto=bool(body.get("auto")))
        if body.get("danger"):
            safety.from_case(work, settings, known, key=f"email:{body['id']}", text=text)
        return
    named = _NUMBER.search(subject)
    shared = case_readers.by_mail(work, sender, int(named[1])) if named else None
    if shared is not None:
        case, partner = shared
        case_readers.wrote(work, case, partner, text, key=f"partner:email:{body['id']}")
        if body.get("danger"):
            safety.from_case(work, settings, case, key=f"email:{body['id']}", text=text)
        return
    words = f"{subject}\n{text}"
    code = "hazard" if body.get("danger") else topic_in(words) or "other"
    pile = _pile_in(work, words)
    case = cases.open_case(
        work, kind=TOPICS[code].kind, code=code, rider_id=None,
        pile_id=pile.id if pile else None, text=f"{subject}\n{text}".strip(), source="email",
        key=str(body["id"]), contact_name=str(body["name"]) or sender.partition("@")[0],
        contact=sender,
    )  # fmt: skip
    case.lang = case.lang or str(body.get("lang") or "")[:8]
    said = Say(
        "Thank you for writing. This is case {case}. A person reads it and answers here. "
        "Please keep the number in the subject when you write again.",
        {"case": case.id},
    )
    if code in DANGER:
        safety.from_case(work, settings, case, key=f"email:{body['id']}", text=text)
        country = pile.station.country if pile else settings.default_country
        first = safety.warning(safety.emergency_number(settings, country))
        said = Say("{first} {more}", {"first": first, "more": said})
    if not is_machine(sender) and not body.get("auto"):
        send(work, settings, case, key=f"ack:{body['id']}", text=said)


def _own_case(work: UnitOfWork, sender: str, subject: str) -> Case | None:
    """The case that a letter names, where it is from somebody behind it: a number alone proves
    nothing."""
    found = _NUMBER.search(subject)
    case = work.session.get(Case, int(found[1])) if found else None
    if case is not None and case.merged_into is not None:
        case = work.session.get_one(Case, case.merged_into)
    return case if case is not None and case_people.of_sender(work, case, sender) else None


def _join(work: UnitOfWork, case: Case, text: str, key: str, *, auto: bool) -> None:
    locked = work.session.get_one(Case, case.id, with_for_update=True, populate_existing=True)
    if auto:  # "I am on holiday": nobody asks, and nobody says that it is not solved
        cases.entry(work, locked, "note", f"Answered by a machine: {text}", key=f"re:email:{key}")
        return
    cases.wrote_again(work, locked, text, source="email", key=f"email:{key}")


def _pile_in(work: UnitOfWork, text: str) -> Pile | None:
    for found in _PILE.finditer(text):
        pile = work.session.scalars(select(Pile).where(Pile.number == found[1])).first()
        if pile is not None:
            return pile
    return None
