"""Prices by hand-checked example and by property: nothing lost, made up, or rounded twice."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.money import Money, payable_unit
from bot.domain.pricing import (
    Bill,
    Reading,
    Span,
    Usage,
    dump_bill,
    examples,
    load_bill,
    planned,
    price,
    price_now,
)
from bot.domain.restrictions import When
from bot.domain.tariffs import Element, Limit, Tariff

T0 = datetime(2026, 11, 20, 10, tzinfo=UTC)
NIGHT = When(start=time(22), end=time(7))


def tariff(
    *elements: Element,
    tax: str = "0",
    includes_tax: bool = False,
    currency: str = "EUR",
    minimum: str | None = None,
    maximum: str | None = None,
    grace_s: int = 0,
    idle_cap: str | None = None,
    idle_free: When | None = None,
    tz: str = "Europe/Helsinki",
) -> Tariff:
    return Tariff(
        "test", currency, tz, Decimal(tax), includes_tax, elements,
        minimum=limit(minimum, includes_tax),
        maximum=limit(maximum, includes_tax),
        idle_grace_s=grace_s,
        idle_cap=None if idle_cap is None else Decimal(idle_cap),
        idle_free=idle_free,
    )  # fmt: skip


def limit(amount: Decimal | str | None, includes_tax: bool) -> Limit:
    """In the basis of the prices."""
    value = None if amount is None else Decimal(amount)
    return Limit(after=value) if includes_tax else Limit(before=value)


def energy(rate: str, when: When | None = None, step: int = 1) -> Element:
    return Element("energy", Decimal(rate), "kwh", when, step)


def used(wh: int, *, minutes: int = 60, idle_min: int = 0, start: datetime = T0) -> Usage:
    end = start + timedelta(minutes=minutes)
    idle = (Span(end, end + timedelta(minutes=idle_min)),) if idle_min else ()
    return Usage((Reading(start, 700), Reading(end, 700 + wh)), (Span(start, end),), idle)


def totals(bill: Bill) -> tuple[int, int]:
    return bill.net_minor, bill.gross_minor


# --- the ready tests of the requirements (features §4.3, after OCPI's own examples)

START_FEE = Element("flat", Decimal("0.50"), "start", tax_percent=Decimal(20))
PARKING = Element("idle", Decimal("2.00"), "h", step=900, tax_percent=Decimal(20))
BY_HOUR = Element("time", Decimal("0.25"), "h")
TWO_PARTS = Usage(
    (
        Reading(T0, 0),
        Reading(T0 + timedelta(hours=1), 4300),
        Reading(T0 + timedelta(hours=2), 5400),
    )
)


@pytest.mark.parametrize(
    ("rules", "usage", "net", "gross", "quantities"),
    [
        pytest.param(
            tariff(energy("0.25"), tax="10"), used(20_000), 500, 550, ["20.000"], id="energy"
        ),
        pytest.param(
            tariff(energy("0.25"), START_FEE, tax="10"), used(20_000), 550, 610, ["1", "20.000"],
            id="start fee of another rate",
        ),
        pytest.param(
            tariff(energy("0.25"), START_FEE, PARKING, tax="10"), used(20_000, idle_min=40),
            700, 790, ["1", "20.000", "2700"], id="40 min parking in quarters of an hour",
        ),
        pytest.param(tariff(BY_HOUR), used(1, minutes=75), 31, 31, ["4500"], id="75 min"),
        pytest.param(tariff(BY_HOUR), used(1, minutes=487), 203, 203, ["29220"], id="487 min"),
        pytest.param(
            tariff(energy("1", step=500)), TWO_PARTS, 550, 550, ["5.500"], id="4.3 + 1.1 kWh"
        ),
    ],
)  # fmt: skip
def test_the_ready_tests(
    rules: Tariff, usage: Usage, net: int, gross: int, quantities: list[str]
) -> None:
    bill = price(rules, usage)
    assert totals(bill) == (net, gross)
    assert [line.quantity for line in bill.lines] == quantities


# --- tax


def test_included_tax_is_taken_out_of_the_summed_price() -> None:
    bill = price(tariff(energy("0.29"), tax="25.5", includes_tax=True), used(10_000))
    assert (bill.gross_minor, bill.tax_minor, bill.net_minor) == (290, 59, 231)


def test_tax_is_rounded_per_rate_and_not_per_line() -> None:
    cents = [Element("flat", Decimal("0.02"), "start"), energy("0.02")]
    bill = price(tariff(*cents, tax="25"), used(1000))
    assert (bill.net_minor, bill.tax_minor) == (4, 1)  # per line: 0.5 each, so 2
    assert sum(line.tax_minor for line in bill.lines) == 1


# --- currencies


@pytest.mark.parametrize(
    ("currency", "rate", "minor"), [("JPY", "35", 438), ("EUR", "0.35", 438), ("KWD", "0.035", 430)]
)
def test_every_exponent(currency: str, rate: str, minor: int) -> None:
    bill = price(tariff(energy(rate), currency=currency), used(12_500))
    assert bill.total == Money(minor, currency)  # 437.5 minor units, half up
    assert bill.lines[0].gross_minor == 438
    if currency == "KWD":  # cards take no more than two decimals of a dinar
        assert (bill.lines[1].what, bill.lines[1].gross_minor) == ("rounding", -8)


# --- minimum, maximum, limit, waiver


def test_minimum_and_maximum() -> None:
    limits = tariff(energy("0.50"), minimum="2", maximum="10", tax="25.5", includes_tax=True)
    assert price(limits, used(1000)).gross_minor == 200
    assert price(limits, used(10_000)).gross_minor == 500
    bill = price(limits, used(50_000))
    assert bill.gross_minor == 1000
    assert bill.lines[-1].what == "maximum"


def test_a_fault_costs_energy_only() -> None:
    fee = Element("flat", Decimal("1"), "start")
    idle = Element("idle", Decimal("1"), "min")
    usage = Usage(*_parts(used(1000, idle_min=30)), fault=True)
    assert price(tariff(energy("0.50"), fee, idle, minimum="5"), usage).gross_minor == 50


def _parts(usage: Usage) -> tuple[tuple[Reading, ...], tuple[Span, ...], tuple[Span, ...]]:
    return usage.readings, usage.charging, usage.idle


def test_what_passes_the_hold_is_not_charged_and_says_so() -> None:
    bill = price(tariff(energy("0.50"), tax="10"), used(10_000), limit_minor=300)
    assert bill.gross_minor == 300
    assert bill.lines[-1].what == "over_hold"


def test_a_waived_bill_shows_what_it_would_have_cost() -> None:
    bill = price(tariff(energy("0.50"), tax="10"), used(200), waive=True)
    assert (bill.gross_minor, bill.net_minor, bill.tax_minor) == (0, 0, 0)
    assert [(line.what, line.gross_minor) for line in bill.lines] == [
        ("energy", 11), ("waived", -11),
    ]  # fmt: skip


# --- idling


def test_idling_has_grace_cap_and_free_nights() -> None:
    idle = Element("idle", Decimal("0.10"), "min")
    assert price(tariff(idle, grace_s=600), used(1, idle_min=10)).gross_minor == 0
    assert price(tariff(idle, grace_s=600), used(1, idle_min=25)).gross_minor == 150
    assert price(tariff(idle, idle_cap="2"), used(1, idle_min=600)).gross_minor == 200
    evening = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)  # 21:30 in Helsinki
    late = used(1, minutes=0, idle_min=60, start=evening)
    assert price(tariff(idle, idle_free=NIGHT), late).gross_minor == 300


def test_the_idle_cap_is_for_day_and_night_together() -> None:
    day, night = Element("idle", Decimal(1), "min"), Element("idle", Decimal(1), "min", NIGHT)
    evening = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
    late = used(1, minutes=0, idle_min=60, start=evening)
    assert price(tariff(night, day, idle_cap="40"), late).gross_minor == 4000


# --- time of use


def test_energy_is_split_where_the_price_changes() -> None:
    start = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)  # 21:30 in Helsinki
    bill = price(tariff(energy("0.10", NIGHT), energy("0.30")), used(1000, start=start))
    assert [(line.quantity, line.unit_price, line.window) for line in bill.lines] == [
        ("0.500", "0.30", ""), ("0.500", "0.10", "22:00–07:00"),
    ]  # fmt: skip
    assert bill.gross_minor == 20


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 3), ("2026-10-25", 5), ("2026-06-01", 4)]
)
def test_days_with_23_and_25_hours(day: str, hours: int) -> None:
    """A night rate from 02:00 to 06:00 local, four hours by the wall clock."""
    window = When(start=time(2), end=time(6))
    rates = tariff(Element("time", Decimal(1), "h", window))
    start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=rates.zone).astimezone(UTC)
    usage = Usage((), (Span(start, start + timedelta(hours=12)),))
    assert price(rates, usage).gross_minor == hours * 100


def test_a_window_inside_the_repeated_hour_counts_both_times() -> None:
    window = When(start=time(3, 15), end=time(3, 45))
    rates = tariff(Element("time", Decimal(60), "h", window))
    start = datetime(2026, 10, 24, 23, tzinfo=UTC)
    usage = Usage((), (Span(start, start + timedelta(hours=5)),))
    assert price(rates, usage).gross_minor == 6000


def test_a_window_the_clock_skips_into_begins_at_the_jump() -> None:
    window = When(start=time(3, 30), end=time(5))
    rates = tariff(Element("time", Decimal(1), "h", window))
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    usage = Usage((), (Span(start, start + timedelta(hours=6)),))
    assert price(rates, usage).gross_minor == 100  # 04:00 to 05:00


def test_weekday_windows_that_wrap_belong_to_the_day_they_begin_on() -> None:
    friday_night = When(frozenset({4}), time(22), time(6))
    rates = tariff(energy("0.10", friday_night), energy("0.30"))
    saturday_2 = datetime(2026, 11, 21, 0, tzinfo=UTC)
    sunday_2 = saturday_2 + timedelta(days=1)
    assert price_now(rates, saturday_2).elements[0].price == Decimal("0.10")
    assert price_now(rates, sunday_2).elements[0].price == Decimal("0.30")


def test_what_applies_now_and_what_changes_next() -> None:
    rates = tariff(energy("0.10", NIGHT), energy("0.30"))
    now = price_now(rates, T0)
    assert [each.price for each in now.elements] == [Decimal("0.30")]
    assert now.changes_at == datetime(2026, 11, 20, 20, tzinfo=UTC)
    assert [each.price for each in now.then] == [Decimal("0.10")]
    assert price_now(tariff(energy("0.30")), T0).changes_at is None


def test_examples_for_five_and_ten_kwh() -> None:
    fee = Element("flat", Decimal("0.50"), "start")
    rates = tariff(energy("0.30"), fee, tax="10")
    assert examples(rates, T0, 11_000) == [
        (5000, Money(220, "EUR")), (10_000, Money(385, "EUR")),
    ]  # fmt: skip


# --- properties

rates = st.decimals("0", "3", places=4, allow_nan=False)
percents = st.sampled_from(["0", "7", "10", "19", "20", "25.5", "8.875"])


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    windows = st.builds(
        When,
        st.frozensets(st.integers(0, 6), max_size=3),
        st.times().map(lambda t: t.replace(second=0, microsecond=0)),
        st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    )
    elements = [
        Element("energy", draw(rates), "kwh", draw(windows)),
        Element("energy", draw(rates), "kwh"),
        Element("flat", draw(rates), "start", tax_percent=Decimal(draw(percents))),
        Element("time", draw(rates), draw(st.sampled_from(["h", "min"])), draw(windows)),
        Element("idle", draw(rates), "min", tax_percent=Decimal(draw(percents))),
    ]
    least = draw(st.none() | st.decimals("0", "2", places=2))
    most = draw(st.none() | st.decimals("2", "40", places=2))
    return Tariff(
        "any", draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        draw(st.sampled_from(["Europe/Helsinki", "America/New_York", "Asia/Kathmandu"])),
        Decimal(draw(percents)), gross := draw(st.booleans()), tuple(elements), "1",
        limit(least, gross), limit(most, gross), draw(st.integers(0, 900)),
        draw(st.none() | st.just(Decimal(5))),
    )  # fmt: skip


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    at = draw(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 30))).replace(tzinfo=UTC)  # noqa: DTZ001  the zone is set here
    readings, wh, start = [Reading(at, 500)], 500, at
    for passed, added in draw(
        st.lists(st.tuples(st.integers(1, 40_000), st.integers(0, 30_000)), min_size=1, max_size=6)
    ):
        at, wh = at + timedelta(seconds=passed), wh + added
        readings.append(Reading(at, wh))
    idle = Span(at, at + timedelta(seconds=draw(st.integers(0, 9000))))
    return Usage(tuple(readings), (Span(start, at),), (idle,), draw(st.booleans()))


@given(tariffs(), usages(), st.integers(0, 5000))
def test_totals_are_the_sums_of_what_is_printed(rules: Tariff, usage: Usage, held: int) -> None:
    for bill in (price(rules, usage), price(rules, usage, limit_minor=held)):
        for name in ("net_minor", "tax_minor", "gross_minor"):
            assert getattr(bill, name) == sum(getattr(line, name) for line in bill.lines)
            assert getattr(bill, name) == sum(getattr(each, name) for each in bill.taxes)
        assert all(line.net_minor + line.tax_minor == line.gross_minor for line in bill.lines)
        assert bill.gross_minor >= 0
        assert load_bill(dump_bill(bill)) == bill
    assert price(rules, usage, limit_minor=held).gross_minor <= held
    assert price(rules, usage, waive=True).gross_minor == 0


@given(tariffs(), usages(), st.integers(1, 20_000))
def test_more_energy_never_costs_less(rules: Tariff, usage: Usage, more: int) -> None:
    last = usage.readings[-1]
    greater = Usage(
        (*usage.readings[:-1], Reading(last.at, last.wh + more)), *_parts(usage)[1:], usage.fault
    )
    less, most = price(rules, usage), price(rules, greater)
    # In the prices' own basis: under a net maximum with several tax rates more energy may move
    # the same net sum to a lower rate, and so the tax by a cent. What no card can pay is taken off
    # the gross sum, and each rate bears its share of that.
    if rules.includes_tax or len({each.tax_percent for each in rules.elements}) == 1:
        assert most.gross_minor >= less.gross_minor
    else:
        let_go = payable_unit(rules.currency) - 1
        assert most.net_minor + let_go >= less.net_minor


@given(tariffs(), usages())
def test_energy_lines_hold_all_the_energy(rules: Tariff, usage: Usage) -> None:
    lines = [line for line in price(rules, usage).lines if line.what == "energy"]
    assert sum(Decimal(line.quantity) for line in lines) == Decimal(usage.energy_wh()).scaleb(-3)


@given(tariffs(), usages())
def test_minimum_and_maximum_are_kept(rules: Tariff, usage: Usage) -> None:
    bill = price(rules, usage)
    base = bill.gross_minor if rules.includes_tax else bill.net_minor
    scale = {"EUR": 2, "JPY": 0, "KWD": 3}[rules.currency]
    most, least = rules.limit(rules.maximum), rules.limit(rules.minimum)
    if most is not None:
        assert base <= most.scaleb(scale) + Decimal("0.5")
    if least is not None and usage.energy_wh() and not usage.fault:
        let_go = payable_unit(rules.currency) - 1  # what no card can pay
        assert base >= least.scaleb(scale) - Decimal("0.5") - let_go


@given(tariffs(), st.integers(1, 50_000), st.integers(100, 50_000))
def test_the_price_does_not_depend_on_how_often_the_meter_is_read(
    rules: Tariff, wh: int, power_w: int
) -> None:
    """At constant power, within one minor unit a price change (a Wh lands left or right of it)."""
    whole = planned(wh, power_w, T0)
    start, end = whole.readings
    points = 7
    readings = tuple(
        Reading(start.at + (end.at - start.at) * n / points, wh * n // points)
        for n in range(points + 1)
    )
    finer = price(rules, Usage(readings, whole.charging)).gross_minor
    allowed = 2 * (len(rules.boundaries(start.at, end.at)) + 1) * 5
    assert abs(finer - price(rules, whole).gross_minor) <= allowed
