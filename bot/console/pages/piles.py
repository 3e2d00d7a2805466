"""Piles live: list first, map second, and one pile with what it said and was told."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import ColumnElement, select

from bot.console import map_view, pile_view, sensor_view, visit_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.certificates import KINDS
from bot.domain.jobs import STATES
from bot.gateways.labels import labels_of, labels_pdf
from bot.gateways.poster_pdf import SIZES, posters_of, posters_pdf
from bot.gateways.translate import LANGUAGES
from bot.services import (
    alarms,
    certificates,
    diversion,
    pile_care,
    pile_log,
    pile_setup,
    sensing,
    stale,
    station_changes,
)
from bot.store.stations import Pile, Station

TABS: Final = {"all": "All", "care": "Needs care", "charging": "Charging", "map": "Map"}


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /piles /piles/count /piles/map.png /piles/<pile_id> /piles/<pile_id>/labels.pdf."""

    @routes.page("/piles", right="pile.read")
    def page() -> Any:
        tab = request.args.get("tab", "all")
        if tab not in TABS:
            abort(404)
        values = _map(console) if tab == "map" else _list(console, tab)
        here = request.full_path.rstrip("?")
        if console.wants_fragment():
            name = "piles_map" if tab == "map" else "piles_list"
            return render_template(f"console/{name}.html", tab=tab, here=here, **values)
        with console.store.read() as work:
            names = select(Station.id, Station.name).order_by(Station.name)
            stations = [(row.id, row.name) for row in work.session.execute(names)]
        return console.page("piles", tab=tab, tabs=TABS, here=here, stations=stations, **values)

    @routes.page("/piles/count", right="pile.read")
    def count() -> Any:
        """Piles whose state nothing confirms."""
        with console.store.read() as work:
            return str(stale.piles_unknown(work) or "")

    @routes.page("/piles/map.png", right="pile.read")
    def streets() -> Any:
        answer = Response(map_view.bundled()[0], mimetype="image/png")
        answer.headers["Cache-Control"] = "private, max-age=86400"
        return answer

    @routes.page("/piles/<pile_id>", right="pile.read")
    def one(pile_id: str) -> Any:
        with console.store.read() as work:
            pile = work.session.get(Pile, pile_id)
            if pile is None:
                abort(404)
            (row,) = pile_view.rows_of(work, console.settings, [pile], console.me().actor())
            values: dict[str, Any] = {
                "pile": pile,
                "certificate_kinds": KINDS,
                "certified": visit_view.CERTIFIED,
                "certificates": certificates.listed(work, pile_id=pile_id),
                "setup": pile_setup.of(work, pile_id),
                "row": row,
                "station": pile.station,
                "chart": pile_view.chart(work, pile),
                "sensors": sensor_view.lines(sensing.sensors(work, pile)),
                "alarms": sensor_view.alarms(
                    pile, alarms.newest(work, pile), sensing.alarms(work, pile)
                ),
                "line": sensor_view.LINE,
                "uptime": pile_log.uptime(work, pile),
                "unconfirmed_at": stale.since_when(work, pile),
                "care": pile_care.care_of(work, pile),
                "ways": diversion.counted(work, pile_id),
                "visit": visit_view.line,
                "job_states": STATES,
                "events": [pile_view.said(e) for e in pile_log.newest_events(work, pile_id, 40)],
                "commands": pile_log.commands(work, pile_id, 10),
            }
        name = "pile_live" if console.wants_fragment() else "pile"
        return console.page(name, **values)

    @routes.action("/piles/<pile_id>/cap", right="station.edit")
    def cap(pile_id: str) -> Any:
        given, number = request.form.get("power_cap_kw", "")[:12], request.form.get("socket", "")
        try:
            with console.store.begin() as work:
                pile = work.session.get(Pile, pile_id) or abort(404)
                evse = next((each for each in pile.evses if str(each.number) == number), None)
                changed = station_changes.set_socket_cap(
                    work, console.me().actor(), evse.id if evse else 0, given
                )
        except station_changes.NotPossible as error:
            flash(str(error), "bad")
        else:
            flash("Saved. A charge that runs there is told now." if changed else
                  "Nothing was changed.", "good")  # fmt: skip
        return redirect(url_for("console.piles_one", pile_id=pile_id), 303)

    @routes.action("/piles/<pile_id>/alarm-over", right="pile.in_service")
    def alarm_over(pile_id: str) -> Any:
        """An alarm that nothing takes back is over, on somebody's word."""
        given, reason = request.form.get("alarm", ""), request.form.get("reason", "").strip()[:500]
        with console.store.begin() as work:
            known = int(given) if given.isdecimal() and len(given) < 18 else 0
            if not reason:
                told = "Say how you know that it is over."
            elif alarms.call_over(work, console.me().actor(), pile_id, known, reason=reason):
                told = ""
            else:
                told = "That alarm is over already."
        flash(told or "It is over. Where nothing else is wrong, riders are offered the socket.",
              "bad" if told else "good")  # fmt: skip
        return redirect(url_for("console.piles_one", pile_id=pile_id), 303)

    @routes.page("/piles/<pile_id>/labels.pdf", right="pile.read")
    def labels(pile_id: str) -> Any:
        with console.store.read() as work:
            pile = work.session.get(Pile, pile_id)
            if pile is None:
                abort(404)
            found = labels_of(work, console.settings, [evse.code for evse in pile.evses])
            name = f"pile-{pile.number}-labels.pdf"
        answer = Response(labels_pdf(found, console.settings.brand), mimetype="application/pdf")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    @routes.page("/piles/<pile_id>/poster.pdf", right="pile.read")
    def poster(pile_id: str) -> Any:
        """What is promised, to hang up at the pile's station."""
        lang, size = request.args.get("lang", "en"), request.args.get("size", "a4")
        if lang not in LANGUAGES or size not in SIZES:
            abort(404)
        with console.store.read() as work:
            pile = work.session.get(Pile, pile_id)
            if pile is None:
                abort(404)
            found = posters_of(work, [pile.station.name])[:1]
        made = posters_pdf(found, console.settings, lang=lang, size=size)
        answer = Response(made, mimetype="application/pdf")
        name = f"promise-{pile.number}-{lang}-{size}.pdf"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _list(console: Console, tab: str) -> dict[str, Any]:
    station = request.args.get("station", "")
    with console.store.read() as work:
        conditions: list[ColumnElement[bool]] = []
        if tab == "care":
            conditions.append(pile_view.wants_care(work, console.settings))
        if tab == "charging":
            conditions.append(pile_view.is_charging())
        if station.isdecimal() and len(station) < 18:
            conditions.append(Pile.station_id == int(station))
        after = request.args.get("after", "")[:48]
        rows, more = pile_view.rows(work, console.settings, *conditions, after=after)
    older = url_for("console.piles_page", tab=tab, station=station or None, after=more)
    return {"rows": rows, "older": older if more else None, "station": station}


def _map(console: Console) -> dict[str, Any]:
    with console.store.read() as work:
        found = pile_view.by_station(work, console.settings)
        places = pile_view.places(found)
    drawing = map_view.draw(console.settings, places, url_for("console.piles_streets"))
    return {"map": drawing, "station": ""}
