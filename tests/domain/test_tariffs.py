"""Tariffs as JSON: what can be read, what is refused and why, and that a snapshot is exact."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from bot.demo.helsinki import TARIFFS
from bot.domain.tariffs import Tariff, TariffError, dump_tariff, load_tariff
from tests.domain.test_pricing import tariffs

STATION = {"currency": "EUR", "tz": "Europe/Helsinki", "tax_percent": "25.5", "includes_tax": True}
ENERGY = {"kind": "energy", "price": "0.29", "per": "kwh"}


@given(tariffs())
def test_a_snapshot_survives_json(tariff: Tariff) -> None:
    assert load_tariff(json.loads(json.dumps(dump_tariff(tariff)))) == tariff


def test_a_version_is_completed_from_its_station() -> None:
    tariff = load_tariff({"elements": [ENERGY]}, **STATION, name="AC", version="7")
    assert (tariff.currency, tariff.tax_percent) == ("EUR", Decimal("25.5"))
    assert load_tariff({"elements": [ENERGY], "tax_percent": "10"}, **STATION).tax_percent == 10


@pytest.mark.parametrize("body", TARIFFS.values(), ids=TARIFFS.keys())
def test_the_demo_city_has_readable_tariffs(body: dict[str, Any]) -> None:
    assert load_tariff(body, **STATION).elements


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"price": 0.29}, "as text"),
        ({"price": "-1"}, "negative"),
        ({"price": "NaN"}, "negative"),
        ({"price": "cheap"}, "not a number"),
        ({"kind": "steam"}, "steam"),
        ({"per": "h"}, "per 'h'"),
        ({"step": -1}, "step"),
        ({"when": {"start": "25:00"}}, "times"),
        ({"when": {"weekdays": [7]}}, "weekdays"),
    ],
)
def test_a_wrong_element_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(TariffError, match=says):
        load_tariff({"elements": [{**ENERGY, **change}]}, **STATION)


def test_a_missing_part_and_an_unknown_zone_are_named() -> None:
    with pytest.raises(TariffError, match="elements is missing"):
        load_tariff({}, **STATION)
    with pytest.raises(TariffError, match="Mars"):
        load_tariff({"elements": [ENERGY], "tz": "Mars/Base"}, **STATION)
