"""Meter checks: what riders doubt, the test's form, a second person for the money."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.gateways.translate import say
from bot.replies import Say
from bot.services import meter_checks
from bot.store.database import UnitOfWork
from bot.store.offers import MeterCheck

SHOWN = 50
STATES = {
    "open": ("To be tested", "warn", "clock"), "tested": ("Waits for approval", "info", "clock"),
    "fair": ("Meter is right", "good", "check"), "paid": ("Paid back", "good", "check"),
}  # fmt: skip


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /meters, to record a test, approve or refuse it."""

    @routes.page("/meters", right="meter.read")
    def page() -> Any:
        with console.store.read() as work:
            found = select(MeterCheck).order_by(MeterCheck.id.desc()).limit(SHOWN)
            rows = [_row(work, each) for each in work.session.scalars(found)]
        return console.page("meters", rows=rows, mine=console.me().staff_id)

    @routes.action("/meters/<int:check_id>/record", right="meter.record")
    def record(check_id: int) -> Any:
        shown, true = (request.form.get(name, 0, type=int) for name in ("shown", "true"))
        note = request.form.get("note", "")

        def run(work: UnitOfWork) -> str:
            actor = console.me().actor()
            check = meter_checks.record(
                work, actor, check_id, shown_wh=shown, true_wh=true, note=note
            )
            fair = check.state == "fair"
            return "Recorded; the rider is told." if fair else "Recorded. It waits for approval."

        return _done(console, run)

    @routes.action("/meters/<int:check_id>/approve", right="refund.approve")
    def approve(check_id: int) -> Any:
        def run(work: UnitOfWork) -> str:
            meter_checks.approve(work, console.me().actor(), check_id)
            return "Approved. The money is on its way and the rider is told."

        return _done(console, run)

    @routes.action("/meters/<int:check_id>/refuse", right="refund.approve")
    def refuse(check_id: int) -> Any:
        def run(work: UnitOfWork) -> str:
            meter_checks.refuse(work, console.me().actor(), check_id)
            return "The test has to be made again."

        return _done(console, run)


def _done(console: Console, run: Any) -> Any:
    try:
        with console.store.begin() as work:
            flash(run(work), "good")
    except meter_checks.NotPossible as problem:
        flash(str(problem), "bad")
    return redirect(url_for("console.meters_page"), 303)


def _row(work: UnitOfWork, check: MeterCheck) -> dict[str, Any]:
    values = meter_checks.readings(work, check)
    error = ""
    if check.true_wh and check.shown_wh is not None:
        error = f"{float(meter_checks.error_of(check) * 100):.2f} %"
    return {
        "check": check,
        "title": say("en", Say("{code}: {evse}", values)),
        "readings": say("en", Say("{from} – {to}: {energy}", values)),
        "state": STATES[check.state],
        "error": error,
        "owed": plain(Money(check.owed_minor, check.currency)) if check.owed_minor else "",
    }
