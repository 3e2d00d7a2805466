"""Putting a pile up: described, let in at the broker, stickers, test charges, live."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from zoneinfo import available_timezones

from flask import Response, abort, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.connectors import CONNECTORS
from bot.domain.rights import may
from bot.services import pile_setup
from bot.services.inventory import NewPile
from bot.services.pile_setup import NotPossible, Wanted
from bot.store.database import UnitOfWork
from bot.store.stations import Pile, Station, Tariff

KINDS: Final = {"ac": "AC", "dc": "DC", "ebike_box": "E-bike box"}
NEW: Final = "new"  # in place of a station's number
_STATION: Final = {
    "name": "name", "address": "address", "lat": "latitude", "lng": "longitude", "tz": "time zone",
    "country": "country", "currency": "currency", "tax_percent": "tax",
}  # fmt: skip
_PILE: Final = ("number", "kind", "model", "sockets", "connector_type", "max_kw", "tariff")


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /piles/new /piles/add, and /piles/<pile_id>/setup …/test …/secret …/live."""

    @routes.page("/piles/new", right="pile.add")
    def new() -> Any:
        return _form(console, {}, station=request.args.get("station", ""))

    @routes.action("/piles/add", right="pile.add")
    def add() -> Any:
        given = {name: request.form.get(name, "").strip()[:200] for name in (*_STATION, *_PILE)}
        station = request.form.get("station", "")
        try:
            with console.store.begin() as work:
                where = _station(work, console, station, given)
                made = pile_setup.add(work, console.me().actor(), where, _wanted(given))
        except NotPossible as why:
            return _form(console, given, station=station, problem=str(why))
        return _login(console, made, "Put up")

    @routes.page("/piles/<pile_id>/setup", right="pile.add")
    def page(pile_id: str) -> Any:
        with console.store.read() as work:
            pile = _found(work, pile_id)
            values: dict[str, Any] = {
                "pile": pile,
                "station": pile.station,
                "setup": pile_setup.of(work, pile_id),
                "sockets": pile_setup.sockets(work, pile),
                "undone": pile_setup.undone(work, pile),
                "connectors": CONNECTORS,
            }
            if console.wants_fragment():
                return render_template("console/pile_setup_live.html", **values)
        return console.page("pile_setup", **values)

    @routes.action("/piles/<pile_id>/test", right="pile.add")
    def test(pile_id: str) -> Any:
        number = request.form.get("socket", "")
        with console.store.begin() as work:
            pile = _found(work, pile_id)
            evse = next((each for each in pile.evses if str(each.number) == number), None)
            _try(lambda: pile_setup.test(work, console.me().actor(), evse or abort(404)),
                 f"Told to start at socket {number}. Plug a vehicle in now.")  # fmt: skip
        return _back(pile_id)

    @routes.action("/piles/<pile_id>/secret", right="pile.add")
    def secret(pile_id: str) -> Any:
        reason = request.form.get("reason", "")
        try:
            with console.store.begin() as work:
                pile = _found(work, pile_id)
                made = pile_setup.new_secret(work, console.me().actor(), pile, reason)
        except NotPossible as why:
            flash(str(why), "bad")
            return _back(pile_id)
        return _login(console, made, "New secret")

    @routes.action("/piles/<pile_id>/live", right="pile.add")
    def live(pile_id: str) -> Any:
        reason = request.form.get("reason", "")
        with console.store.begin() as work:
            _found(work, pile_id)
            _try(lambda: pile_setup.go_live(work, console.me().actor(), pile_id, reason),
                 "Live. Riders find it and can start here now.")  # fmt: skip
        return _back(pile_id)


def _form(console: Console, given: Mapping[str, str], *, station: str, problem: str = "") -> Any:
    with console.store.read() as work:
        known = work.session.execute(select(Station.id, Station.name).order_by(Station.name))
        stations = [(str(row.id), row.name) for row in known]
        chosen = dict(stations).get(station, "")
        like = _last_of(work, station) if chosen else {}
        first = {
            "number": pile_setup.next_number(work), "kind": "ac", "sockets": "2", "max_kw": "22",
            "connector_type": "IEC_62196_T2", **like, **given,
        }  # fmt: skip
        tariffs = pile_setup.tariffs(work)
    return console.page(
        "pile_new", 422 if problem else 200, given=first, stations=stations, station=station,
        chosen=chosen, tariffs=tariffs, kinds=list(KINDS.items()), problem=problem,
        connectors=_plugs(),
        may_new=may(console.me().role, "station.edit"), country=console.settings.default_country,
        zones=sorted(available_timezones()) if station == NEW else [],
    )  # fmt: skip


