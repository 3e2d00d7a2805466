"""Limits of what sockets measure, by model of pile."""

from __future__ import annotations

import secrets
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from flask import flash, redirect, request, url_for
from sqlalchemy import select

from bot.console import sensor_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.moments import moment
from bot.domain.sensing import KINDS, UNITS, Kind, Limits
from bot.errors import PilebotError
from bot.services import policies
from bot.store.cases import PolicyChange
from bot.store.database import UnitOfWork
from bot.store.sensing import SensorLimit
from bot.store.stations import Pile

_FIELDS: Final = ("warn_low", "warn_high", "stop_high")
_MOST: Final = 10**7


class Wrong(Exception):
    """A form that makes no limits; the message says what to change."""


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /piles/limits …/set …/reset."""

    @routes.page("/limits", right="pile.limits")
    def page() -> Any:
        return _page(console)

    @routes.action("/limits/set", right="pile.limits")
    def save() -> Any:
        form = request.form
        try:
            model, kind, limits = _read(console, form)
        except Wrong as wrong:
            return _page(console, problem=str(wrong), given=form)
        if form.get("do") == "preview":
            return _page(console, given=form, preview=_preview(console, model, kind, limits))
        return _propose(console, model, kind, limits)

    @routes.action("/limits/reset", right="pile.limits")
    def reset() -> Any:
        form = request.form
        return _propose(console, form.get("model", "")[:60], _kind(form.get("kind", "")), None)


def _propose(console: Console, model: str, kind: Kind, limits: Limits | None) -> Any:
    form = request.form
    try:
        with console.store.begin() as work:
            policies.propose_limits(
                work, console.me().actor(), model, kind, limits, reason=form.get("reason", ""),
                valid_from=moment(form.get("valid_from", ""), console.settings.desk_tz)
                or work.now,
                key=form.get("key", "")[:40] or secrets.token_urlsafe(12),
            )  # fmt: skip
    except PilebotError as error:
        return _page(console, problem=str(error), given=form)
    flash("Proposed. It counts when a second person has approved it.", "good")
    return redirect(url_for("console.policies_page"), 303)


def _preview(console: Console, model: str, kind: Kind, limits: Limits) -> str:
    body = {name: getattr(limits, name) for name in _FIELDS}
    with console.store.read() as work:
        wanted = PolicyChange(kind="limits", subject=f"{model}|{kind}", before={}, body=body)
        return policies.preview(work, wanted)


def _page(console: Console, problem: str = "", given: Any = None, preview: str = "") -> Any:
    with console.store.read() as work:
        rows = [
            (row, sensor_view.told_limits(_limits(row), UNITS[row.kind]))
            for row in work.session.scalars(
                select(SensorLimit).order_by(SensorLimit.model, SensorLimit.kind)
            )
        ]
        models = _models(work)
    return console.page(
        "limits", 422 if problem else 200, rows=rows, models=models, problem=problem,
        given=given or {}, preview=preview, key=secrets.token_urlsafe(12),
        zone=console.settings.desk_tz,
        kinds=[(each, f"{each.capitalize()} ({UNITS[each]})") for each in KINDS],
    )  # fmt: skip


def _limits(row: SensorLimit) -> Limits:
    return Limits(row.warn_low, row.warn_high, row.stop_high)


def _models(work: UnitOfWork) -> list[tuple[str, str]]:
    names = work.session.scalars(select(Pile.model).distinct().order_by(Pile.model))
    return [("", "Every model"), *((name, name) for name in names if name)]


def _read(console: Console, form: Any) -> tuple[str, Kind, Limits]:
    """Raises Wrong."""
    model = form.get("model", "")
    with console.store.read() as work:
        if model not in dict(_models(work)):
            raise Wrong("There is no pile of this model.")
    values = [_thousandths(form.get(name, "")) for name in _FIELDS]
    set_ = [each for each in values if each is not None]
    if not set_:
        raise Wrong("Give at least one limit, or go back to our own.")
    if set_ != sorted(set_) or len(set(set_)) < len(set_):
        raise Wrong("The limits must rise: look below, look above, stop above.")
    if not form.get("reason", "").strip():
        raise Wrong("Say why, for whoever reads the log.")
    return model, _kind(form.get("kind", "")), Limits(*values)


def _kind(text: str) -> Kind:
    return next((each for each in KINDS if each == text), "temperature")


def _thousandths(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        number = Decimal(text.strip().replace(",", "."))
    except InvalidOperation as error:
        raise Wrong(f"“{text[:20]}” is not a number.") from error
    if not number.is_finite() or abs(number) > _MOST:
        raise Wrong(f"{text[:20]} cannot be right.")
    return int(number * 1000)
