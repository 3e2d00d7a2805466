"""Bookings: a day of a station by socket, one booking with its history, and who did not come."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import select

from bot.console import booking_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.errors import Refused
from bot.gateways.translate import say
from bot.replies import Say
from bot.services import booking_desk
from bot.services.booking_desk import NotPossible
from bot.store.bookings import Booking
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Station


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /bookings, /bookings/no-shows, /bookings/<id>, move, cancel, forgive."""

    @routes.page("/bookings", right="booking.read")
    def page() -> Any:
        with console.store.read() as work:
            stations = work.session.scalars(select(Station).order_by(Station.name)).all()
            if not stations:
                return console.page("bookings", day=None, stations=[])
            wanted = request.args.get("station", type=int)
            station = next((each for each in stations if each.id == wanted), stations[0])
            day = booking_view.day_of(work, station, request.args.get("day", ""))
            names = [(str(each.id), each.name) for each in stations]
        fragment = console.wants_fragment() and request.args.get("part")
        return console.page("bookings_day" if fragment else "bookings", day=day, stations=names)

    @routes.page("/bookings/no-shows", right="booking.read")
    def no_shows() -> Any:
        with console.store.read() as work:
            rows = booking_view.no_shows(work, console.settings)
        return console.page("no_shows", rows=rows)

    @routes.page("/bookings/<int:booking_id>", right="booking.read")
    def one(booking_id: int) -> Any:
        return _one(console, booking_id, request.args)

    @routes.action("/bookings/<int:booking_id>/move", right="booking.edit")
    def move(booking_id: int) -> Any:
        form = request.form
        with console.store.read() as work:
            booking = _found(work, booking_id)
            evse = work.session.get(Evse, form.get("evse", type=int) or 0)
            if evse is None:
                abort(404)
            times = _times(form, evse.pile.station.tz)
        if times is None:
            return _one(console, booking_id, form, "Please give a day and a time like 18:30.")
        try:
            with console.store.begin() as work:
                booking_desk.move(
                    work, console.settings, console.me().actor(), booking.id, evse_id=evse.id,
                    starts_at=times[0], ends_at=times[1], reason=form.get("reason", ""),
                    key=form.get("key", ""),
                )  # fmt: skip
        except NotPossible as error:
            return _one(console, booking_id, form, str(error))
        except Refused as no:
            ways = [say("en", each.title) for each in no.options]
            why = say("en", Say(no.text, no.values))
            return _one(console, booking_id, form, why, ways)
        flash("Moved. The rider is told.", "good")
        return redirect(url_for("console.bookings_one", booking_id=booking_id), 303)

    @routes.action("/bookings/<int:booking_id>/cancel", right="booking.edit")
    def cancel(booking_id: int) -> Any:
        return _do(console, booking_id, booking_desk.cancel, "Cancelled at no cost for the rider.")

    @routes.action("/bookings/<int:booking_id>/forgive", right="booking.forgive")
    def forgive(booking_id: int) -> Any:
        return _do(console, booking_id, booking_desk.forgive, "Given back. The rider is told.")


def _do(console: Console, booking_id: int, act: Any, said: str) -> Any:
    form = request.form
    try:
        with console.store.begin() as work:
            _found(work, booking_id)
            act(
                work, console.me().actor(), booking_id, reason=form.get("reason", ""),
                key=form.get("key", ""),
            )  # fmt: skip
    except NotPossible as error:
        return _one(console, booking_id, form, str(error))
    flash(said, "good")
    return redirect(url_for("console.bookings_one", booking_id=booking_id), 303)


def _one(
    console: Console,
    booking_id: int,
    given: Mapping[str, str],
    problem: str = "",
    ways: list[str] | None = None,
) -> Any:
    with console.store.read() as work:
        booking = _found(work, booking_id)
        shown = booking_view.one(work, booking, given, console.me().actor())
    return console.page(
        "booking",
        422 if problem else 200,
        shown=shown,
        problem=problem,
        ways=ways or [],
        key=secrets.token_hex(8),
    )


def _times(form: Mapping[str, str], tz: str) -> tuple[datetime, datetime] | None:
    """What was typed, on the station's clock."""
    try:
        start = datetime.fromisoformat(f"{form['day']}T{form['start']}")
        length = int(form["minutes"])
    except (KeyError, ValueError):
        return None
    if start.tzinfo is not None or not 0 < length <= 1440:
        return None
    begin = start.replace(tzinfo=ZoneInfo(tz))
    return begin, begin.astimezone(ZoneInfo("UTC")) + timedelta(minutes=length)


def _found(work: UnitOfWork, booking_id: int) -> Booking:
    booking = work.session.get(Booking, booking_id)
    return booking if booking is not None else abort(404)
