"""A ticket and the site's partner: shared, written to, no longer shared; who the partner is."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request, url_for

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.pages.ticket import Act, done_to
from bot.services import case_partner, site_partners
from bot.store.database import UnitOfWork
from bot.store.stations import Station


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /tickets/<id>/share …/unshare …/partner-note /stations/<id>/partner."""
    settings = console.settings

    @routes.action("/tickets/<int:case_id>/share", right="case.share")
    def share(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            text = request.form.get("text", "")
            case_partner.share(work, settings, console.me().actor(), case_id, text)
            return "Shared. The partner reads how it stands and the notes for them."

        return _do(case_id, act)

    @routes.action("/tickets/<int:case_id>/unshare", right="case.share")
    def unshare(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            case_partner.unshare(
                work, console.me().actor(), case_id, request.form.get("ref", "")[:80]
            )
            return "They read it no more."

        return _do(case_id, act)

    @routes.action("/tickets/<int:case_id>/partner-note", right="case.share")
    def note(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            text = request.form.get("text", "")
            case_partner.note(work, settings, console.me().actor(), case_id, text)
            return "Noted, and the partner has it."

        return _do(case_id, act)

    def _do(case_id: int, act: Act) -> Any:
        return done_to(console, case_id, act)

    @routes.page("/stations/<int:station_id>/partner", right="station.edit")
    def form(station_id: int) -> Any:
        with console.store.read() as work:
            known = site_partners.of_station(work, station_id)
        given = {} if known is None else {
            "name": known.name, "email": known.email, "phone": known.phone,
            "key": str(known.key_id or ""),
        }  # fmt: skip
        return _form(console, station_id, given)

    @routes.action("/stations/<int:station_id>/partner", right="station.edit")
    def save(station_id: int) -> Any:
        given = {name: request.form.get(name, "") for name in site_partners.LONGEST}
        try:
            with console.store.begin() as work:
                actor = console.me().actor()
                changed = site_partners.change(work, actor, station_id, given)
        except site_partners.NotPossible as error:
            return _form(console, station_id, given, str(error))
        flash("Saved." if changed else "Nothing was changed.", "good")
        return redirect(url_for("console.stations_one", station_id=station_id), 303)


def _form(console: Console, station_id: int, given: dict[str, str], problem: str = "") -> Any:
    with console.store.read() as work:
        station = work.session.get(Station, station_id) or abort(404)
        keys = site_partners.accounts(work, station_id)
    return console.page(
        "station_partner", 422 if problem else 200, station=station, given=given, problem=problem,
        keys=[("", "None: letters by e-mail"), *((key.id, f"{key.name} ({key.hint}…)")
                                                 for key in keys)],
    )  # fmt: skip
