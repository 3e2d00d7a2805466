"""Tells open consoles what changed: a ConsoleEvent in the very transaction of the change.

Changes of mapped objects are seen by themselves at each flush; after a bulk statement (a
conditional `update`) call `touched`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, String, cast, event, func, insert, inspect, true
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction

from bot.store.bookings import Booking, BookingChange
from bot.store.cases import Case, CaseEntry, CaseLink, Clock, PolicyChange, SitePartner
from bot.store.charging import ChargingSession, Hold
from bot.store.database import UnitOfWork, WritingSession
from bot.store.desk import (
    ConsoleEvent,
    ConversationLabel,
    ConversationMark,
    Incident,
    IncidentEntry,
    StaffAction,
)
from bot.store.devices import Command
from bot.store.invoices import Invoice
from bot.store.offers import Coupon, CouponTemplate, Plan, PlanOffer
from bot.store.remote import FirmwareUpdate, PileLog, PileVariable, Rollout
from bot.store.riders import Conversation, Message, Rider
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile, Station, Tariff, TariffProposal, TariffVersion
from bot.store.waiting import Waiter
from bot.store.wallet import Wallet

_TOLD: Final = "console events of this transaction"
# Signs of life come every few seconds; what hangs on them is shown with its age.
_SILENT: Final = {Pile: {"seen_at", "conn"}, Staff: {"seen_at"}}


def touched(work: UnitOfWork, *refs: str) -> None:
    """Say that something changed where no mapped object shows it; refs as in ConsoleEvent."""
    _tell(work.session, refs)


def settled(session: Session) -> ColumnElement[bool]:
    """A condition for events that no transaction still open can come before."""
    if session.get_bind().dialect.name != "postgresql":
        return true()
    oldest_open = func.pg_snapshot_xmin(func.pg_current_snapshot())
    return ConsoleEvent.xact < cast(cast(oldest_open, String), BigInteger)


def _refs(row: Any) -> Iterator[str]:
    """What a changed row is part of, as consoles name it."""
    match row:
        case Conversation():
            yield f"conversation:{row.id}"
            yield f"rider:{row.rider_id}"
        case Message() | ConversationMark() | ConversationLabel():
            yield f"conversation:{row.conversation_id}"
        case Rider():
            yield f"rider:{row.id}"
        case ChargingSession() | Hold() | Wallet():
            yield f"rider:{row.rider_id}"
        case Booking():
            yield f"rider:{row.rider_id}"
            yield f"booking:{row.id}"
            yield "bookings"
        case BookingChange():
            yield f"booking:{row.booking_id}"
        case Pile():
            yield f"pile:{row.id}"
        case Evse() | Command():
            yield f"pile:{row.pile_id}"
        case Incident():
            yield f"incident:{row.id}"
        case IncidentEntry():
            yield f"incident:{row.incident_id}"
        case Case():
            yield f"case:{row.id}"
            if row.rider_id is not None:
                yield f"rider:{row.rider_id}"
            if row.conversation_id is not None:
                yield f"conversation:{row.conversation_id}"
        case CaseEntry() | CaseLink():
            yield f"case:{row.case_id}"
        case Clock():
            yield f"clock:{row.id}"
            if row.case_id is not None:
                yield f"case:{row.case_id}"
        case StaffAction():
            yield f"action:{row.id}"
            if row.rider_id is not None:
                yield f"rider:{row.rider_id}"
            if row.pile_id is not None:
                yield f"pile:{row.pile_id}"
        case PileVariable() | PileLog():
            yield f"pile:{row.pile_id}"
        case FirmwareUpdate():
            yield f"pile:{row.pile_id}"
            yield f"rollout:{row.rollout_id or 0}"
        case Rollout():
            yield f"rollout:{row.id}"
        case PolicyChange():
            yield f"policy:{row.id}"
        case Coupon() | Plan():
            yield "coupon" if isinstance(row, Coupon) else "plan"
            yield f"rider:{row.rider_id}"
        case CouponTemplate():
            yield "coupon"
        case PlanOffer():
            yield "plan"
        case Invoice():
            yield "invoice"
        case Tariff() | TariffVersion() | TariffProposal():
            yield "tariff"
        case Station():
            yield f"station:{row.id}"
        case SitePartner():
            yield f"station:{row.station_id}"
        case Waiter():
            yield f"queue:{row.station_id}"
            yield f"rider:{row.rider_id}"
        case Staff():
            yield f"staff:{row.id}"


def _is_news(session: Session, row: Any) -> bool:
    if not session.is_modified(row):
        return False
    silent = _SILENT.get(type(row))
    if silent is None:
        return True
    changed = {each.key for each in inspect(row).attrs if each.history.has_changes()}
    return not changed <= silent


def _after_flush(session: Session, _: UOWTransaction) -> None:
    dirty = [row for row in session.dirty if _is_news(session, row)]
    changed = (*session.new, *dirty, *session.deleted)
    _tell(session, (ref for row in changed for ref in _refs(row)))


def _tell(session: Session, refs: Iterable[str]) -> None:
    """One row for each thing and transaction."""
    told: set[str] = session.info.setdefault(_TOLD, set())
    fresh = sorted(set(refs) - told)
    if not fresh:
        return
    told.update(fresh)
    now = session.info.get("now") or datetime.now(UTC)
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    xact: Any = cast(cast(func.pg_current_xact_id(), String), BigInteger) if on_postgresql else 0
    rows = [{"xact": xact, "ref": ref, "at": now} for ref in fresh]
    session.execute(insert(ConsoleEvent).values(rows))


def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_TOLD, None)


def _undone(session: Session, _: SessionTransaction) -> None:
    session.info.pop(_TOLD, None)  # a savepoint took its events back: they may have to be told


event.listen(WritingSession, "after_soft_rollback", _undone)
event.listen(WritingSession, "after_flush", _after_flush)
event.listen(WritingSession, "after_transaction_end", _forget)
