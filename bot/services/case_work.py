"""The work on a case: taken, classified, put off, solved, linked; and the rider's say.

Each step takes the case's row alone, checks the move by bot/domain/cases.py, writes a line of the
file and an audit row, moves the clocks, and tells the rider.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from bot.domain import cases as rules
from bot.domain.cases import TOPICS
from bot.domain.clocks import HUMAN
from bot.domain.desk_rules import Hours
from bot.domain.disputes import request_code
from bot.domain.rights import may
from bot.services import (
    audit,
    case_answers,
    case_merge,
    case_money,
    case_talk,
    case_timers,
    cases,
    clocks,
    safety,
)
from bot.services.audit import Actor
from bot.services.case_merge import NotPossible, locked, merge
from bot.settings import Settings
from bot.store.cases import Case, CaseLink, Clock
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation
from bot.store.staff import Staff
from bot.store.stations import Pile

TEXT_MAX: Final = 1000


# --- by staff ------------------------------------------------------------------------------------


def assign(
    work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, *, owner_id: int | None,
    team: str = "", quiet: bool = False,
) -> Case:  # fmt: skip
    """Give a case to a person, a team or both. Raises NotPossible: facts are lacking, nobody such.

    A technician who takes a fault on ends the clock of its response. `quiet`: the rider hears of it
    by another line.
    """
    case = locked(work, case_id)
    team = team or case.team
    if team not in rules.TEAMS:
        raise NotPossible("There is no such team.")
    if team != case.team and (lacking := cases.missing(work, case)):
        raise NotPossible(f"It cannot be routed before these are known: {', '.join(lacking)}.")
    owner = work.session.get(Staff, owner_id) if owner_id is not None else None
    if owner_id is not None and (owner is None or not owner.active):
        raise NotPossible("That person is not there.")
    if case.status == "closed":
        raise NotPossible("The case is closed: reopen it first.")
    before = {"owner": case.owner_id, "team": case.team, "status": case.status}
    case.owner_id, case.team = owner_id, team
    if owner is not None and case.status == "new":
        case.status = "assigned"
    case.updated_at = work.now
    whom = " · ".join(filter(None, (rules.TEAMS[team], owner.name if owner else "")))
    cases.entry(work, case, "assigned", f"To {whom}", actor=actor)
    after = {"owner": owner_id, "team": team, "status": case.status}
    audit.record(work, actor, "case_assign", f"case:{case.id}", before=before, after=after)
    if owner is not None and owner.id == actor.staff_id and accepts(owner):
        event = f"accepted by {owner.name}"[:80]
        clocks.stop(work, "fault_response", cases.subject(case.id), event=event)
    if before["status"] == "new" and case.status == "assigned" and not quiet:
        case_talk.push(work, settings, case, key=f"assigned:{case.rounds}")
    return case


def accepts(staff: Staff) -> bool:
    """Whether somebody takes a fault on by taking its case: who goes there. Others who go accept
    the job (bot/services/jobs.py)."""
    return staff.role == "technician"


def move(
    work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, status: str, *, why: str = ""
) -> Case:
    """Another status; "done" has its own way (`solve`). Raises NotPossible."""
    case = locked(work, case_id)
    if status == case.status:
        return case
    if status not in ("assigned", "waiting_rider", "waiting_site"):
        raise NotPossible("A case is ended by saying its cause, what was done and the result.")
    if case.merged_into is not None or not rules.may_move(case.status, status):
        raise NotPossible(f"A case that is {rules.STATUSES[case.status].lower()} cannot go there.")
    if case.status in ("done", "closed"):
        return reopen(work, case, why or "Staff reopened it", actor=actor)
    before, case.status, case.updated_at = case.status, status, work.now
    note = f"{rules.STATUSES[before]} → {rules.STATUSES[status]}"
    cases.entry(work, case, "status", f"{note}. {why}".strip(), actor=actor)
    audit.record(
        work, actor, "case_status", f"case:{case.id}", before={"status": before},
        after={"status": status},
    )  # fmt: skip
    _clocks_follow(work, case, before)
    case_talk.push(work, settings, case, key=f"status:{work.now.isoformat()}")
    return case


def _clocks_follow(work: UnitOfWork, case: Case, before: str) -> None:
    """The promises stand still while the rider is waited for, and only then."""
    if case.status == "waiting_rider":
        clocks.pause(work, cases.subject(case.id), why="waiting for the rider")
    elif before == "waiting_rider":
        clocks.resume(work, cases.subject(case.id), why="no longer waiting for the rider")


def classify(
    work: UnitOfWork, settings: Settings, actor: Actor | None, case_id: int, code: str,
    *, priority: int | None = None,
) -> Case:  # fmt: skip
    """Correct what it is about; it is routed anew and the clocks follow. Raises NotPossible."""
    case = locked(work, case_id)
    if code not in TOPICS or (priority is not None and priority not in rules.PRIORITIES):
        raise NotPossible("There is no such class.")
    crisis = case.kind == "crisis" and TOPICS[code].kind != "crisis"
    if crisis and actor is not None and not may(actor.role, "incident.close"):
        raise NotPossible("It is a crisis: only a manager makes something else of it.")
    topic, before = TOPICS[code], {"code": case.code, "priority": case.priority}
    was = case.kind, case.code
    case.kind, case.code, case.priority = topic.kind, code, priority or topic.priority
    if case.priority != before["priority"]:
        for what in ("first", "resolve"):
            old = f"p{before['priority']}_{what}"
            clocks.stop(
                work, old, cases.subject(case.id), event="other priority", outcome="dropped"
            )
        case_timers.start_desk_clocks(work, settings, case)
    cases.other_promises(work, case, was)
    cases.entry(
        work, case, "classified", f"{rules.CLASSES[topic.class_]}: {topic.title}, "
        f"{rules.PRIORITIES[case.priority]}", actor=actor,
    )  # fmt: skip
    if actor is not None:
        audit.record(
            work, actor, "case_classify", f"case:{case.id}", before=before,
            after={"code": code, "priority": case.priority},
        )  # fmt: skip
    case_timers.route(work, case)
    case.updated_at = work.now
    case = case_merge.same_matter(work, settings, case, actor)
    if code in rules.DANGER and before["code"] not in rules.DANGER:
        _endangered(work, settings, case, key=f"{case_id}:classified:{work.now.isoformat()}")
    return case


def _endangered(work: UnitOfWork, settings: Settings, case: Case, *, key: str) -> None:
    safety.from_case(work, settings, case, key=key, text=case.text)


def complete(
    work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, *, pile: str = "",
    place: str = "", contact_name: str = "", contact: str = "",
) -> Case:  # fmt: skip
    """Fill in facts that were lacking; it is routed as soon as they are there, and a pile in danger
    is locked."""
    case = locked(work, case_id)
    if pile:
        found = work.session.scalars(select(Pile).where(Pile.number == pile.strip())).first()
        if found is None:
            raise NotPossible(f"There is no pile {pile}.")
        case.pile_id = found.id
    case.place = place.strip()[:200] or case.place
    if case.rider_id is None:
        case.contact_name = contact_name.strip()[:120] or case.contact_name
        case.contact = contact.strip()[:160] or case.contact
    cases.entry(work, case, "note", "Facts filled in", actor=actor)
    audit.record(work, actor, "case_complete", f"case:{case.id}", after={"pile": case.pile_id})
    case.updated_at = work.now
    case_timers.route(work, case)
    case = case_merge.same_matter(work, settings, case, actor)
    if pile and case.code in rules.DANGER and case.status in rules.OPEN:
        _endangered(work, settings, case, key=f"{case_id}:pile:{case.pile_id}")
    return case


def solve(
    work: UnitOfWork, settings: Settings, actor: Actor | None, case_id: int, *, cause: str,
    fix: str, result: str, result_code: str = "",
) -> Case:  # fmt: skip
    """Done: cause, what was done, and what the rider is told, in their language where
    `result_code` is one of case_talk.RESULTS; by no `actor`: by a rule. Raises NotPossible."""
    case = locked(work, case_id)
    cause, fix, result = (text.strip()[:TEXT_MAX] for text in (cause, fix, result))
    if lacking := rules.lacks_result(cause, fix, result):
        raise NotPossible(f"Say the {', the '.join(lacking)} first.")
    if not rules.may_move(case.status, "done"):
        raise NotPossible(f"A case that is {rules.STATUSES[case.status].lower()} cannot be solved.")
    if rules.is_grave(case.kind, case.code) and not (actor and may(actor.role, "incident.close")):
        what = "crisis" if case.kind == "crisis" else "danger"
        raise NotPossible(f"A manager ends a case of {what}.")
    if case.kind == "billing" and (asked := case_money.undecided(work, case.id)):
        raise NotPossible(f"Decide {request_code(asked[0].id)} first: it is about this bill.")
    before, case.status = case.status, "done"
    case.cause, case.fix, case.result, case.result_code = cause, fix, result, result_code
    case.solved_at = case.updated_at = work.now
    case.front_line = case.rounds == 0 and case.team == "support"
    case.rounds += 1
    case.asked, case.answer = 0, ""
    cases.entry(work, case, "solved", f"Cause: {cause} Done: {fix} Result: {result}", actor=actor)
    audit.record(
        work, actor, "case_solve", f"case:{case.id}", before={"status": before},
        after={"status": "done"},
    )  # fmt: skip
    _clocks_follow(work, case, before)
    by = actor.name if actor else "the rules"
    clocks.solved(work, cases.subject(case.id), event=f"solved by {by}"[:80])
    cases.start_clock(work, case, "call_back", at=work.now, round_=case.rounds)
    case_answers.tell_solved(work, settings, case)
    cases.set_timer(work, case.id, "call_back", work.now + rules.CALL_BACK_AFTER)
    return case


def contacted(work: UnitOfWork, actor: Actor, case_id: int, text: str) -> Case:
    """A person spoke with them by phone, e-mail or on the spot: a real first answer."""
    case = locked(work, case_id)
    text = text.strip()[:TEXT_MAX]
    if not text:
        raise NotPossible("Say what was spoken about.")
    cases.entry(work, case, "contact", text, actor=actor)
    audit.record(work, actor, "case_contact", f"case:{case.id}")
    for name in sorted(HUMAN):
        clocks.stop(work, name, cases.subject(case.id), event=f"answered by {actor.name}"[:80])
    case.updated_at = work.now
    return case


def note(
    work: UnitOfWork, actor: Actor, case_id: int, text: str, *, media_id: int | None = None
) -> Case:
    """A line that only staff see. Raises NotPossible."""
    case = locked(work, case_id)
    text = text.strip()[: cases.TEXT_MAX]
    if not text:
        raise NotPossible("Write something first.")
    kind = "photo" if media_id is not None else "note"
    cases.entry(work, case, kind, text, actor=actor, media_id=media_id)
    return case


def tie(work: UnitOfWork, actor: Actor, case_id: int, kind: str, ref: str) -> Case:
    """Link a conversation, charge, refund, incident or job. Raises NotPossible."""
    case = locked(work, case_id)
    ref = ref.strip().lstrip("#")
    if kind not in ("conversation", "session", "refund", "incident", "job") or not ref.isdecimal():
        raise NotPossible("Name what to link by its number.")
    if kind == "conversation":
        chat = work.session.get(Conversation, int(ref))
        if chat is None:
            raise NotPossible("There is no such conversation.")
        if case.conversation_id is None:
            case.conversation_id = chat.id
            clocks.heard_in(work, cases.subject(case.id), chat.id)
    if cases.link(work, case, kind, ref):
        audit.record(work, actor, "case_link", f"case:{case.id}", after={kind: ref})
    return case


def untie(work: UnitOfWork, actor: Actor, case_id: int, kind: str, ref: str) -> Case:
    """Take a link away; what it linked to stays. Raises NotPossible."""
    case = locked(work, case_id)
    gone = work.session.get(CaseLink, (case_id, kind, ref))
    if gone is None:
        raise NotPossible("That is not linked.")
    work.session.delete(gone)
    cases.entry(work, case, "unlinked", f"{kind} {ref}", actor=actor)
    audit.record(work, actor, "case_unlink", f"case:{case.id}", before={kind: ref})
    return case


def bulk_assign(
    work: UnitOfWork, settings: Settings, actor: Actor, ids: Sequence[int], owner_id: int
) -> tuple[int, int]:
    """Give many to one person: how many were, and how many could not be."""
    done = left = 0
    for case_id in ids:
        try:
            assign(work, settings, actor, case_id, owner_id=owner_id)
            done += 1
        except NotPossible:
            left += 1
    return done, left


# --- by the rider --------------------------------------------------------------------------------


def reopen(work: UnitOfWork, case: Case, why: str, *, actor: Actor | None = None) -> Case:
    """It is not solved after all: the work goes on, with fresh clocks."""
    before = case.status
    cases.take_up(work, case, why, actor=actor)
    audit.record(
        work, actor, "case_reopen", f"case:{case.id}", before={"status": before},
        after={"status": case.status},
    )  # fmt: skip
    return case


def answered(
    work: UnitOfWork, settings: Settings, case: Case, answer: str, *, by: Case | None = None
) -> bool:
    """The word of whoever made report `by` (its own rider) to a call-back: "yes" closes as soon as
    all behind it have said so, "no" and "talk" reopen, "no" for a supervisor.

    False when there is nothing to answer any more.
    """
    case = locked(work, case.id)
    if case.status != "done":
        return False
    case_answers.note(work, case, by or case, answer)
    if answer == "yes" and not case_answers.all_agree(work, settings, case):
        return True
    case.answer = answer
    if answer == "yes":
        case_timers.close(work, case, "consent")
        return True
    reopen(work, case, "The rider says it is not solved" if answer == "no"
           else "The rider wants to talk about it")  # fmt: skip
    if answer == "no":
        reason = rules.supervisor_reason(contacts=0, answered_no=True, missed="")
        cases.raise_level(work, case, reason)
    return True


def rider_wrote(work: UnitOfWork, conversation: Conversation) -> None:
    """A line of the rider in a conversation that cases hang on: nobody waits for them any more,
    and what a person has answered before is to be answered again. Where people have the chat, it is
    about the newest case, and one more time that the rider had to ask."""
    counted = False
    for case in cases.of_conversation(work, conversation.id):
        if case.status not in rules.OPEN:
            continue
        awaited = cases.rider_answered(work, case)
        if conversation.owner != "bot":
            _expect_next(work, case)
            if not (awaited or counted):
                _count_contact(work, conversation, case)
            counted = True


def _count_contact(work: UnitOfWork, conversation: Conversation, case: Case) -> None:
    if rules.counts_as_contact(cases.last_contact(work, case.id), work.now):
        cases.wrote_again(
            work, case, "The rider wrote again in the chat", source=conversation.last_channel,
            key=f"chat:{conversation.id}:{work.now.isoformat()}",
        )  # fmt: skip


def _expect_next(work: UnitOfWork, case: Case) -> None:
    subject, name = cases.subject(case.id), f"p{case.priority}_next"
    mine = clocks.of_subject(work, subject)
    first_done = any(each.name.endswith("_first") and each.state == "stopped" for each in mine)
    waiting = any(each.name in HUMAN and each.state != "stopped" for each in mine)
    if first_done and not waiting:
        round_ = sum(each.name == name for each in mine) + 1
        cases.start_clock(work, case, name, at=work.now, round_=round_, hours=_hours_of(mine))


def _hours_of(mine: Sequence[Clock]) -> Hours | None:
    """The desk's hours as the first clock of the case took them."""
    for each in mine:
        hours = clocks.facts_of(each).hours
        if hours is not None:
            return hours
    return None


__all__ = [
    "NotPossible", "accepts", "answered", "assign", "bulk_assign", "classify", "complete",
    "contacted", "locked", "merge", "move", "note", "reopen", "rider_wrote", "solve", "tie",
    "untie",
]  # fmt: skip
