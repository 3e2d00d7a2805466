"""The audit log: who did, tried or looked at what; its chain checked; as a file."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, flash, redirect, request, url_for

from bot.console.context import Console
from bot.console.guard import Me, Routes
from bot.services import audit, audit_log
from bot.services.audit_log import Filter


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /audit."""

    @routes.page("/audit", right="audit.read")
    def page() -> Any:
        wanted = _filter(console.me(), request.args)
        with console.store.read() as work:
            lines, more = audit_log.page(work, wanted)
            actions = audit_log.actions(work, money_only=wanted.money_only)
            people = audit_log.people(work)
        asked = _asked(request.args)
        return console.page(
            "audit",
            lines=lines,
            actions=actions,
            people=people,
            wanted=wanted,
            asked=asked,
            first_page=url_for("console.audit_page", **asked) if wanted.before_id else None,
            next_page=url_for("console.audit_page", **asked, before=more) if more else None,
        )

    @routes.action("/audit/check", right="audit.read")
    def check() -> Any:
        with console.store.read() as work:
            broken, rows = audit.first_broken(work), audit.length(work)
        with console.store.begin() as work:
            audit.record(work, console.me().actor(), "audit.check", after={"broken": broken})
        if broken is None:
            flash(f"The chain is whole: {rows:,} rows, none changed, none missing between.", "good")
        else:
            flash(f"Row {broken} does not fit the chain: it or the one before was changed.", "bad")
        return redirect(url_for("console.audit_page"), 303)

    @routes.action("/audit/export", right="audit.read")
    def export() -> Any:
        me = console.me()
        wanted = _filter(me, request.form)
        if not console.fresh_factor(me):
            asked = _asked(request.form)
            return redirect(url_for("console.audit_page", **asked), 303)
        with console.store.begin() as work:
            rows = audit_log.export(work, me.actor(), wanted)
            name = f"audit-{work.now:%Y%m%d-%H%M}.csv"
        return Response(
            "\ufeff" + rows,  # so that spreadsheets read UTF-8
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


_FIELDS = ("who", "action", "object", "from", "to")


def _asked(values: Any) -> dict[str, Any]:
    """The filter as it stands in the address."""
    return {name: values[name] for name in _FIELDS if values.get(name)}


def _filter(me: Me, asked: Any) -> Filter:
    who, before = asked.get("who", ""), asked.get("before", "")
    return Filter(
        staff_id=int(who) if who.isdecimal() and len(who) < 19 else None,
        action=asked.get("action", "")[:48],
        object_=asked.get("object", "").strip()[:80],
        first=_date(asked.get("from", "")),
        last=_date(asked.get("to", "")),
        before_id=int(before) if before.isdecimal() and len(before) < 19 else None,
        money_only=me.role == "finance",
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
