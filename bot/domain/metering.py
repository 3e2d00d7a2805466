"""How much of each price a charge uses up: its timeline cut exactly where a price may change.

Between two readings energy is taken to flow evenly, so a threshold of energy is crossed at an exact
moment and a change by the clock at an exact Wh.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final

from bot.domain.restrictions import State
from bot.domain.tariffs import Element, Kind, Tariff
from bot.domain.usage import Span, Usage, within

_US = timedelta(microseconds=1)
WARNING: Final = timedelta(minutes=5)  # between being told and the idle fee

# What was used of each price, in order of last use.
Used = list[tuple[Element, int]]


class Timeline:
    """A usage as prices look at it: energy, duration, power and current at any moment."""

    def __init__(self, tariff: Tariff, usage: Usage) -> None:
        self.tariff, self.usage = tariff, usage
        self.began, self.ended = usage.began(), usage.ended()
        self.points: list[tuple[datetime, int]] = []  # energy so far, at each reading
        highest = usage.readings[0].wh if usage.readings else 0
        first = highest
        for each in usage.readings:  # a register that goes back counts as standing still
            highest = max(highest, each.wh)
            self.points.append((each.at, usage.carry.wh + highest - first))
        self.times = [at for at, _ in self.points]
        onlys = [each.only for each in tariff.elements if not each.only.reservation]
        self.by_flow = any(
            value is not None for only in onlys
            for value in (only.min_w, only.max_w, only.min_ma, only.max_ma)
        )  # fmt: skip
        self.thresholds = sorted(
            {wh for only in onlys for wh in (only.min_wh, only.max_wh) if wh is not None}
        )
        starts = {self.began, self.times[0] if self.times else None} - {None}
        if self.began is None or self.ended is None:
            self.clock_cuts: list[datetime] = []
            self.cuts: list[datetime] = []
            return
        begin = min(each for each in starts if each is not None)
        limits = {s for only in onlys for s in (only.min_s, only.max_s) if s is not None}
        durations = {
            self.began + timedelta(seconds=s - usage.carry.seconds)
            for s in limits if s > usage.carry.seconds
        }  # fmt: skip
        self.clock_cuts = sorted({*tariff.boundaries(begin, self.ended), *durations})
        crossed = {at for wh in self.thresholds if (at := self.crossing(wh)) is not None}
        readings = set(self.times) if self.by_flow else set()
        self.cuts = sorted({*self.clock_cuts, *crossed, *readings})

    def crossing(self, wh: int) -> datetime | None:
        """The first moment at which that much energy had flowed, None when it never did so after
        the start."""
        for (at, low), (until, high) in pairwise(self.points):
            if low < wh <= high:
                length = (until - at) // _US
                return at + -(-length * (wh - low) // (high - low)) * _US
        return None

    def state(self, at: datetime, *, flowing: bool = True) -> State:
        """How the session stood at a moment."""
        assert self.began is not None
        seconds = self.usage.carry.seconds + max(0, (at - self.began) // timedelta(seconds=1))
        if not self.points:
            return State(self.usage.carry.wh, seconds, *((None, None) if flowing else (0, 0)))
        number = bisect_right(self.times, at)
        interval = min(max(number - 1, 0), len(self.points) - 2)
        if number == 0 or number == len(self.points):
            wh = self.points[max(number - 1, 0)][1]
        else:
            (before, low), (after, high) = self.points[interval : interval + 2]
            wh = low + (high - low) * ((at - before) // _US) // ((after - before) // _US)
        if not flowing:
            return State(wh, seconds, 0, 0)
        return State(wh, seconds, *(self.flow(interval) if interval >= 0 else (None, None)))

    def flow(self, number: int) -> tuple[Fraction | int | None, int | None]:
        """Power and current between reading `number` and the next."""
        if not self.by_flow:
            return None, None
        before, after = self.usage.readings[number : number + 2]
        length = (after.at - before.at) // _US
        delta = self.points[number + 1][1] - self.points[number][1]
        power = Fraction(delta * 3600 * 10**6, length) if length else None
        return power, before.ma if before.ma is not None else after.ma

    # --- what is used of each price

    def energy(self) -> Used:
        """Wh by energy price."""
        used: dict[int, tuple[Element, int]] = {}
        for number, ((at, low), (until, high)) in enumerate(pairwise(self.points)):
            if low == high:
                continue
            inner = [wh for wh in self.thresholds if low < wh < high]
            for start_wh, end_wh in pairwise([low, *inner, high]):
                start = at if start_wh == low else self._at(number, start_wh)
                end = until if end_wh == high else self._at(number, end_wh)
                self._energy_piece(used, number, (start, end), (start_wh, end_wh))
        return list(used.values())

    def _energy_piece(
        self, used: dict[int, tuple[Element, int]], number: int,
        times: tuple[datetime, datetime], whs: tuple[int, int],
    ) -> None:  # fmt: skip
        """Energy between two thresholds, shared by time where prices change by the clock."""
        (start, end), (wh, until_wh) = times, whs
        inner = [each for each in self.clock_cuts if start < each < end]
        ends = [start, *inner, end]
        shares = shared(until_wh - wh, [(b - a) // _US for a, b in pairwise(ends)])
        for moment, share in zip(ends, shares, strict=False):
            state = State(wh, self.state(moment).seconds, *self.flow(number))
            _add(used, self.tariff.element("energy", moment, state), share)
            wh += share

    def _at(self, number: int, wh: int) -> datetime:
        (at, low), (until, high) = self.points[number : number + 2]
        return at + -(-((until - at) // _US) * (wh - low) // (high - low)) * _US

    def spans(self, kind: Kind, spans: Iterable[Span]) -> Used:
        """Seconds by price of charging time, or of idling."""
        used: dict[int, tuple[Element, int]] = {}
        for span in spans:
            if span.end <= span.start:
                continue
            done = 0
            inner = [each for each in self.cuts if span.start < each < span.end]
            for start, end in pairwise([span.start, *inner, span.end]):
                until = (end - span.start) // timedelta(seconds=1)
                _add(used, self._timed(kind, start), until - done)
                done = until
        return list(used.values())

    def _timed(self, kind: Kind, at: datetime) -> Element | None:
        if kind == "idle" and is_free(self.tariff, at):
            return None
        return self.tariff.element(kind, at, self.state(at, flowing=kind == "time"))

    def flat(self) -> Element | None:
        """The one start fee: that of the first moment at which any applies."""
        if self.began is None or self.usage.carry.flat:
            return None
        if not any(each.kind == "flat" for each in self.tariff.elements):
            return None
        later = [each for each in self.cuts if self.began < each <= (self.ended or each)]
        for at in (self.began, *later):
            if found := self.tariff.element("flat", at, self.state(at)):
                return found
        return None


def is_free(tariff: Tariff, at: datetime) -> bool:
    """Whether idling costs nothing at that hour."""
    return tariff.idle_free is not None and tariff.idle_free.applies(at.astimezone(tariff.zone))


def shared(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in whole parts by weights (Jefferson's rule): one more never lowers any part."""
    total = sum(weights)
    if len(weights) < 2 or not total:
        return [amount, *([0] * (len(weights) - 1))]
    parts = [amount * weight // total for weight in weights]
    for _ in range(amount - sum(parts)):
        best = max(range(len(parts)), key=lambda n: Fraction(weights[n], parts[n] + 1))
        parts[best] += 1
    return parts


def _add(used: dict[int, tuple[Element, int]], element: Element | None, amount: int) -> None:
    """Count `amount` for an element, keeping the last one used at the end of the dict."""
    if element is None or amount <= 0:
        return
    _, before = used.pop(id(element), (element, 0))
    used[id(element)] = (element, before + amount)


def late_spans(tariff: Tariff, usage: Usage) -> list[Span]:
    """What of idling costs: beyond the grace, which each uninterrupted stretch has anew; where the
    tariff says so, only while somebody waited, and not before the rider was told and had time."""
    grace = timedelta(seconds=tariff.idle_grace_s)
    whole: list[Span] = []
    for span in usage.idle:
        if whole and whole[-1].end == span.start:
            whole[-1] = Span(whole[-1].start, span.end)
        else:
            whole.append(span)
    late = [Span(each.start + grace, each.end) for each in whole if each.end - each.start > grace]
    if tariff.idle_if_waited:
        waited = [Span(each.start + WARNING, each.end) for each in usage.waited]
        late = list(within(late, waited))
    return late


def idle_begins(tariff: Tariff, since: datetime, waited_from: datetime | None) -> datetime | None:
    """When idling since a moment begins to cost, None when not within a day."""
    begin = since + timedelta(seconds=tariff.idle_grace_s)
    if tariff.idle_if_waited:
        if waited_from is None:
            return None
        begin = max(begin, waited_from + WARNING)
    for at in (begin, *tariff.boundaries(begin, begin + timedelta(days=1))):
        element = tariff.element("idle", at, State(w=0, ma=0))
        if element is not None and element.price and not is_free(tariff, at):
            return at
    return None
