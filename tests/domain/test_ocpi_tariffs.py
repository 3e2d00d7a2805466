"""Tariffs through OCPI and back: nothing lost, nothing dropped in silence, errors with paths."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.demo.helsinki import TARIFFS
from bot.domain.ocpi_tariffs import OWN, OcpiError, export, parse, read, to_json
from bot.domain.pricing import price
from bot.domain.tariffs import Limit, Tariff, load_tariff
from tests.domain.test_pricing import tariffs, used
from tests.domain.test_tariff_rules import kwh, only

NOW = datetime(2026, 11, 28, tzinfo=UTC)
STATION = {"currency": "EUR", "tz": "Europe/Helsinki", "tax_percent": "25.5", "includes_tax": True}
NAMES = {"id_": "1-2", "country": "FI", "party": "PLB", "updated": NOW}
DOCUMENT: dict[str, Any] = {
    "currency": "EUR",
    "tax_included": "YES",
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 10.0, "step_size": 1}]}
    ],
}


def back(tariff: Tariff, text: str) -> Tariff:
    (document,) = parse(text)
    percent = str(tariff.tax_percent)
    found = read(document, tax_percent=percent, includes_tax=tariff.includes_tax)
    assert found.unknown == ()
    return load_tariff(
        found.body, name=tariff.name, version=tariff.version, currency=found.currency,
        tz=tariff.tz, tax_percent=percent, includes_tax=tariff.includes_tax,
    )  # fmt: skip


def plainly(tariff: Tariff) -> Tariff:
    """Without rates that say the same as the tariff's own."""
    own = tariff.tax_percent
    elements = (
        replace(each, tax_percent=None if each.tax_percent == own else each.tax_percent)
        for each in tariff.elements
    )
    return replace(tariff, elements=tuple(elements))


@st.composite
def all_kinds(draw: st.DrawFn) -> Tariff:
    """Tariffs with every element and restriction, in any order."""
    base: Tariff = draw(tariffs())
    more = [
        kwh("0.55", min_wh=draw(st.integers(0, 50_000)), max_w=22_000, start_date=date(2026, 1, 1)),
        kwh("0.45", max_wh=10_500, min_ma=6_500, max_s=draw(st.integers(1, 9999))),
        only("time", "0.03", "min", end_date=date(2027, 1, 1)),
        only("flat", "3", "start", reservation="RESERVATION_EXPIRES"),
        only("time", "2.50", "h", reservation="RESERVATION"),
    ]
    elements = draw(st.permutations([*more, *base.elements]))
    amounts = st.none() | st.decimals("0", "9", places=2)
    return replace(
        base, elements=tuple(elements), idle_if_waited=draw(st.booleans()),
        minimum=Limit(draw(amounts), draw(amounts)), maximum=Limit(draw(amounts), draw(amounts)),
    )  # fmt: skip


@given(all_kinds())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_tariff_survives_ocpi(tariff: Tariff) -> None:
    text = to_json(export(tariff, **NAMES))  # type: ignore[arg-type]
    assert json.loads(text)["currency"] == tariff.currency
    assert back(tariff, text) == plainly(tariff)
    again = to_json(export(back(tariff, text), **NAMES))  # type: ignore[arg-type]
    assert parse(again) == parse(text)


@pytest.mark.parametrize("name", TARIFFS)
def test_the_demo_city_can_be_exchanged(name: str) -> None:
    tariff = load_tariff(TARIFFS[name], **STATION, name=name)
    assert back(tariff, to_json(export(tariff, **NAMES))) == tariff  # type: ignore[arg-type]


def test_numbers_are_exact() -> None:
    text = '{"a": 0.1000000000000000055511151231257827, "b": 1e2}'
    (found,) = parse(text)
    assert to_json(found) == ('{\n  "a": 0.1000000000000000055511151231257827,\n  "b": 100\n}')


def test_ocpis_own_example_of_three_taxes_comes_to_its_sum() -> None:
    """0.25/kWh at 10 %, 0.50 start and parking at 2.00/h in quarters at 20 %: 7.00 and 7.90."""
    document = {
        "currency": "EUR", "tax_included": "NO", "party_id": "ALL", "country_code": "DE",
        "id": "22", "last_updated": "2018-12-18T17:07:11Z",
        "elements": [{"price_components": [
            {"type": "FLAT", "price": 0.50, "vat": 20.0, "step_size": 1},
            {"type": "ENERGY", "price": 0.25, "vat": 10.0, "step_size": 1},
            {"type": "PARKING_TIME", "price": 2.00, "vat": 20.0, "step_size": 900},
        ]}],
    }  # fmt: skip
    (parsed,) = parse(json.dumps({"data": [document], "status_code": 1000}))
    found = read(parsed, tax_percent="25.5", includes_tax=True)
    tariff = load_tariff(found.body, **STATION)
    bill = price(tariff, used(20_000, idle_min=40))
    assert (bill.net_minor, bill.gross_minor) == (700, 790)
    assert found.without_effect == ()
    kept = export(tariff, **NAMES, kept=found.body["ocpi"])  # type: ignore[arg-type]
    assert (kept["id"], kept["country_code"]) == ("22", "DE")


