"""Names of places on the bundled street map."""

from __future__ import annotations

import pytest

from bot.gateways import gazetteer
from bot.services.stations import distance_m

NARINKKA = (60.1694, 24.9357)
RAILWAY = (60.1715, 24.9414)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("free chargers near Kamppi?", NARINKKA),
        ("KAMPPI", NARINKKA),
        ("where can I charge near the railway station", RAILWAY),
        ("gibt es was am Hauptbahnhof", RAILWAY),
        ("cerca de la estacion central", RAILWAY),
        ("火车站附近有充电桩吗", RAILWAY),
    ],
)
def test_a_place_stands_in_a_sentence(text: str, where: tuple[float, float]) -> None:
    spot = gazetteer.find(text)
    assert spot is not None
    assert distance_m(*spot, *where) < 100


@pytest.mark.parametrize("text", ["near me", "hello", "helsinki", "esplanadinpuistossa", ""])
def test_other_words_are_no_place(text: str) -> None:
    assert gazetteer.find(text) is None


def test_only_the_name_itself_when_asked_for_the_whole() -> None:
    assert gazetteer.find("Mannerheimintie", whole=True) is not None
    assert gazetteer.find("I am on Mannerheimintie", whole=True) is None
