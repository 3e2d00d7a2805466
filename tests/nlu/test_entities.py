"""Codes, amounts, times and vehicles found in running text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.entities import find


@pytest.mark.parametrize(
    ("text", "type_", "value", "written"),
    [
        ("start 1023-27 please", "pile_code", "1023-27", "1023-27"),
        ("start 1023", "pile_code", "1023", "1023"),
        ("pile twelve please", "pile_code", "12", "twelve"),
        ("#12", "pile_code", "12", "12"),
        ("A-12", "pile_code", "A-12", "A-12"),
        ("has anyone got B7 ?", "pile_code", "B7", "B7"),
        ("CN 0042", "pile_code", "CN0042", "CN 0042"),
        ("启动12号桩", "pile_code", "12", "12"),
        ("borne 7", "pile_code", "7", "7"),
        ("20 kWh", "energy", "20000", "20 kWh"),
        ("充20度", "energy", "20000", "20度"),
        ("7,5kwh", "energy", "7500", "7,5kwh"),
        ("until 80%", "percent", "80", "80%"),
        ("70 por ciento", "percent", "70", "70 por ciento"),
        ("bis 85 Prozent", "percent", "85", "85 Prozent"),
        ("百分之八十五", "percent", "85", "百分之八十五"),
        ("half an hour", "duration", "1800", "half an hour"),
        ("20 minutos más", "duration", "1200", "20 minutos"),
        ("une demi-heure", "duration", "1800", "une demi-heure"),
        ("两小时", "duration", "7200", "两小时"),
        ("12,50 €", "amount", "12.50 EUR", "12,50 €"),
        ("fifty quid", "amount", "50 GBP", "fifty quid"),
        ("R$ 30", "amount", "30 BRL", "R$ 30"),
        ("十块", "amount", "10 CNY", "十块"),
        ("$5", "amount", "5", "$5"),
        ("tomorrow 8am", "time", "tomorrow 8am", "tomorrow 8am"),
        ("um 18:30 Uhr", "time", "18:30 uhr", "18:30 Uhr"),
        ("明天下午三点", "time", "明天下午三点", "明天下午三点"),
        ("a las 7 de la tarde", "time", "las 7 de la tarde", "las 7 de la tarde"),
        ("type 2 plug", "connector_type", "type2", "type 2"),
        ("Typ 2", "connector_type", "type2", "Typ 2"),
        ("CCS", "connector_type", "ccs", "CCS"),
        ("my Nissan Leaf", "vehicle", "nissan leaf", "Nissan Leaf"),
    ],
)  # fmt: skip
def test_found(text: str, type_: str, value: str, written: str) -> None:
    assert (type_, value, written) in [(e.type, e.value, e.text) for e in find(text)]


@pytest.mark.parametrize("text", ["hello", "in 2026 I moved", "5 stars", "call +358401234567"])
def test_numbers_of_other_things_are_no_codes(text: str) -> None:
    assert [e for e in find(text) if e.type == "pile_code"] == []


def test_the_later_correction_stands_last() -> None:
    codes = [e.value for e in find("use 1023-27, no sorry 1023-35") if e.type == "pile_code"]
    assert codes[-1] == "1023-35"


@given(st.text(max_size=200))
def test_spans_are_exact_and_never_overlap(text: str) -> None:
    end = 0
    for entity in find(text):
        assert entity.start is not None
        assert entity.end is not None
        assert text[entity.start : entity.end] == entity.text
        assert entity.start >= end
        end = entity.end