def changed(path: str, value: Any) -> dict[str, Any]:
    """The document with one value put at a path like "elements.0.restrictions"."""
    document = json.loads(json.dumps(DOCUMENT))
    place: Any = document
    *way, last = path.split(".")
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    (found,) = parse(json.dumps(document))
    assert isinstance(found, dict)
    return found


ELEMENT = "$.elements[0]"


@pytest.mark.parametrize(
    ("path", "value", "where", "what"),
    [
        ("currency", "euro", "$.currency", "ISO 4217"),
        ("tax_included", None, "$.tax_included", "YES, NO or N/A"),
        ("elements", [], "$.elements", "at least one"),
        ("elements.0", 7, ELEMENT, "must be an object"),
        ("elements.0.price_components", [], f"{ELEMENT}.price_components", "at least one"),
        ("elements.0.price_components.0.type", "STEAM",
         f"{ELEMENT}.price_components[0].type", "must be one of ENERGY"),
        ("elements.0.price_components.0.price", "0.25",
         f"{ELEMENT}.price_components[0].price", "must be a number"),
        ("elements.0.price_components.0.price", -1,
         f"{ELEMENT}.price_components[0].price", "negative"),
        ("elements.0.price_components.0.step_size", 0,
         f"{ELEMENT}.price_components[0].step_size", "whole number"),
        ("elements.0.restrictions", {"day_of_week": ["FUNDAY"]},
         f"{ELEMENT}.restrictions.day_of_week", "MONDAY"),
        ("elements.0.restrictions", {"start_time": "25:00"}, f"{ELEMENT}.restrictions", "times"),
        ("elements.0.restrictions", {"start_date": "soon"},
         f"{ELEMENT}.restrictions.start_date", "a date like"),
        ("elements.0.restrictions", {"min_kwh": 5, "max_kwh": 5},
         f"{ELEMENT}.restrictions.max_kwh", "above"),
        ("elements.0.restrictions", {"reservation": "RESERVATION"}, "$", "reserving"),
        ("min_price", {"after_taxes": "x"}, "$.min_price.after_taxes", "must be a number"),
        ("min_price", {}, "$.min_price.before_taxes", "is missing"),
        ("start_date_time", "tomorrow", "$.start_date_time", "date and time"),
        (OWN, {"idle_cap": -2}, f"$.{OWN}.idle_cap", "negative"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_with_its_path(path: str, value: Any, where: str, what: str) -> None:
    with pytest.raises(OcpiError) as refused:
        read(changed(path, value), tax_percent="25.5", includes_tax=True)
    assert any(each == where and what in why for each, why in refused.value.problems), (
        refused.value.problems
    )


def test_what_is_no_json_is_said() -> None:
    with pytest.raises(OcpiError, match="not JSON"):
        parse("{")


def test_fields_that_nobody_knows_are_named_wherever_they_stand() -> None:
    document = changed("surprise", 1)
    document["elements"][0]["restrictions"] = {"min_voltage": 200}
    document["elements"][0]["price_components"][0]["colour"] = "red"
    document["tariff_alt_url"] = "https://example.com"
    document[OWN] = {"mood": "good"}
    found = read(document, tax_percent="25.5", includes_tax=True)
    assert set(found.unknown) == {
        "$.surprise", f"{ELEMENT}.restrictions.min_voltage",
        f"{ELEMENT}.price_components[0].colour", f"$.{OWN}.mood",
    }  # fmt: skip
    assert found.without_effect == ("$.tariff_alt_url",)
    assert found.body["ocpi"] == {"tariff_alt_url": "https://example.com"}


def test_without_a_rate_no_tax_applies() -> None:
    document = changed("elements.0.price_components.0", {"type": "FLAT", "price": 1})
    found = read(document, tax_percent="25.5", includes_tax=True)
    assert found.body["elements"][0]["tax_percent"] == "0"
