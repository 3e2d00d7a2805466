"""Safety incidents: the bar on every page, the list, one incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import select

from bot.console.context import Console
from bot.console.fragments import fragment
from bot.console.guard import Routes
from bot.console.view import shown_name, shown_text
from bot.domain.paging import REPORTED_BY
from bot.services import incidents, paging
from bot.services.incidents import Beaten, NotPossible
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import Incident, IncidentEntry
from bot.store.riders import Media, Rider
from bot.store.staff import Staff
from bot.store.stations import Pile

PER_PAGE: Final = 30
STATES: Final = {
    "open": ("Nobody is on it yet", "bad", "siren"),
    "acknowledged": ("Somebody is on it", "warn", "eye"),
    "closed": ("Closed", "good", "circle-check"),
}
_ENTRIES: Final = {  # icon, tone
    "opened": ("siren", "bad"),
    "again": ("siren", "bad"),
    "page": ("bell", "neutral"),
    "page_sent": ("bell", "neutral"),
    "page_failed": ("triangle-alert", "bad"),
    "escalated": ("users", "warn"),
    "order_done": ("circle-check", "good"),
    "order_failed": ("triangle-alert", "bad"),
    "photo": ("image", "neutral"),
    "said": ("reply", "neutral"),
    "own_words": ("lock", "warn"),
    "acknowledged": ("eye", "good"),
    "note": ("sticky-note", "note"),
    "closed": ("circle-check", "good"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An incident as lists and the bar show it."""

    id: int
    state: str
    at: datetime
    words: str
    source: str
    reported_by: str  # "a rider"
    place: str  # "Pile 1023, Kamppi", or that nobody knows
    rounds: int
    acknowledged_by: str
    closed_at: datetime | None
    cause: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an incident's log."""

    id: int
    at: datetime
    icon: str
    tone: str
    text: str
    who: str
    has_photo: bool


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /incidents /incidents/bar /incidents/<id> …/acknowledge …/note …/close
    …/photos/<entry>."""

    @routes.page("/incidents/bar", right="self")
    def bar() -> Any:
        return _bar(console)

    @routes.page("/incidents", right="incident.read")
    def page() -> Any:
        before = request.args.get("before", "")
        closed = select(Incident).where(Incident.state == "closed").order_by(Incident.id.desc())
        if before.isdecimal():
            closed = closed.where(Incident.id < int(before))
        with console.store.read() as work:
            past = _rows(work, work.session.scalars(closed.limit(PER_PAGE + 1)).all())
            values: dict[str, Any] = {
                "current": _rows(work, incidents.unclosed(work)),
                "past": past[:PER_PAGE],
                "unreachable": not any(paging.on_call(work, console.settings, managers=True)[0]),
                "states": STATES,
            }
        older = None
        if len(past) > PER_PAGE:
            older = url_for("console.incidents_page", before=past[PER_PAGE - 1].id)
        if console.wants_fragment():
            return render_template("console/incidents_list.html", older=older, **values)
        return console.page("incidents", older=older, **values)

    @routes.page("/incidents/<int:incident_id>", right="incident.read")
    def one(incident_id: int) -> Any:
        with console.store.read() as work:
            values = _one(work, incident_id)
        name = "incident_live" if console.wants_fragment() else "incident"
        return console.page(name, states=STATES, **values)

    @routes.page("/incidents/<int:incident_id>/photos/<int:entry_id>", right="incident.read")
    def photo(incident_id: int, entry_id: int) -> Any:
        with console.store.read() as work:
            entry = work.session.get(IncidentEntry, entry_id)
            if entry is None or entry.incident_id != incident_id or entry.media_id is None:
                abort(404)
            media = work.session.get(Media, entry.media_id)
            if media is None or media.content_type not in ("image/jpeg", "image/png"):
                abort(404)
            answer = Response(media.data, mimetype=media.content_type)
        answer.headers["Cache-Control"] = "private, max-age=300"
        return answer

    @routes.action("/incidents/<int:incident_id>/acknowledge", right="incident.acknowledge")
    def acknowledge(incident_id: int) -> Any:
        def take(work: UnitOfWork) -> str:
            incidents.acknowledge(work, console.me().actor(), incident_id)
            return "You are on it. Paging has stopped."

        return _do(console, incident_id, take)

    @routes.action("/incidents/<int:incident_id>/note", right="note.write")
    def note(incident_id: int) -> Any:
        def write(work: UnitOfWork) -> str:
            incidents.note(work, console.me().actor(), incident_id, request.form.get("text", ""))
            return "Noted."

        return _do(console, incident_id, write)

    @routes.action("/incidents/<int:incident_id>/close", right="incident.close")
    def close(incident_id: int) -> Any:
        def end(work: UnitOfWork) -> str:
            cause, fix = request.form.get("cause", ""), request.form.get("fix", "")
            incidents.close(work, console.me().actor(), incident_id, cause=cause, fix=fix)
            return "Closed. A pile that was taken out of service stays out until you put it back."

        return _do(console, incident_id, end)


def shared(console: Console) -> dict[str, Any]:
    """For all templates: the red bar of incidents that nobody has acknowledged."""
    return {"incident_bar": lambda: _bar(console)}


def _do(console: Console, incident_id: int, act: Any) -> Any:
    """Do something to an incident and show it again, with what came of it."""
    try:
        with console.store.begin() as work:
            if work.session.get(Incident, incident_id) is None:
                abort(404)
            flash(act(work), "good")
    except (Beaten, NotPossible) as error:
        flash(str(error), "bad")
        if isinstance(error, Beaten) and console.wants_fragment():
            return str(error), 409
    return redirect(url_for("console.incidents_one", incident_id=incident_id), 303)


def _bar(console: Console) -> Markup:
    me = g.get("me")
    if me is None or not me.may("incident.read"):
        return Markup()
    with console.store.read() as work:
        found = [each for each in incidents.unclosed(work) if each.state == "open"]
        rows = _rows(work, found)
    return fragment("console/incident_bar.html", rows=rows)


def _rows(work: UnitOfWork, found: Sequence[Incident]) -> list[Row]:
    names = _names(work, {each.acknowledged_by for each in found})
    return [_row(work, each, names) for each in found]


def _names(work: UnitOfWork, ids: set[int | None]) -> dict[int | None, str]:
    wanted = select(Staff.id, Staff.name).where(Staff.id.in_([each for each in ids if each]))
    return {row.id: row.name for row in work.session.execute(wanted)}


def _row(work: UnitOfWork, incident: Incident, names: dict[int | None, str]) -> Row:
    pile = work.session.get(Pile, incident.pile_id) if incident.pile_id else None
    return Row(
        id=incident.id,
        state=incident.state,
        at=incident.at,
        words=shown_text(incident.text),
        source=incident.source,
        reported_by=REPORTED_BY.get(incident.source, "somebody"),
        place=f"Pile {pile.number}, {pile.station.name}" if pile else "Pile not known yet",
        rounds=incident.rounds,
        acknowledged_by=names.get(incident.acknowledged_by, ""),
        closed_at=incident.closed_at,
        cause=shown_text(incident.cause),
    )


def _one(work: UnitOfWork, incident_id: int) -> dict[str, Any]:
    incident = work.session.get(Incident, incident_id)
    if incident is None:
        abort(404)
    entries = work.session.scalars(
        select(IncidentEntry)
        .where(IncidentEntry.incident_id == incident_id)
        .order_by(IncidentEntry.id)
    ).all()
    names = _names(
        work, {each.staff_id for each in entries} | {incident.acknowledged_by, incident.closed_by}
    )
    rider = work.session.get(Rider, incident.rider_id) if incident.rider_id else None
    pile = work.session.get(Pile, incident.pile_id) if incident.pile_id else None
    session = incident.session_id
    return {
        "incident": incident,
        "row": _row(work, incident, names),
        "closed_by": names.get(incident.closed_by, ""),
        "lines": [_line(each, names) for each in reversed(entries)],
        "photos": [each for each in entries if each.media_id is not None],
        "pile": pile,
        "station": pile.station if pile else None,
        "rider": shown_name(rider) if rider else "",
        "session": work.session.get(ChargingSession, session) if session else None,
        "trouble": paging.not_obeyed(work, incident),
        "on_the_spot": incidents.on_the_spot(work, incident),
        "fix": shown_text(incident.fix),
    }


def _line(entry: IncidentEntry, names: dict[int | None, str]) -> Line:
    icon, tone = _ENTRIES.get(entry.kind, ("info", "neutral"))
    text, who = shown_text(entry.text), names.get(entry.staff_id, "")
    return Line(entry.id, entry.at, icon, tone, text, who, entry.media_id is not None)
