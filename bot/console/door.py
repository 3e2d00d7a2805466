"""Who is behind a request: the session cookie, the CSRF token, and the note of who was denied."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from flask import Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from bot.console.guard import Me
from bot.services import audit, staff_sessions
from bot.services.staff_login import DEVICE_LASTS, Visitor, device_token
from bot.settings import Settings
from bot.store.database import Store
from bot.store.staff import Staff, StaffSession

VISIT_LASTS: Final = timedelta(hours=2)
_BACKGROUND: Final = ("events_stream", "events_poll", "events_bell")


class Door:
    """The guard's doorman: sessions in the database, one cookie each for visit and session."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.secure = settings.console_url.startswith("https:")
        prefix = "__Host-" if self.secure else ""
        self.cookie = f"{prefix}pilebot-staff"
        self.visit_cookie = f"{prefix}pilebot-staff-visit"
        self.device_cookie = f"{prefix}pilebot-staff-device"

    def me(self) -> Me | None:
        """The logged-in person, second factor given."""
        found = self.session()
        if found is None or found[1].totp_at is None:
            return None
        staff, session = found
        return Me(
            staff_id=staff.id,
            session_id=session.id,
            name=staff.name,
            role=staff.role,
            ip=request.remote_addr or "",
            langs=tuple(staff.langs),
            skills=tuple(staff.skills),
            preferences=dict(staff.preferences),
            factor_at=session.totp_at,
        )

    def session(self) -> tuple[Staff, StaffSession] | None:
        """The session of this request, second factor or not; looked up once a request."""
        if "staff_session" not in g:
            token = request.cookies.get(self.cookie, "")
            with self.store.read() as work:
                g.staff_session = staff_sessions.find_session(work, token)
                stale = g.staff_session and work.now - g.staff_session[1].seen_at > timedelta(
                    minutes=1
                )
            if stale and not _by_itself():
                with self.store.begin() as work:
                    staff_sessions.seen(work, g.staff_session[1].id)
        found: tuple[Staff, StaffSession] | None = g.staff_session
        return found

    def visitor(self) -> Visitor:
        """The browser at the door, with the accounts it is known to."""
        start = f"{self.device_cookie}-"
        devices = {
            name.removeprefix(start): value
            for name, value in request.cookies.items()
            if name.startswith(start)
        }
        browser = request.headers.get("User-Agent", "")[:160]
        return Visitor(request.remote_addr or "", browser, devices)

    def remember_device(self, response: AnyResponse, staff: Staff) -> None:
        """Let a browser be known to an account the next time."""
        token = device_token(self.settings, staff, self.store.clock())
        self._set(response, f"{self.device_cookie}-{staff.id}", token, DEVICE_LASTS)

    def csrf(self) -> str:
        """The token that forms and scripts of this browser must send back."""
        return self._token(self._anchor())

    def check_origin(self) -> None:
        """Abort with 403 unless this unsafe request comes from one of our own pages."""
        try:
            origin = urlsplit(request.headers.get("Origin", ""))
        except ValueError:
            abort(403)
        ours = {request.host, urlsplit(self.settings.console_url).netloc}
        if origin.scheme and origin.netloc not in ours:
            abort(403)
        sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
        if not hmac.compare_digest(sent.encode(), self.csrf().encode()):
            abort(403)

    def denied(self, me: Me, right: str) -> None:
        """Somebody tried what they may not: for the audit log."""
        with self.store.begin() as work:
            audit.record(work, me.actor(), "denied", right, after={"path": request.path})

    def let_in(self, response: AnyResponse, token: str) -> None:
        """Hand the browser a fresh session and end its anonymous visit."""
        self._set(response, self.cookie, token, staff_sessions.ABSOLUTE)
        response.delete_cookie(self.visit_cookie, secure=self.secure)

    def let_out(self, response: AnyResponse) -> None:
        """Take the session's cookie away; the row is the caller's to revoke."""
        response.delete_cookie(self.cookie, secure=self.secure)

    def remember_visit(self, response: Response) -> Response:
        """After each request: nothing here may be cached; a new visit gets its cookie."""
        if response.mimetype in ("text/html", "application/json", "text/csv"):
            response.headers["Cache-Control"] = "no-store"
        if fresh := g.get("fresh_visit"):
            self._set(response, self.visit_cookie, fresh, VISIT_LASTS)
        return response

    def _anchor(self) -> str:
        if self.session() is not None:
            return request.cookies[self.cookie]
        if visit := request.cookies.get(self.visit_cookie):
            return visit
        if "fresh_visit" not in g:
            g.fresh_visit = secrets.token_urlsafe(18)
        fresh: str = g.fresh_visit
        return fresh

    def _token(self, anchor: str) -> str:
        key = self.settings.secret_key.encode()
        return hmac.new(key, f"console:{anchor}".encode(), hashlib.sha256).hexdigest()

    def _set(self, response: AnyResponse, name: str, value: str, lasts: timedelta) -> None:
        response.set_cookie(
            name, value, max_age=lasts, httponly=True, secure=self.secure, samesite="Lax", path="/"
        )


def _by_itself() -> bool:
    """Whether an open page asks without anybody doing something: that keeps no session alive.

    A script could leave the header out, but only for a session that it holds anyway.
    """
    endpoint = (request.endpoint or "").rpartition(".")[2]
    looks_on = endpoint == "conversation_viewing" and request.form.get("state") != "typing"
    return looks_on or endpoint in _BACKGROUND or "X-Background" in request.headers
