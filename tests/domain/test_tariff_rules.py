"""Restrictions, limits before and after tax, reservations, restarts: every rule by hand."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import discounts, holds, metering, money, pricing, restrictions, session, usage
from bot.domain import tariffs as tariffs_
from bot.domain.metering import idle_begins, shared
from bot.domain.money import Money
from bot.domain.pricing import (
    Bill,
    Reading,
    Span,
    Usage,
    carried,
    no_show_fee,
    price,
    price_now,
    reservation_price,
)
from bot.domain.restrictions import Only, When, label
from bot.domain.tariffs import Element, Limit, Tariff, TariffError, dump_tariff, load_tariff
from bot.domain.usage import within, without
from tests.domain.test_pricing import T0, energy, tariff, tariffs, usages, used

HOUR = timedelta(hours=1)


def only(kind: str, rate: str, per: str, when: When | None = None, **limits: object) -> Element:
    return Element(kind, Decimal(rate), per, when, only=Only(**limits))  # type: ignore[arg-type]


def kwh(rate: str, when: When | None = None, **limits: object) -> Element:
    return only("energy", rate, "kwh", when, **limits)


def parts(bill: Bill) -> list[tuple[str, str, int]]:
    return [(line.quantity, line.window, line.gross_minor) for line in bill.lines]


def readings(*points: tuple[float, int]) -> tuple[Reading, ...]:
    """(hours after T0, Wh)."""
    return tuple(Reading(T0 + timedelta(hours=hour), wh) for hour, wh in points)


# --- thresholds


def test_energy_is_split_exactly_where_a_threshold_is_crossed() -> None:
    rules = tariff(kwh("0.50", max_wh=10_000), kwh("0.40", max_wh=20_000), energy("0.30"))
    assert parts(price(rules, used(25_001))) == [
        ("10.000", "< 10 kWh", 500), ("10.000", "< 20 kWh", 400), ("5.001", "", 150),
    ]  # fmt: skip
    assert parts(price(rules, used(10_000))) == [("10.000", "< 10 kWh", 500)]
    assert len(price(rules, used(10_001)).lines) == 2


def test_time_is_split_where_the_energy_passes_a_threshold() -> None:
    """Half of 8 kWh in two hours: the first hour at one price, the second at the other."""
    rules = tariff(only("time", "1", "h", min_wh=4000), only("time", "3", "h"))
    assert parts(price(rules, used(8000, minutes=120))) == [
        ("3600", "", 300), ("3600", "> 4 kWh", 100),
    ]  # fmt: skip


def test_the_supermarkets_half_hour_for_free() -> None:
    """OCPI's own example of a duration: 30 min free, then 0.25, after an hour 0.40 a kWh."""
    rules = tariff(kwh("0.00", max_s=1800), kwh("0.25", max_s=3600), energy("0.40"))
    usage = Usage(
        readings((0, 0), (0.5, 5000), (2 / 3, 6200)), (Span(T0, T0 + timedelta(minutes=40)),)
    )
    assert price(rules, usage).gross_minor == 30


def test_power_bands_of_ocpis_example() -> None:
    rules = tariff(kwh("0.20", max_w=16_000), kwh("0.35", max_w=32_000), energy("0.50"))
    slow, fast = 1 / 6, 40 / 48  # 1 kWh at 6 kW, 40 kWh at 48 kW, half a kWh at 4 kW
    usage = Usage(readings((0, 0), (slow, 1000), (slow + fast, 41_000), (1.125, 41_500)))
    assert [line.gross_minor for line in price(rules, usage).lines] == [2000, 30]
    assert price(rules, usage).gross_minor == 2030


def test_current_counts_only_where_the_pile_tells_it() -> None:
    rules = tariff(kwh("0.20", max_ma=16_000), energy("0.50"))
    start, end = T0, T0 + HOUR
    for ma, minor in ((10_000, 20), (16_000, 50), (None, 50)):
        usage = Usage((Reading(start, 0, ma), Reading(end, 1000, ma)))
        assert price(rules, usage).gross_minor == minor


