"""How a case stands, all of one's cases, and the answer to "is it solved?"."""

from __future__ import annotations

import re
from typing import Final

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain.cases import OPEN
from bot.errors import Refused
from bot.replies import Choose, Option, Replies, Say
from bot.services import case_people, case_talk, case_work, cases, handoff
from bot.store.cases import Case

_ROWS: Final = 10


@intent(
    "case_status",
    patterns=(
        r"(?:my )?(?:case|ticket|caso|dossier|fall|工单|案件)\s*(?:no\.?|nr\.?|n[º°])?\s*#?\d{1,9}",
    ),
)
def case_status(turn: Turn) -> Replies:
    """State, clock left, last news: at any time, whoever has the chat."""
    number = turn.value("case") or _digits(turn.heard.text)
    case, report = own_case(turn, number)
    return case_talk.state(turn.work, turn.settings, case, report)


@intent(
    "my_cases",
    words=(
        "my cases", "cases", "my tickets", "mis casos", "meus casos", "我的工单", "mes dossiers",
        "meine fälle", "meine faelle",
    ),
)  # fmt: skip
def my_cases(turn: Turn) -> Replies:
    """One row a case; a tap shows it."""
    found = cases.of_rider(turn.work, turn.rider.id, limit=_ROWS)
    if not found:
        return Say("You have no cases. If something is wrong, write COMPLAINT.")
    open_ones = sum(each.status in (*OPEN, "done") for each in found)
    return Choose(
        Say("Your cases: {open} open. Tap one to see how it is.", {"open": open_ones}),
        [
            Option(
                f"case_status?case={each.id}",
                Say("Case {case}", {"case": each.id}),
                Say(
                    "{topic}: {status}",
                    {"topic": case_talk.TOPICS[each.code],
                     "status": case_talk.STATUSES[each.status]},
                ),
            )
            for each in found
        ],
        list_button=Say("Choose a case"),
    )  # fmt: skip


@intent("case_answer")
def case_answer(turn: Turn) -> Replies:
    """The rider's word closes a case or brings it back."""
    case, report = own_case(turn, turn.value("case") or "")
    answer = turn.value("answer") or ""
    if answer not in ("yes", "no", "talk") or not case_work.answered(
        turn.work, turn.settings, case, answer, by=report
    ):
        return case_talk.state(turn.work, turn.settings, case, report)
    if answer == "yes":
        return case_talk.noted(case)
    told = case_talk.opened(turn.work, turn.settings, case)
    first = (
        Say("I am sorry. A supervisor takes it up again.")
        if answer == "no"
        else Say("All right: a person talks with you here.")
    )
    handoff.to_queue(turn.work, turn.conversation, reason="complaint")
    return Say("{first} {case}", {"first": first, "case": told})


def own_case(turn: Turn, number: str) -> tuple[Case, Case]:
    """A case and this rider's report in it; a merged one leads to where it went. Raises Refused."""
    case = turn.work.session.get(Case, int(number)) if number.isdecimal() else None
    if case is not None and case.merged_into is not None:
        case = turn.work.session.get_one(Case, case.merged_into)
    report = case_people.of_rider(turn.work, case, turn.rider.id) if case is not None else None
    if case is None or report is None:
        raise Refused(
            "I know no case {case} of yours. Write MY CASES to see them.", {"case": number or "?"}
        )
    return case, report


def _digits(text: str) -> str:
    found = re.search(r"\d+", text)
    return found[0] if found else ""
