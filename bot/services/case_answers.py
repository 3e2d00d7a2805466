"""Results and call-backs, by the door of each report: the chat, a letter with links that work once,
partners' API, a person who calls (bot/services/case_calls.py)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from bot.replies import Say, Value
from bot.services import case_mail, case_people, case_talk, cases, sealed
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork

ANSWERS: Final = ("yes", "no", "talk")
LINKS_LAST: Final = timedelta(days=30)
_PURPOSE: Final = "case-answer"


def tell_solved(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """The result, as soon as there is one, to everybody behind a case."""
    for report in case_people.reports(work, case):
        tell_result(work, settings, case, report)


def tell_result(work: UnitOfWork, settings: Settings, case: Case, report: Case) -> None:
    """The result to one of them."""
    key = f"done:{case.rounds}"
    match case_people.door(settings, report):
        case "chat":
            said = case_talk.solved(work, settings, case, report)
            case_people.tell_chat(work, case, report, said, key=key)
        case "mail":
            told = Say("{state} We ask you tomorrow whether all is well.",
                       {"state": case_talk.state(work, settings, case, report)})  # fmt: skip
            case_mail.send(work, settings, case, key=key, text=told, to=report)


def ask(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """The call-back, to everybody who has not said yes: buttons in the chat, or a letter with three
    links, each to a page that asks once more."""
    for report in case_people.reports(work, case):
        if agreed(work, case, report):
            continue
        key = f"ask:{case.rounds}:{case.asked}"
        match case_people.door(settings, report):
            case "chat":
                said = case_talk.call_back(work, settings, case)
                case_people.tell_chat(work, case, report, said, key=key)
            case "mail":
                letter = _letter(work, settings, case, report)
                case_mail.send(work, settings, case, key=key, text=letter, to=report)


def _letter(work: UnitOfWork, settings: Settings, case: Case, report: Case) -> Say:
    links: dict[str, Value] = {
        answer: f"{address(settings, case, work.now, report)}?answer={answer}" for answer in ANSWERS
    }
    text = Say("Case {case}: {about}. Is it solved?", _about(work, case))
    if case.asked > 1:
        text = Say(
            "I ask once more about case {case}: {about}. Is it solved? Without an answer by "
            "tomorrow I take it as a yes.",
            _about(work, case),
        )
    return Say(
        "{question}\n\nYes: {yes}\nNo: {no}\nI want to talk to a person: {talk}\n\nEach link opens "
        "a page that asks you to confirm. Only one answer counts.",
        {"question": text, **links},
    )


def note(work: UnitOfWork, case: Case, report: Case, answer: str) -> None:
    """Somebody behind a case has answered the call-back of this round."""
    who = "The rider says" if report.id == case.id else f"Case {report.id}, merged into it, says"
    body = {"report": report.id, "answer": answer, "round": case.rounds}
    cases.entry(work, case, "answered", f"{who} {answer}", body=body)


def agreed(work: UnitOfWork, case: Case, report: Case) -> bool:
    """Whether somebody behind a case has said in this round that it is solved."""
    wanted = {"report": report.id, "answer": "yes", "round": case.rounds}
    told = (each.body for each in cases.entries(work, case.id) if each.kind == "answered")
    return any(wanted.items() <= body.items() for body in told)


def all_agree(work: UnitOfWork, settings: Settings, case: Case) -> bool:
    """Whether everybody who can be asked has said yes."""
    return all(
        agreed(work, case, report)
        for report in case_people.reports(work, case)
        if case_people.door(settings, report)
    )


def _about(work: UnitOfWork, case: Case) -> dict[str, Value]:
    return {"case": case.id, "about": case_talk.name_of(work, case)}


def address(settings: Settings, case: Case, now: datetime, report: Case) -> str:
    """Where the answer to this round's call-back is given; the next round has another."""
    told = f"{case.id}-{case.rounds}-{int((now + LINKS_LAST).timestamp())}-{report.id}"
    token = sealed.sign(settings.secret_key, _PURPOSE, told)
    return f"{settings.public_url.rstrip('/')}/case/{token}"


def asked(work: UnitOfWork, settings: Settings, token: str) -> tuple[Case, Case] | None:
    """The case that waits for the answer of a link, and whose report it answers; None when it waits
    for none (any more)."""
    keys = settings.secret_keys()
    told = next(
        (found for key in keys if (found := sealed.signed(key, _PURPOSE, token)) is not None), None
    )
    if told is None:
        return None
    number, round_, until, *more = (int(part) for part in told.split("-"))
    case = work.session.get(Case, number)
    report = work.session.get(Case, more[0]) if more else case
    if case is None or report is None or case.status != "done" or case.rounds != round_:
        return None
    return None if datetime.fromtimestamp(until, UTC) <= work.now else (case, report)
