"""Serves stored files under their unguessable address."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, abort, request

from bot.gateways.media import find_media
from bot.store.database import Store

# Only what a browser shows without running anything is shown; all else is downloaded.
_SHOWN = {"image/jpeg", "image/png", "image/webp", "application/pdf"}


def blueprint(store: Store) -> Blueprint:
    """GET /media/<token> and /media/<token>/<name>; 404 when unknown or expired."""
    pages = Blueprint("media", __name__)

    @pages.get("/media/<token>")
    @pages.get("/media/<token>/<name>")
    def media(token: str, name: str = "") -> Response:
        with store.read() as work:
            found = find_media(work, token)
            if found is None:
                abort(404)
            seconds_left = int((found.expires_at - work.now).total_seconds())
        shown = found.content_type in _SHOWN
        response = Response(
            found.data, content_type=found.content_type if shown else "application/octet-stream"
        )
        place = "inline" if shown else "attachment"
        response.headers["Content-Disposition"] = f"{place}; filename*=UTF-8''{quote(found.name)}"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.headers["Cache-Control"] = f"private, max-age={min(seconds_left, 86_400)}"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.set_etag(found.token)
        return response.make_conditional(request)  # type: ignore[return-value] # werkzeug's Response

    return pages
