"""A rider who wants to charge, the product's web process, and a Stripe to talk to, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from bot.demo.stripe_standin import create_app
from bot.demo.stripe_standin.server import serving
from bot.errors import GiveUp, TryAgain
from bot.gateways.payments import deliver_payment
from bot.gateways.stripe_client import client_for
from bot.gateways.stripe_events import on_stripe_event
from bot.replies import Say, dump
from bot.services import payment_results
from bot.settings import Settings, read
from bot.store import inbox, outbox
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import Store, make_engine, utc_now
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile, Station, Tariff
from bot.web import site, stripe_webhook
from tests.databases import postgres_server, postgres_url, sqlite_url, with_tables

__all__ = ["postgres_server", "postgres_url", "sqlite_url"]  # fixtures, found by their names

KEY = "sk_test_tests"
SECRET = "whsec_tests"
ABOUT = {"title": dump(Say("{text}", {"text": "1023-27"})), "note": dump(Say("Held."))}


def make_settings(**changes: str) -> Settings:
    """Settings of a test installation."""
    return read(
        {
            "PUBLIC_URL": "http://localhost",
            "DATABASE_URL": "sqlite://",
            "REDIS_URL": "redis://127.0.0.1:1",
            "MQTT_URL": "mqtt://127.0.0.1:1",
            "SECRET_KEY": "k" * 40,
            "TWILIO_ACCOUNT_SID": "AC1",
            "TWILIO_AUTH_TOKEN": "t",
            "TWILIO_FROM": "whatsapp:+14155238886",
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "METER_PACE": "1000",
            **changes,
        }
    )


def eventually(what: Callable[[], Any], *, within_s: float = 15) -> Any:
    """The first true value of `what`; fails when there is none in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class World:
    """The test's hands: makes riders and holds, runs effects, and looks at both sides."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.stripe = client_for(settings)
        self.demo = httpx.Client(base_url=settings.stripe_api_url, timeout=10)
        self._count = 0

    # Making things.

    def rider(self, card: str | None = None) -> Rider:
        """A rider; `card` is one of Stripe's ready-made payment methods, saved beforehand."""
        with self.store.begin() as work:
            rider = Rider(created_at=work.now, lang="en")
            work.session.add(rider)
        if card is not None:
            customer = self.stripe.v1.customers.create({"name": "Aino"})
            method = self.stripe.v1.payment_methods.attach(card, {"customer": customer.id})
            with self.store.begin() as work:
                row = work.session.get_one(Rider, rider.id)
                row.stripe_customer, row.stripe_payment_method = customer.id, method.id
                row.card_label = "Visa 4242"
        return rider

    def hold(self, rider: Rider, amount_minor: int = 2000, *, age: timedelta = timedelta()) -> Hold:
        """A hold as the charging service writes it before it asks for the money."""
        self._count += 1
        with self.store.begin() as work:
            charge = ChargingSession(
                key=f"yes-{self._count}", rider_id=rider.id, evse_id=1, state="holding",
                facts={}, tariff={}, open=False, created_at=work.now,
            )  # fmt: skip
            work.session.add(charge)
            work.session.flush()
            hold = Hold(
                subject=f"session:{charge.id}", session_id=charge.id, about=ABOUT,
                rider_id=rider.id, amount_minor=amount_minor,
                currency="EUR", created_at=work.now - age, updated_at=work.now - age,
            )  # fmt: skip
            work.session.add(hold)
        return hold

    def set(self, hold: Hold, **columns: Any) -> None:
        """What the charging service decides about a hold."""
        with self.store.begin() as work:
            row = work.session.get_one(Hold, hold.id)
            for name, value in columns.items():
                setattr(row, name, value)

    def refund(self, hold: Hold, amount_minor: int, *, age: timedelta = timedelta()) -> Refund:
        """An approved refund."""
        with self.store.begin() as work:
            refund = Refund(
                hold_id=hold.id, amount_minor=amount_minor, currency="EUR", reason="broken pile",
                created_at=work.now - age,
            )  # fmt: skip
            work.session.add(refund)
        return refund

    # Running effects.

    def deliver(self, kind: str, hold: Hold, settings: Settings | None = None, **more: Any) -> None:
        """What the outbox relay does."""
        body = {"hold_id": hold.id, **more}
        deliver_payment(self.store, settings or self.settings, f"payment.{kind}", body)

    def deliver_refund(self, refund: Refund) -> None:
        """What the outbox relay does with a refund."""
        deliver_payment(self.store, self.settings, "payment.refund", {"refund_id": refund.id})

    def place(self, hold: Hold) -> dict[str, Any]:
        """Ask for the hold and let the charging service take note."""
        self.deliver("hold", hold)
        result = self.results(hold)[-1]
        state = {"held": "held", "needs_rider": "waiting"}.get(result["outcome"], "failed")
        self.set(hold, state=state)
        return result

    def work_off(self) -> None:
        """Serve Stripe's events and the money effects that wait, until nothing is left."""
        while self._serve_event() or self._deliver_effect():
            pass

    def settle(self, *, timers: bool = False) -> None:
        """`work_off`, and let the services hear of it; `timers`: also those that lie ahead."""
        while self._serve_event() or self._deliver_effect() or self._serve_result(timers):
            pass

    def _serve_result(self, timers: bool) -> bool:
        handlers = {
            "payment.result": payment_results.on_payment_result,
            "payment.timer": payment_results.on_timer,
        }
        kinds = list(handlers) if timers else ["payment.result"]
        with self.store.begin() as work:
            waiting = select(Inbox).where(Inbox.state == "open", Inbox.kind.in_(kinds))
            row = work.session.scalars(waiting.order_by(Inbox.id)).first()
            if row is None:
                return False
            handlers[row.kind](work, self.settings, row.body)
            inbox.finish(work, row)
        return True

    def _serve_event(self) -> bool:
        with self.store.begin() as work:
            waiting = select(Inbox).where(Inbox.state == "open", Inbox.kind == "stripe.event")
            row = work.session.scalars(waiting.order_by(Inbox.id)).first()
            if row is None:
                return False
            on_stripe_event(work, self.settings, row.body)
            inbox.finish(work, row)
        return True

    def _deliver_effect(self) -> bool:
        with self.store.begin() as work:
            row = outbox.claim(work, "worker")
        if row is None:
            return False
        state = "done"
        try:
            deliver_payment(self.store, self.settings, row.kind, row.body)
        except GiveUp:
            state = "failed"
        except TryAgain:
            state = "open"
        with self.store.begin() as work:
            outbox.finish(work, row, state=state)
        return True

    # Looking.

    def row(self, hold: Hold) -> Hold:
        """The hold as it is now."""
        with self.store.read() as work:
            return work.session.get_one(Hold, hold.id)

    def rider_row(self, rider: Rider) -> Rider:
        """The rider as it is now."""
        with self.store.read() as work:
            return work.session.get_one(Rider, rider.id)

    def results(self, hold: Hold) -> list[dict[str, Any]]:
        """What the session was told about a hold, in order."""
        with self.store.read() as work:
            rows = work.session.scalars(
                select(Inbox).where(Inbox.kind == "payment.result").order_by(Inbox.id)
            ).all()
        return [row.body for row in rows if row.body["hold_id"] == hold.id]

    def outcomes(self, hold: Hold) -> list[str]:
        """The names of what the session was told."""
        return [result["outcome"] for result in self.results(hold)]

    def events(self) -> list[str]:
        """Types of the Stripe events that reached the inbox."""
        with self.store.read() as work:
            rows = work.session.scalars(select(Inbox).where(Inbox.source == "stripe")).all()
        return [row.body["event"]["type"] for row in rows]

    def effects(self) -> list[Outbox]:
        """Money effects asked for, in order."""
        with self.store.read() as work:
            return list(work.session.scalars(select(Outbox).order_by(Outbox.id)))

    def intents(self) -> list[stripe.PaymentIntent]:
        """All payment intents at Stripe, newest first."""
        return list(self.stripe.v1.payment_intents.list({"limit": 100}).data)

    def intent(self, hold: Hold) -> stripe.PaymentIntent:
        """The hold's payment intent at Stripe."""
        return self.stripe.v1.payment_intents.retrieve(
            self.row(hold).payment_intent or "", {"expand": ["latest_charge"]}
        )

    # Stripe's side.

    def pay(self, hold: Hold, card: str = "4242424242424242", **more: Any) -> httpx.Response:
        """The rider pays the page."""
        page = self.row(hold).checkout_session
        return self.demo.post(f"/demo/checkout/{page}/pay", json={"card": card, **more})

    def fault(self, match: str, **fault: Any) -> None:
        """Order trouble for the next matching request."""
        assert self.demo.post("/demo/faults", json={"match": match, **fault}).is_success

    def lose_events(self) -> None:
        """From now on Stripe's events do not arrive."""
        self.demo.post("/demo/webhook", json={"enabled": False})


