"""Sharing a site's power among its running charges: limits told to piles, and what they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import delete, select

from bot.domain.power import Draw, Known, draw_for, next_orders, share
from bot.replies import Amount, Say
from bot.services import piles, site_news
from bot.services.outbound import tell_rider
from bot.store import inbox
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.devices import Command
from bot.store.stations import Evse, Pile, Station
from bot.store.waiting import PowerShare

log = structlog.get_logger(__name__)

TTL_S: Final = 30
AGAIN: Final = timedelta(minutes=1)  # a pile that did not answer is told once more after this
SLOWED_PERCENT: Final = 80  # of what the socket could give: above it nobody need be told

Charge = tuple[ChargingSession, Evse, Pile]


def share_out(work: UnitOfWork, station: Station) -> None:
    """Work out everybody's share anew and tell piles what may be told now. The caller holds the
    station's row. Without a cap of the site everybody
    may draw what their socket may."""
    charges = _charges(work, station.id)
    rows = _rows(work, station, charges)
    if not rows:
        return
    draws = _draws(charges, rows)
    cap_w = station.power_cap_w
    total = sum(evse.max_power_w for _, evse, _ in charges)
    shares = share(total if cap_w is None else cap_w, draws)
    for session, evse, _ in charges:
        row = rows[session.id]
        if row.limit_w != shares[session.id]:
            row.limit_w, row.updated_at = shares[session.id], work.now
        _tell_slowed(work, station, session, evse, row)
    known = [_known(session, evse, rows[session.id]) for session, evse, _ in charges]
    orders = next_orders(total if cap_w is None else cap_w, shares, known)
    for session, evse, pile in charges:
        row = rows[session.id]
        if session.id in orders and pile.online and not row.refused:
            _order(work, session, evse, row, orders[session.id])


def _charges(work: UnitOfWork, station_id: int) -> list[Charge]:
    """The running charges of a station: those that wait for their first energy come first, then
    those that have got the least."""
    rows = work.session.execute(
        select(ChargingSession, Evse, Pile)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .where(Pile.station_id == station_id, ChargingSession.open)
    ).all()
    found: list[Charge] = [(session, evse, pile) for session, evse, pile in rows]
    return sorted(
        found, key=lambda each: (each[0].started_at is not None, energy_wh(each[0]), each[0].id)
    )


def energy_wh(session: ChargingSession) -> int:
    """What a session has got so far."""
    return (session.meter_wh or 0) - (session.meter_start_wh or 0)


def _rows(work: UnitOfWork, station: Station, charges: Sequence[Charge]) -> dict[int, PowerShare]:
    ids = [session.id for session, _, _ in charges]
    work.session.execute(
        delete(PowerShare).where(
            PowerShare.station_id == station.id, PowerShare.session_id.not_in(ids)
        )
    )
    known = select(PowerShare).where(PowerShare.station_id == station.id)
    rows = {row.session_id: row for row in work.session.scalars(known)}
    capped = station.power_cap_w is not None or any(evse.power_cap_w for _, evse, _ in charges)
    if not capped and not rows:
        return {}
    for session, evse, _ in charges:
        if session.id not in rows:
            rows[session.id] = PowerShare(
                session_id=session.id, station_id=station.id, evse_id=evse.id,
                limit_w=evse.allowed_w, tries=0, refused=False, told=False, updated_at=work.now,
            )  # fmt: skip
            work.session.add(rows[session.id])
    work.session.flush()
    return rows


def _draws(charges: Sequence[Charge], rows: Mapping[int, PowerShare]) -> list[Draw]:
    return [
        draw_for(
            session.id,
            pile.kind,
            evse.max_power_w if rows[session.id].refused else evse.allowed_w,
            idle=session.state == "suspended" and session.facts.get("flow") == "ev",
            fixed=rows[session.id].refused,
        )
        for session, evse, pile in charges
    ]


def _known(session: ChargingSession, evse: Evse, row: PowerShare) -> Known:
    """What it may draw: as it was allowed, or told, whichever is more; a transaction that runs
    without any limit may draw all."""
    running = bool(session.facts.get("running"))
    may = row.taken_w if row.taken_w is not None else evse.max_power_w if running else 0
    if row.refused:
        may = evse.max_power_w
    if row.sent_w is not None:
        may = max(may, row.sent_w)
    return Known(session.id, may, row.sent_w if row.command_id is not None else row.taken_w)


@dataclass(frozen=True, slots=True)
class Share:
    """What one running charge may draw, for staff."""

    code: str
    limit_w: int
    taken_w: int | None
    draws_w: int | None
    refused: bool
    at: datetime


def shares(work: UnitOfWork, station_id: int) -> list[Share]:
    """How a site's power is shared now."""
    rows = work.session.execute(
        select(PowerShare, Evse.code, ChargingSession.power_w)
        .join(Evse, Evse.id == PowerShare.evse_id)
        .join(ChargingSession, ChargingSession.id == PowerShare.session_id)
        .where(PowerShare.station_id == station_id, ChargingSession.open)
        .order_by(Evse.code)
    )
    return [
        Share(code, row.limit_w, row.taken_w, power_w, row.refused, row.updated_at)
        for row, code, power_w in rows
    ]


