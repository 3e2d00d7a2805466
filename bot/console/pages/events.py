"""The live line: a stream of events, the same by polling, the bell, and the files of the app."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from flask import Response, jsonify, request, send_from_directory, url_for
from sqlalchemy import func, select, update

from bot.console import worklist
from bot.console.context import Console
from bot.console.guard import PUBLIC, Routes
from bot.console.stream import AT_ONCE, Cursor, Hub, frames, replay
from bot.services import clocks, staff_sessions
from bot.store.desk import Incident
from bot.store.riders import Conversation
from bot.store.staff import Staff

STATIC: Final = Path(__file__).resolve().parents[1] / "static"
STREAMS: Final = 100  # of one process; each holds a thread


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /events /events/poll /events/bell /console.webmanifest /sw.js."""
    hub = Hub(console.store)
    open_streams: set[object] = set()

    @routes.page("/events", right="self")
    def stream() -> Any:
        if len(open_streams) >= STREAMS:
            return "Too many open consoles; this one polls.", 503, {"Retry-After": "20"}
        me = console.me()
        _is_here(console, me.staff_id)
        mine = object()
        open_streams.add(mine)

        def still_allowed() -> bool:
            return _is_here(console, me.staff_id) and _session_is_good(console, me.session_id)

        response = Response(
            frames(hub, _seen(), still_allowed),
            mimetype="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        response.call_on_close(lambda: open_streams.discard(mine))
        return response

    @routes.page("/events/poll", right="self")
    def poll() -> Any:
        _is_here(console, console.me().staff_id)
        with console.store.read() as work:
            missed = replay(work, _seen())[:AT_ONCE]
        refs = [one.ref for one in missed if one.ref not in ("", "hello")]
        resync = any(not one.ref for one in missed)
        return jsonify(cursor=str(missed[-1].cursor), refs=refs, resync=resync)

    @routes.page("/events/bell", right="self")
    def bell() -> Any:
        """What sounds hang on: who waits, whether somebody wrote to me, open danger."""
        me = console.me()
        with console.store.read() as work:
            counted = worklist.counts(work, me.actor())
            mine = select(func.count(), func.max(Conversation.waiting_since)).where(
                Conversation.owner == "human",
                Conversation.owner_id == me.staff_id,
                Conversation.waiting_since.is_not(None),
            )
            waiting, newest_wait = work.session.execute(mine).one()
            alarms = select(func.count()).where(Incident.state == "open")
            danger = work.session.scalar(alarms) or 0
            urgent = len(clocks.running(work, "urgent")) if me.may("case.read") else 0
        return jsonify(
            queue=counted["queue"],
            mine=waiting,
            mine_mark=newest_wait.isoformat() if newest_wait else "",
            urgent=urgent,
            danger=danger if me.may("incident.read") else 0,
        )

    @routes.page("/console.webmanifest", right=PUBLIC)
    def manifest() -> Any:
        icon = {"src": site_static("icon.svg"), "sizes": "any", "type": "image/svg+xml"}
        return jsonify(
            name=f"{console.settings.brand} console", short_name=console.settings.brand,
            start_url="/", display="standalone", background_color="#f4f6f5",
            theme_color="#0b6e4f", icons=[icon],
        )  # fmt: skip

    @routes.page("/sw.js", right=PUBLIC)
    def service_worker() -> Any:
        """At the root, so that its scope is the whole console."""
        answer = send_from_directory(STATIC, "sw.js", mimetype="text/javascript")
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def site_static(name: str) -> str:
    """The address of a file of static/."""
    return url_for("console.static", filename=name)


def _seen() -> Cursor | None:
    """What the browser saw last, as EventSource tells it or as the page's script does."""
    return Cursor.parse(request.headers.get("Last-Event-ID") or request.args.get("since", ""))


def _is_here(console: Console, staff_id: int) -> bool:
    """An open line is the sign of life that presence counts with."""
    with console.store.begin() as work:
        work.session.execute(update(Staff).where(Staff.id == staff_id).values(seen_at=work.now))
    return True


def _session_is_good(console: Console, session_id: int) -> bool:
    with console.store.read() as work:
        return staff_sessions.is_good(work, session_id)
