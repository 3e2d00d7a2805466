"""What is likely to fail soon, what was done about it, and how often that came true."""

from __future__ import annotations

from typing import Any, Final

from flask import render_template, request

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.jobs import STATES
from bot.domain.prediction import ENOUGH
from bot.services import prediction
from bot.store.database import UnitOfWork

TABS: Final = {"open": "Open", "over": "Came true?", "missed": "Not foretold", "watch": "Watched"}
OUTCOMES: Final = {
    "": ("Open", "info", "clock"), "hit": ("Hit", "good", "check"),
    "false_alarm": ("False alarm", "warn", "x"), "unchecked": ("Nobody looked", "neutral", "eye"),
}  # fmt: skip


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /predictions."""

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


def _values(work: UnitOfWork, tab: str) -> dict[str, Any]:
    values: dict[str, Any] = {"results": prediction.results(work), "model": prediction.fitted(work)}
    if tab == "watch":
        return {**values, "watched": prediction.watched(work)}
    if tab == "missed":
        return {**values, "missed": prediction.missed(work)}
    return {**values, "rows": prediction.newest(work, open_=tab == "open")}
