"""Partners' keys for the case API: made, shown once, revoked."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.services import partners
from bot.store.stations import Station


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /partners /partners/<id>/revoke."""

    @routes.page("/partners", right="partner.manage")
    def page() -> Any:
        return _page(console)

    @routes.action("/partners", right="partner.manage")
    def make() -> Any:
        me = console.me()
        if not console.fresh_factor(me):
            return redirect(url_for("console.partners_page"), 303)
        form = request.form
        try:
            with console.store.begin() as work:
                _, secret = partners.make(
                    work, me.actor(), form.get("name", ""), scopes=form.getlist("scope"),
                    station_ids=form.getlist("station", type=int),
                )  # fmt: skip
        except partners.NotPossible as error:
            flash(str(error), "bad")
            return redirect(url_for("console.partners_page"), 303)
        return _page(console, secret)

    @routes.action("/partners/<int:key_id>/revoke", right="partner.manage")
    def revoke(key_id: int) -> Any:
        try:
            with console.store.begin() as work:
                partners.revoke(work, console.me().actor(), key_id)
            flash("Revoked: it opens nothing any more.", "good")
        except partners.NotPossible as error:
            flash(str(error), "bad")
        return redirect(url_for("console.partners_page"), 303)


def _page(console: Console, secret: str = "") -> Any:
    with console.store.read() as work:
        keys = partners.listed(work)
        rows = select(Station.id, Station.name).order_by(Station.name)
        stations = dict(work.session.execute(rows).all())
    return console.page(
        "partners", keys=keys, stations=stations, scopes=partners.SCOPES, secret=secret,
        api=f"{console.settings.public_url.rstrip('/')}/api/partner/cases",
    )  # fmt: skip
