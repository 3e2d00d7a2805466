"""The databases of tests/databases.py, and a world with riders who book."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.store.database import make_engine
from bot.store.tables import Base
from tests.bookings.world import World
from tests.databases import *  # noqa: F403  the fixtures named in its __all__


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    engine = make_engine(sqlite_url)
    Base.metadata.create_all(engine)
    yield World(engine)
    engine.dispose()