def test_dates_are_local_days_and_the_end_is_the_first_day_without() -> None:
    rules = tariff(
        kwh("0.10", start_date=date(2026, 12, 24), end_date=date(2026, 12, 26)), energy("0.30")
    )
    for moment, rate in (
        ("2026-12-23T21:59", "0.30"), ("2026-12-23T22:00", "0.10"),  # midnight in Helsinki
        ("2026-12-25T21:59", "0.10"), ("2026-12-25T22:00", "0.30"),
    ):  # fmt: skip
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        assert price_now(rules, at).elements[0].price == Decimal(rate)
    over = Usage(
        (Reading(datetime(2026, 12, 25, 21, tzinfo=UTC), 0),
         Reading(datetime(2026, 12, 25, 23, tzinfo=UTC), 2000))
    )  # fmt: skip
    assert parts(price(rules, over)) == [
        ("1.000", "2026-12-24–2026-12-25", 10), ("1.000", "", 30),
    ]  # fmt: skip


def test_all_restrictions_must_hold_and_the_first_that_does_wins() -> None:
    night = When(frozenset({4}), time(22), time(6))  # Friday night
    rules = tariff(
        kwh("0.05", night, min_wh=1000), kwh("0.20", night), kwh("0.30", max_s=60),
    )  # fmt: skip
    friday = datetime(2026, 11, 20, 20, tzinfo=UTC)  # 22:00 in Helsinki
    usage = Usage((Reading(friday, 0), Reading(friday + HOUR, 3000)))
    assert parts(price(rules, usage)) == [
        ("1.000", "22:00–06:00", 20), ("2.000", "22:00–06:00, > 1 kWh", 10),
    ]  # fmt: skip
    assert price(rules, used(3000)).gross_minor == 2  # 50 Wh in a minute; then none: free


def test_a_start_fee_is_charged_once_when_it_first_applies() -> None:
    long = only("flat", "2", "start", min_s=7200)
    assert price(tariff(long), used(1000, minutes=119)).gross_minor == 0
    assert price(tariff(long), used(1000, minutes=121)).gross_minor == 200
    both = tariff(only("flat", "1", "start", max_wh=1000), only("flat", "5", "start"))
    assert price(both, used(9000)).gross_minor == 100


# --- limits before and after tax


@pytest.mark.parametrize(
    ("maximum", "net", "gross"),
    [
        (Limit(before=Decimal(10)), 1000, 1155),  # 20 min of 25.50 gross: reached before tax
        (Limit(after=Decimal(11)), 952, 1100),
        (Limit(Decimal(10), Decimal(11)), 952, 1100),  # both apply: the lower counts
        (Limit(Decimal(9), Decimal(11)), 900, 1040),
    ],
)
def test_a_maximum_counts_before_and_after_tax(maximum: Limit, net: int, gross: int) -> None:
    fee = Element("flat", Decimal("10.00"), "start", tax_percent=Decimal(20))
    rules = replace(tariff(fee, energy("0.50"), tax="10"), maximum=maximum)
    bill = price(rules, used(16_000))
    assert (bill.net_minor, bill.gross_minor) == (net, gross)
    assert bill.lines[-1].what == "maximum"


def test_a_minimum_counts_before_and_after_tax() -> None:
    rules = replace(tariff(energy("0.50"), tax="10"), minimum=Limit(Decimal(2), Decimal("2.50")))
    bill = price(rules, used(1000))
    assert (bill.net_minor, bill.gross_minor) == (227, 250)
    assert [line.what for line in bill.lines] == ["energy", "minimum", "minimum"]


# --- reserving


def test_reserving_has_prices_of_its_own() -> None:
    rules = tariff(
        only("flat", "3", "start", reservation="RESERVATION_EXPIRES"),
        only("time", "5", "h", reservation="RESERVATION"),
        energy("0.30"), tax="20",
    )  # fmt: skip
    half = Span(T0, T0 + timedelta(minutes=30))
    assert price(rules, used(1000)).net_minor == 30  # charging knows none of them
    assert reservation_price(rules, half).total == Money(300, "EUR")
    assert no_show_fee(rules, half) == Money(660, "EUR")
    instead = tariff(
        only("time", "1", "h", reservation="RESERVATION"),
        only("time", "9", "h", reservation="RESERVATION_EXPIRES"),
    )  # fmt: skip
    assert reservation_price(instead, half, expired=True).total == Money(450, "EUR")
    assert no_show_fee(tariff(energy("1")), half) is None


