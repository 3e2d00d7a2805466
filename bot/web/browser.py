"""The browser behind a request: its cookie, its rider, its language and its CSRF token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from bot.gateways.translate import language
from bot.services import weblogin
from bot.settings import Settings
from bot.store.database import Store
from bot.store.riders import Rider

VISIT_LASTS = timedelta(hours=2)


class Browser:
    """Reads and writes the two cookies: a visit (any browser, for CSRF) and a session (a rider).

    The names carry `__Host-` where the site is https, so that no other host can set them.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.secure = settings.public_url.startswith("https:")
        prefix = "__Host-" if self.secure else ""
        self.session_cookie = f"{prefix}pilebot"
        self.visit_cookie = f"{prefix}pilebot-visit"

    def rider(self) -> Rider | None:
        """The logged-in rider, looked up once a request."""
        if "rider" not in g:
            token = request.cookies.get(self.session_cookie, "")
            g.rider = None
            if token:
                with self.store.read() as work:
                    g.rider = weblogin.session_rider(work, token)
        found: Rider | None = g.rider
        return found

    def language(self) -> str:
        """The rider's language, else the browser's first that we speak."""
        rider = self.rider()
        if rider is not None and rider.lang:
            return language(rider.lang)
        for tag in request.accept_languages.values():
            found = language(tag)
            if found != "en" or tag.lower().startswith("en"):
                return found
        return "en"

    def csrf(self) -> str:
        """The token that forms and scripts of this browser must send back."""
        return self._token(self._anchor())

    def check_csrf(self) -> None:
        """Abort with 403 unless this unsafe request comes from one of our own pages."""
        origin = urlsplit(request.headers.get("Origin", ""))
        ours = {request.host, urlsplit(self.settings.public_url).netloc}
        if origin.scheme and origin.netloc not in ours:
            abort(403)
        sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
        if not hmac.compare_digest(sent.encode(), self._token(self._anchor()).encode()):
            abort(403)

    def log_in(self, response: AnyResponse, token: str) -> None:
        """Hand the browser a fresh session and end its anonymous visit."""
        self._set(response, self.session_cookie, token, weblogin.SESSION_LASTS)
        response.delete_cookie(self.visit_cookie, secure=self.secure)

    def log_out(self, response: AnyResponse) -> None:
        """End the session here and in the database."""
        with self.store.begin() as work:
            weblogin.close_session(work, request.cookies.get(self.session_cookie, ""))
        response.delete_cookie(self.session_cookie, secure=self.secure)

    def remember_visit(self, response: Response) -> Response:
        """After a request that made a visit: give the browser its cookie.

        Pages carry tokens of one browser, so no cache may hand them to another.
        """
        if response.mimetype == "text/html":
            response.headers.setdefault("Cache-Control", "private, no-cache")
        if fresh := g.get("fresh_visit"):
            self._set(response, self.visit_cookie, fresh, VISIT_LASTS)
        return response

    def _anchor(self) -> str:
        """What the CSRF token is bound to: the session, else this browser's visit."""
        if self.rider() is not None:
            return request.cookies[self.session_cookie]
        if visit := request.cookies.get(self.visit_cookie):
            return visit
        if "fresh_visit" not in g:
            g.fresh_visit = secrets.token_urlsafe(18)
        fresh: str = g.fresh_visit
        return fresh

    def _token(self, anchor: str) -> str:
        key = self.settings.secret_key.encode()
        return hmac.new(key, f"csrf:{anchor}".encode(), hashlib.sha256).hexdigest()

    def _set(self, response: AnyResponse, name: str, value: str, lasts: timedelta) -> None:
        response.set_cookie(
            name, value, max_age=lasts, httponly=True, secure=self.secure, samesite="Lax", path="/"
        )
