"""From meter readings and a tariff to a bill, exact to the minor unit and rounded once per line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from bot.domain.discounts import LINES, Discount, in_order
from bot.domain.money import Money, exponent
from bot.domain.tariffs import KINDS, UNITS, Element, Kind, Tariff, When


@dataclass(frozen=True, slots=True)
class Reading:
    """The energy register of the meter at a moment."""

    at: datetime
    wh: int


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time."""

    start: datetime
    end: datetime

    def seconds(self) -> int:
        """Its length; never negative."""
        return max(0, int((self.end - self.start).total_seconds()))


@dataclass(frozen=True, slots=True)
class Usage:
    """What is billed: register readings in order of time, charging spans, and spans plugged in
    with no energy flowing by the vehicle's choice (grace not yet taken off).

    `fault` means we broke it off: energy only, no flat fee, no minimum, no idling.
    """

    readings: tuple[Reading, ...]
    charging: tuple[Span, ...] = ()
    idle: tuple[Span, ...] = ()
    fault: bool = False

    def energy_wh(self) -> int:
        """Register difference, the only measure of energy."""
        registers = [each.wh for each in self.readings]
        return max(registers) - registers[0] if registers else 0

    def charging_s(self) -> int:
        """Seconds in which energy flowed."""
        return sum(span.seconds() for span in self.charging)


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line. `quantity` is exact, in `unit` ("kwh", "s", "start"; "" for adjustments);
    `unit_price` is exact, in major units per `per`; `window` names a time-of-use period.

    `what`: energy, time, idle, flat, or an adjustment: minimum, maximum, plan, coupon (whose name
    stands in `window`), over_hold, waived.
    """

    what: str
    quantity: str
    unit: str
    unit_price: str
    per: str
    window: str
    tax_percent: str
    net_minor: int
    tax_minor: int
    gross_minor: int


@dataclass(frozen=True, slots=True)
class TaxSum:
    """All lines of one tax rate together."""

    percent: str
    net_minor: int
    tax_minor: int
    gross_minor: int


@dataclass(frozen=True, slots=True)
class Bill:
    """Printed lines, the tax of each rate, and totals that are the sums of what is printed."""

    currency: str
    includes_tax: bool
    tariff_version: str
    lines: tuple[Line, ...]
    taxes: tuple[TaxSum, ...]
    net_minor: int
    tax_minor: int
    gross_minor: int

    @property
    def total(self) -> Money:
        """What the rider pays."""
        return Money(self.gross_minor, self.currency)


def dump_bill(bill: Bill) -> dict[str, Any]:
    """The JSON form kept in the bill table; `load_bill` reads it."""
    return asdict(bill)


def load_bill(body: Mapping[str, Any]) -> Bill:
    """The bill that `dump_bill` wrote; what else stands in the body is left alone."""
    own = {each.name: body[each.name] for each in fields(Bill)}
    lines = tuple(Line(**each) for each in body["lines"])
    taxes = tuple(TaxSum(**each) for each in body["taxes"])
    return Bill(**{**own, "lines": lines, "taxes": taxes})


@dataclass(slots=True)
class _Draft:
    """A line before tax; `base_minor` is net or gross, as the tariff states its prices."""

    what: str
    base_minor: int
    tax: Decimal
    quantity: str = ""
    unit: str = ""
    unit_price: str = ""
    per: str = ""
    window: str = ""


def price(
    tariff: Tariff,
    usage: Usage,
    *,
    discounts: Sequence[Discount] = (),
    limit_minor: int | None = None,
    waive: bool = False,
) -> Bill:
    """The bill of a usage, less what plans and coupons take off.

    Each line is rounded once, half-up; tax is computed per rate on the summed lines and shared
    out among them, so every total is the sum of what is printed (features §4.3). Above
    `limit_minor` (what is held) the rest is not charged; `waive` makes the bill zero; both show
    as lines of their own.
    """
    drafts = [*_measured(tariff, usage)]
    total = sum(each.base_minor for each in drafts)
    maximum = _minor(tariff, tariff.maximum)
    minimum = _minor(tariff, tariff.minimum)
    if maximum is not None and total > maximum:
        drafts += _spread("maximum", maximum - total, drafts)
    elif minimum is not None and total < minimum and not usage.fault and usage.energy_wh() > 0:
        drafts.append(_Draft("minimum", minimum - total, tariff.tax_percent))
    lines = _taxed(tariff, drafts)
    lines += _discounted(lines, usage, discounts)
    gross = sum(line.gross_minor for line in lines)
    if limit_minor is not None and gross > limit_minor:
        lines += _discount("over_hold", lines, gross - limit_minor)
        gross = limit_minor
    if waive and gross:
        lines += _discount("waived", lines, gross)
    return _bill(tariff, lines)


def energy_by_element(tariff: Tariff, readings: Sequence[Reading]) -> list[tuple[Element, int]]:
    """Wh per energy element in order of first use; an interval that crosses a price change is
    shared by time. A register that goes back counts as standing still."""
    used: dict[int, tuple[Element, int]] = {}
    if not readings:
        return []
    changes = tariff.boundaries(readings[0].at, readings[-1].at)
    highest = readings[0].wh
    for before, after in pairwise(readings):
        delta, highest = max(0, after.wh - highest), max(highest, after.wh)
        cuts = [each for each in changes if before.at < each < after.at]
        whole, done = _micros(before.at, after.at), 0
        for start, end in pairwise([before.at, *cuts, after.at]):
            until = delta if end == after.at else delta * _micros(before.at, end) // whole
            _add(used, tariff.element("energy", start), until - done)
            done = until
    return list(used.values())


def _micros(start: datetime, end: datetime) -> int:
    return (end - start) // timedelta(microseconds=1)


def _measured(tariff: Tariff, usage: Usage) -> Iterable[_Draft]:
    first = usage.charging[0].start if usage.charging else None
    if first is None and usage.readings:
        first = usage.readings[0].at
    if first is not None and not usage.fault and (flat := tariff.element("flat", first)):
        yield _line(tariff, flat, 1)
    yield from _lines(tariff, energy_by_element(tariff, usage.readings))
    yield from _lines(tariff, _time_by_element(tariff, "time", usage.charging))
    if not usage.fault:
        yield from _idle(tariff, usage.idle)


def _idle(tariff: Tariff, spans: Sequence[Span]) -> Iterable[_Draft]:
    """Idle lines: each uninterrupted stretch has its own grace, the cap is for all together."""
    grace = timedelta(seconds=tariff.idle_grace_s)
    late = [Span(each.start + grace, each.end) for each in spans if each.end - each.start > grace]
    left = _minor(tariff, tariff.idle_cap)
    for draft in _lines(tariff, _time_by_element(tariff, "idle", late)):
        if left is not None:
            draft.base_minor = min(draft.base_minor, left)
            left -= draft.base_minor
        yield draft


def _time_by_element(
    tariff: Tariff, kind: Kind, spans: Iterable[Span]
) -> list[tuple[Element, int]]:
    used: dict[int, tuple[Element, int]] = {}
    for span in spans:
        if span.end <= span.start:
            continue
        done = 0
        for start, end in pairwise(
            [span.start, *tariff.boundaries(span.start, span.end), span.end]
        ):
            until = int((end - span.start).total_seconds())
            free = kind == "idle" and _is_free(tariff, start)
            _add(used, None if free else tariff.element(kind, start), until - done)
            done = until
    return list(used.values())


def _is_free(tariff: Tariff, at: datetime) -> bool:
    return tariff.idle_free is not None and tariff.idle_free.applies(at.astimezone(tariff.zone))


def _add(used: dict[int, tuple[Element, int]], element: Element | None, amount: int) -> None:
    """Count `amount` for an element, keeping the last one used at the end of the dict."""
    if element is None or amount <= 0:
        return
    _, before = used.pop(id(element), (element, 0))
    used[id(element)] = (element, before + amount)


def _lines(tariff: Tariff, used: list[tuple[Element, int]]) -> Iterable[_Draft]:
    """Drafts of one kind; the step of the last period rounds the total up, once."""
    if not used:
        return
    total, step = sum(amount for _, amount in used), used[-1][0].step
    extra = -total % step
    for element, amount in used:
        yield _line(tariff, element, amount + (extra if element is used[-1][0] else 0))


def _line(tariff: Tariff, element: Element, amount: int) -> _Draft:
    scale = 10 ** exponent(tariff.currency)
    exact = Fraction(element.price) * amount * scale / UNITS[element.per]
    unit = {"energy": "kwh", "flat": "start"}.get(element.kind, "s")
    return _Draft(
        what=element.kind,
        base_minor=_round(exact),
        tax=tariff.tax_of(element),
        quantity=str(Decimal(amount).scaleb(-3)) if unit == "kwh" else str(amount),
        unit=unit,
        unit_price=str(element.price),
        per=element.per,
        window=_window(element.when),
    )


def _window(when: When | None) -> str:
    if when is None or (when.start is None and when.end is None):
        return ""
    return "–".join(f"{clock:%H:%M}" if clock else "00:00" for clock in (when.start, when.end))


def _spread(what: str, amount: int, drafts: Sequence[_Draft]) -> list[_Draft]:
    """An adjustment shared among the tax rates by what they contribute."""
    by_rate: dict[Decimal, int] = {}
    for each in drafts:
        by_rate[each.tax] = by_rate.get(each.tax, 0) + each.base_minor
    shares = _share(amount, list(by_rate.values()))
    return [_Draft(what, share, rate) for rate, share in zip(by_rate, shares, strict=True) if share]


def _taxed(tariff: Tariff, drafts: Sequence[_Draft]) -> list[Line]:
    """Lines with the tax of each rate, computed on the sum and shared among its lines."""
    tax_of: dict[int, int] = {}
    for rate in {each.tax for each in drafts}:
        mine = [number for number, each in enumerate(drafts) if each.tax == rate]
        bases = [drafts[number].base_minor for number in mine]
        tax = _tax(sum(bases), rate, included=tariff.includes_tax)
        tax_of |= dict(zip(mine, _share(tax, bases), strict=True))
    lines = []
    for number, draft in enumerate(drafts):
        tax = tax_of[number]
        net = draft.base_minor - (tax if tariff.includes_tax else 0)
        lines.append(
            Line(
                draft.what, draft.quantity, draft.unit, draft.unit_price, draft.per, draft.window,
                _plain(draft.tax), net, tax, net + tax,
            )
        )  # fmt: skip
    return lines


def _discounted(lines: Sequence[Line], usage: Usage, discounts: Sequence[Discount]) -> list[Line]:
    """The lines that plans and coupons add: each takes its part of what those before it left."""
    added: list[Line] = []
    for each in in_order(discounts):
        bases = _bases([*lines, *added], each.lowers)
        amount = each.takes(sum(bases), energy_wh=usage.energy_wh(), charging_s=usage.charging_s())
        if amount:
            added += _discount(each.kind, [*lines, *added], amount, bases, each.name)
    return added


def _bases(lines: Sequence[Line], lowers: Collection[str]) -> list[int]:
    """What is left to pay on lines of some names, for each tax rate; the maximum price counts for
    all lines alike."""
    found = []
    for each in _tax_sums(lines):
        mine = [line for line in lines if line.tax_percent == each.percent]
        base = sum(line.gross_minor for line in mine if line.what in lowers)
        whole = sum(line.gross_minor for line in mine if line.what in KINDS)
        less = sum(line.gross_minor for line in mine if line.what == "maximum")
        given = sum(line.gross_minor for line in mine if line.what in LINES)
        found.append(max(0, base * (whole + less) // whole + given) if whole else 0)
    return found


def _discount(
    what: str,
    lines: Sequence[Line],
    amount: int,
    weights: Sequence[int] | None = None,
    name: str = "",
) -> list[Line]:
    """Lines that take `amount` off the gross total, with the tax that goes with it; shared among
    the tax rates by `weights`, else by what they come to."""
    sums = _tax_sums(lines)
    shares = _share(amount, weights or [each.gross_minor for each in sums])
    found = []
    for each, share in zip(sums, shares, strict=True):
        left = each.gross_minor - share
        tax = _tax(left, Decimal(each.percent), included=True) - each.tax_minor
        if share:
            found.append(Line(what, "", "", "", "", name, each.percent, -share - tax, tax, -share))
    return found


def _bill(tariff: Tariff, lines: Sequence[Line]) -> Bill:
    return Bill(
        currency=tariff.currency,
        includes_tax=tariff.includes_tax,
        tariff_version=tariff.version,
        lines=tuple(lines),
        taxes=tuple(_tax_sums(lines)),
        net_minor=sum(line.net_minor for line in lines),
        tax_minor=sum(line.tax_minor for line in lines),
        gross_minor=sum(line.gross_minor for line in lines),
    )


def _tax_sums(lines: Sequence[Line]) -> list[TaxSum]:
    rates = sorted({line.tax_percent for line in lines}, key=Decimal)
    return [
        TaxSum(
            rate,
            sum(line.net_minor for line in lines if line.tax_percent == rate),
            sum(line.tax_minor for line in lines if line.tax_percent == rate),
            sum(line.gross_minor for line in lines if line.tax_percent == rate),
        )
        for rate in rates
    ]


def _tax(base: int, percent: Decimal, *, included: bool) -> int:
    rate = Fraction(percent)
    return _round(base * rate / ((100 + rate) if included else 100))


def _share(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` split by weights so that the parts add up to it exactly."""
    total, passed, given, parts = sum(weights), 0, 0, []
    for weight in weights:
        passed += weight
        until = _round(Fraction(amount * passed, total)) if total else 0
        parts.append(until - given)
        given = until
    if parts:
        parts[-1] += amount - given
    return parts


