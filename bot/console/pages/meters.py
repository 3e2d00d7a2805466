"""Meter checks: what riders doubt, the test's form, a second person for the money."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import shown_name
from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.gateways.translate import say
from bot.replies import Say
from bot.services import meter_cases, meter_checks, meter_rechecks
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.offers import MeterCheck
from bot.store.riders import Rider

SHOWN = 50
STATES = {
    "open": ("To be tested", "warn", "clock"), "tested": ("Waits for approval", "info", "clock"),
    "fair": ("Meter is right", "good", "check"), "paid": ("Paid back", "good", "check"),
    "failed": ("Meter is wrong", "bad", "x"),
}  # fmt: skip
RECHECKED = {**STATES, "refused": ("Nothing left to give", "neutral", "x")}


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /meters, to record a test, approve or refuse it, to recheck charges before it."""

    @routes.page("/meters", right="meter.read")
    def page() -> Any:
        with console.store.read() as work:
            doubted = select(MeterCheck).where(MeterCheck.recheck_of.is_(None))
            found = doubted.order_by(MeterCheck.id.desc()).limit(SHOWN)
            rows = [_row(work, each) for each in work.session.scalars(found)]
        return console.page("meters", rows=rows, mine=console.me().staff_id)

    @routes.action("/meters/<int:check_id>/record", right="meter.record")
    def record(check_id: int) -> Any:
        shown, true = (request.form.get(name, 0, type=int) for name in ("shown", "true"))
        note = request.form.get("note", "")

        def run(work: UnitOfWork) -> str:
            actor = console.me().actor()
            check = meter_checks.record(
                work, console.settings, actor, check_id, shown_wh=shown, true_wh=true, note=note
            )
            fair = check.state == "fair"
            return "Recorded; the rider is told." if fair else "Recorded. It waits for approval."

        return _done(console, run)

    @routes.action("/meters/<int:check_id>/approve", right="refund.approve")
    def approve(check_id: int) -> Any:
        def run(work: UnitOfWork) -> str:
            done = meter_checks.approve(work, console.settings, console.me().actor(), check_id)
            money = "The money is on its way and the" if done.state == "paid" else "The"
            return f"Approved. {money} rider is told."

        return _done(console, run)

    @routes.action("/meters/<int:check_id>/refuse", right="refund.approve")
    def refuse(check_id: int) -> Any:
        def run(work: UnitOfWork) -> str:
            meter_checks.refuse(work, console.me().actor(), check_id)
            return "The test has to be made again."

        return _done(console, run)

    _add_rechecks(routes, console)


def _add_rechecks(routes: Routes, console: Console) -> None:
    @routes.page("/meters/<int:check_id>/recheck", right="meter.recheck")
    def recheck(check_id: int) -> Any:
        return _recheck(console, check_id)

    @routes.action("/meters/<int:check_id>/recheck", right="meter.recheck")
    def recheck_order(check_id: int) -> Any:
        reason, expected = request.form.get("reason", ""), request.form.get("total", -1, type=int)
        try:
            with console.store.begin() as work:
                done = meter_rechecks.order(
                    work, console.settings, console.me().actor(), check_id,
                    reason=reason, expected_minor=expected,
                )  # fmt: skip
        except meter_checks.NotPossible as problem:
            return _recheck(console, check_id, str(problem), reason)
        told = "the riders are told" if not done.waits else "a second person has to approve it"
        flash(f"{plain(done.total)} for {len(done.owed)} charges: {told}.", "good")
        return redirect(url_for("console.meters_recheck", check_id=check_id), 303)

    @routes.action("/meters/<int:check_id>/recheck/approve", right="refund.approve")
    def recheck_approve(check_id: int) -> Any:
        def run(work: UnitOfWork) -> str:
            paid = meter_rechecks.approve(work, console.me().actor(), check_id)
            return f"Approved: {paid} charges. The money is on its way and the riders are told."

        return _done(console, run, "console.meters_recheck", check_id=check_id)

    @routes.action("/meters/<int:check_id>/recheck/refuse", right="refund.approve")
    def recheck_refuse(check_id: int) -> Any:
        def run(work: UnitOfWork) -> str:
            number = meter_rechecks.refuse(work, console.me().actor(), check_id)
            return f"Rejected: nothing goes back for {number} charges."

        return _done(console, run, "console.meters_recheck", check_id=check_id)


def _recheck(console: Console, check_id: int, problem: str = "", reason: str = "") -> Any:
    actor = console.me().actor()
    with console.store.read() as work:
        try:
            found = meter_rechecks.look(work, console.settings, actor, check_id)
        except meter_checks.NotPossible as why:
            flash(str(why), "bad")
            return redirect(url_for("console.meters_page"), 303)
        made = meter_rechecks.rows_of(work, check_id)
        return console.page(
            "meter_recheck", 409 if problem else 200, problem=problem, reason=reason, found=found,
            total=plain(found.total), limit=plain(found.limit), head=_row(work, found.check),
            charges=[_charge(work, each.session, each.owed) for each in found.owed],
            made=[_made(work, each) for each in made], most=meter_rechecks.MOST,
            waiting=[each for each in made if each.state == "tested"], mine=actor.staff_id,
        )  # fmt: skip


def _charge(work: UnitOfWork, session: ChargingSession, owed: Money) -> dict[str, Any]:
    rider = work.session.get_one(Rider, session.rider_id)
    return {
        "id": session.id, "rider": shown_name(rider), "at": session.ended_at, "owed": plain(owed),
    }  # fmt: skip


def _made(work: UnitOfWork, check: MeterCheck) -> dict[str, Any]:
    session = work.session.get_one(ChargingSession, check.session_id)
    owed = Money(check.owed_minor or 0, check.currency)
    state = RECHECKED.get(check.state, STATES["tested"])
    return {**_charge(work, session, owed), "state": state, "note": check.note}


def _done(console: Console, run: Any, page: str = "console.meters_page", **where: Any) -> Any:
    try:
        with console.store.begin() as work:
            flash(run(work), "good")
    except meter_checks.NotPossible as problem:
        flash(str(problem), "bad")
    return redirect(url_for(page, **where), 303)


def _row(work: UnitOfWork, check: MeterCheck) -> dict[str, Any]:
    values = meter_checks.readings(work, check)
    error, too_much = "", False
    if check.true_wh and check.shown_wh is not None:
        off = meter_checks.error_of(check)
        error, too_much = f"{float(abs(off) * 100):.2f} %", off > 0
    return {
        "check": check,
        "rechecked": meter_rechecks.summary(meter_rechecks.rows_of(work, check.id)),
        "title": say("en", Say("{code}: {evse}", values)),
        "readings": say("en", Say("{from} – {to}: {energy}", values)),
        "state": STATES[check.state],
        "error": error,
        "way": "too much" if too_much else "too little",
        "case": meter_cases.of_check(work, check),
        "recheck": too_much and check.state in meter_rechecks.CONFIRMED,
        "owed": plain(Money(check.owed_minor, check.currency)) if check.owed_minor else "",
    }
