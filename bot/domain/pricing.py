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
from bot.domain.metering import Timeline, Used, late_spans
from bot.domain.money import Money, exponent, payable
from bot.domain.restrictions import State, When, label, plain
from bot.domain.tariffs import KINDS, NO_LIMIT, UNITS, Element, Tariff, by_calendar
from bot.domain.usage import NO_CARRY, Carry, Reading, Span, Usage

__all__ = [
    "Bill", "Carry", "Line", "PriceNow", "Reading", "Span", "TaxSum", "Usage", "carried",
    "dump_bill", "examples", "load_bill", "measured", "no_show_fee", "planned", "price",
    "price_now", "reservation_price",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line. `quantity` is exact, in `unit` ("kwh", "s", "start"; "" for adjustments);
    `unit_price` is exact, in major units per `per`; `window` names a time-of-use period.

    `what`: energy, time, idle, flat, or an adjustment: minimum, maximum, paid_before (a minimum,
    by the charge this one goes on from), plan, coupon (whose name stands in `window`), over_hold,
    rounding, waived.
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
    days: str = ""  # "0,1,2": the weekdays that the price is for, Monday first


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
    days: str = ""


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
    `limit_minor` (what is held) the rest is not charged; what no card can pay of a currency with
    three decimals is let go; `waive` makes the bill zero; each shows as a line of its own.
    """
    lines = kept_within_limits(tariff, measured(tariff, usage), usage)
    lines += _discounted(tariff, lines, usage, discounts)
    gross = sum(line.gross_minor for line in lines)
    if limit_minor is not None and gross > limit_minor:
        lines += _adjustment(tariff, "over_hold", lines, limit_minor - gross)
        gross = limit_minor
    if rest := gross - payable(gross, tariff.currency):
        lines += _adjustment(tariff, "rounding", lines, -rest)
        gross -= rest
    if waive and gross:
        lines += _adjustment(tariff, "waived", lines, -gross)
    return _bill(tariff, lines)


def measured(tariff: Tariff, usage: Usage) -> list[Line]:
    """The lines of what was used, before any limit."""
    return _taxed(tariff, [*_measured(tariff, usage)])


def _measured(tariff: Tariff, usage: Usage) -> Iterable[_Draft]:
    timeline = Timeline(tariff, usage)
    if not usage.fault and (flat := timeline.flat()):
        yield _line(tariff, flat, 1)
    yield from _lines(tariff, timeline.energy())
    yield from _lines(tariff, timeline.spans("time", usage.charging))
    if not usage.fault:
        late = late_spans(tariff, usage)
        yield from _capped(tariff, _lines(tariff, timeline.spans("idle", late)), usage)


def _capped(tariff: Tariff, drafts: Iterable[_Draft], usage: Usage) -> Iterable[_Draft]:
    """Idle lines under their cap, which is for all of them together."""
    left = _minor(tariff, tariff.idle_cap)
    if left is not None:
        left = max(0, left - usage.carry.idle_minor)
    for draft in drafts:
        if left is not None:
            draft.base_minor = min(draft.base_minor, left)
            left -= draft.base_minor
        yield draft


def _lines(tariff: Tariff, used: Used) -> Iterable[_Draft]:
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
        window=label(element.when, element.only),
        days=_days(element.when),
    )


def _days(when: When | None) -> str:
    return ",".join(str(day) for day in sorted(when.weekdays)) if when else ""


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
                plain(draft.tax), net, tax, net + tax, draft.days,
            )
        )  # fmt: skip
    return lines


def kept_within_limits(tariff: Tariff, lines: list[Line], usage: Usage) -> list[Line]:
    """The lines with what the least and the most total add or take, before tax and then after it:
    both hold. A charge that goes on from another shares its limits."""
    least = tariff.minimum if usage.energy_wh() > 0 and not usage.fault else NO_LIMIT
    most, carry, found = tariff.maximum, usage.carry, list(lines)
    sides = (
        (False, least.before, most.before, carry.measured_net, carry.billed_net),
        (True, least.after, most.after, carry.measured_gross, carry.billed_gross),
    )
    counted = False  # what was billed before is in the sum, not what it was measured as
    for with_tax, low, high, before_measured, before_billed in sides:
        if low is None and high is None:
            continue
        now = sum(each.gross_minor if with_tax else each.net_minor for each in found)
        whole = now + (before_billed if counted else before_measured)
        within = whole
        if low is not None:
            within = max(within, _minor_of(tariff, low))
        if high is not None:
            within = min(within, _minor_of(tariff, high))
        change = max(0, within - before_billed) - now
        if change:
            what = "minimum" if change > 0 else "maximum" if within < whole else "paid_before"
            found += _adjustment(tariff, what, found, change, with_tax=with_tax)
        counted = True
    return found


def _discounted(
    tariff: Tariff, lines: Sequence[Line], usage: Usage, discounts: Sequence[Discount]
) -> list[Line]:
    """The lines that plans and coupons add: each takes its part of what those before it left."""
    added: list[Line] = []
    for each in in_order(discounts):
        bases = _bases([*lines, *added], each.lowers)
        amount = each.takes(sum(bases), energy_wh=usage.energy_wh(), charging_s=usage.charging_s())
        if amount:
            before = [*lines, *added]
            added += _adjustment(tariff, each.kind, before, -amount, weights=bases, name=each.name)
    return added


def _bases(lines: Sequence[Line], lowers: Collection[str]) -> list[int]:
    """What is left to pay on lines of some names, for each tax rate; the maximum price counts for
    all lines alike."""
    found = []
    for each in _tax_sums(lines):
        mine = [line for line in lines if line.tax_percent == each.percent]
        base = sum(line.gross_minor for line in mine if line.what in lowers)
        whole = sum(line.gross_minor for line in mine if line.what in KINDS)
        less = sum(line.gross_minor for line in mine if line.what in {"maximum", "paid_before"})
        given = sum(line.gross_minor for line in mine if line.what in LINES)
        found.append(max(0, base * (whole + less) // whole + given) if whole else 0)
    return found


def _adjustment(
    tariff: Tariff,
    what: str,
    lines: Sequence[Line],
    amount: int,
    *,
    with_tax: bool = True,
    weights: Sequence[int] = (),
    name: str = "",
) -> list[Line]:
    """Lines that change the total with tax (or without) by `amount`, and the tax with it. What is
    taken off is shared among the tax rates by `weights`, else by what they come to; what is added
    has the tariff's own rate."""
    sums = _tax_sums(lines)
    if amount > 0:
        own = plain(tariff.tax_percent)
        sums = [each for each in sums if each.percent == own] or [TaxSum(own, 0, 0, 0)]
    weights = weights or [each.gross_minor if with_tax else each.net_minor for each in sums]
    found = []
    for each, share in zip(sums, _share(amount, weights), strict=True):
        if not share:
            continue
        base = (each.gross_minor if with_tax else each.net_minor) + share
        tax = _tax(base, Decimal(each.percent), included=with_tax) - each.tax_minor
        net = share - tax if with_tax else share
        found.append(Line(what, "", "", "", "", name, each.percent, net, tax, net + tax))
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
    return None if amount is None else _minor_of(tariff, amount)


def _minor_of(tariff: Tariff, amount: Decimal) -> int:
    return _round(Fraction(amount) * 10 ** exponent(tariff.currency))


def _round(amount: Fraction) -> int:
    """Halves away from zero."""
    sign = -1 if amount < 0 else 1
    return sign * int(abs(amount) + Fraction(1, 2))


def carried(tariff: Tariff, usage: Usage) -> Carry:
    """What a charge that goes on from this one within minutes has to know of it."""
    lines, before = measured(tariff, usage), usage.carry
    billed = kept_within_limits(tariff, lines, usage)
    began, ended = usage.began(), usage.ended()
    idle = [each.gross_minor if tariff.includes_tax else each.net_minor
            for each in lines if each.what == "idle"]  # fmt: skip
    return Carry(
        wh=before.wh + usage.energy_wh(),
        seconds=before.seconds + (Span(began, ended).seconds() if began and ended else 0),
        flat=before.flat or any(each.what == "flat" for each in lines),
        measured_net=before.measured_net + sum(each.net_minor for each in lines),
        measured_gross=before.measured_gross + sum(each.gross_minor for each in lines),
        billed_net=before.billed_net + sum(each.net_minor for each in billed),
        billed_gross=before.billed_gross + sum(each.gross_minor for each in billed),
        idle_minor=before.idle_minor + sum(idle),
    )


def reservation_price(tariff: Tariff, reserved: Span, *, expired: bool = False) -> Bill:
    """What keeping a place costs by the tariff, from the booking's begin to its use or its end.

    `expired`: nobody came. Least and most totals are a charge's, not a reservation's.
    """
    drafts = []
    if flat := tariff.reservation("flat", reserved.start, expired=expired):
        drafts.append(_line(tariff, flat, 1))
    timed: dict[int, tuple[Element, int]] = {}
    inner = tariff.boundaries(reserved.start, reserved.end)
    done = 0
    for start, end in pairwise([reserved.start, *inner, max(reserved.start, reserved.end)]):
        until = (end - reserved.start) // timedelta(seconds=1)
        if element := tariff.reservation("time", start, expired=expired):
            _, before = timed.get(id(element), (element, 0))
            timed[id(element)] = (element, before + until - done)
        done = until
    drafts += _lines(tariff, [each for each in timed.values() if each[1]])
    return _bill(tariff, _taxed(tariff, drafts))


def no_show_fee(tariff: Tariff, reserved: Span) -> Money | None:
    """What a booking that nobody used costs, so what to hold as its deposit; None where the tariff
    says nothing of reserving and the market's own settings count."""
    if not tariff.prices_reservations:
        return None
    return reservation_price(tariff, reserved, expired=True).total


@dataclass(frozen=True, slots=True)
class PriceNow:
    """The elements that apply at a moment, what changes next by the clock (None: nothing in a
    week), and `later`: what the charge itself may bring, by its energy, power or duration."""

    elements: tuple[Element, ...]
    changes_at: datetime | None
    then: tuple[Element, ...]
    later: tuple[Element, ...] = ()


def price_now(tariff: Tariff, at: datetime, power_w: int | None = None) -> PriceNow:
    """What applies to a charge that begins at `at` with that power, one element a kind."""
    now, later = _elements(tariff, at, power_w), _later(tariff, at, power_w)
    for moment in tariff.boundaries(at, at + timedelta(days=8)):
        then = _elements(tariff, moment, power_w)
        if then != now:
            return PriceNow(now, moment, then, later)
    return PriceNow(now, None, (), later)


def _elements(tariff: Tariff, at: datetime, power_w: int | None) -> tuple[Element, ...]:
    idle = tariff.element("idle", at, State(w=0, ma=0))
    found = [tariff.element(kind, at, State(w=power_w)) for kind in KINDS if kind != "idle"]
    return tuple(each for each in (*found, idle) if each is not None and each.price)


def _later(tariff: Tariff, at: datetime, power_w: int | None) -> tuple[Element, ...]:
    """By kind, the prices that the calendar allows now but the charge does not yet."""
    local, found = at.astimezone(tariff.zone), []
    for kind in KINDS:
        now = tariff.element(kind, at, State(w=0, ma=0) if kind == "idle" else State(w=power_w))
        for each in tariff.elements:
            if each.kind != kind or each.only.reservation or not by_calendar(each, local):
                continue
            if each is not now:
                found.append(each)
            if not each.only.by_session:
                break  # always matches: what stands below it never counts
    return tuple(found)


def planned(energy_wh: int, power_w: int, at: datetime, carry: Carry = NO_CARRY) -> Usage:
    """The usage of charging `energy_wh` from `at` on at full power, unplugged at the end."""
    end = at + timedelta(seconds=-(-energy_wh * 3600 // max(1, power_w)))
    return Usage((Reading(at, 0), Reading(end, energy_wh)), (Span(at, end),), carry=carry)


def examples(
    tariff: Tariff,
    at: datetime,
    power_w: int,
    energies_wh: Sequence[int] = (5000, 10000),
    discounts: Sequence[Discount] = (),
    carry: Carry = NO_CARRY,
) -> list[tuple[int, Money]]:
    """(Wh, total with tax) of charging that much from `at` on at full power."""
    plans = [(each, planned(each, power_w, at, carry)) for each in energies_wh]
    return [(each, price(tariff, plan, discounts=discounts).total) for each, plan in plans]
