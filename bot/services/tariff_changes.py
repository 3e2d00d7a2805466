"""Changing prices: one person proposes, another approves, from a moment on; the past stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update

from bot.domain.pricing import Bill, Span, Usage, planned, price
from bot.domain.tariff_checks import wrong
from bot.domain.tariffs import Tariff, TariffError
from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.services.tariffs import snapshot
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile, Station, TariffProposal, TariffVersion
from bot.store.stations import Tariff as TariffRow
from bot.store.upsert import insert

REASON_MAX: Final = 500
FARTHEST: Final = timedelta(days=400)


class Beaten(PilebotError):
    """Somebody else was faster; the message says who decided what."""


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


def stations_of(work: UnitOfWork, tariff_id: int) -> Sequence[Station]:
    """The stations that charge by a tariff, by name."""
    using = select(Pile.station_id).join(Evse).where(Evse.tariff_id == tariff_id)
    return work.session.scalars(
        select(Station).where(Station.id.in_(using)).order_by(Station.name)
    ).all()


def versions(work: UnitOfWork, tariff_id: int) -> Sequence[TariffVersion]:
    """All versions, the one that counts last first."""
    return work.session.scalars(
        select(TariffVersion)
        .where(TariffVersion.tariff_id == tariff_id)
        .order_by(TariffVersion.valid_from.desc(), TariffVersion.id.desc())
    ).all()


def current(found: Sequence[TariffVersion], now: datetime) -> TariffVersion | None:
    """Of `versions`, the one that counts now: the rule of bot/services/tariffs.py."""
    return next((each for each in found if each.valid_from <= now), None)


def waiting(work: UnitOfWork, tariff_id: int | None = None) -> Sequence[TariffProposal]:
    """Proposals that nobody has decided on, oldest first."""
    query = select(TariffProposal).where(TariffProposal.state == "waiting")
    if tariff_id is not None:
        query = query.where(TariffProposal.tariff_id == tariff_id)
    return work.session.scalars(query.order_by(TariffProposal.id)).all()


def check(body: Mapping[str, Any], tariff: TariffRow, stations: Sequence[Station]) -> None:
    """Whether prices can be read at every station that would use them. Raises TariffError."""
    if not body.get("elements"):
        raise TariffError("Give at least one price; charging for nothing is a price of 0")
    for station in stations:
        if station.currency != tariff.currency:
            raise TariffError(f"{station.name} charges in {station.currency}")
        found = wrong(snapshot(body, station, name=tariff.name, version=""))
        if found:
            where = found[0].where
            place = f"Price {where + 1}" if isinstance(where, int) else where
            raise TariffError(f"{place}: {found[0].what}")


def propose(
    work: UnitOfWork,
    actor: Actor,
    tariff_id: int,
    *,
    body: Mapping[str, Any],
    valid_from: datetime,
    reason: str,
    key: str,
) -> TariffProposal:
    """Ask for new prices; a repeat of `key` returns what stands. Raises NotPossible."""
    tariff = work.session.get(TariffRow, tariff_id)
    if tariff is None:
        raise NotPossible("There is no such tariff.")
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Please say why: who approves it reads the reason.")
    if not work.now - timedelta(minutes=5) <= valid_from <= work.now + FARTHEST:
        raise NotPossible("Prices change from now on or later, within a year.")
    try:
        check(body, tariff, stations_of(work, tariff_id))
    except TariffError as error:
        raise NotPossible(f"{error}.") from error
    key = f"{actor.staff_id}:{key}"[:160]
    new_id = work.session.scalar(
        insert(work, TariffProposal)
        .values(
            key=key, tariff_id=tariff_id, state="waiting", valid_from=valid_from, body=dict(body),
            reason=reason, asked_by=actor.staff_id, asked_at=work.now, decision="",
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(TariffProposal.id)
    )  # fmt: skip
    row = work.session.scalars(select(TariffProposal).where(TariffProposal.key == key)).one()
    if new_id is not None:
        after = {"prices": dict(body), "valid_from": valid_from.isoformat()}
        audit.record(
            work,
            actor,
            "tariff_propose",
            f"tariff:{tariff_id}",
            after=after,
            reason=reason,
            key=key,
        )
        touched(work, f"tariff:{tariff_id}")
    return row


def approve(work: UnitOfWork, actor: Actor, proposal_id: int) -> TariffVersion:
    """Let proposed prices count, from their moment on, never from before now.

    Raises NotPossible for one's own, Beaten when it is decided already.
    """
    before = _others(work, actor, proposal_id)
    valid_from = max(before.valid_from, work.now)
    row = _decide(work, actor, proposal_id, "approved")
    old = current(versions(work, row.tariff_id), valid_from)
    version = TariffVersion(tariff_id=row.tariff_id, valid_from=valid_from, body=row.body)
    work.session.add(version)
    work.session.flush()
    row.version_id = version.id
    audit.record(
        work, actor, "tariff_approve", f"tariff:{row.tariff_id}",
        before={"version": old.id if old else None},
        after={"version": version.id, "valid_from": valid_from.isoformat()}, reason=row.reason,
    )  # fmt: skip
    return version


def reject(work: UnitOfWork, actor: Actor, proposal_id: int, *, reason: str) -> TariffProposal:
    """Turn proposed prices down. Raises NotPossible without a reason or for one's own, Beaten."""
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Please say why, so that it can be made better.")
    _others(work, actor, proposal_id)
    row = _decide(work, actor, proposal_id, "rejected", decision=reason)
    audit.record(work, actor, "tariff_reject", f"tariff:{row.tariff_id}", reason=reason)
    return row


