"""The promises: how each clock was kept by team and week, the rows behind, what it may take."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from flask import Response, abort, flash, redirect, request, url_for
from sqlalchemy import select

from bot.console import ticket_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.moments import moment
from bot.domain.cases import TEAMS
from bot.domain.clocks import ACTIONS, KINDS, Policy
from bot.errors import PilebotError
from bot.services import audit, clock_results, clocks, coupon_templates, policies
from bot.services.clock_results import Filter
from bot.store.cases import Clock, PolicyChange
from bot.store.database import UnitOfWork
from bot.store.staff import Staff

SHOWN_ROWS: Final = 100
EXPORTED_ROWS: Final = 50_000
WEEKS: Final = 5
_UNITS: Final = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
OUTCOMES: Final = (("", "All"), ("met", "Kept"), ("missed", "Missed"), ("running", "Running"))


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /promises /promises/export /promises/<name> (its policy, shown and changed)."""

    @routes.page("/promises", right="promise.read")
    def page() -> Any:
        with console.store.read() as work:
            wanted = _wanted(request.args, work.now)
            values: dict[str, Any] = {
                "wanted": wanted, "results": clock_results.table(work, wanted),
                "lately": clock_results.lately(work), "rows": _rows(work, wanted),
                "policies": [(name, kind, clocks.policy(work, name))
                             for name, kind in KINDS.items()],
                "lacking": coupon_templates.lacking(work),
            }  # fmt: skip
        return console.page(
            "promises", kinds=KINDS, teams=TEAMS, outcomes=OUTCOMES,
            limit_of=ticket_view.limit_of, when_missed=_when_missed,
            asked=request.args, week=timedelta(days=6), **values,
        )  # fmt: skip

    @routes.action("/promises/export", right="promise.read")
    def export() -> Any:
        me = console.me()
        asked: dict[str, Any] = {key: request.form[key] for key in _FIELDS if request.form.get(key)}
        if not console.fresh_factor(me):
            return redirect(url_for("console.promises_page", **asked), 303)
        with console.store.begin() as work:
            wanted = _wanted(asked, work.now)
            found = clock_results.clocks(work, wanted, limit=EXPORTED_ROWS)
            audit.record(work, me.actor(), "promises_export", after={**asked, "rows": len(found)})
            name = f"promises-{work.now:%Y%m%d-%H%M}.csv"
        return Response(
            "\ufeff" + _csv(found), mimetype="text/csv",  # so that spreadsheets read UTF-8
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )  # fmt: skip

    @routes.page("/promises/<name>", right="promise.read")
    def policy(name: str) -> Any:
        if name not in KINDS:
            abort(404)
        with console.store.read() as work:
            now, before = clocks.policy(work, name), clocks.history(work, name)
            names = dict(work.session.execute(select(Staff.id, Staff.name)).all())
            told, given = _previewed(work, name, request.args)
            at = work.now
        return console.page(
            "promise", clock_name=name, kind=KINDS[name], policy=now, before=before, names=names,
            limit_of=ticket_view.limit_of, when_missed=_when_missed, now=at, preview=told,
            **_form(now, given),
            asked=request.args, key=secrets.token_urlsafe(12), zone=console.settings.desk_tz,
        )  # fmt: skip

    @routes.action("/promises/<name>", right="promise.edit")
    def change(name: str) -> Any:
        form = request.form
        if name not in KINDS:
            abort(404)
        try:
            with console.store.begin() as work:
                policies.propose_clock(
                    work, console.me().actor(), name, limit_s=_limit_s(form),
                    target_s=_target_s(form),
                    counting=form.get("counting", ""), reason=form.get("reason", ""),
                    valid_from=moment(form.get("valid_from", ""), console.settings.desk_tz)
                    or work.now,
                    key=form.get("key", "")[:40] or secrets.token_urlsafe(12),
                )  # fmt: skip
            flash("Proposed. It counts when a second person has approved it.", "good")
        except PilebotError as error:
            flash(str(error), "bad")
            return redirect(url_for("console.promises_policy", name=name), 303)
        return redirect(url_for("console.policies_page"), 303)