@contextmanager
def serve_late() -> Iterator[tuple[str, Callable[[Flask], None]]]:
    """A server whose address is known before its app."""
    apps: list[Flask] = []
    server = make_server(
        "127.0.0.1", 0, lambda environ, start: apps[0](environ, start), threaded=True
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", apps.append
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def fill(store: Store) -> None:
    """One pile with one EVSE."""
    with_tables(store.engine)
    with store.begin() as work:
        station = Station(
            name="Kamppi", address="Urho Kekkosen katu 1", lat=60.169, lng=24.933,
            tz="Europe/Helsinki", country="FI", currency="EUR", tax_percent="25.5",
        )  # fmt: skip
        tariff = Tariff(name="City", currency="EUR")
        work.session.add_all([station, tariff])
        work.session.flush()
        work.session.add(Pile(id="P001023", number="1023", station_id=station.id, kind="ac"))
        work.session.flush()
        work.session.add(
            Evse(
                id=1,
                pile_id="P001023",
                number=2,
                code="1023-27",
                connector_type="IEC_62196_T2",
                max_power_w=11000,
                tariff_id=tariff.id,
            )
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What moves money is tested on both databases, the rest on SQLite."""
    if "database_kind" in metafunc.fixturenames:
        money = metafunc.module.__name__.endswith(("test_settling", "test_trouble"))
        postgres = [pytest.param("postgres", marks=pytest.mark.postgres)] if money else []
        metafunc.parametrize("database_kind", ["sqlite", *postgres])


@pytest.fixture
def store(database_kind: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    url = request.getfixturevalue(f"{database_kind}_url")
    store = Store(make_engine(url), clock=utc_now)
    fill(store)
    yield store
    store.engine.dispose()


@pytest.fixture
def world(store: Store) -> Iterator[World]:
    with ExitStack() as stack:
        web_url, put_app = stack.enter_context(serve_late())
        standin = create_app(f"{web_url}/webhooks/stripe", SECRET, KEY)
        stack.callback(standin.extensions["stripe_standin"])
        api_url = stack.enter_context(serving(standin))
        settings = make_settings(PUBLIC_URL=web_url, STRIPE_API_URL=api_url)
        app = Flask("web")
        app.register_blueprint(stripe_webhook.blueprint(store, settings))
        app.register_blueprint(site.blueprint(store, settings))
        put_app(app)
        world = World(store, settings)
        stack.callback(world.demo.close)
        yield world


def with_changes(settings: Settings, **changes: Any) -> Settings:
    """Settings that differ in some fields."""
    return replace(settings, **changes)
