"""One sender is one rider, however many messages of his arrive at once, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select

from bot.gateways import contents, delivery
from bot.services.riders import add_address, clean_name, find_rider, rider_for, rider_for_any
from bot.store.database import Store
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Media, Message, Rider, RiderAddress
from bot.web import media, whatsapp_webhook
from tests.databases import *  # noqa: F403  the fixtures named in its __all__
from tests.messaging.conftest import make_settings, sign

URL = "https://bot.example/webhooks/whatsapp"


@pytest.fixture
def both(engine: Engine) -> Store:
    """A store on SQLite, then on PostgreSQL."""
    return Store(engine)


def count(store: Store, table: Any) -> int:
    with store.read() as work:
        return int(work.session.scalars(select(func.count()).select_from(table)).one())


def test_twenty_messages_of_a_new_sender_at_once_make_one_rider(
    both: Store, payload: Callable[[str], dict[str, str]]
) -> None:
    app = Flask("test")
    app.register_blueprint(whatsapp_webhook.blueprint(both, make_settings()))

    def post(n: int) -> int:
        params = payload("text") | {"MessageSid": f"SM{n % 10:032d}", "Body": "é\u0000"}
        answer = app.test_client().post(
            "/webhooks/whatsapp",
            data=urlencode(params),
            content_type="application/x-www-form-urlencoded",
            headers=sign(URL, params),
        )
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, range(20))) == {200}
    assert count(both, Rider) == count(both, Conversation) == 1
    assert count(both, RiderAddress) == 2
    assert count(both, Inbox) == 10


def test_two_transactions_that_hear_a_new_sender_agree_on_the_rider(both: Store) -> None:
    def hear(_: int) -> int:
        with both.begin() as work:
            return rider_for(work, "whatsapp", "+358401234567", name="Aino").id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(hear, range(16)))
    assert len(ids) == count(both, Rider) == count(both, Conversation) == 1


def test_names_fill_in_and_are_never_overwritten(both: Store) -> None:
    with both.begin() as work:
        assert rider_for(work, "whatsapp", "+1").name == ""
        assert rider_for(work, "whatsapp", "+1", name=" Aino\u0000 ").name == "Aino"
        assert rider_for(work, "whatsapp", "+1", name="Other").name == "Aino"
    assert len(clean_name("x" * 500)) == 120


def test_an_address_of_somebody_else_stays_theirs(both: Store) -> None:
    with both.begin() as work:
        first = rider_for(work, "whatsapp", "+1")
        second = rider_for(work, "bsuid", "FI.2")
        assert rider_for_any(work, [("whatsapp", "+1"), ("bsuid", "FI.2")]).id == first.id
        assert find_rider(work, "bsuid", "FI.2") is second
        assert not add_address(work, first.id, "bsuid", "FI.2")
        assert find_rider(work, "web", "x") is None


def test_a_content_is_kept_once_and_forgotten_on_demand(both: Store) -> None:
    class Made:
        """What the SDK's client has of Content."""

        account_sid = "AC1"
        sid = "HX" + "1" * 32
        calls = 0

        @property
        def content(self) -> Any:
            return self

        v1 = contents = content

        def create(self, _: object) -> Made:
            type(self).calls += 1
            return self

    content = contents.content_of({"kind": "buttons", "text": "?", "options": [
        {"id": "=yes", "title": "Yes"}]})  # fmt: skip
    twilio: Any = Made()
    for _ in range(2):
        assert contents.sid_of(both, twilio, content, "en") == Made.sid
    assert Made.calls == 1
    contents.forget(both, Made.sid)
    contents.sid_of(both, twilio, content, "en")
    assert Made.calls == 2


def test_a_served_file_says_what_it_is_and_lapses(both: Store) -> None:
    app = Flask("test")
    app.register_blueprint(media.blueprint(both))
    http = app.test_client()
    now = datetime.now(UTC)
    with both.begin() as work:
        for token, kind, days in (("a" * 32, "image/png", 1), ("b" * 32, "text/html", 1),
                                  ("c" * 32, "image/png", -1)):  # fmt: skip
            work.session.add(
                Media(
                    token=token, content_type=kind, name="käyrä.x", data=b"data", created_at=now,
                    expires_at=now.replace(year=now.year + days),
                )
            )  # fmt: skip
    shown = http.get("/media/" + "a" * 32 + "/any-name.png")
    assert (shown.data, shown.content_type) == (b"data", "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Disposition"].startswith("inline")
    again = http.get("/media/" + "a" * 32, headers={"If-None-Match": shown.headers["ETag"]})
    assert again.status_code == 304
    hidden = http.get("/media/" + "b" * 32)
    assert hidden.content_type == "application/octet-stream"
    assert hidden.headers["Content-Disposition"].startswith("attachment")
    for token in ("c" * 32, "d" * 32, "a" * 31, "%00", "é" * 3000):
        assert http.get(f"/media/{token}").status_code == 404


def test_two_deliveries_of_one_effect_record_it_once(both: Store) -> None:
    """A lease that ran out lets two workers deliver the same row: one row remains."""
    with both.begin() as work:
        rider = rider_for(work, "web", "w1")
        conversation = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider.id)
        ).one()
    deliver = delivery.Delivery(both, make_settings(), _never, _never, _never)
    say = {"_": "Say", "text": "Hello.", "values": {}}
    body = {"conversation_id": conversation.id, "reply": say, "author": "auto", "epoch": None}

    def run(_: int) -> str:
        try:
            return deliver("k", body)
        except Exception as error:  # noqa: BLE001  the loser may fail in any way: it is tried again
            return type(error).__name__

    with ThreadPoolExecutor(4) as pool:
        assert "done" in set(pool.map(run, range(8)))
    assert deliver("k", body) == "done"
    assert count(both, Message) == 1


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("not called")
