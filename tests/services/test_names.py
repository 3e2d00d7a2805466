"""Which station a rider means, on the demo city's names and a few of other kinds."""

from __future__ import annotations

import pytest

from bot.demo.helsinki import STATIONS
from bot.services.names import best

NAMES = {
    each: each
    for each in (
        *(place.name for place in STATIONS),
        "Riverside Park",
        "Parque del Río",
        "Bad Vilbel Mitte",
        "Kamppi 1",
        "滨河公园站",
    )
}


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Kauppatori", "Kauppatori"),
        ("kaupatori", "Kauppatori"),
        ("KAUPPATORI!!", "Kauppatori"),
        ("simonkentta", "Simonkenttä"),
        ("simon kenttä", "Simonkenttä"),
        ("yrjonkatu", "Yrjönkatu"),
        ("kirkkopuisto", "Vanha kirkkopuisto"),
        ("vanha kirkopuisto", "Vanha kirkkopuisto"),
        ("elielin aukio", "Elielinaukio"),
        ("Elieliaukio", "Elielinaukio"),
        ("senatintori", "Senaatintori"),
        ("aleksanterin katu", "Aleksanterinkatu"),
        ("aleksanterikatu", "Aleksanterinkatu"),
        ("esplanad", "Esplanadi"),
        ("rautatientor", "Rautatientori"),
        ("Oodi", "Oodi"),
        ("the riverside park", "Riverside Park"),
        ("parque del rio", "Parque del Río"),
        ("Parque Rio", "Parque del Río"),
        ("vilbel", "Bad Vilbel Mitte"),
        ("滨河公园", "滨河公园站"),
    ],
)
def test_a_name_alone(typed: str, name: str) -> None:
    assert best(typed, NAMES, whole=True) == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("is anything free at the kaupatori right now", "Kauppatori"),
        ("cuánto cuesta en Senaatintori", "Senaatintori"),
        ("onko Kauppatorilla tilaa", "Kauppatori"),
        ("was kostet es am Bulevardi", "Bulevardi"),
        ("une borne libre à la Lasipalatsi svp", "Lasipalatsi"),
        ("reserva pra mim no Kasarmitori às 8", "Kasarmitori"),
        ("any of em empty up at riverside park", "Riverside Park"),
        ("book me a spot at vanha kirkkopuisto tomorrow", "Vanha kirkkopuisto"),
        ("滨河公园站有空位吗", "滨河公园站"),
        ("how much is it at oodi", "Oodi"),
    ],
)
def test_a_name_in_a_sentence(typed: str, name: str) -> None:
    assert best(typed, NAMES) == name


@pytest.mark.parametrize(
    "typed",
    [
        "", "hello", "yes", "where is the nearest charger", "good", "odd", "food please", "thanks",
        "stop the charge", "cuánto cuesta cargar", "park", "ich brauche strom", "1023", "🔋",
        "is there a station near the mall", "my car is parked", "katu", "附近有充电站吗",
    ],
)  # fmt: skip
def test_no_name_of_ours(typed: str) -> None:
    assert best(typed, NAMES) is None
    assert best(typed, NAMES, whole=True) is None
