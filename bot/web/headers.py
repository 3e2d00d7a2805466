"""Security headers for every answer of the web process."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response

from bot.settings import Settings

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def policy(settings: Settings) -> str:
    """POLICY, with the host of the map's tiles where they are set."""
    if not settings.map_tiles:
        return POLICY
    tiles = urlsplit(settings.map_tiles)
    return POLICY.replace("img-src 'self'", f"img-src 'self' {tiles.scheme}://{tiles.netloc}")


def add_headers(app: Flask, settings: Settings, *, address: str = "") -> None:
    """Set the headers after each request; a view that set one itself keeps its own.

    `address` is where this process is reached, PUBLIC_URL unless given: https is made to stay.
    """
    headers = {
        "Content-Security-Policy": policy(settings),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "geolocation=(self), camera=(self), microphone=(), payment=()",
    }
    if (address or settings.public_url).startswith("https:"):
        headers["Strict-Transport-Security"] = "max-age=31536000"

    @app.after_request
    def _add(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response
