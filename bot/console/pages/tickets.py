"""The tickets: a board by status, the same as a list, many assigned at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import flash, g, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import select

from bot.console import ticket_view
from bot.console.addresses import inside
from bot.console.context import Console
from bot.console.fragments import fragment
from bot.console.guard import Routes
from bot.console.ticket_view import Filters
from bot.console.view import shown_name
from bot.domain.cases import BOARD, CLASSES, PRIORITIES, STATUSES, TEAMS
from bot.domain.rights import RIGHTS
from bot.services import case_talk, case_work, clocks
from bot.services.reach import case_visible
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.staff import Staff
from bot.store.stations import Station

MAX_BULK: Final = 200


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /tickets /tickets/count /tickets/urgent /tickets/bulk."""

    @routes.page("/tickets", right="case.read")
    def page() -> Any:
        me, filters = console.me(), _filters(request.args)
        with console.store.read() as work:
            rows = ticket_view.rows(work, me.actor(), filters)
            values: dict[str, Any] = {
                "rows": rows, "filters": filters, "statuses": STATUSES,
                "tones": ticket_view.STATUS_TONES, "here": _here(filters),
                "columns": [
                    (status, [row for row in rows if row.status == status])
                    for status in (("closed",) if filters.closed else BOARD)
                ],
            }  # fmt: skip
            if not console.wants_fragment():
                values |= {
                    "options": _options(work), "mates": mates(work),
                    "with_supervisors": ticket_view.with_supervisors(work, me.actor()),
                }  # fmt: skip
        if console.wants_fragment():
            return render_template("console/tickets_board.html", **values)
        return console.page("tickets", **values)

    @routes.page("/tickets/count", right="case.read")
    def count() -> Any:
        with console.store.read() as work:
            asked = request.args.get("level") == "1"
            count_of = ticket_view.with_supervisors if asked else ticket_view.counts
            return str(count_of(work, console.me().actor()) or "")

    @routes.page("/tickets/urgent", right="self")
    def urgent() -> Any:
        return _urgent(console)

    @routes.action("/tickets/bulk", right="case.work")
    def bulk() -> Any:
        ids = request.form.getlist("id", type=int)[:MAX_BULK]
        to = request.form.get("to", "")
        if not ids or not to.isdecimal():
            flash("Tick the tickets and choose a person first.", "bad")
        else:
            actor = console.me().actor()
            with console.store.begin() as work:
                mine = select(Case.id).where(Case.id.in_(ids), case_visible(actor))
                done, left = case_work.bulk_assign(
                    work, console.settings, actor, list(work.session.scalars(mine)), int(to)
                )
            rest = f" {left} could not be." if left else ""
            flash(f"Assigned {done}.{rest}", "good" if done else "bad")
        back = inside(request.form.get("back", ""), request.host)
        return redirect(back or url_for("console.tickets_page"), 303)


def shared(console: Console) -> dict[str, Any]:
    """For all templates: riders whose power was lost and who wait for a person."""
    return {"urgent_lane": lambda: _urgent(console)}


def _urgent(console: Console) -> Markup:
    me = g.get("me")
    if me is None or not me.may("case.read"):
        return Markup()
    with console.store.read() as work:
        waiting = []
        for clock in clocks.running(work, "urgent"):
            case = work.session.get(Case, clock.case_id or 0)
            rider = work.session.get(Rider, clock.rider_id or 0)
            if case is None or rider is None or case.kind == "incident":
                continue  # danger has a bar of its own
            waiting.append(
                {
                    "case": case.id, "chat": clock.conversation_id, "who": shown_name(rider),
                    "ring": ticket_view.ring(clock, work.now), "at": clock.started_at,
                    "promise": ticket_view.promise(
                        clock, case_talk.tz_of(work, console.settings, case)
                    ),
                }
            )  # fmt: skip
    return fragment("console/urgent_lane.html", waiting=waiting)


def mates(work: UnitOfWork) -> list[Staff]:
    """Whom tickets can be given to."""
    able = select(Staff).where(Staff.active, Staff.role.in_(sorted(RIGHTS["case.work"])))
    return list(work.session.scalars(able.order_by(Staff.name)))


def _filters(asked: Mapping[str, str]) -> Filters:
    """The filters of an address; what makes no sense is ignored."""
    priority, owner = asked.get("priority", ""), asked.get("owner", "")
    station = asked.get("station", "")
    known = owner in ("me", "none") or (owner.isdecimal() and len(owner) < 18)
    return Filters(
        team=asked.get("team", "") if asked.get("team") in TEAMS else "",
        class_=asked.get("class", "") if asked.get("class") in CLASSES else "",
        priority=int(priority) if priority in ("1", "2", "3", "4") else None,
        owner=owner if known else "",
        station=int(station) if station.isdecimal() and len(station) < 18 else None,
        closed=asked.get("closed") == "1",
        level=asked.get("level") == "1",
    )


def _here(filters: Filters) -> str:
    return url_for("console.tickets_page", **filters.query())


def _options(work: UnitOfWork) -> dict[str, list[tuple[Any, str]]]:
    anything: list[tuple[Any, str]] = [("", "Any")]
    people = [(each.id, each.name) for each in mates(work)]
    stations = work.session.execute(select(Station.id, Station.name).order_by(Station.name))
    return {
        "team": anything + list(TEAMS.items()),
        "class": anything + list(CLASSES.items()),
        "priority": anything + list(PRIORITIES.items()),
        "owner": [*anything, ("me", "Me"), ("none", "Nobody"), *people],
        "station": anything + [(number, name) for number, name in stations],
        "closed": [("", "Open"), ("1", "Closed")],
        "level": [("", "Any"), ("1", "A supervisor has it")],
    }
