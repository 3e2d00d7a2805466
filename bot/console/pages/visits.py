"""The maintenance calendar: visits ahead as a list and as weeks, those that are over, plans."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from bot.console import visit_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.visit_view import WrongField
from bot.domain.maintenance import AHEAD
from bot.errors import Refused
from bot.services import visit_plans, visits
from bot.services.visit_plans import Wanted
from bot.services.visits import NotPossible
from bot.store.database import UnitOfWork
from bot.store.maintenance import Visit
from bot.store.staff import Staff
from bot.store.stations import Pile

TABS: Final = {"list": "Ahead", "weeks": "Calendar", "over": "Over", "plans": "Plans"}
_SHOWN: Final = 200


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /visits /visits/<id> and what is done with visits and plans."""
    _add_pages(routes, console)
    _add_actions(routes, console)
    _add_plan_actions(routes, console)


def _add_pages(routes: Routes, console: Console) -> None:
    @routes.page("/visits", right="visit.read")
    def page() -> Any:
        tab = request.args.get("tab", "list")
        tab = tab if tab in TABS else "list"
        with console.store.read() as work:
            values = _values(work, tab)
            values |= {"tab": tab, "tabs": TABS, "key": secrets.token_hex(8)}
            values["pile_number"] = _number(work, request.args.get("pile", ""))
        if console.wants_fragment():
            return render_template("console/visits_list.html", **values)
        return console.page("visits", **values)

    @routes.page("/visits/<int:visit_id>", right="visit.read")
    def one(visit_id: int) -> Any:
        with console.store.read() as work:
            visit = work.session.get(Visit, visit_id)
            if visit is None:
                abort(404)
            pile = work.session.get_one(Pile, visit.pile_id)
            names = [
                work.session.get(Staff, each or 0) for each in (visit.made_by, visit.changed_by)
            ]
            values: dict[str, Any] = {
                "line": visit_view.line(visit, pile), "station": pile.station,
                "made_by": names[0].name if names[0] else "", "now": work.now,
                "changed_by": names[1].name if names[1] else "",
            }  # fmt: skip
        return console.page("visit_live" if console.wants_fragment() else "visit", **values)


def _values(work: UnitOfWork, tab: str) -> dict[str, Any]:
    if tab == "plans":
        models = sorted(filter(None, set(work.session.scalars(select(Pile.model)))))
        return {
            "plans": visit_plans.listed(work),
            "models": [("", "All piles"), *((each, each) for each in models)],
        }
    if tab == "weeks":
        monday = visit_view.monday_of(request.args.get("from", ""), work.now.date())
        found = visits.between(work, *visit_view.around(monday))
        lines = [visit_view.line(*each) for each in found]
        return {
            "weeks": visit_view.weeks(lines, monday, work.now.date()),
            "before": _other(monday, -1), "after": _other(monday, 1),
        }  # fmt: skip
    over = tab == "over"
    query = select(Visit, Pile).join(Pile, Pile.id == Visit.pile_id)
    wanted = Visit.state.not_in(AHEAD) if over else Visit.state.in_(AHEAD)
    order = Visit.starts_at.desc() if over else Visit.starts_at
    rows = work.session.execute(query.where(wanted).order_by(order, Visit.id).limit(_SHOWN))
    return {"days": _days([visit_view.line(*each) for each in rows], newest_first=over)}


def _days(lines: list[visit_view.Line], *, newest_first: bool) -> list[tuple[date, Any]]:
    days = sorted(visit_view.by_day(lines).items(), key=lambda each: each[0])
    return days[::-1] if newest_first else days


def _other(monday: date, way: int) -> str:
    day = monday + way * timedelta(days=7 * visit_view.WEEKS)
    return url_for("console.visits_page", tab="weeks") + f"&from={day.isoformat()}"


def _number(work: UnitOfWork, pile_id: str) -> str:
    pile = work.session.get(Pile, pile_id[:48]) if pile_id else None
    return pile.number if pile is not None else ""


