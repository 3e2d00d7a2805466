"""The complaint report of a month or a quarter: as a page, as a PDF, as a file; what is finished
never changes."""

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
from bot.domain.complaint_quarters import before as quarters_before
from bot.domain.complaint_quarters import months_of, quarter_of
from bot.domain.complaints import month_of
from bot.gateways.report_pdf import report_pdf
from bot.services import audit, complaints
from bot.services.audit_log import safe_cells
from bot.store.database import UnitOfWork


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /reports; in the address stands a month, 2026-10, or a quarter, 2026-Q4."""

    @routes.page("/reports", right="report.read")
    def page() -> Any:
        with console.store.read() as work:
            asked = request.args.get("month", "") or complaints.months(work, console.settings)[0]
        return redirect(url_for("console.reports_month", month=asked[:7]))

    @routes.page("/reports/<month>", right="report.read")
    def month(month: str) -> Any:
        with console.store.read() as work:
            tables, frozen_at = _tables(console, work, month)
            choices = _choices(complaints.months(work, console.settings))
            now = work.now
        name = "report_tables" if console.wants_fragment() else "report"
        return console.page(
            name, month=month, title=report_view.span_name(month), tables=tables,
            frozen_at=frozen_at, now=now,
            months=[(each, report_view.span_name(each)) for each in choices],
        )  # fmt: skip

    @routes.page("/reports/<month>/pdf", right="report.read")
    def pdf(month: str) -> Any:
        with console.store.read() as work:
            tables, frozen_at = _tables(console, work, month)
            made_at = frozen_at or work.now
        data = report_pdf(
            console.settings.brand, f"Complaints, {report_view.span_name(month)}",
            [_state(frozen_at, made_at)],
            [(each.title, each.head, each.rows, each.numbers) for each in tables], made_at,
        )  # fmt: skip
        place = {"Content-Disposition": f'attachment; filename="complaints-{month}.pdf"'}
        return Response(data, mimetype="application/pdf", headers=place)

    @routes.action("/reports/<month>/export", right="report.read")
    def export(month: str) -> Any:
        me = console.me()
        if not console.fresh_factor(me):
            return redirect(url_for("console.reports_month", month=_check(console, month)), 303)
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


def _choices(months: list[str]) -> list[str]:
    """The months and, behind them, the quarters that they belong to; the newest first."""
    return [*months, *sorted({quarter_of(each) for each in months}, reverse=True)]


def _tables(
    console: Console, work: UnitOfWork, span: str
) -> tuple[list[report_view.Table], datetime | None]:
    _check(console, span)
    if "Q" not in span:
        figures, frozen_at = complaints.report(work, console.settings, span)
        return report_view.tables(figures, complaints.compared(work, span)), frozen_at
    figures, frozen_at = complaints.quarter(work, console.settings, span)
    earlier, _ = complaints.quarter(work, console.settings, quarters_before(span))
    return report_view.tables(figures, [earlier]), frozen_at


def _check(console: Console, span: str) -> str:
    """A month or a quarter that has begun; anything else is no page."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2]|Q[1-4])", span):
        abort(404)
    now = month_of(console.store.clock(), console.settings.desk_tz)
    if (months_of(span)[0] if "Q" in span else span) > now:
        abort(404)
    return span


def _state(frozen_at: datetime | None, made_at: datetime) -> str:
    if frozen_at is None:
        return f"So far, as of {made_at:%-d %B %Y, %H:%M} UTC. It is not over."
    return f"Figures of {made_at:%-d %B %Y, %H:%M} UTC; they do not change any more."
