"""The site of the small city as fixtures, and a browser to look at it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bot.services import weblogin
from bot.services.riders import rider_for
from bot.settings import Settings
from bot.store.database import Store
from tests.databases import postgres_server, postgres_url, sqlite_url
from tests.screens.city import NOW, PHONE, Clock, make_app, make_settings, make_store

__all__ = ["postgres_server", "postgres_url", "sqlite_url"]  # fixtures, found by their names


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def settings() -> Settings:
    return make_settings(MEDIA_MAX_BYTES="300000")


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = make_store(f"sqlite:///{tmp_path / 'test.db'}", clock)
    yield store
    store.engine.dispose()


@pytest.fixture
def app(store: Store, settings: Settings) -> Flask:
    return make_app(store, settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def rider_id(store: Store) -> int:
    with store.begin() as work:
        return rider_for(work, "whatsapp", PHONE, name="Aino").id


@pytest.fixture
def session_token(store: Store, rider_id: int) -> str:
    with store.begin() as work:
        return weblogin.open_session(work, rider_id)