def test_reserving_by_the_kwh_is_refused() -> None:
    element = {"kind": "energy", "price": "1", "per": "kwh", "only": {"reservation": "RESERVATION"}}
    with pytest.raises(TariffError, match="reserving"):
        load_tariff({"elements": [element], "currency": "EUR", "tz": "UTC", "tax_percent": "0",
                     "includes_tax": True})  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"min_kwh": "10", "max_kwh": "10"}, "max_kwh must be above min_kwh"),
        ({"min_kwh": 1.5}, "as text"),
        ({"min_kwh": "0.0001"}, "finer than"),
        ({"max_kw": "-1"}, "out of range"),
        ({"max_s": "long"}, "not a number"),
        ({"start_date": "24.12."}, "a date like"),
        ({"start_date": "2026-12-26", "end_date": "2026-12-26"}, "after start_date"),
        ({"reservation": "MAYBE"}, "RESERVATION"),
        ({"min_volt": "1"}, "min_volt is not known"),
    ],
)
def test_a_wrong_restriction_is_named(limits: dict[str, object], says: str) -> None:
    element = {"kind": "energy", "price": "1", "per": "kwh", "only": limits}
    with pytest.raises(TariffError, match=says):
        load_tariff({"elements": [element], "currency": "EUR", "tz": "UTC", "tax_percent": "0",
                     "includes_tax": True})  # fmt: skip


def test_a_body_of_before_is_read_as_it_was_meant() -> None:
    body = {"elements": [], "currency": "EUR", "tz": "UTC", "tax_percent": "0", "minimum": "2"}
    assert load_tariff({**body, "includes_tax": True}).minimum == Limit(after=Decimal(2))
    assert load_tariff({**body, "includes_tax": False}).minimum == Limit(before=Decimal(2))


# --- idling


@pytest.mark.parametrize(
    ("waited", "minor"),
    [
        ((), 0),
        (((0, 120),), 50),  # who waited all along: the fee runs from the end of the grace
        (((20, 120),), 35),  # who came later: five minutes after the rider was told
        (((20, 24),), 0),
        (((0, 20), (40, 50)), 15),
    ],
)
def test_idling_costs_only_while_somebody_waits(
    waited: Iterable[tuple[int, int]], minor: int
) -> None:
    rules = replace(
        tariff(Element("idle", Decimal("0.01"), "min"), grace_s=600), idle_if_waited=True
    )
    end = T0 + HOUR
    spans = tuple(Span(*(end + timedelta(minutes=each) for each in ends)) for ends in waited)
    assert price(rules, replace(used(1, idle_min=60), waited=spans)).gross_minor == minor


def test_one_stretch_has_one_grace_however_often_the_vehicle_says_so() -> None:
    rules = tariff(Element("idle", Decimal("0.10"), "min"), grace_s=600)
    end = T0 + HOUR
    middle, last = end + timedelta(minutes=9), end + timedelta(minutes=18)
    touching = Usage((), (Span(T0, end),), (Span(end, middle), Span(middle, last)))
    assert price(rules, touching).gross_minor == 80


def test_when_idling_begins_to_cost() -> None:
    night = When(start=time(22), end=time(7))
    rules = tariff(Element("idle", Decimal("0.10"), "min"), grace_s=600, idle_free=night)
    evening = datetime(2026, 11, 20, 19, 55, tzinfo=UTC)  # 21:55 in Helsinki
    assert idle_begins(rules, evening, None) == datetime(2026, 11, 21, 5, tzinfo=UTC)
    assert idle_begins(rules, T0, None) == T0 + timedelta(minutes=10)
    assert idle_begins(tariff(energy("1")), T0, None) is None
    waited = replace(rules, idle_if_waited=True)
    assert idle_begins(waited, T0, None) is None
    assert idle_begins(waited, T0, T0 + HOUR) == T0 + HOUR + timedelta(minutes=5)


def test_spans_are_cut_by_others() -> None:
    def span(start: int, end: int) -> Span:
        return Span(T0 + start * HOUR, T0 + end * HOUR)

    assert without([span(0, 10)], [span(2, 3), span(8, 12)]) == (span(0, 2), span(3, 8))
    assert without([span(0, 2)], [span(0, 2)]) == ()
    assert within([span(0, 4)], [span(1, 2), span(3, 9)]) == (span(1, 2), span(3, 4))


# --- what is told


