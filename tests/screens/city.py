"""A small city and a site that serves it: what the tests of the rider pages stand on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from bot.domain.codes import evse_code, pile_id
from bot.settings import Settings, read
from bot.store.database import Store, make_engine
from bot.store.stations import Evse, Pile, Station, Tariff, TariffVersion
from bot.web import media, site
from bot.web.headers import add_headers
from tests.databases import with_tables

NOW = datetime(2026, 11, 20, 12, 2, tzinfo=UTC)  # 14:02 in Helsinki
PHONE = "+358401234567"


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **amount: float) -> None:
        """Let time pass, as timedelta takes it."""
        self.now += timedelta(**amount)


def make_settings(**changes: str) -> Settings:
    """Settings of a test site."""
    return read(
        {
            "PUBLIC_URL": "http://localhost",
            "DATABASE_URL": "sqlite://",
            "REDIS_URL": "redis://127.0.0.1:1",
            "MQTT_URL": "mqtt://127.0.0.1:1",
            "SECRET_KEY": "k" * 40,
            "TWILIO_ACCOUNT_SID": "AC1",
            "TWILIO_AUTH_TOKEN": "token",
            "TWILIO_FROM": "whatsapp:+14155238886",
            "STRIPE_SECRET_KEY": "sk",
            "STRIPE_WEBHOOK_SECRET": "whsec",
            **changes,
        }
    )


TARIFF: dict[str, Any] = {
    "elements": [
        {"kind": "energy", "price": "0.29", "per": "kwh"},
        {"kind": "idle", "price": "0.05", "per": "min", "step": 60},
    ],
    "idle_grace_s": 1800,
}


def make_store(url: str, clock: Callable[[], datetime]) -> Store:
    """A database with one station: pile 1023 with two sockets, heard a moment ago."""
    engine = with_tables(make_engine(url))
    store = Store(engine, clock=clock)
    with store.begin() as work:
        tariff = Tariff(name="AC", currency="EUR")
        station = Station(
            name="Kamppi Garage", address="Urho Kekkosen katu 1, Helsinki", lat=60.1690,
            lng=24.9330, tz="Europe/Helsinki", country="FI", currency="EUR", tax_percent="25.5",
            directions="Level -2, beside the lift.",
        )  # fmt: skip
        work.session.add_all([tariff, station])
        work.session.flush()
        work.session.add(
            TariffVersion(tariff_id=tariff.id, valid_from=NOW - timedelta(days=1), body=TARIFF)
        )
        work.session.add(
            Pile(
                id=pile_id("1023"), number="1023", station_id=station.id, kind="ac", online=True,
                seen_at=work.now,
            )
        )  # fmt: skip
        work.session.flush()
        for number, status in ((1, "Occupied"), (2, "Available")):
            work.session.add(
                Evse(
                    pile_id=pile_id("1023"), number=number, code=evse_code("1023", number),
                    connector_type="IEC_62196_T2", max_power_w=22_000, tariff_id=tariff.id,
                    status=status, status_at=work.now,
                )
            )  # fmt: skip
    return store


def make_app(store: Store, settings: Settings) -> Flask:
    """The riders' site as the web process serves it."""
    app = Flask("site", static_folder=None)
    app.register_blueprint(site.blueprint(store, settings))
    app.register_blueprint(media.blueprint(store))
    add_headers(app, settings)
    return app


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """The app on a port of this machine; its address."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
