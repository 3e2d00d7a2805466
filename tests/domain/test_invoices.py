"""Forms, sums and credits of invoices; tax numbers; late receipts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.invoices import (
    Form,
    Party,
    add_up,
    form_of,
    minus,
    part_of,
    receipt_is_invoice,
)
from bot.domain.late_bills import Times
from bot.domain.pricing import TaxSum
from bot.domain.tax_numbers import TaxNumber, WrongTaxNumber, examine


@pytest.mark.parametrize(
    ("country", "currency", "gross", "business", "own", "wanted"),
    [
        ("GB", "GBP", 250_00, False, None, "simplified"),
        ("GB", "GBP", 250_01, False, None, "full"),
        ("GB", "GBP", 10_00, True, None, "full"),  # a business gets what it can deduct by
        ("FI", "EUR", 100_00, False, None, "simplified"),
        ("FI", "EUR", 100_01, False, None, "full"),
        ("DE", "EUR", 200_00, False, 250_00, "simplified"),  # Germany's own limit, set
        ("SE", "SEK", 1_00, False, None, "full"),  # no limit in crowns is known
        ("US", "USD", 1_00, False, None, "full"),
        ("GB", "EUR", 1_00, False, None, "full"),  # the limit is in pounds
    ],
)
def test_the_form_follows_country_amount_and_buyer(
    country: str, currency: str, gross: int, business: bool, own: int | None, wanted: Form
) -> None:
    found = form_of(country, currency, gross, business=business, own_limit_minor=own)
    assert found == wanted


def test_a_receipt_is_an_invoice_only_with_a_vat_number_and_below_the_limit() -> None:
    seller = Party("Pilebot Oy", "Street 1", "FI", "FI12345678")
    assert receipt_is_invoice(seller, "EUR", 99_00)
    assert not receipt_is_invoice(seller, "EUR", 101_00)
    assert not receipt_is_invoice(Party("Pilebot Oy", "Street 1", "FI"), "EUR", 99_00)


TWO = (TaxSum("10", 1000, 100, 1100), TaxSum("25.5", 797, 203, 1000))


def test_taxes_add_up_by_rate() -> None:
    assert add_up([TWO, TWO]) == (
        TaxSum("10", 2000, 200, 2200),
        TaxSum("25.5", 1594, 406, 2000),
    )
    assert minus(TWO, TWO) == ()


def test_a_part_is_shared_in_proportion() -> None:
    assert part_of(TWO, 2100) == TWO
    assert [each.gross_minor for each in part_of(TWO, 210)] == [110, 100]
    assert part_of(TWO, 0) == ()
    assert part_of(TWO, 9999) == TWO  # never more than there is


RATES = st.sampled_from(["0", "5", "7.7", "10", "20", "25.5"])


@st.composite
def sums(draw: st.DrawFn) -> tuple[TaxSum, ...]:
    found = []
    for rate in draw(st.lists(RATES, min_size=1, max_size=4, unique=True)):
        net = draw(st.integers(1, 100_000))
        tax = round(net * float(rate) / 100)
        found.append(TaxSum(rate, net, tax, net + tax))
    return tuple(found)


@given(sums(), st.lists(st.integers(1, 60_000), max_size=6))
def test_credits_never_exceed_and_end_at_nothing(
    taxes: tuple[TaxSum, ...], amounts: list[int]
) -> None:
    left = add_up([taxes])
    for amount in amounts:
        before = sum(each.gross_minor for each in left)
        part = part_of(left, amount)
        assert sum(each.gross_minor for each in part) == min(amount, before)
        assert all(each.net_minor + each.tax_minor == each.gross_minor for each in part)
        left = minus(left, part)
        assert all(each.net_minor >= 0 and each.tax_minor >= 0 for each in left)
    rest = sum(each.gross_minor for each in left)
    assert minus(left, part_of(left, rest)) == ()


@pytest.mark.parametrize(
    ("typed", "home", "wanted"),
    [
        ("FI 1234567-8", "FI", TaxNumber("FI12345678", "FI")),
        ("1234567-8", "FI", TaxNumber("FI12345678", "FI")),  # the home's form without a prefix
        ("de123456789", "FI", TaxNumber("DE123456789", "DE")),
        ("EL 123456789", "FI", TaxNumber("EL123456789", "GR")),
        ("GR123456789", "FI", TaxNumber("EL123456789", "GR")),
        ("ATU12345678", "DE", TaxNumber("ATU12345678", "AT")),
        ("NL123456789B01", "NL", TaxNumber("NL123456789B01", "NL")),
        ("GB 123 4567 89", "GB", TaxNumber("GB123456789", "GB")),
        ("GBGD001", "GB", TaxNumber("GBGD001", "GB")),
        ("XI123456789", "GB", TaxNumber("XI123456789", "XI")),
        ("CHE-123.456.789 MWST", "FI", TaxNumber("CHE123456789MWST", "CH")),
        ("12.345.678/0001-95", "BR", TaxNumber("12345678000195", "BR")),
        ("12.345.678/0001-96", "BR", WrongTaxNumber("12345678000196", "BR", "12.345.678/0001-95")),
        ("FI123", "FI", WrongTaxNumber("FI123", "FI", "FI12345678")),
        ("123", "FI", None),
        ("1234567", "FI", WrongTaxNumber("1234567", "FI", "FI12345678")),
        ("JP1234567", "JP", TaxNumber("JP1234567", None)),  # no form is known: taken as it is
        ("91350211M000100Y43", "FI", TaxNumber("91350211M000100Y43", None)),
        ("none", "FI", None),
        ("no number, sorry", "FI", None),
        ("", "FI", None),
    ],
)
def test_tax_numbers_are_held_against_their_countrys_form(
    typed: str, home: str, wanted: object
) -> None:
    assert examine(typed, home) == wanted


@given(st.text(max_size=40), st.sampled_from(["FI", "GB", "BR", "US", ""]))
def test_any_text_gets_an_answer(typed: str, home: str) -> None:
    examine(typed, home)


START = datetime(2026, 11, 28, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("accepted", "now", "late", "delta"),
    [
        (29, 60, False, 31),
        (30, 60, False, 32),
        (31, 60, True, 33),
        (None, 30, False, 32),
        (None, 31, True, 33),
    ],
)
def test_a_receipt_is_late_after_thirty_seconds(
    accepted: int | None, now: int, late: bool, delta: int
) -> None:
    billed = START + timedelta(seconds=2)
    taken = billed + timedelta(seconds=accepted) if accepted is not None else None
    times = Times(START, billed, taken)
    at = billed + timedelta(seconds=now)
    assert times.is_late(at) is late
    assert times.delta_s(at) == delta
    assert times.due == billed + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("heard", "billed", "counted", "silent"),
    [
        (0, 0, 40, 0),  # the usual case: billed as soon as the pile has told
        (5, 20, 35, 5),  # 15 seconds in our own queue count
        (900, 15, 25, 900),  # billed without the pile, which told much later
        (None, 15, 25, None),
    ],
)
def test_time_counts_from_the_arrival_of_the_stop_record(
    heard: int | None, billed: int, counted: int, silent: int | None
) -> None:
    after = [None if each is None else START + timedelta(seconds=each) for each in (heard, 40)]
    times = Times(START, START + timedelta(seconds=billed), after[1], after[0])
    now = START + timedelta(hours=1)
    assert (times.counted_s(now), times.silent_s()) == (counted, silent)
    assert times.is_late(now) is (counted > 30)