def _add_actions(routes: Routes, console: Console) -> None:
    @routes.action("/visits/plan", right="visit.plan")
    def plan() -> Any:
        form = request.form

        def act(work: UnitOfWork) -> tuple[str, int]:
            number = form.get("pile", "").strip()[:6]
            pile = work.session.scalars(select(Pile).where(Pile.number == number)).first()
            if pile is None:
                raise WrongField("There is no pile with this number.")
            starts_at, ends_at = visit_view.read_times(form, pile)
            visit = visits.plan(
                work, console.settings, console.me().actor(), pile, starts_at, ends_at,
                what=form.get("what", ""),
                key=f"form:{console.me().staff_id}:{form.get('key') or secrets.token_hex(8)}",
            )  # fmt: skip
            return (
                "The visit is in the calendar; who had booked then is offered another bay.",
                visit.id,
            )

        return _do(console, act)

    @routes.action("/visits/<int:visit_id>/move", right="visit.plan")
    def move(visit_id: int) -> Any:
        form = request.form

        def act(work: UnitOfWork) -> tuple[str, int]:
            starts_at, ends_at = visit_view.read_times(form, _pile_of(work, visit_id))
            visits.move(
                work, console.settings, console.me().actor(), visit_id, starts_at, ends_at,
                reason=form.get("reason", ""),
            )  # fmt: skip
            return "Moved. It can be undone until it begins.", visit_id

        return _do(console, act, visit_id)

    @routes.action("/visits/<int:visit_id>/cancel", right="visit.plan")
    def cancel(visit_id: int) -> Any:
        reason = request.form.get("reason", "")

        def act(work: UnitOfWork) -> tuple[str, int]:
            _pile_of(work, visit_id)
            visits.cancel(work, console.settings, console.me().actor(), visit_id, reason=reason)
            return "Cancelled. It can be undone until its time.", visit_id

        return _do(console, act, visit_id)

    @routes.action("/visits/<int:visit_id>/undo", right="visit.plan")
    def undo(visit_id: int) -> Any:
        def act(work: UnitOfWork) -> tuple[str, int]:
            _pile_of(work, visit_id)
            visits.undo(work, console.settings, console.me().actor(), visit_id)
            return "Undone.", visit_id

        return _do(console, act, visit_id)


def _add_plan_actions(routes: Routes, console: Console) -> None:
    @routes.action("/visits/plans", right="visit.plan")
    def make_plan() -> Any:
        form = request.form

        def act(work: UnitOfWork) -> tuple[str, int]:
            wanted = Wanted(
                model=form.get("model", ""),
                what=form.get("what", ""),
                every_days=visit_view.read_maybe(form.get("every_days", ""), "days"),
                every_cycles=visit_view.read_maybe(form.get("every_cycles", ""), "charges"),
                minute=visit_view.read_minute(form.get("hour", "")),
                length_min=visit_view.read_number(form.get("length", ""), "minutes"),
            )
            visit_plans.make(work, console.me().actor(), wanted)
            return "The plan holds. What is due within a month is put into the calendar.", 0

        return _do(console, act, tab="plans")

    @routes.action("/visits/plans/<int:plan_id>/end", right="visit.plan")
    def end_plan(plan_id: int) -> Any:
        def act(work: UnitOfWork) -> tuple[str, int]:
            visit_plans.end(work, console.settings, console.me().actor(), plan_id)
            return "The plan has ended; its visits ahead are cancelled.", 0

        return _do(console, act, tab="plans")


def _pile_of(work: UnitOfWork, visit_id: int) -> Pile:
    visit = work.session.get(Visit, visit_id)
    return work.session.get_one(Pile, visit.pile_id) if visit is not None else abort(404)


def _do(
    console: Console, act: Callable[[UnitOfWork], tuple[str, int]], visit_id: int = 0,
    *, tab: str | None = None,
) -> Any:  # fmt: skip
    """Carry an action out; back to the visit, or to the page it was asked from."""
    try:
        with console.store.begin() as work:
            told, visit_id = act(work)
        flash(told, "good")
    except (NotPossible, WrongField, Refused) as why:
        flash(str(why), "bad")
    if visit_id:
        return redirect(url_for("console.visits_one", visit_id=visit_id), 303)
    return redirect(url_for("console.visits_page", tab=tab), 303)
