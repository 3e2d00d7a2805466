"""The monthly complaint report: as a page, as a PDF, as a file; finished months never change."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Any

from flask import Response, abort, redirect, request, url_for

from bot.console import report_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.complaints import month_of
from bot.gateways.report_pdf import report_pdf
from bot.services import audit, complaints
from bot.services.audit_log import safe_cells
from bot.store.database import UnitOfWork


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /reports; a month stands in the address as 2026-10."""

    @routes.page("/reports", right="report.read")
    def page() -> Any:
        with console.store.read() as work:
            asked = request.args.get("month", "") or complaints.months(work, console.settings)[0]
        return redirect(url_for("console.reports_month", month=asked[:7]))

    @routes.page("/reports/<month>", right="report.read")
    def month(month: str) -> Any:
        with console.store.read() as work:
            tables, frozen_at = _tables(console, work, month)
            choices = complaints.months(work, console.settings)
            now = work.now
        name = "report_tables" if console.wants_fragment() else "report"
        return console.page(
            name, month=month, title=report_view.month_name(month), tables=tables,
            frozen_at=frozen_at, now=now,
            months=[(each, report_view.month_name(each)) for each in choices],
        )  # fmt: skip

    @routes.page("/reports/<month>/pdf", right="report.read")
    def pdf(month: str) -> Any:
        with console.store.read() as work:
            tables, frozen_at = _tables(console, work, month)
            made_at = frozen_at or work.now
        data = report_pdf(
            console.settings.brand, f"Complaints, {report_view.month_name(month)}",
            [_state(frozen_at, made_at)],
            [(each.title, each.head, each.rows, each.numbers) for each in tables], made_at,
        )  # fmt: skip
        place = {"Content-Disposition": f'attachment; filename="complaints-{month}.pdf"'}
        return Response(data, mimetype="application/pdf", headers=place)

    @routes.action("/reports/<month>/export", right="report.read")
    def export(month: str) -> Any:
        me = console.me()
        if not console.fresh_factor(me):
            return redirect(url_for("console.reports_month", month=_month(console, month)), 303)
        with console.store.begin() as work:
            tables, _ = _tables(console, work, month)
            audit.record(work, me.actor(), "report_export", f"report:{month}")
        out = io.StringIO()
        write = csv.writer(out)
        for table in tables:
            write.writerow([table.title])
            write.writerows(list(safe_cells(row)) for row in (table.head, *table.rows))
            write.writerow([])
        place = {"Content-Disposition": f'attachment; filename="complaints-{month}.csv"'}
        return Response("\ufeff" + out.getvalue(), mimetype="text/csv", headers=place)


def _tables(
    console: Console, work: UnitOfWork, month: str
) -> tuple[list[report_view.Table], datetime | None]:
    figures, frozen_at = complaints.report(work, console.settings, _month(console, month))
    return report_view.tables(figures, complaints.compared(work, month)), frozen_at


def _month(console: Console, month: str) -> str:
    """A month that has begun; anything else is no page."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        abort(404)
    if month > month_of(console.store.clock(), console.settings.desk_tz):
        abort(404)
    return month


def _state(frozen_at: datetime | None, made_at: datetime) -> str:
    if frozen_at is None:
        return f"So far, as of {made_at:%-d %B %Y, %H:%M} UTC. The month is not over."
    return f"Figures of {made_at:%-d %B %Y, %H:%M} UTC; they do not change any more."
