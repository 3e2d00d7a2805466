"""The demo page's server: the page itself, and a way to the stand-ins from the page's origin."""

from __future__ import annotations

import argparse
import io
import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import httpx
from flask import (
    Flask,
    Response,
    abort,
    jsonify,
    redirect,
    render_template,
    request,
    send_from_directory,
)
from PIL import Image
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as AnyResponse

from bot.demo.helsinki import STATIONS
from bot.demo.phone import phones, piles
from bot.demo.phone.config import PhoneConfig, load
from bot.demo.photos import Style, sticker_photo
from bot.domain.codes import evse_code, parse
from bot.gateways.maps import base_map
from bot.gateways.stickers import Label
from bot.web.site import ASSETS
from bot.web.texts import chat_texts

MAP_WIDTH_PX = 1000
MAP_NORTH = 60.1752  # north of the last station there is only the bay
STYLES: Final[dict[Style, str]] = {
    "clean": "Clean",
    "angle": "At an angle",
    "dark": "Dark",
    "blurred": "Blurred",
    "two": "Two stickers",
    "foreign": "Foreign QR",
    "none": "No sticker",
}
POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def create_app(config: PhoneConfig) -> Flask:
    """The demo's page and its small JSON API; docs/demo.md describes what programs use."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 64_000_000
    http = httpx.Client(timeout=httpx.Timeout(15.0, read=30.0))
    app.register_blueprint(phones.blueprint(config, http))
    app.register_blueprint(piles.blueprint(config, http))

    @app.get("/")
    def page() -> str:
        _, bounds = _map()
        data = {
            "brand": config.brand,
            "riders": [{"address": r.address, "has_card": r.has_card} for r in config.riders],
            "texts": chat_texts("en"),
            "bounds": bounds,
            "places": [{"name": s.name, "lat": s.lat, "lng": s.lng} for s in STATIONS],
            "styles": list(STYLES.items()),
            "first_code": evse_code(str(STATIONS[0].first_number), 1),
        }
        return render_template("phone.html", brand=config.brand, config=config, page=data)

    @app.get("/assets/<path:name>")
    def assets(name: str) -> Response:
        return send_from_directory(ASSETS, name)

    @app.get("/wa/<number>")
    def click_to_chat(number: str) -> AnyResponse:
        """What https://wa.me/<number>?text=… is in the demo: the phone page with that text."""
        return redirect(f"/?{httpx.QueryParams(text=request.args.get('text', ''))}")

    @app.get("/map.png")
    def city_map() -> Response:
        return _cached(_map()[0], "image/png")

    @app.get("/map-at")
    def map_at() -> Response:
        """The part of the map around a place, for location bubbles."""
        lat, lng = request.args.get("lat", type=float), request.args.get("lng", type=float)
        if lat is None or lng is None:
            abort(404)
        return _cached(_around(lat, lng), "image/png")

    @app.get("/stickers/<code>/<style>.jpg")
    def sticker(code: str, style: str) -> Response:
        known = parse(code)
        if known is None or known.evse_number is None:
            abort(404)
        wanted: Style | None = next((each for each in STYLES if each == style), None)
        if wanted is None:
            abort(404)
        seed = request.args.get("seed", 1, type=int)
        label = _label(config, known.pile_number, known.evse_number)
        return _cached(_sticker(label, wanted, seed), "image/jpeg")

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    @app.errorhandler(httpx.TransportError)
    def away(error: httpx.TransportError) -> tuple[Response, int]:
        return jsonify(error="That part of the demo does not answer just now."), 503

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app


def _cached(data: bytes, content_type: str) -> Response:
    response = Response(data, content_type=content_type)
    response.cache_control.max_age = 3600
    return response


@lru_cache(maxsize=1)
def _map() -> tuple[bytes, tuple[float, float, float, float]]:
    """The bundled map without its empty north, as PNG, and its (west, south, east, north)."""
    data, (west, south, east, north) = base_map(MAP_WIDTH_PX)
    with Image.open(io.BytesIO(data)) as whole:
        top = round((north - MAP_NORTH) / (north - south) * whole.height)
        cut = whole.crop((0, top, whole.width, whole.height))
    written = io.BytesIO()
    cut.save(written, "PNG", optimize=True)
    bounds = (west, south, east, north - top / whole.height * (north - south))
    return written.getvalue(), bounds


@lru_cache(maxsize=256)
def _around(lat: float, lng: float) -> bytes:
    """A 560 × 236 cut of the map with the place in its middle; 404 outside of the map."""
    data, (west, south, east, north) = _map()
    if not (west <= lng <= east and south <= lat <= north):
        abort(404)
    with Image.open(io.BytesIO(data)) as whole:
        x = (lng - west) / (east - west) * whole.width
        y = (north - lat) / (north - south) * whole.height
        cut = whole.convert("RGB").crop(
            (round(x - 140), round(y - 59), round(x + 140), round(y + 59))
        )
    written = io.BytesIO()
    cut.resize((560, 236), Image.Resampling.LANCZOS).save(written, "PNG")
    return written.getvalue()


def _label(config: PhoneConfig, pile_number: str, evse_number: int) -> Label:
    place = piles.places().get(pile_number)
    connectors = place["connectors"] if place else []
    plug = connectors[evse_number - 1] if evse_number <= len(connectors) else "Type 2"
    power = place["power_label"] if place else "22 kW"
    return Label(
        code=evse_code(pile_number, evse_number),
        evse_number=evse_number,
        connector=f"{plug}, {power}",
        public_url=config.public_url,
        whatsapp_number=config.sender,
    )


@lru_cache(maxsize=512)
def _sticker(label: Label, style: Style, seed: int) -> bytes:
    return sticker_photo(label, style, seed)


def main(argv: Sequence[str]) -> int:
    """Serve the demo page until told to stop."""
    parser = argparse.ArgumentParser(prog="bot.demo.phone", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON with PhoneConfig's fields")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(argv)
    app = create_app(load(options.config))
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    make_server(options.host, options.port, app, threaded=True).serve_forever()
    return 0
