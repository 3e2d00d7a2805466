"""How riders were helped: by the bot alone, by people and how fast; who came back to charge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import extract, func, select

from bot.domain.desk_rules import is_present
from bot.domain.figures import (
    CHURN_DAYS,
    RETURN,
    Churn,
    Contacts,
    Period,
    churn,
    cohorts,
    contacts,
    hour_of,
    percentile,
    permille,
)
from bot.services import desk
from bot.store.charging import ChargingSession
from bot.store.database import Store, UnitOfWork
from bot.store.desk import ConversationMark
from bot.store.figures import StaffHour
from bot.store.riders import Message
from bot.store.staff import Staff
from bot.store.upsert import insert

EVERY: Final = timedelta(minutes=1)  # how often `note_presence` is called
MONTHS: Final = 12
_CALLED: Final = ("queued", "claimed")  # marks that tell of a person


def note_presence(store: Store) -> None:
    """Add a minute to everybody who is at the desk now; the clock calls it every minute."""
    with store.begin() as work:
        present = [each.staff_id for each in desk.agents(work) if is_present(each)]
        hour = hour_of(work.now)
        for staff_id in present:
            row = insert(work, StaffHour).values(
                staff_id=staff_id, hour=hour, online_s=int(EVERY.total_seconds())
            )
            work.session.execute(
                row.on_conflict_do_update(
                    index_elements=["staff_id", "hour"],
                    set_={"online_s": StaffHour.online_s + int(EVERY.total_seconds())},
                )
            )


# --- the bot -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bot:
    """What the bot settled by itself in a period."""

    contacts: Contacts
    lines: int  # what riders wrote
    unclear: int  # of it not understood
    intents: tuple[tuple[str, int], ...]  # most frequent first
    reasons: tuple[tuple[str, int], ...]  # why people were called, most frequent first

    @property
    def contained(self) -> int | None:
        """Share settled without a person and without coming back within a day, in thousandths."""
        return permille(self.contacts.contained, self.contacts.all)

    @property
    def missed(self) -> int | None:
        """Share of lines not understood, in thousandths."""
        return permille(self.unclear, self.lines)


def bot(work: UnitOfWork, asked: Period) -> Bot:
    """The bot's figures; contacts of the last day may still turn out not to be settled."""
    intents = _intents(work, asked)
    return Bot(
        contacts=_contacts(work, asked),
        lines=sum(intents.values()),
        unclear=intents.get("unclear", 0),
        intents=_by_count({name: n for name, n in intents.items() if name}),
        reasons=_by_count(_reasons(work, asked)),
    )


def _contacts(work: UnitOfWork, asked: Period) -> Contacts:
    start, end = asked.start - timedelta(hours=1), asked.end + 2 * RETURN
    lines: dict[int, list[datetime]] = defaultdict(list)
    said = select(Message.conversation_id, Message.at).where(
        Message.at >= start, Message.at < end, Message.author == "rider"
    )
    for conversation_id, at in work.session.execute(said):
        lines[conversation_id].append(at)
    people: dict[int, list[datetime]] = defaultdict(list)
    marks = select(ConversationMark.conversation_id, ConversationMark.at).where(
        ConversationMark.at >= start,
        ConversationMark.at < end,
        ConversationMark.kind.in_(_CALLED),
    )
    for conversation_id, at in work.session.execute(marks):
        people[conversation_id].append(at)
    sums = [0, 0, 0]
    for conversation_id, moments in lines.items():
        found = contacts(moments, people[conversation_id], asked.start, asked.end)
        sums[0] += found.all
        sums[1] += found.with_person
        sums[2] += found.contained
    return Contacts(*sums)


def _intents(work: UnitOfWork, asked: Period) -> dict[str, int]:
    intent = Message.understood["intent"].as_string()
    rows = work.session.execute(
        select(intent, func.count())
        .where(Message.at >= asked.start, Message.at < asked.end, Message.author == "rider")
        .group_by(intent)
    )
    return {name or "": count for name, count in rows}


def _reasons(work: UnitOfWork, asked: Period) -> dict[str, int]:
    rows = work.session.execute(
        select(ConversationMark.text, func.count())
        .where(
            ConversationMark.at >= asked.start,
            ConversationMark.at < asked.end,
            ConversationMark.kind == "queued",
        )
        .group_by(ConversationMark.text)
    )
    return {row[0]: row[1] for row in rows}


def _by_count(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True, slots=True)
class Call:
    """One time that a person was called for: when, why, and who answered first, how late."""

    conversation_id: int
    at: datetime
    reason: str
    staff_id: int | None
    waited_s: int | None  # None: nobody has answered


def calls(work: UnitOfWork, asked: Period, reason: str = "") -> list[Call]:
    """Every time in a period that a conversation entered the queue, newest first, with the first
    answer a person wrote after it; what the bot says by itself is no answer."""
    marks = select(ConversationMark).where(
        ConversationMark.at >= asked.start,
        ConversationMark.at < asked.end,
        ConversationMark.kind == "queued",
    )
    if reason:
        marks = marks.where(ConversationMark.text == reason)
    queued = work.session.scalars(marks.order_by(ConversationMark.id.desc())).all()
    answers = _answers(work, {each.conversation_id for each in queued}, asked.start)
    found = []
    for each in queued:
        later = [one for one in answers.get(each.conversation_id, ()) if one[0] >= each.at]
        at, staff_id = min(later, default=(None, None))
        waited = int((at - each.at).total_seconds()) if at is not None else None
        found.append(Call(each.conversation_id, each.at, each.text, staff_id, waited))
    return found


