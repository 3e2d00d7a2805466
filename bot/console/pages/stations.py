"""Stations: where they are, when they are open, what to do there, what charges by which tariff."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from bot.console import pile_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.services import power, site_partners, station_changes
from bot.store.database import UnitOfWork
from bot.store.riders import Media
from bot.store.stations import Pile, Station, Tariff


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /stations /stations/<id> …/cap …/photo …/edit …/save."""

    @routes.page("/stations", right="station.read")
    def page() -> Any:
        with console.store.read() as work:
            stations = work.session.scalars(
                select(Station)
                .order_by(Station.name)
                .options(selectinload(Station.piles).selectinload(Pile.evses))
            ).all()
            tariffs = _tariffs(work)
            rows = [(each, _names(each, tariffs)) for each in stations]
        return console.page("stations", rows=rows)

    @routes.page("/stations/<int:station_id>", right="station.read")
    def one(station_id: int) -> Any:
        with console.store.read() as work:
            station = _found(work, station_id)
            piles = pile_view.rows_of(work, console.settings, station.piles)
            tariffs = _tariffs(work)
            used = {evse.tariff_id for pile in station.piles for evse in pile.evses}
            chosen = sorted((tariffs[each], each) for each in used)
            shares = power.shares(work, station.id)
            partner = site_partners.of_station(work, station.id)
        return console.page(
            "station", station=station, rows=piles, tariffs=chosen, shares=shares, partner=partner
        )

    @routes.action("/stations/<int:station_id>/cap", right="station.edit")
    def cap(station_id: int) -> Any:
        given = request.form.get("power_cap_kw", "")[:12]
        try:
            with console.store.begin() as work:
                actor = console.me().actor()
                changed = station_changes.set_power_cap(work, actor, station_id, given)
        except station_changes.NotPossible as error:
            flash(str(error), "bad")
        else:
            flash("Saved. Piles are told their shares now." if changed else "Nothing was changed.",
                  "good")  # fmt: skip
        return redirect(url_for("console.stations_one", station_id=station_id), 303)

    @routes.page("/stations/<int:station_id>/photo", right="station.read")
    def photo(station_id: int) -> Any:
        with console.store.read() as work:
            station = _found(work, station_id)
            media = (
                work.session.get(Media, station.photo_media_id) if station.photo_media_id else None
            )
            if media is None or media.content_type not in ("image/jpeg", "image/png"):
                abort(404)
            answer = Response(media.data, mimetype=media.content_type)
        answer.headers["Cache-Control"] = "private, max-age=300"
        return answer

    @routes.page("/stations/<int:station_id>/edit", right="station.edit")
    def edit(station_id: int) -> Any:
        with console.store.read() as work:
            station = _found(work, station_id)
            given = {name: getattr(station, name) for name in station_changes.LONGEST}
        return _form(console, station, given)

    @routes.action("/stations/<int:station_id>/save", right="station.edit")
    def save(station_id: int) -> Any:
        given = {name: request.form.get(name, "") for name in station_changes.LONGEST}
        with console.store.read() as work:
            station = _found(work, station_id)
        try:
            with console.store.begin() as work:
                changed = station_changes.change(work, console.me().actor(), station_id, given)
        except station_changes.NotPossible as error:
            return _form(console, station, given, str(error))
        flash("Saved." if changed else "Nothing was changed.", "good")
        return redirect(url_for("console.stations_one", station_id=station_id), 303)


def _form(console: Console, station: Station, given: dict[str, str], problem: str = "") -> Any:
    return console.page(
        "station_edit",
        422 if problem else 200,
        station=station,
        given=given,
        longest=station_changes.LONGEST,
        problem=problem,
    )


def _found(work: UnitOfWork, station_id: int) -> Station:
    station = work.session.get(Station, station_id)
    return station if station is not None else abort(404)


def _tariffs(work: UnitOfWork) -> dict[int, str]:
    return {row.id: row.name for row in work.session.execute(select(Tariff.id, Tariff.name))}


def _names(station: Station, tariffs: dict[int, str]) -> list[str]:
    used = {evse.tariff_id for pile in station.piles for evse in pile.evses}
    return sorted(tariffs[each] for each in used)