def _order(
    work: UnitOfWork, session: ChargingSession, evse: Evse, row: PowerShare, limit_w: int
) -> None:
    row.tries += 1
    running = bool(session.facts.get("running"))
    command = piles.command(
        work,
        key=f"limit:{session.id}:{row.tries}",
        pile_id=evse.pile_id,
        kind="set_profile",
        evse_number=evse.number,
        session_id=session.id,
        body={"limit_w": limit_w, "transaction_id": session.transaction_id if running else None},
        ttl_s=TTL_S,
    )
    row.sent_w, row.command_id, row.updated_at = limit_w, command.id, work.now
    work.session.flush()


def answered(work: UnitOfWork, command: Command, body: Mapping[str, Any]) -> None:
    """Kind "command.result" of a "set_profile": what the pile has taken can be counted on, and
    what it gives up can be given to others."""
    row = work.session.scalars(
        select(PowerShare).where(PowerShare.command_id == command.id).with_for_update()
    ).first()
    if row is None:  # an older order, or the charge is over
        return
    outcome = str(body["outcome"])
    if outcome == "unknown":
        return
    row.command_id, row.updated_at = None, work.now
    if outcome == "accepted":
        row.taken_w, row.sent_w = int(command.body["limit_w"]), None
        site_news.changed(work, row.station_id)
    elif outcome in ("rejected", "error"):
        row.refused, row.sent_w = True, None
        log.warning("limit_refused", session_id=row.session_id, reason=body.get("reason"))
        site_news.changed(work, row.station_id)
    else:  # it may have heard: what was told still counts as what it may draw
        inbox.put(
            work,
            source="timer",
            source_id=f"power:{row.station_id}",
            stream=site_news.stream(row.station_id),
            kind=site_news.KIND,
            body={"station_id": row.station_id},
            available_at=work.now + AGAIN,
            coalesce=True,
        )


def withheld(work: UnitOfWork, session_id: int) -> bool:
    """Whether a charge is given no power for now, or its pile has not taken more yet."""
    row = work.session.get(PowerShare, session_id)
    return row is not None and not row.refused and (row.limit_w == 0 or row.taken_w == 0)


def _tell_slowed(
    work: UnitOfWork, station: Station, session: ChargingSession, evse: Evse, row: PowerShare
) -> None:
    """Once a charge: why it is slower than the socket could be."""
    slowed = row.limit_w * 100 < evse.allowed_w * SLOWED_PERCENT
    if row.told or not slowed or session.state not in ("starting", "charging"):
        return
    if session.state == "starting" and (row.limit_w or not session.facts.get("running")):
        return  # slower is told when it charges; nothing at all, when it would begin
    row.told = session.state == "charging"
    values = {"station": station.name, "evse": evse.code}
    if session.state == "starting":
        text = Say(
            "Several vehicles share the power of {station}, so {evse} begins a little later, by "
            "itself. Waiting costs nothing.",
            values,
        )
        tell_rider(work, session.rider_id, text, key=f"session:{session.id}:waits_for_power")
        return
    if row.limit_w == 0:
        text = Say(
            "Several vehicles share the power of {station}, so {evse} pauses for a while and goes "
            "on by itself.",
            values,
        )
    else:
        text = Say(
            "Several vehicles share the power of {station}, so {evse} charges with up to {power} "
            "for now. It gets faster when others leave.",
            {**values, "power": Amount(row.limit_w, "w")},
        )
    tell_rider(work, session.rider_id, text, key=f"session:{session.id}:shared")