def _answers(
    work: UnitOfWork, conversations: set[int], since: datetime
) -> dict[int, list[tuple[datetime, int]]]:
    found: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    rows = work.session.execute(
        select(Message.conversation_id, Message.at, Message.staff_id).where(
            Message.at >= since, Message.author == "agent", Message.staff_id.is_not(None)
        )
    )
    for conversation_id, at, staff_id in rows:
        if conversation_id in conversations and staff_id is not None:
            found[conversation_id].append((at, staff_id))
    return found


# --- people --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody did at the desk in a period; times are seconds, None where there is none."""

    staff_id: int
    name: str
    online_s: int
    taken: int
    lines: int
    resolved: int
    answered: int  # riders in the queue whom this person answered first
    middle_s: int | None  # half of them waited no longer than this for it
    late_s: int | None  # nine of ten


def people(work: UnitOfWork, asked: Period, staff_id: int | None = None) -> list[Person]:
    """Everybody who works on conversations, or one of them, by name."""
    waits: dict[int, list[int]] = defaultdict(list)
    for call in calls(work, asked):
        if call.staff_id is not None and call.waited_s is not None:
            waits[call.staff_id].append(call.waited_s)
    online = _sums(
        work.session.execute(
            select(StaffHour.staff_id, func.sum(StaffHour.online_s))
            .where(StaffHour.hour >= asked.start, StaffHour.hour < asked.end)
            .group_by(StaffHour.staff_id)
        ).all()
    )
    lines = _sums(
        work.session.execute(
            select(Message.staff_id, func.count())
            .where(Message.at >= asked.start, Message.at < asked.end, Message.author == "agent")
            .group_by(Message.staff_id)
        ).all()
    )
    taken, resolved = _marks(work, asked, "claimed"), _marks(work, asked, "resolved")
    active = taken.keys() | lines.keys() | online.keys() | waits.keys()
    rows = work.session.scalars(select(Staff).order_by(Staff.name, Staff.id))
    return [
        Person(
            each.id, each.name, online.get(each.id, 0), taken.get(each.id, 0),
            lines.get(each.id, 0), resolved.get(each.id, 0), len(waits[each.id]),
            percentile(waits[each.id], 50), percentile(waits[each.id], 90),
        )
        for each in rows
        if (each.id == staff_id if staff_id is not None else each.id in active)
    ]  # fmt: skip


def _marks(work: UnitOfWork, asked: Period, kind: str) -> dict[int, int]:
    return _sums(
        work.session.execute(
            select(ConversationMark.staff_id, func.count())
            .where(
                ConversationMark.at >= asked.start,
                ConversationMark.at < asked.end,
                ConversationMark.kind == kind,
            )
            .group_by(ConversationMark.staff_id)
        ).all()
    )


def _sums(rows: Iterable[Any]) -> dict[int, int]:
    return {int(number): int(count) for number, count in rows if number is not None}


# --- riders --------------------------------------------------------------------------------------


def coming_back(work: UnitOfWork, end: datetime) -> Churn:
    """Who charged in the two months before `end`, and who did not come back in the second."""
    first = (
        select(ChargingSession.rider_id, func.min(ChargingSession.started_at).label("first"))
        .group_by(ChargingSession.rider_id)
        .subquery()
    )
    rows = work.session.execute(
        select(ChargingSession.rider_id, first.c.first, ChargingSession.started_at)
        .join(first, first.c.rider_id == ChargingSession.rider_id)
        .where(
            ChargingSession.started_at >= end - timedelta(days=2 * CHURN_DAYS),
            ChargingSession.started_at < end,
        )
    )
    riders: dict[int, tuple[datetime, list[datetime]]] = {}
    for rider_id, born, at in rows:
        riders.setdefault(rider_id, (born, []))[1].append(at)
    return churn(riders.values(), end)


def months(work: UnitOfWork, now: datetime) -> list[tuple[date, int, list[int]]]:
    """Riders by the month (UTC) of their first charge, and how many charged in the months after;
    of the last MONTHS months."""
    year, month = (extract(part, ChargingSession.started_at) for part in ("year", "month"))
    rows = work.session.execute(
        select(ChargingSession.rider_id, year, month)
        .where(ChargingSession.started_at.is_not(None), ChargingSession.started_at < now)
        .distinct()
    )
    riders: dict[int, list[date]] = defaultdict(list)
    for rider_id, in_year, in_month in rows:
        riders[rider_id].append(date(int(in_year), int(in_month), 1))
    found = cohorts((min(days), days) for days in riders.values())
    now_ = now.astimezone(UTC)
    oldest = now_.year * 12 + now_.month - MONTHS
    return [each for each in found if each[0].year * 12 + each[0].month > oldest]