def withdraw(work: UnitOfWork, actor: Actor, proposal_id: int) -> TariffProposal:
    """Take one's own proposal back. Raises NotPossible for another's, Beaten."""
    row = work.session.get(TariffProposal, proposal_id)
    if row is None or row.asked_by != actor.staff_id:
        raise NotPossible("Only who proposed it takes it back.")
    row = _decide(work, actor, proposal_id, "withdrawn")
    audit.record(work, actor, "tariff_withdraw", f"tariff:{row.tariff_id}")
    return row


def _others(work: UnitOfWork, actor: Actor, proposal_id: int) -> TariffProposal:
    row = work.session.get(TariffProposal, proposal_id)
    if row is None:
        raise NotPossible("There is no such proposal.")
    if row.asked_by == actor.staff_id:
        raise NotPossible("Nobody decides on their own proposal.")
    return row


def _decide(
    work: UnitOfWork, actor: Actor, proposal_id: int, state: str, *, decision: str = ""
) -> TariffProposal:
    """The one statement that decides. Raises Beaten."""
    decided = work.session.scalars(
        update(TariffProposal)
        .where(TariffProposal.id == proposal_id, TariffProposal.state == "waiting")
        .values(state=state, decided_by=actor.staff_id, decided_at=work.now, decision=decision)
        .returning(TariffProposal.tariff_id)
        .execution_options(synchronize_session=False)
    ).first()
    row = work.session.get_one(TariffProposal, proposal_id, populate_existing=True)
    if decided is None:
        staff = work.session.get(Staff, row.decided_by) if row.decided_by else None
        raise Beaten(f"{staff.name if staff else 'Somebody else'} has {row.state} it already.")
    touched(work, f"tariff:{decided}")
    return row


def cost(tariff: Tariff, at: datetime, *, energy_wh: int, power_w: int, idle_s: int) -> Bill:
    """What a charge from `at` on would cost, that long plugged in after it."""
    plan = planned(energy_wh, power_w, at)
    end = plan.charging[0].end
    idle = (Span(end, end + timedelta(seconds=idle_s)),) if idle_s else ()
    return price(tariff, Usage(plan.readings, plan.charging, idle, waited=plan.charging + idle))
