"""The databases of tests/databases.py."""

from tests.databases import *  # noqa: F403  the fixtures named in its __all__