def test_what_a_charge_may_yet_bring_is_known_before() -> None:
    rules = tariff(kwh("0.50", max_wh=10_000), kwh("0.20", max_w=5000), energy("0.40"))
    now = price_now(rules, T0, 11_000)
    assert [each.price for each in now.elements] == [Decimal("0.50")]
    assert [label(each.when, each.only) for each in now.later] == ["< 5 kW", ""]


# --- properties


@given(st.integers(0, 30_000), st.lists(st.integers(0, 10**12), min_size=1, max_size=6))
def test_one_wh_more_lowers_no_part(amount: int, weights: list[int]) -> None:
    parts, more = shared(amount, weights), shared(amount + 1, weights)
    assert sum(parts) == amount
    assert all(low <= high for low, high in zip(parts, more, strict=True))


@st.composite
def thresholds(draw: st.DrawFn) -> Tariff:
    """Prices by energy only, and by duration, in any order."""
    base: Tariff = draw(tariffs())
    elements = [
        kwh(str(draw(st.decimals("0", "3", places=4))), min_wh=draw(st.integers(0, 30_000))),
        kwh(str(draw(st.decimals("0", "3", places=4))), max_wh=draw(st.integers(1, 30_000))),
        only("time", str(draw(st.decimals("0", "3", places=2))), "h",
             min_s=draw(st.integers(0, 40_000))),
        only("flat", "1.50", "start", min_wh=draw(st.integers(0, 30_000))),
        Element("energy", draw(st.decimals("0", "3", places=4)), "kwh"),
        *(each for each in base.elements if each.kind in {"time", "idle"}),
    ]  # fmt: skip
    return replace(base, elements=tuple(draw(st.permutations(elements))), includes_tax=True)


@given(thresholds(), usages(), st.integers(1, 20_000))
@settings(max_examples=40, deadline=None)
def test_more_energy_never_costs_less_with_thresholds(
    rules: Tariff, usage: Usage, more: int
) -> None:
    """Where prices of energy do not change by the clock, nor prices of time by the energy."""
    rules = replace(rules, maximum=Limit(after=rules.maximum.before or rules.maximum.after))
    last = usage.readings[-1]
    greater = replace(usage, readings=(*usage.readings[:-1], Reading(last.at, last.wh + more)))
    assert price(rules, greater).gross_minor >= price(rules, usage).gross_minor


@given(tariffs(), usages(), st.integers(1, 50_000))
@settings(max_examples=40, deadline=None)
def test_more_time_never_costs_less(rules: Tariff, usage: Usage, more: int) -> None:
    """Charging or idling for longer with the energy the same; as above of one tax rate, or by
    limits after tax."""
    rules = replace(
        rules, includes_tax=True,
        minimum=Limit(after=rules.minimum.before or rules.minimum.after),
        maximum=Limit(after=rules.maximum.before or rules.maximum.after),
    )  # fmt: skip
    (idle,) = usage.idle
    longer = replace(usage, idle=(Span(idle.start, idle.end + timedelta(seconds=more)),))
    assert price(rules, longer).gross_minor >= price(rules, usage).gross_minor
    (span,) = usage.charging
    longer = replace(
        usage, charging=(Span(span.start, span.end + timedelta(seconds=more)),), idle=()
    )
    without_idle = replace(usage, idle=())
    assert price(rules, longer).gross_minor >= price(rules, without_idle).gross_minor


def cut(usage: Usage, number: int) -> tuple[Usage, Usage]:
    """A charge as two: the rider stops at a reading and starts again at once."""
    at = usage.readings[number].at
    (span,) = usage.charging
    first = Usage(usage.readings[: number + 1], (Span(span.start, at),))
    second = Usage(usage.readings[number:], (Span(at, span.end),), usage.idle)
    return first, second


def _before_rounding(bill: Bill) -> int:
    return sum(line.gross_minor for line in bill.lines if line.what != "rounding")


