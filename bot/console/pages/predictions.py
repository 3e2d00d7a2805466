"""What is likely to fail soon, what was done about it, and how often that came true."""

from __future__ import annotations

from typing import Any, Final

from flask import flash, redirect, render_template, request, url_for

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.jobs import STATES
from bot.domain.prediction import ENOUGH
from bot.services import prediction, watches
from bot.store.database import UnitOfWork

TABS: Final = {"open": "Open", "over": "Came true?", "missed": "Not foretold", "watch": "Watched"}
OUTCOMES: Final = {
    "": ("Open", "info", "clock"), "hit": ("Hit", "good", "check"),
    "false_alarm": ("False alarm", "warn", "x"), "unchecked": ("Nobody looked", "neutral", "eye"),
}  # fmt: skip


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /predictions, its counter, and to take a socket off the watch-list."""

    @routes.page("/predictions", right="job.read")
    def page() -> Any:
        tab = request.args.get("tab", "open")
        tab = tab if tab in TABS else "open"
        with console.store.read() as work:
            values = _values(work, tab)
        values |= {
            "tab": tab, "tabs": TABS, "outcomes": OUTCOMES, "states": STATES, "enough": ENOUGH,
            "threshold": console.settings.predict_risk_percent,
            "per_day": console.settings.predict_per_day, "days": console.settings.predict_days,
        }  # fmt: skip
        if console.wants_fragment():
            return render_template("console/predictions_list.html", **values)
        return console.page("predictions", **values)

    @routes.page("/predictions/count", right="job.read")
    def count() -> Any:
        """Sockets on the watch-list."""
        with console.store.read() as work:
            return str(watches.count(work) or "")

    @routes.action("/predictions/watch/end", right="visit.plan")
    def end() -> Any:
        watch_id = request.form.get("watch", 0, type=int)
        try:
            with console.store.begin() as work:
                watches.take_off(
                    work, console.me().actor(), watch_id, request.form.get("reason", "")
                )
            flash("Taken off the watch-list.", "good")
        except watches.NotPossible as problem:
            flash(str(problem), "bad")
        return redirect(url_for("console.predictions_page", tab="watch"), 303)


def _values(work: UnitOfWork, tab: str) -> dict[str, Any]:
    values: dict[str, Any] = {"results": prediction.results(work), "model": prediction.fitted(work)}
    if tab == "watch":
        listed = watches.current(work)
        choices = [(str(row.id), evse.code) for row, evse in listed]
        watched = prediction.watched(work)
        return {**values, "watched": watched, "listed": listed, "choices": choices}
    if tab == "missed":
        return {**values, "missed": prediction.missed(work)}
    return {**values, "rows": prediction.newest(work, open_=tab == "open")}
