"""Coupons and plans: what each takes off, which one counts, and that nothing goes below zero."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.discounts import (
    ALPHABET,
    Coupon,
    CouponRules,
    Discount,
    Pack,
    best,
    dump_discount,
    dump_rules,
    load_discount,
    load_rules,
    make_code,
    mistyped,
    plain_code,
    unfit,
)
from bot.domain.holds import hold_for
from bot.domain.money import payable_unit
from bot.domain.pricing import Bill, Usage, price
from bot.domain.session import SessionFacts, Terms, dump_facts, load_facts
from bot.domain.tariffs import Element, Tariff, When
from tests.domain.test_pricing import T0, energy, tariff, tariffs, usages, used

FIVE = Discount("coupon", 1, "FIVE", fixed_minor=500)
TENTH = Discount("coupon", 2, "TENTH", percent=Decimal(10))
PACK = Discount("plan", 3, "Month 20 kWh", unit="wh", left=4_000)
HOURS = Discount("plan", 4, "Month 10 h", unit="s", left=1_800)
FEE = Element("flat", Decimal("1.00"), "start")
IDLE = Element("idle", Decimal("6.00"), "h")


def cuts(bill: Bill) -> list[tuple[str, str, int]]:
    """The lines that discounts added."""
    return [
        (each.what, each.window, each.gross_minor)
        for each in bill.lines
        if each.what in {"plan", "coupon"}
    ]


@pytest.mark.parametrize(
    ("discounts", "lines", "total"),
    [
        ((FIVE,), [("coupon", "FIVE", -500)], 300),  # 6.00 energy + 1.00 fee + 1.00 idle
        ((TENTH,), [("coupon", "TENTH", -70)], 730),
        ((FIVE, TENTH), [("coupon", "TENTH", -70), ("coupon", "FIVE", -500)], 230),
        ((PACK,), [("plan", "Month 20 kWh", -120)], 680),  # 4 of 20 kWh
        ((HOURS,), [("plan", "Month 10 h", -300)], 500),  # half an hour of one
        (
            (TENTH, PACK),
            [("plan", "Month 20 kWh", -120), ("coupon", "TENTH", -58)],
            622,
        ),
        ((Discount("coupon", 5, "BIG", fixed_minor=5_000),), [("coupon", "BIG", -700)], 100),
        ((Discount("coupon", 6, "MIN", fixed_minor=100, min_spend_minor=701),), [], 800),
        (
            (Discount("coupon", 7, "CAP", percent=Decimal(50), most_minor=99),),
            [("coupon", "CAP", -99)],
            701,
        ),
    ],
)
def test_what_a_discount_takes_off(
    discounts: Sequence[Discount], lines: list[tuple[str, str, int]], total: int
) -> None:
    rates = tariff(energy("0.30"), FEE, IDLE, includes_tax=True, tax="25.5")
    bill = price(rates, used(20_000, idle_min=10), discounts=discounts)
    assert (cuts(bill), bill.gross_minor) == (lines, total)


def test_tax_falls_with_the_price_as_for_any_other_adjustment() -> None:
    rates = tariff(energy("1.00"), tax="20")
    bill = price(rates, used(10_000), discounts=[FIVE])
    assert (bill.net_minor, bill.tax_minor, bill.gross_minor) == (583, 117, 700)
    assert [(line.net_minor, line.tax_minor) for line in bill.lines] == [(1000, 200), (-417, -83)]


def test_a_discount_is_shared_among_the_rates_it_lowers() -> None:
    fee = Element("flat", Decimal("5.00"), "start", tax_percent=Decimal(0))
    rates = tariff(energy("1.00"), fee, tax="20", includes_tax=True)
    bill = price(rates, used(10_000), discounts=[FIVE])
    found = {line.tax_percent: line.gross_minor for line in bill.lines if line.what == "coupon"}
    assert found == {"0": -167, "20": -333}


def test_what_passes_the_hold_is_counted_after_the_discount() -> None:
    bill = price(tariff(energy("1.00")), used(10_000), discounts=[FIVE], limit_minor=450)
    assert [line.what for line in bill.lines] == ["energy", "coupon", "over_hold"]
    assert bill.gross_minor == 450


discounts_of = st.lists(
    st.builds(
        Discount,
        st.sampled_from(["plan", "coupon"]),
        st.integers(1, 9),
        st.just("X"),
        percent=st.decimals(0, 100, places=1),
        most_minor=st.none() | st.integers(0, 2_000),
        fixed_minor=st.integers(0, 3_000),
        min_spend_minor=st.integers(0, 500),
        unit=st.sampled_from(["wh", "s"]),
        left=st.integers(0, 50_000),
    ),
    max_size=4,
)


@given(tariffs(), usages(), discounts_of, st.none() | st.integers(0, 5_000))
def test_no_discount_makes_anything_negative_and_the_lines_are_the_total(
    rules: Tariff, usage: Usage, discounts: list[Discount], limit: int | None
) -> None:
    before = price(rules, usage)
    bill = price(rules, usage, discounts=discounts, limit_minor=limit)
    assert 0 <= bill.gross_minor <= before.gross_minor
    assert bill.gross_minor == sum(line.gross_minor for line in bill.lines)
    assert bill.net_minor == sum(line.net_minor for line in bill.lines)
    assert all(each.gross_minor >= 0 and each.net_minor >= 0 for each in bill.taxes)
    assert all(each.tax_minor >= 0 for each in bill.taxes)
    if limit is None:  # what may not be lowered is still there in full
        kept = sum(x.gross_minor for x in before.lines if x.what in {"idle", "minimum"})
        less = sum(x.gross_minor for x in before.lines if x.what == "maximum")
        let_go = payable_unit(rules.currency) - 1  # what no card can pay
        assert bill.gross_minor >= kept + less - let_go


# --- the charge


def facts(terms: Terms, wh: int) -> SessionFacts:
    usage = used(wh)
    return SessionFacts(terms, T0, readings=usage.readings, charging=usage.charging)


def test_a_charge_that_costs_nothing_anyway_uses_no_coupon_up() -> None:
    terms = Terms(tariff(energy("0.30")), 900, 800, 50, discounts=(FIVE,))
    assert [line.what for line in facts(terms, 1_000).bill().lines] == ["energy", "waived"]
    assert [line.what for line in facts(terms, 9_000).bill().lines] == ["energy", "coupon"]
    assert facts(terms, 9_000).bill().gross_minor == 0
    few = facts(terms, 17_000).bill()  # 5.10: ten cents are left
    assert [line.what for line in few.lines] == ["energy", "coupon", "waived"]
    assert few.gross_minor == 0


def test_discounts_survive_the_row() -> None:
    terms = Terms(tariff(energy("0.30")), 900, 800, 50, discounts=(FIVE, TENTH, PACK))
    there = facts(terms, 5_000)
    assert load_facts(dump_facts(there), terms.tariff) == there
    old = dump_facts(there)
    del old["terms"]["discounts"]
    assert load_facts(old, terms.tariff).terms.discounts == ()
    assert load_discount(dump_discount(TENTH)) == TENTH


def test_the_hold_is_smaller_with_a_coupon_but_lets_it_be_reached() -> None:
    rates = tariff(energy("0.50"))
    assert hold_for(rates, power_w=5_000, at=T0).amount_minor == 1_000
    half = Discount("coupon", 1, "H", percent=Decimal(50))
    assert hold_for(rates, power_w=5_000, at=T0, discounts=[half]).amount_minor == 500
    late = Discount("coupon", 1, "H", fixed_minor=600, min_spend_minor=800)
    assert hold_for(rates, power_w=5_000, at=T0, discounts=[late]).amount_minor == 800


# --- which coupon


def coupon(number: int, *, days: int = 30, **rules: Any) -> Coupon:
    given_rules: dict[str, Any] = {"currency": "EUR", "country": "FI", **rules}
    return Coupon(number, f"C{number}", CouponRules(**given_rules), T0 + timedelta(days=days))


def costs(discounts: Sequence[Discount]) -> tuple[int, ...]:
    """Of 10 kWh and 20 kWh at 1.00."""
    rates = tariff(energy("1.00"))
    return tuple(price(rates, used(wh), discounts=discounts).gross_minor for wh in (10_000, 20_000))


@pytest.mark.parametrize(
    ("coupons", "chosen"),
    [
        ([], ()),
        ([coupon(1, fixed_minor=100), coupon(2, fixed_minor=300)], (2,)),
        ([coupon(1, fixed_minor=100, days=9), coupon(2, fixed_minor=100, days=3)], (2,)),
        ([coupon(1, percent=Decimal(20)), coupon(2, fixed_minor=150)], (1,)),
        # Only worth something in a larger charge: better than nothing.
        ([coupon(1, fixed_minor=500, min_spend_minor=1_500)], (1,)),
        ([coupon(1, fixed_minor=500, min_spend_minor=9_000)], ()),
        # Those that may be added up, where they come to more.
        (
            [
                coupon(1, fixed_minor=100, stackable=True),
                coupon(2, fixed_minor=100, stackable=True, days=2),
                coupon(3, fixed_minor=150),
            ],
            (2, 1),
        ),
        (
            [
                coupon(1, fixed_minor=100, stackable=True),
                coupon(2, fixed_minor=100, stackable=True),
                coupon(3, fixed_minor=250),
            ],
            (3,),
        ),
        # No more of them than the bill can take.
        ([coupon(n, fixed_minor=2_500, stackable=True, days=n) for n in (1, 2)], (1,)),
    ],
)
def test_the_best_coupon(coupons: list[Coupon], chosen: tuple[int, ...]) -> None:
    assert tuple(each.id for each in best(coupons, costs)) == chosen


@pytest.mark.parametrize(
    ("rules", "days", "why"),
    [
        ({}, 30, None),
        ({}, 0, "expired"),
        ({"country": "DE"}, 30, "market"),
        ({"currency": "SEK"}, 30, "market"),
        ({"stations": frozenset({7})}, 30, None),
        ({"stations": frozenset({8})}, 30, "site"),
        ({"hours": When(start=time(12), end=time(14))}, 30, None),  # 10:00 UTC is noon there
        ({"hours": When(start=time(9), end=time(11))}, 30, "hours"),
    ],
)
def test_where_and_when_a_coupon_counts(rules: dict[str, Any], days: int, why: str | None) -> None:
    place: Any = {"station_id": 7, "country": "FI", "currency": "EUR", "tz": "Europe/Helsinki"}
    assert unfit(coupon(1, days=days, **rules), at=T0, **place) == why
    held = coupon(1, **rules).rules
    assert load_rules(dump_rules(held)) == held


# --- codes


@given(st.lists(st.integers(0, 31), min_size=7, max_size=7), st.integers(0, 7), st.data())
def test_every_single_wrong_character_of_a_code_is_found(
    numbers: list[int], place: int, data: st.DataObject
) -> None:
    left = iter(numbers)
    code = make_code(lambda _: next(left))
    plain = plain_code(code)
    assert plain is not None and not mistyped(plain)
    other = data.draw(st.sampled_from([each for each in ALPHABET if each != plain[place]]))
    assert mistyped(plain[:place] + other + plain[place + 1 :])


@pytest.mark.parametrize(
    ("typed", "plain"),
    [("rain5", "RA1N5"), (" Rain-5 ", "RA1N5"), ("ra!n", "RAN"), ("k7mp-4qxo", "K7MP4QX0"),
     ("5", None), ("", None), ("雨5雨", None)],
)  # fmt: skip
def test_typed_codes(typed: str, plain: str | None) -> None:
    assert plain_code(typed) == plain


# --- plans


@given(st.integers(1, 10**6), st.integers(0, 10**5), st.lists(st.integers(0, 10**5), max_size=9))
def test_a_plan_earns_its_price_exactly(size: int, net: int, uses: list[int]) -> None:
    pack, earned = Pack(size, 0, net), 0
    for amount in uses:
        after = pack.use(amount)
        assert after.earned_minor() >= pack.earned_minor() >= earned
        earned, pack = pack.earned_minor(), after
    assert pack.use(size).earned_minor() == net
    assert pack.use(size).left == 0
