"""Danger that only Rasa suspects is asked back; the words of danger themselves never are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.dialog.engine import Engine
from bot.dialog.intents import describe
from bot.dialog.turn import Heard, Turn
from bot.replies import Choose, Reply, Say
from bot.settings import Settings
from bot.store.database import Store, make_engine
from bot.store.riders import Conversation, Rider
from bot.understanding import Understanding
from handlers.affirm import fine
from handlers.safety_emergency import danger
from tests.databases import with_tables

ENGINE = Engine(
    {"safety_emergency": describe("safety_emergency", danger), "deny": describe("deny", fine)}
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path / 'danger.db'}"))
    store = Store(engine)
    with store.begin() as work:
        work.session.add(Rider(id=1, created_at=work.now))
        work.session.flush()
        work.session.add(Conversation(id=1, rider_id=1, created_at=work.now, dialog={}))
    yield store
    engine.dispose()


def hears(store: Store, intent: str, engine: str, text: str) -> tuple[list[Reply], str]:
    """The answer, and who owns the chat after it."""
    settings = Settings(
        public_url="http://127.0.0.1", database_url="sqlite://", redis_url="redis://127.0.0.1:9",
        mqtt_url="mqtt://127.0.0.1:9", secret_key="d" * 40, twilio_account_sid="AC" + "a1" * 16,
        twilio_auth_token="7f" * 16, twilio_from="whatsapp:+14155238886",
        stripe_secret_key="sk_test_x", stripe_webhook_secret="whsec_x",
        emergency_numbers="FI:112", default_country="FI",
    )  # fmt: skip
    with store.begin() as work:
        conversation = work.session.get_one(Conversation, 1)
        understood = Understanding(intent, 0.7, engine=engine)
        heard = Heard(key=text, understanding=understood, text=text)
        turn = Turn(work, settings, work.session.get_one(Rider, 1), conversation, heard)
        return ENGINE.serve(turn), conversation.owner


def test_a_suspicion_warns_and_asks(store: Store) -> None:
    said, owner = hears(store, "safety_emergency", "rasa", "battery level?")
    assert isinstance(said[0], Say)
    assert said[0].text.startswith("Move away now")
    assert isinstance(said[1], Choose)
    assert owner == "bot"
    assert hears(store, "deny", "keywords", "no")[1] == "bot"


@pytest.mark.parametrize(
    ("intent", "engine", "text"),
    [
        ("affirm", "keywords", "yes"),
        ("safety_emergency", "safety", "there is smoke and now it is burning for real"),
        ("safety_emergency", "rasa", "something is wrong"),
    ],
)
def test_a_yes_or_more_of_it_is_an_alarm(store: Store, intent: str, engine: str, text: str) -> None:
    hears(store, "safety_emergency", "rasa", "it looks odd")
    assert hears(store, intent, engine, text)[1] == "queue"


def test_a_word_of_danger_is_never_asked_back(store: Store) -> None:
    said, owner = hears(store, "safety_emergency", "safety", "smoke!")
    assert not any(isinstance(reply, Choose) for reply in said)
    assert owner == "queue"
