"""Both databases for every test of prepaid money."""

from tests.databases import *  # noqa: F403  the fixtures named in its __all__
