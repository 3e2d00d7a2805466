"""The desk: who is there, who is waiting, and giving the one to the other.

Pull by default: people take riders from the queue. With DESK_ASSIGNMENT=push the desk offers the
next rider to whoever fits best; an offer not taken goes to the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from sqlalchemy import and_, func, or_, select, update

from bot.domain.desk_rules import (
    CONNECTED_S,
    OFFER_S,
    AgentFacts,
    Hours,
    Waiting,
    choose_agent,
    expected_wait_s,
    queue_order,
)
from bot.domain.rights import RIGHTS
from bot.replies import Moment, Say
from bot.services import handoff, shifts
from bot.services.marks import mark
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import Store, UnitOfWork
from bot.store.desk import OpeningHours
from bot.store.riders import Conversation, Rider
from bot.store.staff import Staff

PRESENCES: Final = ("online", "busy", "away")
_AT_ONCE: Final = 50  # riders looked at in one go


def agents(work: UnitOfWork) -> list[AgentFacts]:
    """Everybody who may work on conversations, with what they have in hand."""
    waiting = Conversation.waiting_since.is_not(None)
    loads: Counter[int] = Counter()
    for owner_id, is_waiting, count in work.session.execute(
        select(Conversation.owner_id, waiting, func.count())
        .where(Conversation.owner == "human", Conversation.status != "snoozed")
        .group_by(Conversation.owner_id, waiting)
    ):
        if owner_id is not None:
            loads[owner_id] += count * (2 if is_waiting else 1)
    workers = select(Staff).where(Staff.active, Staff.role.in_(sorted(RIGHTS["conversation.work"])))
    return [
        AgentFacts(
            staff_id=staff.id,
            presence=staff.presence,
            unseen_s=_seconds_since(work, staff),
            capacity=staff.capacity,
            load_halves=loads[staff.id],
            langs=frozenset(staff.langs),
            skills=frozenset(staff.skills),
        )
        for staff in work.session.scalars(workers)
    ]


def is_here(work: UnitOfWork, staff: Staff) -> bool:
    """Whether somebody's console is open and they have not said that they are away."""
    return staff.presence != "away" and _seconds_since(work, staff) <= CONNECTED_S


def _seconds_since(work: UnitOfWork, staff: Staff) -> int:
    if staff.seen_at is None:
        return CONNECTED_S + 1
    return int((work.now - staff.seen_at).total_seconds())


def set_presence(work: UnitOfWork, staff_id: int, presence: str) -> None:
    """What somebody chose; going online drains the queue at the next tick."""
    if presence not in PRESENCES:
        raise ValueError(presence)
    staff = work.session.get_one(Staff, staff_id)
    staff.presence, staff.seen_at = presence, work.now


# --- the line, as riders are told ------------------------------------------------------------


def hours(work: UnitOfWork, settings: Settings) -> Hours:
    """The desk's opening hours as they stand."""
    rows = list(work.session.scalars(select(OpeningHours)))
    return Hours(
        tz=settings.desk_tz,
        weekdays={
            row.weekday: (row.opens_min, row.closes_min) for row in rows if row.weekday is not None
        },
        dates={
            date.fromisoformat(row.date): (row.opens_min, row.closes_min)
            for row in rows
            if row.date is not None
        },
    )


def place_in_line(work: UnitOfWork, conversation: Conversation) -> int:
    """Which number this conversation has in the queue, from 1; the last one if it joins now."""
    queued_at = conversation.queued_at or work.now
    before = and_(
        Conversation.owner == "queue",
        Conversation.id != conversation.id,
        or_(
            Conversation.priority < conversation.priority,
            and_(
                Conversation.priority == conversation.priority, Conversation.queued_at < queued_at
            ),
        ),
    )
    return (work.session.scalar(select(func.count()).where(before)) or 0) + 1