def _minor(tariff: Tariff, amount: Decimal | None) -> int | None:
    if amount is None:
        return None
    return _round(Fraction(amount) * 10 ** exponent(tariff.currency))


def _round(amount: Fraction) -> int:
    """Halves away from zero."""
    sign = -1 if amount < 0 else 1
    return sign * int(abs(amount) + Fraction(1, 2))


def _plain(value: Decimal) -> str:
    """A decimal without an exponent or trailing zeros: "25.5", "10", "0"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text


@dataclass(frozen=True, slots=True)
class PriceNow:
    """The elements that apply at a moment, and what changes next (None: nothing in a week)."""

    elements: tuple[Element, ...]
    changes_at: datetime | None
    then: tuple[Element, ...]


def price_now(tariff: Tariff, at: datetime) -> PriceNow:
    """What applies at `at`, one element a kind, and the next moment when that differs."""
    now = _elements(tariff, at)
    for moment in tariff.boundaries(at, at + timedelta(days=8)):
        then = _elements(tariff, moment)
        if then != now:
            return PriceNow(now, moment, then)
    return PriceNow(now, None, ())


def _elements(tariff: Tariff, at: datetime) -> tuple[Element, ...]:
    found = (tariff.element(kind, at) for kind in KINDS)
    return tuple(each for each in found if each is not None and each.price)


def planned(energy_wh: int, power_w: int, at: datetime) -> Usage:
    """The usage of charging `energy_wh` from `at` on at full power, unplugged at the end."""
    end = at + timedelta(seconds=-(-energy_wh * 3600 // max(1, power_w)))
    return Usage((Reading(at, 0), Reading(end, energy_wh)), (Span(at, end),))


def examples(
    tariff: Tariff,
    at: datetime,
    power_w: int,
    energies_wh: Sequence[int] = (5000, 10000),
    discounts: Sequence[Discount] = (),
) -> list[tuple[int, Money]]:
    """(Wh, total with tax) of charging that much from `at` on at full power."""
    return [
        (each, price(tariff, planned(each, power_w, at), discounts=discounts).total)
        for each in energies_wh
    ]
