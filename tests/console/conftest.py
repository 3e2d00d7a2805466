"""A world and a desk for the console's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.desk import Desk, open_desk
from tests.databases import *  # noqa: F403 - pytest finds fixtures by their names here
from tests.world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        yield world


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    with open_desk(world) as desk:
        yield desk