@given(thresholds() | tariffs(), usages(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_charge_cut_in_two_costs_what_it_costs_whole(
    rules: Tariff, usage: Usage, data: st.DataObject
) -> None:
    """Started again within minutes, for every tariff without steps: never cheaper, never dearer,
    but for half a minor unit a line and its tax, which each bill rounds by itself.

    Not where a limit before tax meets several tax rates: which rate tops up to it depends on what
    each bill has on it, so the limit is taken after tax there. What no card can pay of a currency
    with three decimals is let go at each bill, and is left out here."""
    usage = replace(usage, fault=False)
    if len({rules.tax_of(each) for each in rules.elements}) > 1:
        rules = replace(
            rules,
            minimum=Limit(after=rules.minimum.before or rules.minimum.after),
            maximum=Limit(after=rules.maximum.before or rules.maximum.after),
        )
    if len(usage.readings) < 3:
        return
    first, second = cut(usage, data.draw(st.integers(1, len(usage.readings) - 2)))
    if not (first.energy_wh() and second.energy_wh()):
        return  # a start without energy is no charge
    carry = carried(rules, first)
    parts = price(rules, first), price(rules, replace(second, carry=carry))
    whole = price(rules, usage)
    lines = len(whole.lines) + sum(len(each.lines) for each in parts)
    off = sum(map(_before_rounding, parts)) - _before_rounding(whole)
    assert abs(off) <= lines + 1, (off, whole.lines, parts)


@given(tariffs(), usages(), st.data())
@settings(max_examples=40, deadline=None)
def test_two_charges_never_cost_less_than_one(
    rules: Tariff, usage: Usage, data: st.DataObject
) -> None:
    """With a pause between them, so that each is a charge of its own: for every tariff whose prices
    do not depend on how much or how long was charged before."""
    usage = replace(usage, fault=False)
    if len(usage.readings) < 3:
        return
    first, second = cut(usage, data.draw(st.integers(1, len(usage.readings) - 2)))
    if not (first.energy_wh() and second.energy_wh()):
        return
    parts, whole = (price(rules, first), price(rules, second)), price(rules, usage)
    lines = len(whole.lines) + sum(len(each.lines) for each in parts)
    assert sum(each.gross_minor for each in parts) >= whole.gross_minor - lines


def test_a_restart_pays_no_second_start_fee_and_shares_the_limits() -> None:
    rules = tariff(
        Element("flat", Decimal(1), "start"), energy("0.50"), minimum="5", maximum="8",
        includes_tax=True,
    )  # fmt: skip
    carry = carried(rules, used(2000))
    assert (carry.measured_gross, carry.billed_gross) == (200, 500)
    again = price(rules, replace(used(2000), carry=carry))
    assert [(line.what, line.gross_minor) for line in again.lines] == [
        ("energy", 100), ("paid_before", -100),
    ]  # fmt: skip
    more = price(rules, replace(used(20_000), carry=carry))
    assert [(line.what, line.gross_minor) for line in more.lines] == [
        ("energy", 1000), ("maximum", -700),
    ]  # fmt: skip
    assert carried(rules, replace(used(2000), carry=carry)).flat


def test_a_restart_goes_on_counting_energy_and_duration() -> None:
    rules = tariff(kwh("0.50", max_wh=3000), kwh("0.40", max_s=7200), energy("0.10"))
    carry = carried(rules, used(2000, minutes=90))
    usage = replace(used(4000), carry=carry)  # 1 kWh more of 0.50, then to two hours, then the rest
    assert parts(price(rules, usage)) == [
        ("1.000", "< 3 kWh", 50), ("1.000", "< 120 min", 40), ("2.000", "", 20),
    ]  # fmt: skip


@given(tariffs())
@settings(max_examples=30, deadline=None)
def test_elements_and_limits_survive_json(base: Tariff) -> None:
    rules = replace(
        base, idle_if_waited=True, maximum=Limit(Decimal("9.5"), Decimal("10.005")),
        elements=(
            kwh("0.5", min_wh=1, max_w=1500, min_ma=250, max_s=9, start_date=date(2026, 1, 1)),
            only("flat", "1", "start", reservation="RESERVATION_EXPIRES"),
            *base.elements,
        ),
    )  # fmt: skip
    assert load_tariff(json.loads(json.dumps(dump_tariff(rules)))) == rules


@pytest.mark.parametrize(
    "module", [discounts, holds, metering, money, pricing, restrictions, session, tariffs_, usage]
)
def test_no_float_comes_near_the_money(module: ModuleType) -> None:
    assert module.__file__ is not None
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        match node:
            case (
                ast.Constant(value=float())
                | ast.Attribute(attr="timestamp" | "total_seconds")
                | ast.Call(func=ast.Name(id="float"))
            ):
                pytest.fail(ast.unparse(node))
