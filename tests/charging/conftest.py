"""Both databases for every test of money and sessions."""

import pytest

from bot.store.database import make_engine
from tests.charging.world import World
from tests.databases import *  # noqa: F403  the fixtures named in its __all__
from tests.databases import with_tables


@pytest.fixture
def sqlite_world(sqlite_url: str) -> World:
    """A world where nothing hangs on the database."""
    engine = with_tables(make_engine(sqlite_url))
    return World(engine)
