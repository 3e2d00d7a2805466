"""Changes of rules that two people make together: what waits, with its preview, and what was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.policy_changes import KINDS, STATES
from bot.errors import PilebotError
from bot.services import policies
from bot.store.cases import PolicyChange
from bot.store.database import UnitOfWork
from bot.store.staff import Staff

TONES = {"waiting": "warn", "approved": "good", "rejected": "bad", "withdrawn": "neutral"}


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /policies, and approve, reject, withdraw of each."""

    @routes.page("/policies", right="policy.read")
    def page() -> Any:
        with console.store.read() as work:
            names = {row.id: row.name for row in work.session.execute(select(Staff.id, Staff.name))}
            values: dict[str, Any] = {
                "waiting": [_row(work, each, names) for each in policies.waiting(work)],
                "decided": [_row(work, each, names) for each in policies.decided(work)],
                "mine": console.me().staff_id, "now": work.now, "states": STATES, "tones": TONES,
            }  # fmt: skip
        if console.wants_fragment():
            return render_template("console/policies_live.html", **values)
        return console.page("policies", **values)

    def do(act: Callable[[UnitOfWork], Any], good: str) -> Any:
        try:
            with console.store.begin() as work:
                act(work)
            flash(good, "good")
        except PilebotError as error:
            flash(str(error), "bad")
        return redirect(url_for("console.policies_page"), 303)

    @routes.action("/policies/<int:change_id>/approve", right="policy.approve")
    def approve(change_id: int) -> Any:
        actor = console.me().actor()
        return do(lambda work: policies.approve(work, actor, change_id), "Approved.")

    @routes.action("/policies/<int:change_id>/reject", right="policy.approve")
    def reject(change_id: int) -> Any:
        actor, why = console.me().actor(), request.form.get("reason", "")
        return do(lambda work: policies.reject(work, actor, change_id, reason=why), "Rejected.")

    @routes.action("/policies/<int:change_id>/withdraw", right="pile.limits")
    def withdraw(change_id: int) -> Any:
        actor, why = console.me().actor(), request.form.get("reason", "")
        return do(lambda work: policies.withdraw(work, actor, change_id, reason=why), "Withdrawn.")


def _row(work: UnitOfWork, change: PolicyChange, names: dict[int, str]) -> dict[str, Any]:
    about, before, wanted = policies.told(change)
    return {
        "change": change, "kind": KINDS[change.kind], "about": about, "before": before,
        "wanted": wanted, "by": names.get(change.asked_by, ""),
        "decider": names.get(change.decided_by or 0, ""),
        "preview": policies.preview(work, change) if change.state == "waiting" else "",
    }  # fmt: skip
