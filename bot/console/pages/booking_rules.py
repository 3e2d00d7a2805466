"""The rules for bookings by station and market: windows, deposit, grace, who stays away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.booking_rules import Rules
from bot.services import booking_rules_desk as desk
from bot.services.audit import Actor
from bot.services.booking_rules import rules_for
from bot.store.bookings import BookingRules
from bot.store.database import UnitOfWork
from bot.store.stations import Station

Change = Callable[[UnitOfWork, Actor, Sequence[int], Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Row:
    """A station's rules as they are."""

    station_id: int
    name: str
    window: str
    length: str
    grace: str
    fee: str
    ladder: str
    own: BookingRules | None


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /booking-rules …/save …/reset."""

    @routes.page("/booking-rules", right="booking.read")
    def page() -> Any:
        return _page(console, request.args)

    @routes.action("/booking-rules/save", right="station.edit")
    def save() -> Any:
        return _change(console, desk.save, "Saved. It holds for bookings made from now on.")

    @routes.action("/booking-rules/reset", right="station.edit")
    def reset() -> Any:
        return _change(console, desk.reset, "The market's rules hold again.")


def _change(console: Console, change: Change, said: str) -> Any:
    form = request.form
    try:
        with console.store.begin() as work:
            stations = desk.stations_meant(work, form.get("where", ""))
            change(work, console.me().actor(), stations, form)
    except desk.NotPossible as error:
        return _page(console, form, str(error))
    flash(said, "good")
    return redirect(url_for("console.booking_rules_page", where=form.get("where", "")), 303)


def _page(console: Console, given: Mapping[str, str], problem: str = "") -> Any:
    with console.store.read() as work:
        stations = work.session.scalars(select(Station).order_by(Station.name)).all()
        rows = [_row(work, console, each) for each in stations]
        countries = sorted({each.country for each in stations})
        places = [(str(each.id), each.name) for each in stations]
        places += [(f"country:{each}", f"Every station in {each}") for each in countries]
        where = given.get("where", "") or (places[0][0] if places else "")
        first = next((e for e in stations if where in (str(e.id), f"country:{e.country}")), None)
        values = _values(rules_for(work, console.settings, first)) if first else {}
    if problem:
        values = {name: given.get(name, "") for name in values}
    return console.page(
        "booking_rules", 422 if problem else 200, rows=rows, places=places, where=where,
        values=values, problem=problem, reason=given.get("reason", "") if problem else "",
    )  # fmt: skip


def _values(rules: Rules) -> dict[str, str]:
    """A form's fields."""
    shown = {
        name: str(getattr(rules, field) // unit)
        for name, (field, unit, _, _) in desk.FIELDS.items()
    }
    return {**shown, "fee": rules.fee_major}


def _long(seconds: int) -> str:
    return f"{seconds // 86_400} days" if not seconds % 86_400 else f"{seconds // 60} min"


def _row(work: UnitOfWork, console: Console, station: Station) -> Row:
    rules = rules_for(work, console.settings, station)
    value = _values(rules)
    ladder = f"{value['strikes']} times, then {value['pause']} days without"
    return Row(
        station.id,
        station.name,
        f"{_long(rules.ahead_s)} ahead; free to cancel until {value['cancel']} min before",
        f"{value['shortest']} to {value['longest']} min",
        f"{value['late']} min; may begin {value['early']} min early",
        f"{value['fee']} {station.currency}" if rules.fee_major != "0" else "no deposit",
        ladder if rules.strikes else "none",
        work.session.get(BookingRules, station.id),
    )
