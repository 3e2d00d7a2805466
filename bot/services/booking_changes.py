"""How a booking changes: under its row's lock the pure state machine advances, and its commands are
carried out in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import select

from bot.domain import booking_facts as on
from bot.domain.booking import advance
from bot.domain.booking_facts import BookingFacts, Event
from bot.services import booking_effects
from bot.services.booked import facts_of
from bot.store.bookings import Booking, BookingChange
from bot.store.database import UnitOfWork
from bot.store.upsert import insert

log = structlog.get_logger(__name__)


def lock(work: UnitOfWork, booking: Booking) -> None:
    """Decide alone on a booking from here on."""
    work.session.flush()
    work.session.refresh(booking, with_for_update=True)


def happen(
    work: UnitOfWork, booking: Booking, *events: Event, key: str, evse_id: int | None = None
) -> None:
    """Let a locked booking live through events; `evse_id` where it goes to another bay."""
    facts = facts_of(booking)
    for event in events:
        before = facts
        facts, commands = advance(facts, event)
        elsewhere = evse_id is not None and evse_id != booking.evse_id
        early = [each for each in commands if isinstance(each, on.FreePile)]
        booking_effects.carry_out(work, booking, before, early, key=key)  # still at the old bay
        if elsewhere and evse_id is not None:
            booking.evse_id = evse_id
        rest = [each for each in commands if not isinstance(each, on.FreePile)]
        booking_effects.carry_out(work, booking, facts, rest, key=key)
        if facts.state != before.state:
            log.info("booking", booking_id=booking.id, state=facts.state)
        _note_end(work, booking, before, facts)
    booking_effects.keep(work, booking, facts)


def _note_end(work: UnitOfWork, booking: Booking, before: BookingFacts, now: BookingFacts) -> None:
    """Ends that nobody asked for are part of the history too."""
    if now.state != before.state and now.state in {"NO_SHOW", "FAILED", "REJECTED"}:
        note(work, booking, now.state.lower(), now.ended_by, key=now.state)


def note(
    work: UnitOfWork, booking: Booking, what: str, by: str, *, key: str, reason: str = "",
    before: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Keep a line of a booking's history; a repeat of `key` adds nothing."""
    body: dict[str, Any] = {"evse": booking.evse_id, **times(facts_of(booking))}
    if before is not None:
        body["before"] = dict(before)
    work.session.execute(
        insert(work, BookingChange)
        .values(
            booking_id=booking.id, key=key[:160], at=work.now, what=what, by=by, body=body,
            reason=reason,
        )
        .on_conflict_do_nothing(index_elements=["booking_id", "key"])
    )  # fmt: skip


def times(facts: BookingFacts) -> dict[str, str]:
    """Start and end, as the history keeps them."""
    return {"starts_at": facts.starts_at.isoformat(), "ends_at": facts.ends_at.isoformat()}


def was_done(work: UnitOfWork, booking: Booking, key: str) -> bool:
    """Whether a change with this key is in the booking's history already."""
    there = select(BookingChange.id).where(
        BookingChange.booking_id == booking.id, BookingChange.key == key[:160]
    )
    return work.session.scalars(there).first() is not None


def by_key(work: UnitOfWork, key: str) -> Booking | None:
    """The booking that a yes with this key has made."""
    return work.session.scalars(select(Booking).where(Booking.key == key)).first()
