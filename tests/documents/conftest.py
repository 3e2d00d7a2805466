"""Both databases for the tests of numbers and races."""

from tests.databases import *  # noqa: F403  the fixtures named in its __all__
