"""Where tickets go: a team, and a person where one is named, by class, country and station."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.pages.tickets import mates
from bot.domain.cases import CLASSES, TEAMS
from bot.services import audit
from bot.store.cases import CaseRoute
from bot.store.staff import Staff
from bot.store.stations import Station


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /ticket-routes /ticket-routes/<id>/delete."""

    @routes.page("/ticket-routes", right="team.manage")
    def page() -> Any:
        with console.store.read() as work:
            rows = work.session.scalars(select(CaseRoute).order_by(CaseRoute.id)).all()
            places = select(Station.id, Station.name, Station.country).order_by(Station.name)
            stations = work.session.execute(places).all()
            people = mates(work)
            names = dict(work.session.execute(select(Staff.id, Staff.name)).all())
        return console.page(
            "case_routes", rows=rows, classes=CLASSES, teams=TEAMS, people=people, names=names,
            stations={one.id: one.name for one in stations},
            countries=sorted({one.country for one in stations}),
        )  # fmt: skip

    @routes.action("/ticket-routes", right="team.manage")
    def add() -> Any:
        form = request.form
        route = CaseRoute(
            class_=form.get("class", ""), country=form.get("country", "")[:2],
            station_id=form.get("station", type=int), team=form.get("team", ""),
            owner_id=form.get("owner", type=int),
        )  # fmt: skip
        if route.team not in TEAMS or route.class_ not in ("", *CLASSES):
            flash("Choose a team.", "bad")
            return redirect(url_for("console.case_routes_page"), 303)
        with console.store.begin() as work:
            station = work.session.get(Station, route.station_id or 0)
            owner = work.session.get(Staff, route.owner_id or 0)
            known = (route.station_id is None or station) and (route.owner_id is None or owner)
            if known:
                work.session.add(route)
                work.session.flush()
                after = {"class": route.class_, "team": route.team, "station": route.station_id}
                audit.record(
                    work, console.me().actor(), "case_route", f"route:{route.id}", after=after
                )
                flash("Added. It counts for tickets that come from now on.", "good")
            else:
                flash("There is no such station or person.", "bad")
        return redirect(url_for("console.case_routes_page"), 303)

    @routes.action("/ticket-routes/<int:route_id>/delete", right="team.manage")
    def delete(route_id: int) -> Any:
        with console.store.begin() as work:
            route = work.session.get(CaseRoute, route_id)
            if route is not None:
                work.session.delete(route)
                audit.record(work, console.me().actor(), "case_route_delete", f"route:{route_id}")
        flash("Taken away.", "good")
        return redirect(url_for("console.case_routes_page"), 303)
