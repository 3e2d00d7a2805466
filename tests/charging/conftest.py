"""Both databases for every test of money and sessions."""

from tests.databases import *  # noqa: F403  the fixtures named in its __all__
