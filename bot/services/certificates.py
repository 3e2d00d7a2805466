"""Certificates of sites and piles: entered, shown by their end, people told when one has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.domain.certificates import DUE_DAYS, KINDS, State, state_of
from bot.errors import PilebotError
from bot.services import audit, paging
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store import inbox
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.maintenance import Certificate
from bot.store.stations import Pile, Station

TIMER: Final = "certificate.timer"
REFERENCE_MAX: Final = 120
REASON_MIN: Final = 3


class NotPossible(PilebotError):
    """A certificate cannot be like that; the message says why, for staff."""


@dataclass(frozen=True, slots=True)
class Line:
    """A certificate as it is listed."""

    certificate: Certificate
    station: Station
    pile: Pile | None
    state: State
    days: int  # until its last day; below 0: since


def add(
    work: UnitOfWork,
    actor: Actor,
    *,
    station_id: int,
    pile_number: str,
    kind: str,
    reference: str,
    expires_on: date,
    media_id: int | None,
) -> Certificate:
    """Enter one; those of the same kind for the same thing end by it. Raises NotPossible."""
    station = work.session.get(Station, station_id)
    if station is None:
        raise NotPossible("Choose the station.")
    if kind not in KINDS:
        raise NotPossible("Choose what was certified.")
    pile = next((each for each in station.piles if each.number == pile_number), None)
    if pile_number and pile is None:
        raise NotPossible(f"There is no pile {pile_number} at {station.name}.")
    if state_of(expires_on, _today(station, work.now)) == "expired":
        raise NotPossible("That day is over already.")
    new = Certificate(
        station_id=station.id, pile_id=pile.id if pile else None, kind=kind,
        reference=" ".join(reference.split())[:REFERENCE_MAX], expires_on=expires_on,
        media_id=media_id, added_by=actor.staff_id, added_at=work.now,
    )  # fmt: skip
    for before in _standing(work, station.id):
        if (before.pile_id, before.kind) == (new.pile_id, kind) and kind != "other":
            _end(work, actor, before, "A newer one was entered.")
    work.session.add(new)
    work.session.flush()
    inbox.put(
        work, source="timer", source_id=f"certificate:{new.id}",
        stream=f"station:{station.id}", kind=TIMER, body={"certificate_id": new.id},
        available_at=_over_at(station, expires_on),
    )  # fmt: skip
    audit.record(
        work, actor, "certificate_added", f"station:{station.id}",
        after={"kind": kind, "until": expires_on.isoformat(), "pile": new.pile_id},
    )  # fmt: skip
    touched(work, "certificate")
    return new


def end(work: UnitOfWork, actor: Actor, certificate_id: int, reason: str) -> None:
    """It counts no more; the reason is kept. Raises NotPossible."""
    row = work.session.get(Certificate, certificate_id, with_for_update=True)
    if row is None or row.ended_at is not None:
        raise NotPossible("It has ended already.")
    reason = " ".join(reason.split())[:300]
    if len(reason) < REASON_MIN:
        raise NotPossible("Say why it counts no more.")
    _end(work, actor, row, reason)


def _end(work: UnitOfWork, actor: Actor, row: Certificate, reason: str) -> None:
    row.ended_at, row.ended_by, row.reason = work.now, actor.staff_id, reason
    audit.record(
        work, actor, "certificate_ended", f"station:{row.station_id}",
        before={"certificate": row.id}, reason=reason,
    )  # fmt: skip
    touched(work, "certificate")


def listed(work: UnitOfWork, *, pile_id: str | None = None) -> Sequence[Line]:
    """Those that stand, by their end; of one pile and its site where `pile_id` is given."""
    rows = (
        select(Certificate, Station, Pile)
        .join(Station, Station.id == Certificate.station_id)
        .outerjoin(Pile, Pile.id == Certificate.pile_id)
        .where(Certificate.ended_at.is_(None))
        .order_by(Certificate.expires_on, Certificate.id)
    )
    if pile_id is not None:
        pile = work.session.get_one(Pile, pile_id)
        rows = rows.where(
            Certificate.station_id == pile.station_id,
            Certificate.pile_id.is_(None) | (Certificate.pile_id == pile_id),
        )
    return [
        _line(certificate, station, pile, work.now)
        for certificate, station, pile in work.session.execute(rows).all()
    ]


def urgent(work: UnitOfWork) -> int:
    """How many have ended, or end within a month."""
    soon = work.now.date() + timedelta(days=DUE_DAYS + 1)
    near = select(Certificate, Station).join(Station, Station.id == Certificate.station_id)
    near = near.where(Certificate.ended_at.is_(None), Certificate.expires_on <= soon)
    found = work.session.execute(near).all()
    return sum(_line(row, station, None, work.now).state != "valid" for row, station in found)


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Kind "certificate.timer": managers are paged where nothing took its place in time."""
    row = work.session.get_one(Certificate, int(body["certificate_id"]))
    touched(work, "certificate")
    if row.ended_at is not None:
        return
    station = work.session.get_one(Station, row.station_id)
    what = f"{station.name}, pile {row.pile_id}" if row.pile_id else station.name
    paging.page_once(
        work, settings, key=f"certificate:{row.id}", path="/certificates", managers_only=True,
        text=f"{KINDS[row.kind]} of {what} has run out ({row.expires_on}).",
    )  # fmt: skip


def _standing(work: UnitOfWork, station_id: int) -> Sequence[Certificate]:
    rows = select(Certificate).where(
        Certificate.station_id == station_id, Certificate.ended_at.is_(None)
    )
    return work.session.scalars(rows).all()


def _line(row: Certificate, station: Station, pile: Pile | None, now: datetime) -> Line:
    today = _today(station, now)
    return Line(row, station, pile, state_of(row.expires_on, today), (row.expires_on - today).days)


def _today(station: Station, now: datetime) -> date:
    return now.astimezone(ZoneInfo(station.tz)).date()


def _over_at(station: Station, expires_on: date) -> datetime:
    """Midnight after its last day, by the station's clock."""
    return datetime.combine(expires_on + timedelta(days=1), time(), ZoneInfo(station.tz))
