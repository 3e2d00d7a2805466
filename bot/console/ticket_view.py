"""Tickets as the console shows them: rows of the board, the timer ring, one ticket's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select

from bot.console.view import shown_name, shown_phones, shown_text
from bot.domain.cases import BOARD, CLASSES, KINDS, PRIORITIES, SOURCES, STATUSES, TEAMS, TOPICS
from bot.domain.clocks import KINDS as CLOCKS
from bot.domain.masking import mask_phone
from bot.services import case_alike, cases, clocks
from bot.services.audit import Actor
from bot.services.reach import case_visible
from bot.store.cases import Case, CaseEntry, CaseLink, Clock
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider
from bot.store.staff import Staff
from bot.store.stations import Pile, Station

PER_COLUMN: Final = 60
LEVELS: Final = {1: "Supervisor", 2: "Regional head"}
_TONES: Final = {1: "bad", 2: "bad", 3: "warn", 4: "neutral"}
STATUS_TONES: Final = {
    "new": "warn", "assigned": "info", "waiting_rider": "neutral", "waiting_site": "neutral",
    "done": "good", "closed": "neutral",
}  # fmt: skip
_ENTRY_ICONS: Final = {
    "opened": "ticket", "again": "messages-square", "merged": "copy", "status": "arrow-right-left",
    "assigned": "user-plus", "classified": "tag", "linked": "link", "unlinked": "link",
    "note": "sticky-note", "contact": "phone", "told": "send", "photo": "image", "reviewed": "eye",
    "clock": "clock", "level": "users", "money": "wallet", "solved": "circle-check",
    "asked": "circle-help", "answered": "reply", "reopened": "rotate-ccw", "closed": "archive",
    "exported": "download", "partner": "reply", "shared": "send", "unshared": "x",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address of the board says."""

    team: str = ""
    class_: str = ""
    priority: int | None = None
    owner: str = ""  # "me", "none", a staff id
    station: int | None = None
    closed: bool = False
    level: bool = False  # a supervisor has it

    def query(self) -> dict[str, Any]:
        """The filters as arguments of a link."""
        named = {
            "team": self.team, "class": self.class_, "priority": self.priority,
            "owner": self.owner, "station": self.station, "closed": "1" if self.closed else "",
            "level": "1" if self.level else "",
        }  # fmt: skip
        return {name: value for name, value in named.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True)
class Ring:
    """The nearest clock: how much of it is spent, and what it says."""

    title: str
    percent: int
    tone: str  # good, warn, bad, paused
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket on the board; riders' data is masked already."""

    id: int
    title: str
    kind: str
    priority: str
    priority_tone: str
    status: str
    team: str
    owner: str
    place: str
    who: str
    source: str
    at: datetime
    updated_at: datetime
    level: str  # who above has it, "" while nobody does
    ring: Ring | None


def rows(work: UnitOfWork, actor: Actor, filters: Filters) -> list[Row]:
    """The tickets of the board, the most urgent first; closed ones only when asked for."""
    found = work.session.scalars(
        select(Case)
        .where(case_visible(actor), *_narrowed(actor, filters))
        .order_by(Case.status == "done", Case.priority, Case.created_at, Case.id)
        .limit(len(BOARD) * PER_COLUMN)
    ).all()
    return rows_of(work, found)


def _narrowed(actor: Actor, filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Case.merged_into.is_(None)]
    conditions.append(Case.status == "closed" if filters.closed else Case.status.in_(BOARD))
    if filters.team:
        conditions.append(Case.team == filters.team)
    if filters.class_:
        codes = [code for code, topic in TOPICS.items() if topic.class_ == filters.class_]
        conditions.append(Case.code.in_(codes))
    if filters.priority is not None:
        conditions.append(Case.priority == filters.priority)
    if filters.owner == "none":
        conditions.append(Case.owner_id.is_(None))
    elif filters.owner:
        owner = actor.staff_id if filters.owner == "me" else int(filters.owner)
        conditions.append(Case.owner_id == owner)
    if filters.level:
        conditions.append(Case.level > 0)
    if filters.station is not None:
        at = select(Pile.id).where(Pile.station_id == filters.station)
        conditions.append(Case.pile_id.in_(at))
    return conditions


