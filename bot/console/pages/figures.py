"""Figures: how stations are used and what they earn, the bot, people at the desk, riders."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from flask import Response, abort, redirect, request, url_for
from sqlalchemy import select

from bot.console import figure_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.figures import Period, period
from bot.services import audit, desk_figures, station_figures
from bot.services.audit_log import safe_cells
from bot.store.database import UnitOfWork
from bot.store.stations import Station

ROWS: Final = 200  # of a list behind a number; all of them are in the file


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /figures."""

    @routes.page("/figures", right="figures.read")
    def page() -> Any:
        """How stations are used; people of the desk get their own figures instead."""
        if not console.me().may("figures.use"):
            return redirect(url_for("console.figures_people"))
        asked, station_id = _asked(console), _station()
        with console.store.read() as work:
            found = station_figures.uses(work, asked, station_id)
            before = station_figures.uses(work, asked.before(), station_id)
            values = {
                "rows": figure_view.stations(found, _takings(console, work, asked, station_id)),
                "tiles": figure_view.tiles(
                    station_figures.together(found),
                    station_figures.together(before),
                    _takings(console, work, asked, station_id),
                    _takings(console, work, asked.before(), station_id),
                ),
                "week": figure_view.week(station_figures.week(work, asked, station_id)),
                "stations": _stations(work),
            }
        return _page(console, "figures", asked, station=station_id or "", **values)

    @routes.page("/figures/bot", right="figures.desk")
    def bot() -> Any:
        asked = _asked(console)
        with console.store.read() as work:
            now = desk_figures.bot(work, asked)
            before = desk_figures.bot(work, asked.before())
        return _page(
            console, "figures_bot", asked, tiles=figure_view.bot_tiles(now, before), bot=now,
            intents=figure_view.bars(now.intents[:12]), reasons=figure_view.bars(now.reasons),
        )  # fmt: skip

    @routes.page("/figures/calls", right="figures.people")
    def calls() -> Any:
        asked, reason = _asked(console), request.args.get("reason", "")[:120]
        with console.store.read() as work:
            found = desk_figures.calls(work, asked, reason)
            names = figure_view.names(work)
        return _page(
            console, "figures_calls", asked, rows=found[:ROWS], all=len(found), names=names,
            reason=reason,
        )  # fmt: skip

    @routes.page("/figures/people", right="figures.desk")
    def people() -> Any:
        me, asked = console.me(), _asked(console)
        own = None if me.may("figures.people") else me.staff_id
        with console.store.read() as work:
            found = desk_figures.people(work, asked, own)
        return _page(console, "figures_people", asked, rows=found, own=own is not None)

    @routes.page("/figures/riders", right="figures.riders")
    def riders() -> Any:
        asked = _asked(console)
        with console.store.read() as work:
            churn = desk_figures.coming_back(work, asked.end)
            months = desk_figures.months(work, work.now)
        return _page(
            console, "figures_riders", asked, churn=churn, months=figure_view.months(months)
        )

    @routes.action("/figures/export/<name>", right="figures.export")
    def export(name: str) -> Any:
        """The figures of a page as a file, with everything that the page cuts off."""
        if name not in _FILES:
            abort(404)
        me = console.me()
        if name in ("people", "calls") and not me.may("figures.people"):
            abort(403)
        asked = _asked(console, request.form)
        if not console.fresh_factor(me):
            back: dict[str, Any] = {"from": asked.first.isoformat(), "to": asked.last.isoformat()}
            return redirect(url_for(f"console.figures_{_FILES[name]}", **back), 303)
        with console.store.begin() as work:
            table = _table(console, work, name, asked)
            told = {"rows": len(table) - 1, "from": str(asked.first), "to": str(asked.last)}
            audit.record(work, me.actor(), "figures.export", f"figures:{name}", after=told)
        return _file(table, f"{name}-{asked.first}-{asked.last}.csv")


_FILES: Final = {"stations": "page", "people": "people", "calls": "calls"}


def _table(console: Console, work: UnitOfWork, name: str, asked: Period) -> list[Sequence[Any]]:
    if name == "people":
        return figure_view.people_table(desk_figures.people(work, asked))
    if name == "calls":
        return figure_view.calls_table(desk_figures.calls(work, asked), figure_view.names(work))
    found = station_figures.uses(work, asked)
    return figure_view.stations_table(
        figure_view.stations(found, _takings(console, work, asked, None))
    )


def _file(table: Iterable[Sequence[Any]], name: str) -> Response:
    out = io.StringIO()
    csv.writer(out).writerows(list(safe_cells(row)) for row in table)
    return Response(
        "\ufeff" + out.getvalue(),  # so that spreadsheets read UTF-8
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _page(console: Console, name: str, asked: Period, **values: Any) -> Any:
    span = {"from": asked.first.isoformat(), "to": asked.last.isoformat()}
    return console.page(name, asked=asked, span=span, before=asked.before(), **values)


def _takings(
    console: Console, work: UnitOfWork, asked: Period, station_id: int | None
) -> dict[int, list[station_figures.Takings]]:
    """Money, for those who may see it."""
    if not console.me().may("figures.money"):
        return {}
    return station_figures.takings(work, asked, station_id)


def _stations(work: UnitOfWork) -> list[tuple[Any, str]]:
    rows = work.session.execute(select(Station.id, Station.name).order_by(Station.name))
    return [("", "All stations"), *((row.id, row.name) for row in rows)]


def _asked(console: Console, given: Any = None) -> Period:
    given = request.args if given is None else given
    first, last = _date(given.get("from", "")), _date(given.get("to", ""))
    return period(first, last, console.store.clock(), console.settings.desk_tz)


def _station() -> int | None:
    text = request.args.get("station", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
