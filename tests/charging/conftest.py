"""Both databases for every test of money and sessions."""

import pytest

from bot.store.database import make_engine
from bot.store.tables import Base
from tests.charging.world import World
from tests.databases import *  # noqa: F403  the fixtures named in its __all__


@pytest.fixture
def sqlite_world(sqlite_url: str) -> World:
    """A world where nothing hangs on the database."""
    engine = make_engine(sqlite_url)
    Base.metadata.create_all(engine)
    return World(engine)