def counts(work: UnitOfWork, actor: Actor) -> int:
    """How many tickets within reach nobody has taken yet."""
    unassigned = select(func.count()).where(Case.status == "new", case_visible(actor))
    return work.session.scalar(unassigned) or 0


def with_supervisors(work: UnitOfWork, actor: Actor) -> int:
    """How many open tickets within reach a supervisor has."""
    raised = select(func.count()).where(
        case_visible(actor), *_narrowed(actor, Filters(level=True)), Case.status != "done"
    )
    return work.session.scalar(raised) or 0


def rows_of(work: UnitOfWork, found: Sequence[Case]) -> list[Row]:
    """What a list shows of these tickets: a fixed number of queries, however many."""
    riders = _by_id(work, Rider, {each.rider_id for each in found})
    owners = _by_id(work, Staff, {each.owner_id for each in found})
    piles = _by_id(work, Pile, {each.pile_id for each in found})
    stations = _by_id(work, Station, {each.station_id for each in piles.values()})
    rings = _rings(work, [each.id for each in found])
    made = []
    for each in found:
        pile, owner = piles.get(each.pile_id), owners.get(each.owner_id)
        place = f"{pile.number}, {stations[pile.station_id].name}" if pile else each.place
        made.append(
            Row(
                id=each.id, title=TOPICS[each.code].title, kind=KINDS[each.kind],
                priority=PRIORITIES[each.priority], priority_tone=_TONES[each.priority],
                status=each.status, team=TEAMS[each.team], owner=owner.name if owner else "",
                place=shown_text(place), who=_who(each, riders), source=SOURCES[each.source],
                at=each.created_at, updated_at=each.updated_at, level=LEVELS.get(each.level, ""),
                ring=rings.get(each.id),
            )
        )  # fmt: skip
    return made


def _by_id(work: UnitOfWork, table: Any, ids: set[Any]) -> dict[Any, Any]:
    wanted = select(table).where(table.id.in_([each for each in ids if each is not None]))
    return {each.id: each for each in work.session.scalars(wanted)}


def _who(case: Case, riders: dict[Any, Any]) -> str:
    rider = riders.get(case.rider_id)
    return shown_name(rider) if rider else shown_text(case.contact_name) or "Nobody named"


def _rings(work: UnitOfWork, ids: Sequence[int]) -> dict[int, Ring]:
    """The clock of each ticket that matters most: a missed one, else the next to end."""
    running = select(Clock).where(Clock.case_id.in_(ids), Clock.state != "stopped")
    best: dict[int, tuple[tuple[bool, float], Ring]] = {}
    for clock in work.session.scalars(running):
        made = ring(clock, work.now)
        due = clock.due_at.timestamp() if clock.due_at else float("inf")
        rank = (made.tone != "bad", due)
        if clock.case_id is not None and (
            clock.case_id not in best or rank < best[clock.case_id][0]
        ):
            best[clock.case_id] = rank, made
    return {number: made for number, (_, made) in best.items()}


def first_replies(work: UnitOfWork, conversation_ids: Sequence[int]) -> dict[int, Ring]:
    """By conversation: the first reply that is promised and due next."""
    waiting = select(Clock).where(
        Clock.name == "first_reply", Clock.state != "stopped",
        Clock.conversation_id.in_(conversation_ids),
    )  # fmt: skip
    rows = work.session.scalars(waiting.order_by(Clock.due_at.is_(None), Clock.due_at)).all()
    return {
        each.conversation_id: ring(each, work.now)
        for each in reversed(rows)
        if each.conversation_id is not None
    }


