"""Cases: one intake for chat, web, console, e-mail, partners and piles; repeats join what is open.

Opened in the caller's transaction with what the context tells; a timer that is due at once routes
it and starts the desk's own clocks (bot/services/case_timers.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError

from bot.domain import cases as rules
from bot.domain.cases import TOPICS, Told
from bot.domain.clocks import KINDS
from bot.services import clocks
from bot.services.audit import Actor
from bot.services.marks import mark
from bot.store import inbox
from bot.store.cases import Case, CaseEntry, CaseLink, Clock
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider, RiderAddress
from bot.store.stations import Evse, Pile, Station
from bot.store.upsert import insert

TEXT_MAX: Final = 4000
JOB_AGAIN: Final = "case.job"  # inbox: bot/services/case_jobs.py
_PROMISED: Final = tuple(name for name, kind in KINDS.items() if kind.promised)
# Nobody asks by these; whatever else comes in is somebody's own word.
_BY_ITSELF: Final = frozenset({"pile", "system"})


def subject(case_id: int) -> str:
    """What the clocks of a case are about."""
    return f"case:{case_id}"


def open_case(
    work: UnitOfWork,
    *,
    kind: str,
    rider_id: int | None,
    pile_id: str | None = None,
    session_id: int | None = None,
    text: str,
    source: str,
    key: str,
    code: str | None = None,
    place: str = "",
    contact_name: str = "",
    contact: str = "",
    happened_at: datetime | None = None,
    but: Collection[str] = (),
) -> Case:
    """The case of a report, new or the one that is open already for this person, pile and kind.

    `kind` and `code` are bot/domain/cases.py's, `source` one of its SOURCES; `key` names the
    report: the same message twice is one report. Who is no rider gives `contact_name`, `contact`.
    `but` are promises that something else keeps.
    """
    key = f"{source}:{key}"[:160]
    known = work.session.scalars(select(Case).where(Case.key == key)).first()
    known = known or _of_report(work, key)
    if known is not None:
        return known
    session = work.session.get(ChargingSession, session_id) if session_id else None
    if session is not None and pile_id is None:
        pile_id = work.session.get_one(Evse, session.evse_id).pile_id
    code = code or rules.topic_of_kind(kind)
    chat = _conversation(work, rider_id)
    row: dict[str, Any] = {
        "key": key, "open_key": _matter(kind, rider_id, contact, pile_id, key),
        "kind": kind, "code": code, "priority": TOPICS[code].priority, "status": "new",
        "team": "support", "source": source, "rider_id": rider_id,
        "contact_name": contact_name[:120], "contact": contact[:160],
        "conversation_id": chat.id if chat else None, "pile_id": pile_id,
        "session_id": session_id, "place": place[:200], "text": text.strip()[:TEXT_MAX],
        "happened_at": happened_at or work.now, "created_at": work.now, "updated_at": work.now,
        "contacts": 1, "level": 0, "level_reason": "", "cause": "", "fix": "", "result": "",
        "front_line": False, "rounds": 0, "asked": 0, "answer": "", "close_reason": "",
    }  # fmt: skip
    while True:
        made = work.session.scalars(
            insert(work, Case)
            .values(row)
            .on_conflict_do_nothing(index_elements=["open_key"])
            .returning(Case)
        ).first()
        if made is not None:
            _begin(work, made, but)
            return made
        same = select(Case).where(Case.open_key == row["open_key"]).with_for_update()
        known = work.session.scalars(same.execution_options(populate_existing=True)).first()
        if known is not None:  # else it was closed at this very moment
            return _again(work, known, row)


def _begin(work: UnitOfWork, case: Case, but: Collection[str]) -> None:
    entry(work, case, "opened", case.text, body={"source": case.source})
    if case.conversation_id is not None:
        link(work, case, "conversation", str(case.conversation_id), quiet=True)
        mark(
            work, case.conversation_id, "case", f"Case {case.id} opened: {TOPICS[case.code].title}",
            body={"case_id": case.id}, key=f"case:{case.id}:opened",
        )  # fmt: skip
    if case.session_id is not None:
        link(work, case, "session", str(case.session_id), quiet=True)
    for name in rules.clocks_of(case.kind, case.code):
        if name not in but:
            start_clock(work, case, name)
    set_timer(work, case.id, "begin", work.now)


def other_promises(work: UnitOfWork, case: Case, was: tuple[str, str]) -> None:
    """It is of another class than (kind, code) `was`: what only that one promised is promised no
    more, and what this one promises begins now."""
    now = rules.clocks_of(case.kind, case.code)
    for clock in clocks.of_subject(work, subject(case.id)):
        gone = clock.name in rules.clocks_of(*was) and clock.name not in now
        if gone and clock.state != "stopped":
            clocks.stop(
                work, clock.name, subject(case.id), event="another class",
                outcome=None if clock.breached_at else "dropped",
            )  # fmt: skip
    begun = {
        each.name for each in clocks.of_subject(work, subject(case.id)) if each.outcome != "dropped"
    }
    for name in now:
        if name not in begun:
            start_clock(work, case, name, at=work.now, round_=_next_round(work, case, name))


def start_clock(work: UnitOfWork, case: Case, name: str, **more: Any) -> None:
    """One of a case's clocks, with all that belongs to it; it stands still while the rider is
    waited for."""
    clocks.start(
        work, name, subject(case.id), case_id=case.id, conversation_id=case.conversation_id,
        rider_id=case.rider_id, team=case.team, **{"at": case.created_at, **more},
    )  # fmt: skip
    if case.status == "waiting_rider":
        clocks.pause(work, subject(case.id), why="waiting for the rider")


def _next_round(work: UnitOfWork, case: Case, name: str) -> int:
    return 1 + sum(each.name == name for each in clocks.of_subject(work, subject(case.id)))


def _again(work: UnitOfWork, case: Case, row: dict[str, Any]) -> Case:
    """Another report of the same: its words join the file, what it knows more is taken over."""
    wrote_again(work, case, row["text"], source=row["source"], key=row["key"])
    case.session_id = case.session_id or row["session_id"]
    if row["session_id"] is not None:
        link(work, case, "session", str(row["session_id"]), quiet=True)
    if TOPICS[row["code"]].priority < case.priority:
        was = case.kind, case.code
        case.code, case.priority = row["code"], TOPICS[row["code"]].priority
        other_promises(work, case, was)
    return case


def wrote_again(work: UnitOfWork, case: Case, text: str, *, source: str, key: str) -> None:
    """They wrote once more about a case, by whatever door: nobody waits for them any more, and what
    was over is taken up. A repeat of `key` is nothing new; who was asked does not ask again."""
    if not entry(work, case, "again", text, body={"source": source}, key=f"re:{key}"):
        return
    case.updated_at = work.now
    if case.status in ("done", "closed"):
        take_up(work, case, "Reported again after it was done")
    if source in _BY_ITSELF or rider_answered(work, case):
        return
    case.contacts += 1
    raise_level(work, case, rules.supervisor_reason(
        contacts=case.contacts, answered_no=False, missed=""
    ))  # fmt: skip


def rider_answered(work: UnitOfWork, case: Case) -> bool:
    """Who was waited for has written: the clocks count on. False when nobody was waited for."""
    if case.status != "waiting_rider":
        return False
    case.status, case.updated_at = "assigned", work.now
    entry(work, case, "status", "The rider answered")
    clocks.resume(work, subject(case.id), why="the rider answered")
    return True


def turns_dangerous(work: UnitOfWork, case: Case) -> None:
    """Words of danger in a case of something else: from now on it is one of danger."""
    was = case.kind, case.code
    case.kind, case.code, case.priority = "incident", "hazard", TOPICS["hazard"].priority
    entry(work, case, "classified", f"Words of danger: {rules.PRIORITIES[case.priority]}")
    if case.status in ("done", "closed"):
        take_up(work, case, "Danger was reported")
    other_promises(work, case, was)
    set_timer(work, case.id, "begin", work.now)  # its team and the desk's own clocks


def take_up(work: UnitOfWork, case: Case, why: str, *, actor: Actor | None = None) -> None:
    """A case that was done or closed is worked on again: with fresh clocks, and somebody is sent to
    a pile once more."""
    case.status = "assigned" if case.owner_id else "new"
    case.solved_at = case.closed_at = None
    case.close_reason, case.updated_at = "", work.now
    clocks.stop(work, "call_back", subject(case.id), event="answered")
    entry(work, case, "reopened", why, actor=actor)
    if case.open_key is None:
        claim_key(work, case)
    for name in rules.clocks_again(case.kind, case.code):
        start_clock(work, case, name, at=work.now, round_=_next_round(work, case, name))
    set_timer(work, case.id, "begin", work.now)  # the desk's own clocks
    inbox.put(
        work, source="case", source_id=f"{case.id}:job:{case.rounds}", stream=f"case:{case.id}",
        kind=JOB_AGAIN, body={"case_id": case.id},
    )  # fmt: skip


def claim_key(work: UnitOfWork, case: Case) -> Case | None:
    """Keep a case open under the matter that it is about by now; the case that has this matter
    already, where there is one."""
    key = _matter(case.kind, case.rider_id, case.contact, case.pile_id, case.key)
    if case.open_key == key:
        return None
    try:
        with work.session.begin_nested():
            case.open_key = key
            work.session.flush()
    except IntegrityError:
        other = select(Case).where(Case.open_key == key)
        return work.session.scalars(other).first()
    return None


def _matter(
    kind: str, rider_id: int | None, contact: str, pile_id: str | None, key: str
) -> str:  # fmt: skip
    person = f"rider:{rider_id}" if rider_id else f"contact:{contact.casefold()}"
    if not (rider_id or contact or pile_id):  # of two who gave no name each tells of something else
        person = f"report:{key}"
    return rules.open_key(kind, person=person, pile_id=pile_id)


def _of_report(work: UnitOfWork, key: str) -> Case | None:
    """The case that a repeated report joined the first time."""
    joined = select(CaseEntry.case_id).where(CaseEntry.key == f"re:{key}"[:160])
    case_id = work.session.scalars(joined).first()
    return work.session.get(Case, case_id) if case_id else None


def _conversation(work: UnitOfWork, rider_id: int | None) -> Conversation | None:
    if rider_id is None:
        return None
    # Locked as the rows that name it lock it, but before their keys: a turn holds it by then, too.
    chat = select(Conversation).where(Conversation.rider_id == rider_id)
    return work.session.scalars(chat.with_for_update(read=True, key_share=True)).first()


# --- its file ------------------------------------------------------------------------------------


def entry(
    work: UnitOfWork,
    case: Case,
    kind: str,
    text: str = "",
    *,
    actor: Actor | None = None,
    body: dict[str, Any] | None = None,
    media_id: int | None = None,
    key: str | None = None,
) -> bool:
    """A line of the file; a repeat of `key` adds nothing, and is False."""
    work.session.flush()
    added = work.session.execute(
        insert(work, CaseEntry)
        .values(
            case_id=case.id, at=work.now, kind=kind, text=text[:TEXT_MAX], body=body or {},
            staff_id=actor.staff_id if actor else None, media_id=media_id,
            key=key[:160] if key else None,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(CaseEntry.id)
    ).first()  # fmt: skip
    return added is not None


def entries(work: UnitOfWork, case_id: int) -> list[CaseEntry]:
    """The file, oldest line first."""
    rows = select(CaseEntry).where(CaseEntry.case_id == case_id).order_by(CaseEntry.id)
    return list(work.session.scalars(rows))


def last_contact(work: UnitOfWork, case_id: int) -> datetime | None:
    """When they last wrote about it, as far as it counted."""
    told = select(func.max(CaseEntry.at)).where(
        CaseEntry.case_id == case_id, CaseEntry.kind.in_(("opened", "again"))
    )
    return work.session.scalar(told)


def link(work: UnitOfWork, case: Case, kind: str, ref: str, *, quiet: bool = False) -> bool:
    """Tie something to a case, once; `kind` as in CaseLink. False when it was tied already."""
    new = work.session.execute(
        insert(work, CaseLink)
        .values(case_id=case.id, kind=kind, ref=ref, at=work.now)
        .on_conflict_do_nothing(index_elements=["case_id", "kind", "ref"])
        .returning(CaseLink.ref)
    ).first()
    if new is not None and not quiet:
        entry(work, case, "linked", f"{kind} {ref}")
    return new is not None


def links(work: UnitOfWork, case_id: int) -> list[CaseLink]:
    """Everything that a case is tied to."""
    rows = select(CaseLink).where(CaseLink.case_id == case_id)
    return list(work.session.scalars(rows.order_by(CaseLink.kind, CaseLink.at)))


def raise_level(work: UnitOfWork, case: Case, reason: str, *, level: int = 1) -> None:
    """A supervisor has it from now on and is called (bot/services/case_supervisors.py), for each
    further reason of a round again; "" is no reason. The regional head (2) is called by a page of
    whoever raises it (bot/services/clock_breach.py)."""
    told = f"Goes to {rules.LEVELS[level]}. {reason}"
    once = f"level:{case.id}:{case.rounds}:{reason}"
    if not reason or not entry(work, case, "level", told, key=once):
        return
    case.level, case.level_reason = max(case.level, level), reason[:200]
    if level == 1:
        set_timer(work, case.id, "level", work.now)


def missed_deadline(work: UnitOfWork, case: Case, title: str, *, level: int = 1) -> None:
    """A promise of the case was not kept."""
    reason = rules.supervisor_reason(contacts=0, answered_no=False, missed=title)
    raise_level(work, case, reason, level=level)


def set_timer(work: UnitOfWork, case_id: int, name: str, at: datetime) -> None:
    """A timer of a case (bot/services/case_timers.py); a later one of the name replaces it."""
    inbox.put(
        work, source="timer", source_id=f"case:{case_id}:{name}", stream=f"case:{case_id}",
        kind="case.timer", body={"case_id": case_id, "name": name}, available_at=at, coalesce=True,
    )  # fmt: skip


# --- what is known of it -------------------------------------------------------------------------


def station_of(work: UnitOfWork, case: Case) -> Station | None:
    """Where it is; None while nobody knows."""
    pile = work.session.get(Pile, case.pile_id) if case.pile_id else None
    return pile.station if pile else None


def told(work: UnitOfWork, case: Case) -> Told:
    """What a case knows of the facts that routing needs."""
    person, contact = case.contact_name, case.contact
    if case.rider_id is not None:
        rider = work.session.get_one(Rider, case.rider_id)
        person = rider.name or f"Rider {rider.id}"
        address = select(RiderAddress.value).where(RiderAddress.rider_id == rider.id)
        contact = work.session.scalars(address).first() or (
            "chat" if case.conversation_id is not None else ""
        )
    return Told(
        person, contact, case.pile_id or case.place, case.text,
        needs_place=rules.needs_place(case.code),
    )  # fmt: skip


def missing(work: UnitOfWork, case: Case) -> tuple[str, ...]:
    """Which facts are lacking before it can be routed."""
    return rules.missing(told(work, case))


def of_rider(work: UnitOfWork, rider_id: int, *, limit: int = 10) -> list[Case]:
    """A rider's cases: open ones first, then the newest; merged ones are shown as their target,
    whoever opened that."""
    mine = select(func.coalesce(Case.merged_into, Case.id)).where(Case.rider_id == rider_id)
    rows = (
        select(Case)
        .where(Case.id.in_(mine), Case.merged_into.is_(None))
        .order_by(Case.status == "closed", Case.id.desc())
        .limit(limit)
    )
    return list(work.session.scalars(rows))


def of_conversation(work: UnitOfWork, conversation_id: int) -> list[Case]:
    """The cases that a conversation is tied to, open ones first."""
    rows = (
        select(Case)
        .join(CaseLink, CaseLink.case_id == Case.id)
        .where(CaseLink.kind == "conversation", CaseLink.ref == str(conversation_id))
        .where(Case.merged_into.is_(None))
        .order_by(Case.status == "closed", Case.id.desc())
    )
    return list(work.session.scalars(rows))


def open_of_pile(work: UnitOfWork, pile_id: str) -> Sequence[Case]:
    """The cases of a pile that are not closed."""
    rows = select(Case).where(Case.pile_id == pile_id, Case.status.in_((*rules.OPEN, "done")))
    return work.session.scalars(rows.order_by(Case.priority, Case.id)).all()


def next_deadline(work: UnitOfWork, case: Case) -> Clock | None:
    """The promise of a case that ends next, else None; paused ones last."""
    rows = (
        select(Clock)
        .where(_is_clock_of(work, case), Clock.state != "stopped")
        .where(Clock.name.in_(_PROMISED))
        .order_by(Clock.due_at.is_(None), Clock.due_at)
    )
    return work.session.scalars(rows).first()


def all_clocks(work: UnitOfWork, case: Case) -> Sequence[Clock]:
    """The clocks of a case and of whoever was sent for it, oldest first."""
    rows = select(Clock).where(_is_clock_of(work, case)).order_by(Clock.id)
    return work.session.scalars(rows).all()


def _is_clock_of(work: UnitOfWork, case: Case) -> ColumnElement[bool]:
    jobs = [f"job:{each.ref}" for each in links(work, case.id) if each.kind == "job"]
    return or_(Clock.case_id == case.id, Clock.subject.in_(jobs))
