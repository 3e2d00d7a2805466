"""Who waits at full stations, what is offered to them; to the front or out, with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import and_, select

from bot.console import view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.connectors import CONNECTORS
from bot.domain.waiting import Remove
from bot.services import audit, reach, waiting
from bot.services.audit import Actor
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Station
from bot.store.waiting import Waiter

STATES: Final = {
    "waiting": ("waits", "neutral"), "offered": ("offered", "info"), "coming": ("coming", "good"),
    "snoozed": ("lets others first", "warn"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One rider in line, masked."""

    id: int
    name: str
    phone: str
    conversation_id: int | None
    number: int
    state: tuple[str, str]
    since: datetime
    socket: str
    until: datetime | None
    misses: int


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one connector at a station."""

    station: Station
    connector: str
    rows: list[Row]


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /waiting /waiting/<id>/front /waiting/<id>/remove."""

    @routes.page("/waiting", right="station.read")
    def page() -> Any:
        with console.store.read() as work:
            lines = _lines(work, console.me().actor())
        name = "waiting_list" if console.wants_fragment() else "waiting"
        return console.page(name, lines=lines)

    @routes.action("/waiting/<int:waiter_id>/front", right="queue.work")
    def front(waiter_id: int) -> Any:
        return _act(console, waiter_id, to_front=True)

    @routes.action("/waiting/<int:waiter_id>/remove", right="queue.work")
    def remove(waiter_id: int) -> Any:
        return _act(console, waiter_id, to_front=False)


def _act(console: Console, waiter_id: int, *, to_front: bool) -> Any:
    """One of the two things staff may do, with a reason, in the audit log."""
    reason = request.form.get("reason", "").strip()[:500]
    actor = console.me().actor()
    back = redirect(url_for("console.waiting_page"), 303)
    if not reason:
        flash("Please say why: the reason is kept.", "bad")
        return back
    try:
        with console.store.begin() as work:
            waiter = work.session.get(Waiter, waiter_id)
            if waiter is None:
                abort(404)
            if to_front:
                waiting.move_to_front(work, console.settings, waiter, actor=actor, reason=reason)
            elif waiter.live:
                event = Remove(work.now)
                waiting.happen(work, console.settings, waiter, event, actor=actor, reason=reason)
            else:
                raise waiting.NotPossible("This rider is no longer in line.")
            what = "queue_front" if to_front else "queue_remove"
            audit.record(work, actor, what, f"rider:{waiter.rider_id}", reason=reason)
    except waiting.NotPossible as error:
        flash(str(error), "bad")
    else:
        done = "The rider is first in line now." if to_front else "The rider is out of the line."
        flash(done, "good")
    return back


def _lines(work: UnitOfWork, actor: Actor) -> list[Line]:
    waiters = work.session.execute(
        select(Waiter, Station, Rider, Conversation.id, Evse.code)
        .join(Station, Station.id == Waiter.station_id)
        .join(Rider, Rider.id == Waiter.rider_id)
        .outerjoin(
            Conversation,
            and_(Conversation.rider_id == Waiter.rider_id, reach.visible(actor)),
        )
        .outerjoin(Evse, Evse.id == Waiter.evse_id)
        .where(Waiter.live)
        .order_by(Station.name, Waiter.connector_type, Waiter.rank, Waiter.id)
    ).all()
    phones = view.shown_phones(work, [rider.id for _, _, rider, _, _ in waiters])
    lines: dict[tuple[int, str], Line] = {}
    for waiter, station, rider, chat, code in waiters:
        connector = CONNECTORS.get(waiter.connector_type, waiter.connector_type)
        line = lines.setdefault((station.id, connector), Line(station, connector, []))
        line.rows.append(
            Row(
                waiter.id, view.shown_name(rider), phones.get(rider.id, ""), chat,
                len(line.rows) + 1, STATES[waiter.state], waiter.joined_at, code or "",
                waiter.held_until or waiter.snoozed_until, waiter.misses,
            )
        )  # fmt: skip
    return list(lines.values())