def ring(clock: Clock, now: datetime) -> Ring:
    """A clock as a ring."""
    facts, title = clocks.facts_of(clock), CLOCKS[clock.name].title
    left, percent = facts.left(now), facts.percent(now)
    if clock.state == "stopped":
        tone = "bad" if clock.outcome == "missed" else "good"
        return Ring(title, percent, tone, clock.outcome)
    if clock.breached_at is not None or left < 0:
        return Ring(title, 100, "bad", f"late by {short(-left)}")
    if clock.state == "paused":
        return Ring(title, percent, "paused", f"paused, {short(left)} left")
    aim = None if facts.policy.target_s is None else facts.policy.target_s - facts.spent(now)
    if aim is not None and aim >= 0:
        return Ring(title, percent, "good", f"{short(aim)} to the target")
    tone = "warn" if facts.spent(now) >= facts.policy.warn_s else "good"
    words = f"{short(left)} left" if aim is None else f"past the target, {short(left)} left"
    return Ring(title, percent, tone, words)


def short(seconds: int) -> str:
    """ "1 h 20 min", "45 s"."""
    if seconds < 60:
        return f"{seconds} s"
    days, rest = divmod(seconds, 86_400)
    hours, minutes = rest // 3_600, rest % 3_600 // 60
    parts = (f"{days} d" if days else "", f"{hours} h" if hours else "",
             f"{minutes} min" if minutes and not days else "")  # fmt: skip
    return " ".join(filter(None, parts))


# --- one ticket ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file."""

    id: int
    at: datetime
    icon: str
    kind: str
    text: str
    who: str
    media_id: int | None
    reviewed: str
    by_rider: bool
    outside: bool  # the site's partner wrote it, or reads it


@dataclass(frozen=True, slots=True)
class Timer:
    """A clock of the ticket, running or not."""

    ring: Ring
    state: str
    outcome: str
    limit: str
    version: int
    started_at: datetime
    due_at: datetime | None
    stopped_by: str
    promise: str  # what is promised and until when, in the station's time


@dataclass(frozen=True, slots=True)
class Tie:
    """Something that the ticket is linked to, with its address where it has a page."""

    kind: str
    ref: str
    words: str
    url: str
    own: bool  # the ticket's own column: not to be taken away


@dataclass(frozen=True, slots=True)
class Ticket:
    """The whole page."""

    case: Case
    row: Row
    facts: Sequence[tuple[str, str]]
    lines: Sequence[Line]
    timers: Sequence[Timer]
    ties: Sequence[Tie]
    missing: Sequence[str]
    text: str
    phone: str
    conversation_readable: bool
    alike: Sequence[tuple[Row, str]]  # with what they have in common


def ticket(work: UnitOfWork, actor: Actor, case: Case, readable: Any) -> Ticket:
    """One ticket; `readable(conversation id)` says whether its conversation may be opened."""
    row = rows_of(work, [case])[0]
    phone = ""
    if case.rider_id is not None:
        phone = shown_phones(work, [case.rider_id]).get(case.rider_id, "")
    elif case.contact:
        phone = shown_text(case.contact) if "@" in case.contact else mask_phone(case.contact)
    chat = case.conversation_id
    topic = TOPICS[case.code]
    facts = [
        ("Person", row.who), ("Contact", phone or "none"), ("Place", row.place or "not known"),
        ("Class", f"{CLASSES[topic.class_]}: {topic.title}"), ("Kind", row.kind),
        ("Came by", row.source), ("Times asked", str(case.contacts)),
    ]  # fmt: skip
    return Ticket(
        case=case, row=row, facts=facts, lines=_lines(work, case), timers=_timers(work, case),
        ties=[_tie(each, case) for each in cases.links(work, case.id) if each.kind != "partner"],
        missing=cases.missing(work, case), text=shown_text(case.text), phone=phone,
        conversation_readable=chat is not None and readable(chat), alike=_alike(work, actor, case),
    )  # fmt: skip


def _alike(work: UnitOfWork, actor: Actor, case: Case) -> list[tuple[Row, str]]:
    found = case_alike.of_case(work, actor, case)
    return list(zip(rows_of(work, [each.case for each in found]),
                    [each.why for each in found], strict=True))  # fmt: skip


def _lines(work: UnitOfWork, case: Case) -> list[Line]:
    entries = cases.entries(work, case.id)
    names = _by_id(work, Staff, {each.staff_id for each in entries})
    return [_line(each, names) for each in reversed(entries)]


