"""The calendar of certificates: what ends when, what has ended, their papers."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final

from flask import Response, abort, flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.visit_view import CERTIFIED
from bot.domain.certificates import KINDS
from bot.gateways.media import new_file, store_file
from bot.services import certificates
from bot.services.certificates import Line, NotPossible
from bot.store.database import UnitOfWork
from bot.store.maintenance import Certificate
from bot.store.riders import Media
from bot.store.stations import Station

PAPERS: Final = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
KEPT: Final = timedelta(days=3650)  # papers of a site, for whoever inspects it


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /certificates …/count …/<id>/paper …/add …/end."""

    @routes.page("/certificates", right="visit.read")
    def page() -> Any:
        with console.store.read() as work:
            lines = certificates.listed(work)
            names = select(Station.id, Station.name).order_by(Station.name)
            stations = [(row.id, row.name) for row in work.session.execute(names)]
        months = [(first, list(found)) for first, found in groupby(lines, _month)]
        choices = [(each.certificate.id, _told(each)) for each in lines]
        return console.page(
            "certificates",
            months=months,
            stations=stations,
            kinds=KINDS,
            choices=choices,
            certified=CERTIFIED,
        )

    @routes.page("/certificates/count", right="visit.read")
    def count() -> Any:
        with console.store.read() as work:
            return str(certificates.urgent(work) or "")

    @routes.page("/certificates/<int:certificate_id>/paper", right="visit.read")
    def paper(certificate_id: int) -> Any:
        with console.store.read() as work:
            row = work.session.get(Certificate, certificate_id)
            media = work.session.get(Media, row.media_id) if row and row.media_id else None
            if media is None or media.content_type not in PAPERS:
                abort(404)
            answer = Response(media.data, mimetype=media.content_type)
        name = f"certificate-{certificate_id}.{PAPERS[media.content_type]}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    @routes.action("/certificates/add", right="visit.plan")
    def add() -> Any:
        try:
            with console.store.begin() as work:
                _add(work, console)
        except NotPossible as why:
            flash(str(why), "bad")
        else:
            flash("Entered. It counts as ending soon from a month before.", "good")
        return redirect(url_for("console.certificates_page"), 303)

    @routes.action("/certificates/end", right="visit.plan")
    def end() -> Any:
        given, reason = request.form.get("certificate", ""), request.form.get("reason", "")
        number = int(given) if given.isdecimal() and len(given) < 18 else 0
        try:
            with console.store.begin() as work:
                certificates.end(work, console.me().actor(), number, reason)
        except NotPossible as why:
            flash(str(why), "bad")
        else:
            flash("It counts no more.", "good")
        return redirect(url_for("console.certificates_page"), 303)


def _month(line: Line) -> date:
    return line.certificate.expires_on.replace(day=1)


def _told(line: Line) -> str:
    where = f"pile {line.pile.number}" if line.pile else line.station.name
    return f"{KINDS[line.certificate.kind]}, {where}, {line.certificate.expires_on:%-d %b %Y}"


def _add(work: UnitOfWork, console: Console) -> None:
    form = request.form
    try:
        expires_on = date.fromisoformat(form.get("expires_on", ""))
    except ValueError:
        raise NotPossible("Give the last day it counts.") from None
    station = form.get("station", "")
    certificates.add(
        work, console.me().actor(), station_id=int(station) if station.isdecimal() else 0,
        pile_number=form.get("pile", "").strip()[:6], kind=form.get("kind", ""),
        reference=form.get("reference", ""), expires_on=expires_on, media_id=_paper(work),
    )  # fmt: skip


def _paper(work: UnitOfWork) -> int | None:
    sent = request.files.get("paper")
    if sent is None or not sent.filename:
        return None
    if sent.mimetype not in PAPERS:
        raise NotPossible("The paper is a PDF or a picture (JPEG, PNG).")
    file = new_file(sent.read(), sent.mimetype, f"certificate.{PAPERS[sent.mimetype]}")
    media = store_file(work, file, kept_for=KEPT)
    work.session.flush()
    return media.id
