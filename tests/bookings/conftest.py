"""The databases of tests/databases.py, and a world with riders who book."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.store.database import make_engine
from tests.bookings.world import World
from tests.databases import *  # noqa: F403  the fixtures named in its __all__
from tests.databases import with_tables


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    engine = with_tables(make_engine(sqlite_url))
    yield World(engine)
    engine.dispose()
