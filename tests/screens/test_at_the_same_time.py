"""What must hold when many ask at once, on SQLite and on PostgreSQL."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from bot.services import weblogin
from bot.services.riders import rider_for
from bot.store.database import Store, utc_now
from bot.store.limits import allow
from bot.store.queues import Inbox
from bot.store.riders import Media, Rider
from tests.screens.city import PHONE, make_app, make_settings, make_store

AT_ONCE = 8


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def both(request: pytest.FixtureRequest) -> Iterator[Store]:
    store = make_store(request.getfixturevalue(f"{request.param}_url"), utc_now)
    yield store
    store.engine.dispose()


@pytest.fixture
def rider(both: Store) -> int:
    with both.begin() as work:
        return rider_for(work, "whatsapp", PHONE).id


def at_once(act: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(act, range(AT_ONCE)))


def test_of_parallel_uses_of_a_login_link_one_wins(both: Store, rider: int) -> None:
    with both.begin() as work:
        row = work.session.get_one(Rider, rider)
        token = weblogin.make_login_link(work, make_settings(), row).rsplit("/", 1)[1]

    def use(_: int) -> int | None:
        with both.begin() as work:
            return weblogin.use_link(work, token)

    assert [found for found in at_once(use) if found is not None] == [rider]


def test_a_limit_lets_exactly_its_number_through(both: Store) -> None:
    def try_once(_: int) -> bool:
        with both.begin() as work:
            return allow(work, "login:x", limit=3, window=timedelta(minutes=10))

    assert sum(at_once(try_once)) == 3


def test_a_photo_sent_many_times_is_one_row_and_one_file(both: Store, rider: int) -> None:
    app = make_app(both, make_settings())
    with both.begin() as work:
        token = weblogin.open_session(work, rider)
    written = io.BytesIO()
    Image.new("RGB", (40, 40), "teal").save(written, "JPEG")

    def send(_: int) -> int:
        client = app.test_client()
        client.set_cookie("pilebot", token)
        found = re.search(r'name="csrf" value="(\w+)"', client.get("/chat").text)
        assert found
        form = {"id": "one-and-the-same", "photo": (io.BytesIO(written.getvalue()), "x.jpg")}
        headers = {"X-CSRF-Token": found[1]}
        return client.post("/chat/messages", data=form, headers=headers).status_code

    assert sorted(at_once(send)) == [200] * (AT_ONCE - 1) + [202]
    with both.read() as work:
        (row,) = work.session.scalars(select(Inbox)).all()
        (media,) = work.session.scalars(select(Media)).all()
        assert row.body == {"media_id": media.id}