def _limit_s(given: Mapping[str, str]) -> int:
    number = given.get("number", "")
    amount = int(number) if number.isascii() and number.isdigit() and len(number) < 8 else 0
    return amount * _UNITS.get(given.get("unit", ""), 0)


def _target_s(given: Mapping[str, str]) -> int | None:
    """In the unit of the limit; None where the field is empty."""
    number = given.get("target", "").strip()
    return _limit_s({"number": number, "unit": given.get("unit", "")}) if number else None


def _when_missed(policy: Policy) -> str:
    return ", ".join(ACTIONS[each] for each in policy.actions)


def _form(now: Policy, given: tuple[int, str] | None) -> dict[str, Any]:
    """The limit and the target as the form shows them: in the largest unit that is exact."""
    number, unit = given or _amount(now.limit_s, now.target_s)
    target = "" if now.target_s is None else f"{now.target_s / _UNITS[unit]:g}"
    return {"amount": (number, unit), "target": target}


def _previewed(
    work: UnitOfWork, name: str, given: Mapping[str, str]
) -> tuple[str, tuple[int, str] | None]:
    """What a limit that somebody thinks of would have meant; "" while nobody asked."""
    limit_s = _limit_s(given)
    if not limit_s:
        return "", None
    now = clocks.policy(work, name)
    wanted = PolicyChange(
        kind="clock", subject=name, before={"limit_s": now.limit_s}, body={"limit_s": limit_s}
    )
    return policies.preview(work, wanted), _amount(limit_s)


_FIELDS: Final = ("name", "team", "outcome", "from", "to")


def _wanted(asked: Mapping[str, str], now: datetime) -> Filter:
    """The filter of an address; the last five weeks where it names no days."""
    last = _day(asked.get("to", "")) or now.date()
    first = (
        _day(asked.get("from", ""))
        or (clock_results.monday(now) - timedelta(weeks=WEEKS - 1)).date()
    )
    outcome = asked.get("outcome", "")
    return Filter(
        since=datetime.combine(first, time(), UTC),
        until=datetime.combine(last, time(), UTC) + timedelta(days=1),
        name=asked.get("name", "") if asked.get("name") in KINDS else "",
        team=asked.get("team", "") if asked.get("team") in TEAMS else "",
        outcome=outcome if outcome in ("met", "missed", "running") else "",
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _rows(work: UnitOfWork, wanted: Filter) -> list[dict[str, Any]]:
    """The newest clocks behind the numbers."""
    return [
        {
            "title": KINDS[each.name].title, "subject": each.subject, "case": each.case_id,
            "team": TEAMS.get(each.team, ""), "at": each.started_at,
            "ring": ticket_view.ring(each, work.now), "by": each.stop_event,
            "limit": ticket_view.limit_of(int(each.policy["limit_s"]), each.target_s),
            "version": each.policy["version"],
        }
        for each in clock_results.clocks(work, wanted, limit=SHOWN_ROWS)
    ]  # fmt: skip


def _csv(found: Sequence[Clock]) -> str:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        ["clock", "subject", "team", "outcome", "state", "limit_s", "policy_version", "started_at",
         "due_at", "stopped_at", "spent_s", "target_s", "stopped_by"]
    )  # fmt: skip
    for each in found:
        missed = each.outcome == "missed" or each.breached_at is not None
        moments = (each.started_at, each.due_at, each.stopped_at)
        started, due, stopped = (at.isoformat() if at else "" for at in moments)
        table.writerow(
            [each.name, each.subject, each.team, "missed" if missed else each.outcome, each.state,
             each.policy["limit_s"], each.policy["version"], started, due, stopped, each.spent_s,
             each.target_s or "", _plain(each.stop_event)]
        )  # fmt: skip
    return out.getvalue()


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _amount(limit_s: int, target_s: int | None = None) -> tuple[int, str]:
    """A limit as a form shows it: the largest unit that is exact, for its target as well."""
    for unit in ("d", "h", "min"):
        if limit_s % _UNITS[unit] == 0 and (target_s or 0) % _UNITS[unit] == 0:
            return limit_s // _UNITS[unit], unit
    return limit_s, "s"
