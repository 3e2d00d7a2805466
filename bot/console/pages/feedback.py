"""What riders say: recommendation with its scale, stars, comments, and the rows behind them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Response, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import shown_text
from bot.domain import feedback as rules
from bot.services import audit, feedback, reach
from bot.store.database import UnitOfWork
from bot.store.feedback import Feedback
from bot.store.riders import Conversation
from bot.store.stations import Station

SPANS: Final = (("7", "7 days"), ("28", "4 weeks"), ("91", "13 weeks"), ("365", "A year"))
SHOWN: Final = 100


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /feedback."""

    @routes.page("/feedback", right="feedback.read")
    def page() -> Any:
        days, station_id = _asked(request.args)
        with console.store.read() as work:
            first = work.now - timedelta(days=days)
            found = feedback.answers(work, first=first, last=work.now, station_id=station_id)
            names = _stations(work)
            riders = {each.rider_id for each in found}
            query = select(Conversation.rider_id, Conversation.id).where(
                Conversation.rider_id.in_(riders), reach.visible(console.me().actor())
            )
            chats = {row[0]: row[1] for row in work.session.execute(query)}
            asked = feedback.asked_in(work, first, work.now)
            now = work.now
        return console.page(
            "feedback", days=days, station_id=station_id or "", spans=SPANS, asked=asked,
            stations=sorted(names.items(), key=lambda pair: pair[1]), figures=_figures(found),
            weeks=_weeks(found, now), places=_places(found, names),
            rows=[_row(each, names, chats) for each in found[:SHOWN]], total=len(found),
        )  # fmt: skip

    @routes.action("/feedback/export", right="feedback.read")
    def export() -> Any:
        me, (days, station_id) = console.me(), _asked(request.form)
        if not console.fresh_factor(me):
            return redirect(url_for("console.feedback_page", days=days), 303)
        with console.store.begin() as work:
            first = work.now - timedelta(days=days)
            found = feedback.answers(work, first=first, last=work.now, station_id=station_id)
            text = _csv(found, _stations(work))
            audit.record(work, me.actor(), "feedback_export", after={"rows": len(found)})
            name = f"feedback-{work.now:%Y%m%d-%H%M}.csv"
        place = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response("\ufeff" + text, mimetype="text/csv", headers=place)


def _asked(values: Any) -> tuple[int, int | None]:
    raw, station = values.get("days", ""), values.get("station", "")
    days = int(raw) if raw in {key for key, _ in SPANS} else 28
    return days, int(station) if station.isdecimal() and len(station) < 19 else None


def _stations(work: UnitOfWork) -> dict[int, str]:
    return {row[0]: row[1] for row in work.session.execute(select(Station.id, Station.name))}


def _figures(found: Sequence[Feedback]) -> list[dict[str, Any]]:
    """A row a question and scale: two scales are never one figure."""
    kinds = sorted({(each.kind, each.scale_low, each.scale_high) for each in found})
    figures = []
    for kind, low, high in kinds:
        scores = [
            each.score for each in found
            if (each.kind, each.scale_low, each.scale_high) == (kind, low, high)
            and each.score is not None
        ]  # fmt: skip
        name = {"nps": "NPS", "stars": "Stars for stations", "csat": "CSAT (help)"}[kind]
        figures.append(
            {
                "name": name,
                "scale": f"{low}–{high}",
                "n": len(scores),
                "value": _value(kind, scores),
            }
        )
    return figures


def _value(kind: str, scores: list[int]) -> str:
    if not scores:
        return "–"
    if kind == "nps":
        return f"{rules.nps(scores).score:+d}"
    if kind == "csat":
        return f"{rules.content_percent(scores)} % content"
    return f"{sum(scores) / len(scores):.1f} ★"


def _weeks(found: Sequence[Feedback], now: datetime) -> list[tuple[str, list[dict[str, Any]]]]:
    """By ISO week, newest first."""
    weeks: dict[str, list[Feedback]] = {}
    for each in found:
        if each.answered_at is not None:
            year, week, _ = each.answered_at.isocalendar()
            weeks.setdefault(f"{year} week {week:02}", []).append(each)
    return [(week, _figures(rows)) for week, rows in sorted(weeks.items(), reverse=True)]


def _places(
    found: Sequence[Feedback], names: dict[int, str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    places: dict[str, list[Feedback]] = {}
    for each in found:
        if each.station_id is not None:
            places.setdefault(names.get(each.station_id, ""), []).append(each)
    return [(name, _figures(rows)) for name, rows in sorted(places.items())]


def _row(each: Feedback, names: dict[int, str], chats: dict[int, int]) -> dict[str, Any]:
    kind: rules.Kind = "nps" if each.kind == "nps" else "stars"
    return {
        "at": each.answered_at, "kind": each.kind.upper(), "score": each.score,
        "high": each.scale_high, "low": rules.is_low(kind, each.score or 0),
        "why": ", ".join(filter(None, (each.reason, *each.tags))),
        "text": shown_text(each.text), "station": names.get(each.station_id or 0, ""),
        "chat": chats.get(each.rider_id), "subject": each.subject,
    }  # fmt: skip


def _csv(rows: Sequence[Feedback], names: dict[int, str]) -> str:
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow(["answered_utc", "question", "score", "scale", "subject", "station", "reason",
                    "tags", "comment"])  # fmt: skip
    for each in rows:
        text = shown_text(each.text)
        safe = f"'{text}" if text[:1] in "=+-@\t\r" else text
        write.writerow([
            each.answered_at.isoformat() if each.answered_at else "", each.kind, each.score,
            f"{each.scale_low}-{each.scale_high}", each.subject,
            names.get(each.station_id or 0, ""), each.reason, " ".join(each.tags), safe,
        ])  # fmt: skip
    return out.getvalue()
