"""Composes the stand-in and serves it; `main` is its command line for the supervisor."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server

from bot.demo.stripe_standin import api, demo, pages
from bot.demo.stripe_standin.book import Book
from bot.demo.stripe_standin.checkout import Checkout
from bot.demo.stripe_standin.engine import Engine
from bot.demo.stripe_standin.faults import Faults
from bot.demo.stripe_standin.sender import Sender
from bot.gateways.stripe_events import EVENTS

API_KEY: Final = "sk_test_standin"
WEBHOOK_SECRET: Final = "whsec_standin"  # noqa: S105 - signs the demo's own events, guards nothing


def create_app(
    webhook_url: str,
    webhook_secret: str = WEBHOOK_SECRET,
    api_key: str = API_KEY,
    data_path: Path | None = None,
    *,
    brand: str = "Pilebot",
    events: frozenset[str] | None = frozenset(EVENTS),
    clock: Callable[[], float] = time.time,
    delivering: bool = True,
) -> Flask:
    """The stand-in as a Flask app that already delivers its webhooks.

    `data_path` None keeps everything in memory. `events` None sends every kind. `delivering` False:
    events are kept for those who ask, and time stands still but for `/demo/lapse`. Call
    `app.extensions["stripe_standin"]()` to stop it.
    """
    engine = Engine(Book(data_path), clock)
    checkout, faults = Checkout(engine), Faults()
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(api.blueprint(engine, checkout, faults, api_key))
    app.register_blueprint(demo.blueprint(engine, checkout, faults))
    app.register_blueprint(pages.blueprint(engine, checkout, brand))
    app.add_url_rule("/healthz", view_func=lambda: "ok")
    sender = Sender(engine, checkout, webhook_url, webhook_secret, events)
    if delivering:
        sender.start()
    engine.events_enabled = delivering

    def close() -> None:
        sender.close()
        engine.book.close()

    app.extensions["stripe_standin"] = close
    return app


@contextlib.contextmanager
def serving(app: Flask, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread; yields the base URL (tests)."""
    server: BaseWSGIServer = make_server(host, port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="stripe_standin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, help="SQLite file; without it nothing is kept")
    parser.add_argument("--webhook-url", required=True)
    parser.add_argument("--webhook-secret", default=os.environ.get("STRIPE_WEBHOOK_SECRET"))
    parser.add_argument("--api-key", default=os.environ.get("STRIPE_SECRET_KEY"))
    parser.add_argument("--brand", default="Pilebot")
    given = parser.parse_args(argv)
    app = create_app(
        given.webhook_url, given.webhook_secret or WEBHOOK_SECRET, given.api_key or API_KEY,
        given.data, brand=given.brand,
    )  # fmt: skip
    server = make_server(given.host, given.port, app, threaded=True)

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"stripe stand-in on http://{given.host}:{server.server_port}", file=sys.stderr)
    server.serve_forever()
    app.extensions["stripe_standin"]()
    return 0
