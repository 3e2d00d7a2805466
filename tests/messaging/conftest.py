"""A bot's webhook and media pages, and the stand-in Twilio, each on a real port."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import select
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.serving import make_server

from bot.demo.twilio_standin.app import create_app
from bot.demo.twilio_standin.config import Config
from bot.gateways.delivery import Delivery
from bot.replies import MapPicture, Reply, Say, dump
from bot.services.riders import note_inbound, rider_for
from bot.settings import Settings
from bot.store.database import Store, make_engine
from bot.store.riders import Conversation, Message
from bot.web import media, whatsapp_webhook
from tests.databases import with_tables

ACCOUNT = "AC" + "a1" * 16
TOKEN = "7f" * 16
SENDER = "whatsapp:+14155238886"
PHONE = "+358401234567"
PNG = b"\x89PNG\r\n\x1a\n" + b"map" * 100


def make_settings(**changes: Any) -> Settings:
    """Settings of a test installation."""
    values: dict[str, Any] = {
        "public_url": "https://bot.example",
        "database_url": "sqlite://",
        "redis_url": "redis://localhost",
        "mqtt_url": "mqtt://localhost",
        "secret_key": "k" * 40,
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "twilio_from": SENDER,
        "twilio_verify_sid": "VA" + "b2" * 16,
        "stripe_secret_key": "sk",
        "stripe_webhook_secret": "whsec",
    }
    return Settings(**(values | changes))


@dataclass
class Clock:
    """A clock that can be put forward."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path / 'bot.sqlite'}"))
    yield Store(engine, clock=clock)
    engine.dispose()


@pytest.fixture
def payload() -> Callable[[str], dict[str, str]]:
    """The form parameters of a captured-style webhook by the name of its file."""

    def load(name: str) -> dict[str, str]:
        path = Path(__file__).parent / "fixtures" / f"{name}.json"
        loaded: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return loaded

    return load


def sign(url: str, params: dict[str, Any], token: str = TOKEN) -> dict[str, str]:
    """The header by which Twilio signs a request, made by the SDK."""
    form = MultiDict(params)  # as Twilio, a field may come several times
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}


@pytest.fixture
def signed() -> Callable[..., dict[str, str]]:
    return sign


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[int]:
    """The app on a real port."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def until(check: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """Poll until `check` gives something true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


@dataclass
class World:
    """One bot and one stand-in Twilio that know each other's address."""

    store: Store
    settings: Settings
    deliver: Delivery
    clock: Clock
    twilio: httpx.Client
    conversation_id: int

    @property
    def papers(self) -> tuple[Any, Any]:
        """What makes receipts and invoices here."""
        return self.deliver.receipt, self.deliver.invoice

    def body(self, reply: Reply, author: str = "bot", **more: Any) -> dict[str, Any]:
        """An outbox row's body as bot.services.outbound writes it."""
        fields = {"conversation_id": self.conversation_id, "reply": dump(reply)}
        epoch = 0 if author == "bot" else None
        return {**fields, "author": author, "epoch": epoch, **more}

    def messages(self) -> list[Message]:
        """Our Message rows, oldest first."""
        with self.store.read() as work:
            return list(work.session.scalars(select(Message).order_by(Message.id)))

    def conversation(self, **changes: Any) -> None:
        """Change the conversation."""
        with self.store.begin() as work:
            row = work.session.get_one(Conversation, self.conversation_id)
            for name, value in changes.items():
                setattr(row, name, value)

    def listed(self) -> list[dict[str, Any]]:
        """What Twilio's API lists to our rider, oldest first."""
        answer = self.twilio.get(
            f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
            params={"To": f"whatsapp:{PHONE}"},
            auth=(ACCOUNT, TOKEN),
        )
        found: list[dict[str, Any]] = answer.json()["messages"][::-1]
        return found

    def shown(self, count: int = 1) -> list[dict[str, Any]]:
        """What the rider's phone shows from us, once there are `count` messages."""

        def check() -> list[dict[str, Any]] | None:
            answer = self.twilio.get(f"/demo/phones/{PHONE}/messages").json()
            found = [each for each in answer["messages"] if each["direction"] == "out"]
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = until(check)
        return found

    def status_of(self, row: Message) -> str:
        """The status Twilio has for a message."""
        found = next(each for each in self.listed() if each["sid"] == row.provider_id)
        return str(found["status"])

    def fault(self, **fault: Any) -> None:
        """Ask the stand-in for a failure."""
        self.twilio.post("/demo/faults", json=fault).raise_for_status()


@pytest.fixture
def world(store: Store, clock: Clock, tmp_path: Path) -> Iterator[World]:
    bot = Flask("bot")
    with served(bot) as bot_port:
        public_url = f"http://127.0.0.1:{bot_port}"
        hook = f"{public_url}/webhooks/whatsapp"
        twilio = Flask("late")
        with served(twilio) as twilio_port:
            base_url = f"http://127.0.0.1:{twilio_port}"
            settings = make_settings(public_url=public_url, twilio_api_url=base_url)
            bot.register_blueprint(whatsapp_webhook.blueprint(store, settings))
            bot.register_blueprint(media.blueprint(store))
            config = Config(
                base_url=base_url,
                data=tmp_path / "twilio.sqlite",
                webhook=f"{hook}#rc=3&rp=all",
                status=f"{hook}/status",
                account_sid=ACCOUNT,
                auth_token=TOKEN,
                sender=SENDER,
                verify_sid=settings.twilio_verify_sid,
                pace_s=0.01,
            )
            real, postman = create_app(config)
            twilio.wsgi_app = real.wsgi_app  # type: ignore[method-assign]  # the port came first
            with store.begin() as work:
                rider = rider_for(work, "whatsapp", PHONE, name="Aino")
                note_inbound(work, rider.id, "whatsapp", sid="SM" + "00" * 16)
                conversation = work.session.scalars(
                    select(Conversation).where(Conversation.rider_id == rider.id)
                ).one()
            with httpx.Client(base_url=base_url, timeout=30) as http:
                http.post(f"/demo/phones/{PHONE}", json={"window": "open"}).raise_for_status()
                yield World(
                    store, settings, Delivery(store, settings, _draw, _receipt, _receipt), clock,
                    http, conversation.id,
                )  # fmt: skip
            postman.stop()


def _draw(picture: MapPicture, translate: Callable[[str], str]) -> bytes:
    return PNG


def _receipt(bill_id: int, lang: str) -> tuple[bytes, str, Say]:
    return b"%PDF-1.7 " + str(bill_id).encode(), f"receipt-{bill_id}.pdf", Say("Your receipt.")
