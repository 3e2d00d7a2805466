"""How a session is found and changed.

Under its row's lock the pure state machine advances, and its commands (rows and outbox effects) are
carried out in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select

from bot.domain.charging import advance
from bot.domain.session import SessionFacts, load_facts
from bot.domain.session_events import Event
from bot.domain.tariffs import load_tariff
from bot.services import (
    action_results,
    billing,
    booking_trouble,
    entitlements,
    session_effects,
    site_news,
    wear,
)
from bot.settings import Settings
from bot.store.charging import ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.devices import Command
from bot.store.stations import Evse

log = structlog.get_logger(__name__)

CLOCK_SLACK: Final = timedelta(minutes=1)  # a device time further off than this is not believed


def lock_session(work: UnitOfWork, session_id: int) -> None:
    """Take the lock under which everything happens to a session and its payments."""
    lock(work, work.session.get_one(ChargingSession, session_id))


def account_of(work: UnitOfWork, hold: Hold) -> str:
    """Where in the ledger what a session's payment brings belongs."""
    return billing.owing(work, work.session.get_one(ChargingSession, hold.session_id))


def by_key(work: UnitOfWork, key: str) -> ChargingSession | None:
    return work.session.scalars(select(ChargingSession).where(ChargingSession.key == key)).first()


def of_transaction(
    work: UnitOfWork, body: Mapping[str, Any], transaction_id: str
) -> ChargingSession | None:
    """The session a transaction belongs to: by our start command, by its id, or by a stop we sent
    for one that is nobody's. Ids alone are weak: some piles count from 1 after a power cut."""
    command = work.session.get(Command, body.get("remote_start_id") or 0)
    if command is None or command.pile_id != body["pile_id"]:
        found = work.session.scalars(
            select(ChargingSession)
            .join(Evse, Evse.id == ChargingSession.evse_id)
            .where(
                ChargingSession.transaction_id == transaction_id, Evse.pile_id == body["pile_id"]
            )
            .order_by(ChargingSession.open.desc(), ChargingSession.id.desc())
        ).first()
        if found is not None:
            return found
        command = stop_of(work, body["pile_id"], transaction_id)
    if command is None or command.session_id is None:
        return None
    return work.session.get(ChargingSession, command.session_id)


def stop_of(work: UnitOfWork, pile_id: str, transaction_id: str) -> Command | None:
    recent = work.session.scalars(
        select(Command)
        .where(Command.pile_id == pile_id, Command.kind == "stop", Command.session_id.is_not(None))
        .order_by(Command.id.desc())
        .limit(50)
    )
    return next((each for each in recent if each.body["transaction_id"] == transaction_id), None)


def open_sessions_at(work: UnitOfWork, pile_id: str) -> list[ChargingSession]:
    """Every running session at a pile, whoever's."""
    return open_at(work, pile_id, None)


def open_at(work: UnitOfWork, pile_id: str, evse_number: int | None) -> list[ChargingSession]:
    """Open sessions at an EVSE, or at all of a pile."""
    statement = (
        select(ChargingSession)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .where(Evse.pile_id == pile_id, ChargingSession.open)
        .order_by(ChargingSession.id)
    )
    if evse_number is not None:
        statement = statement.where(Evse.number == evse_number)
    return list(work.session.scalars(statement))


def owing_a_stop(work: UnitOfWork, pile_id: str) -> list[ChargingSession]:
    """Closed sessions whose transaction the pile may still run."""
    recent = work.session.scalars(
        select(ChargingSession)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .where(
            Evse.pile_id == pile_id,
            ~ChargingSession.open,
            ChargingSession.created_at > work.now - timedelta(days=7),
        )
        .order_by(ChargingSession.id.desc())
        .limit(50)
    )
    return [each for each in reversed(recent.all()) if each.facts["owed"]]


def device_time(raw: str, session: ChargingSession, now: datetime) -> datetime:
    """A device's time, or ours where its clock cannot be right."""
    at = datetime.fromisoformat(raw)
    if session.created_at - CLOCK_SLACK <= at <= now + CLOCK_SLACK:
        return at
    return now


def lock(work: UnitOfWork, session: ChargingSession) -> None:
    work.session.refresh(session, with_for_update=True)


def happen(
    work: UnitOfWork, session: ChargingSession, events: list[Event], *, key: str | None = None,
    heard_at: datetime | None = None, settings: Settings | None = None,
) -> None:  # fmt: skip
    """Let a session live through events, one transaction, one writer at a time; with `settings`
    a rider whose pile fails is told what works near it."""
    lock(work, session)
    first = facts = load_facts(session.facts, load_tariff(session.tariff))
    waiting = list(events)
    while waiting:
        event, before = waiting.pop(0), facts
        facts, commands = advance(facts, event)
        answered = session_effects.carry_out(
            work, session, facts, commands, key=key, heard_at=heard_at, settings=settings
        )
        waiting = [*answered, *waiting]
        if facts.state != before.state:
            log.info(
                "session", session_id=session.id, state=facts.state, cause=type(event).__name__
            )
        if facts.started_at is not None and before.started_at is None:
            _went_well(work, session)
        _keep_books(work, session, before, facts)
        entitlements.follow(work, session, before, facts)
    session_effects.keep(work, session, facts)
    if facts.state != first.state:
        site_news.evse_changed(work, session.evse_id)
    if first.is_open and not facts.is_open:
        booking_trouble.charge_ended(work, session)
    action_results.session_moved(work, session, first, facts)


def _keep_books(
    work: UnitOfWork, session: ChargingSession, before: SessionFacts, now: SessionFacts
) -> None:
    """What becomes of a bill apart from being paid: a debt, or given up."""
    if now.state == before.state or now.bill_minor is None:
        return
    if now.state == "debt":
        billing.post_owed(work, session)
    elif now.state in {"releasing", "void"} and before.state in {"billing", "debt"}:
        billing.post_waived(work, session)


def _went_well(work: UnitOfWork, session: ChargingSession) -> None:
    evse = work.session.get_one(Evse, session.evse_id)
    evse.failed_starts, evse.last_good_at = 0, work.now
    wear.count(work, evse.id, cycles=1)
