"""The console's live line: a stream of events, and the same by polling where streams fail."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, jsonify, request
from sqlalchemy import update

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.stream import AT_ONCE, Cursor, Hub, frames, replay
from bot.store.staff import Staff, StaffSession

STREAMS: Final = 100  # of one process; each holds a thread


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /events /events/poll."""
    hub = Hub(console.store)
    open_streams: set[object] = set()

    @routes.page("/events", right="self")
    def stream() -> Any:
        if len(open_streams) >= STREAMS:
            return "Too many open consoles; this one polls.", 503, {"Retry-After": "20"}
        me = console.me()
        mine = object()
        open_streams.add(mine)
        _is_here(console, me.staff_id)

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
        session = work.session.get(StaffSession, session_id)
        return session is not None and session.revoked_at is None and session.expires_at > work.now