def waiting_text(work: UnitOfWork, settings: Settings, conversation: Conversation) -> Say:
    """What a rider in the queue may expect, honestly: place and minutes, or when we open."""
    opening = hours(work, settings)
    if not opening.is_open(work.now):
        at = opening.next_opening(work.now)
        if at is None:
            return Say("Nobody is at our desk these days, but every message is read.")
        moment = Moment(at, opening.tz, "date_time")
        return Say(
            "Our people are back on {time}; your message is kept for them.", {"time": moment}
        )
    present = sum(one.presence == "online" and one.unseen_s <= CONNECTED_S for one in agents(work))
    back = shifts.back_at(work, settings) if not present else None
    if back is not None:  # the desk is open by its hours, but nobody is on shift
        moment = Moment(back, opening.tz, "date_time")
        return Say(
            "Our people are back on {time}; your message is kept for them.", {"time": moment}
        )
    place = place_in_line(work, conversation)
    wait_s = expected_wait_s(place, present)
    if wait_s is None:
        return Say(
            "Nobody is free at this moment; you are number {place} in line.", {"place": place}
        )
    return Say(
        "You are number {place} in line, about {minutes} min.",
        {"place": place, "minutes": max(1, wait_s // 60)},
    )


# --- giving out work -----------------------------------------------------------------------------


def tick(store: Store, settings: Settings) -> None:
    """Everything the desk does by itself, each in a short transaction; the clock calls it."""
    with store.begin() as work:
        wake_snoozed(work)
    with store.begin() as work:
        return_lost(work)
    if settings.desk_assignment == "push":
        with store.begin() as work:
            offer_waiting(work)


def wake_snoozed(work: UnitOfWork) -> None:
    """Snoozed chats whose time has come are open again."""
    due = select(Conversation).where(
        Conversation.status == "snoozed", Conversation.snoozed_until <= work.now
    )
    for chat in work.session.scalars(due.limit(_AT_ONCE).with_for_update(skip_locked=True)):
        chat.status, chat.snoozed_until = "open", None
        mark(work, chat.id, "reopened", "The snooze is over")


def return_lost(work: UnitOfWork) -> None:
    """A rider waits for somebody whose console went silent: back into the queue, with a note."""
    gone = work.now - timedelta(seconds=CONNECTED_S)
    lost = (
        select(Conversation.id, Staff.name)
        .join(Staff, Staff.id == Conversation.owner_id)
        .where(
            Conversation.owner == "human",
            Conversation.status == "open",
            Conversation.waiting_since < gone,
            or_(Staff.seen_at.is_(None), Staff.seen_at < gone, Staff.active.is_(False)),
        )
        .limit(_AT_ONCE)
    )
    for conversation_id, name in work.session.execute(lost).all():
        note = f"{name} was offline for more than {CONNECTED_S // 60} minutes."
        handoff.requeue(work, None, conversation_id, reason="lost", note=note)


def _waiting(work: UnitOfWork) -> Iterator[Waiting]:
    rows = work.session.execute(
        select(Conversation, Rider.lang)
        .join(Rider, Rider.id == Conversation.rider_id)
        .where(Conversation.owner == "queue")
        .order_by(Conversation.priority, Conversation.queued_at)
        .limit(_AT_ONCE)
    )
    for chat, lang in rows:
        running = chat.offered_until is not None and chat.offered_until > work.now
        if running:
            continue
        declined = set(chat.declined_by)
        if chat.offered_to is not None:
            declined.add(chat.offered_to)
        waited = work.now - (chat.queued_at or work.now)
        yield Waiting(
            chat.id, chat.priority, int(waited.total_seconds()), lang, chat.skill,
            frozenset(declined),
        )  # fmt: skip


def offer_waiting(work: UnitOfWork) -> int:
    """Offer waiting riders, in order, to those who fit; answers how many offers were made.

    Who let an offer pass is not asked again for that rider until everybody was.
    """
    staff = {one.staff_id: one for one in agents(work)}
    offered = select(Conversation.offered_to).where(
        Conversation.owner == "queue", Conversation.offered_until > work.now
    )
    for busy in work.session.scalars(offered):
        if busy is not None:
            staff.pop(busy, None)  # one offer at a time
    made = 0
    for rider in queue_order(list(_waiting(work))):
        chosen = choose_agent(rider, staff.values())
        declined = sorted(rider.declined)
        if chosen is None and rider.declined:
            fresh = Waiting(
                rider.conversation_id, rider.priority, rider.waited_s, rider.lang, rider.skill
            )
            chosen, declined = choose_agent(fresh, staff.values()), []
        if chosen is None:
            continue
        staff.pop(chosen)
        work.session.execute(
            update(Conversation)
            .where(Conversation.id == rider.conversation_id, Conversation.owner == "queue")
            .values(
                offered_to=chosen,
                offered_until=work.now + timedelta(seconds=OFFER_S),
                declined_by=declined,
            )
        )
        touched(work, f"conversation:{rider.conversation_id}", f"staff:{chosen}")
        made += 1
    return made


def decline(work: UnitOfWork, staff_id: int, conversation_id: int) -> None:
    """Let an offer pass: the next one is asked at once."""
    work.session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id, Conversation.offered_to == staff_id)
        .values(offered_until=work.now)
    )
    touched(work, f"conversation:{conversation_id}", f"staff:{staff_id}")


def offers_to(work: UnitOfWork, staff_id: int) -> list[Conversation]:
    """What is offered to somebody now."""
    mine = select(Conversation).where(
        Conversation.owner == "queue",
        Conversation.offered_to == staff_id,
        Conversation.offered_until > work.now,
    )
    return list(work.session.scalars(mine))