def _line(each: CaseEntry, names: dict[Any, Any]) -> Line:
    staff = names.get(each.staff_id)
    return Line(
        id=each.id, at=each.at, icon=_ENTRY_ICONS.get(each.kind, "info"), kind=each.kind,
        text=shown_text(each.text), who=staff.name if staff else str(each.body.get("from", "")),
        media_id=each.media_id,
        reviewed=str(each.body.get("reviewed", "")), by_rider=each.staff_id is None,
        outside=each.kind == "partner" or bool(each.body.get("partner")),
    )  # fmt: skip


def promise(clock: Clock, tz: str) -> str:
    """ "A person contacts the rider by 14:02:31": what is promised and until when there; "" for
    the desk's own goals, and for what stands still or is over."""
    says = CLOCKS[clock.name].says
    if not says or clock.due_at is None or clock.state != "running":
        return ""
    due = clock.due_at.astimezone(ZoneInfo(tz))
    near = int(clock.policy["limit_s"]) < 3_600
    by = f"{says} by {due:%H:%M:%S}" if near else f"{says} by {due:%-d %b, %H:%M}"
    if clock.target_s is None:
        return by
    return f"{by}; the target is {(due - _after_target(clock)).astimezone(ZoneInfo(tz)):%H:%M}"


def _after_target(clock: Clock) -> timedelta:
    return timedelta(seconds=int(clock.policy["limit_s"]) - (clock.target_s or 0))


def limit_of(limit_s: int, target_s: int | None) -> str:
    """ "2 h, target 1 h"."""
    return short(limit_s) + (f", target {short(target_s)}" if target_s is not None else "")


def _outcome(clock: Clock) -> str:
    """In words, of one that is over."""
    if clock.outcome == "met":
        aimed = clock.target_s is not None and clock.spent_s <= clock.target_s
        return "Kept within the target" if aimed else "Kept"
    return clock.outcome.capitalize()


def _timers(work: UnitOfWork, case: Case) -> list[Timer]:
    station = cases.station_of(work, case)
    tz = station.tz if station is not None else "UTC"
    made = []
    for clock in cases.all_clocks(work, case):
        made.append(
            Timer(
                ring=ring(clock, work.now), state=clock.state, outcome=_outcome(clock),
                limit=limit_of(int(clock.policy["limit_s"]), clock.target_s),
                version=int(clock.policy["version"]),
                started_at=clock.started_at, due_at=clock.due_at, stopped_by=clock.stop_event,
                promise=promise(clock, tz),
            )
        )  # fmt: skip
    return sorted(made, key=lambda each: (each.state == "stopped", each.started_at))


_PAGES: Final = {
    "conversation": "/conversations/{}", "incident": "/incidents/{}",
    "booking": "/bookings/{}", "meter": "/meters",
    "dispute": "/disputes/{}",
}  # fmt: skip


def _tie(each: CaseLink, case: Case) -> Tie:
    own = (each.kind, each.ref) in (
        ("conversation", str(case.conversation_id)), ("session", str(case.session_id)),
    )  # fmt: skip
    words = {"session": "Charge"}.get(each.kind, each.kind.capitalize())
    return Tie(
        each.kind, each.ref, f"{words} {each.ref}", _PAGES.get(each.kind, "").format(each.ref), own
    )


def of_conversation(work: UnitOfWork, conversation: Conversation) -> list[Row]:
    """The tickets of a conversation, for its head."""
    return rows_of(work, cases.of_conversation(work, conversation.id))


def of_rider(work: UnitOfWork, rider_id: int) -> list[Row]:
    """A rider's tickets, for the panel."""
    return rows_of(work, cases.of_rider(work, rider_id, limit=5))


__all__ = [
    "STATUSES", "STATUS_TONES", "Filters", "Ring", "Row", "Ticket", "Timer", "counts",
    "of_conversation", "of_rider", "ring", "rows", "rows_of", "short", "ticket",
]  # fmt: skip