def _plugs() -> list[tuple[str, str]]:
    """Each plug once: two of OCPI's names may be the same for people."""
    return [
        (key, label) for label, key in {label: key for key, label in CONNECTORS.items()}.items()
    ]


def _last_of(work: UnitOfWork, station: str) -> dict[str, str]:
    """The newest pile of a station: the next one is mostly like it."""
    rows = select(Pile).where(Pile.station_id == int(station)).order_by(Pile.id.desc()).limit(1)
    pile = work.session.scalars(rows).first()
    if pile is None or not pile.evses:
        return {}
    first = pile.evses[0]
    return {
        "kind": pile.kind, "model": pile.model, "sockets": str(len(pile.evses)),
        "connector_type": first.connector_type, "max_kw": f"{first.max_power_w / 1000:g}",
        "tariff": work.session.get_one(Tariff, first.tariff_id).name,
    }  # fmt: skip


def _station(
    work: UnitOfWork, console: Console, station: str, given: Mapping[str, str]
) -> dict[str, Any]:
    if station != NEW:
        row = work.session.get(Station, int(station)) if station.isdecimal() else None
        if row is None:
            raise NotPossible("Choose the station first.")
        return {"name": row.name}
    if not may(console.me().role, "station.edit"):
        raise NotPossible("Only managers may add a station.")
    missing = [label for name, label in _STATION.items() if not given[name]]
    if missing:
        raise NotPossible(f"Not filled in: {', '.join(missing)}.")
    try:
        lat, lng = float(given["lat"]), float(given["lng"])
        tax = Decimal(given["tax_percent"].replace(",", "."))
    except (ArithmeticError, ValueError):
        raise NotPossible("Latitude, longitude and tax are numbers.") from None
    if not (abs(lat) <= 90 and abs(lng) <= 180):  # neither are "nan" and "inf" there
        raise NotPossible("Latitude lies within 90, longitude within 180 degrees.")
    if not (tax.is_finite() and 0 <= tax < 100):
        raise NotPossible("Tax lies between 0 and 100 per cent.")
    for name, letters in (("country", 2), ("currency", 3)):
        if not re.fullmatch(f"[A-Z]{{{letters}}}", given[name]):
            raise NotPossible(f"The {name} is {letters} capital letters.")
    if work.session.scalars(select(Station.id).where(Station.name == given["name"])).first():
        raise NotPossible("There is a station of this name already: choose it, or another name.")
    return {**{name: given[name] for name in _STATION}, "lat": lat, "lng": lng, "tax_percent": tax}


def _wanted(given: Mapping[str, str]) -> Wanted:
    try:
        watts = int(Decimal(given["max_kw"].replace(",", ".")) * 1000)
        sockets = int(given["sockets"])
    except (ArithmeticError, ValueError):
        raise NotPossible("Sockets and kW are numbers.") from None
    return Wanted(
        given["number"], given["kind"], given["model"], sockets, given["connector_type"], watts,
        given["tariff"],
    )  # fmt: skip


def _login(console: Console, made: NewPile, title: str) -> Response:
    """The one page that shows a secret: not kept, not cached."""
    with console.store.read() as work:
        pile = work.session.get_one(Pile, made.pile_id)
        body, _ = console.page(
            "pile_login", title=title, pile=pile, secret=made.secret,
            broker=console.settings.mqtt_piles_url,
            by_itself=bool(console.settings.mqtt_passwords_file),
        )  # fmt: skip
    answer = make_response(body)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _found(work: UnitOfWork, pile_id: str) -> Pile:
    pile = work.session.get(Pile, pile_id[:48])
    return pile if pile is not None else abort(404)


def _try(act: Callable[[], object], told: str) -> None:
    """Do it and say so, or say why not."""
    try:
        act()
    except NotPossible as why:
        flash(str(why), "bad")
    else:
        flash(told, "good")


def _back(pile_id: str) -> Any:
    return redirect(url_for("console.setup_page", pile_id=pile_id), 303)
