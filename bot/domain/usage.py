"""What is billed: meter readings, stretches of time, and what a restarted session goes on from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Reading:
    """The energy register of the meter at a moment, and the current over all phases if told."""

    at: datetime
    wh: int
    ma: int | None = None


METER_SLACK_WH: Final = 1_000  # cheap registers count in whole kWh


def is_believable(before: Reading, new: Reading, *, power_w: int, pace: int) -> bool:
    """Whether a register can have come from one reading to the next: at most `pace` times what the
    socket can deliver, a minute more than it had, so that a clock that is off does no harm."""
    seconds = max(0, (new.at - before.at) // timedelta(seconds=1)) + 60
    most = power_w * pace * seconds // 3600 + METER_SLACK_WH
    return new.wh - before.wh <= most


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time."""

    start: datetime
    end: datetime

    def seconds(self) -> int:
        """Its length; never negative."""
        return max(0, (self.end - self.start) // timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class Carry:
    """The charge that this one goes on from (restarted within minutes: one and the same session).

    Energy and duration go on counting, the start fee is paid, and minimum, maximum and the idle
    cap hold for both together. `measured` is what the lines came to, `billed` what they were after
    minimum and maximum; net and gross, in minor units.
    """

    wh: int = 0
    seconds: int = 0
    flat: bool = False
    measured_net: int = 0
    measured_gross: int = 0
    billed_net: int = 0
    billed_gross: int = 0
    idle_minor: int = 0


NO_CARRY: Final = Carry()


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
    carry: Carry = NO_CARRY
    waited: tuple[Span, ...] = ()  # somebody waited for the place

    def energy_wh(self) -> int:
        """Register difference, the only measure of energy."""
        registers = [each.wh for each in self.readings]
        return max(registers) - registers[0] if registers else 0

    def charging_s(self) -> int:
        """Seconds in which energy flowed."""
        return sum(span.seconds() for span in self.charging)

    def began(self) -> datetime | None:
        """When energy first flowed: durations count from here."""
        if self.charging:
            return self.charging[0].start
        return self.readings[0].at if self.readings else None

    def ended(self) -> datetime | None:
        """When the last of it was."""
        ends = [span.end for span in (*self.charging, *self.idle)]
        ends += [each.at for each in self.readings[-1:]]
        return max(ends, default=None)


def without(spans: Iterable[Span], taken: Sequence[Span]) -> tuple[Span, ...]:
    """What is left of `spans` when the stretches in `taken` are cut out of them."""
    left = list(spans)
    for hole in taken:
        cut: list[Span] = []
        for span in left:
            if hole.end <= span.start or hole.start >= span.end:
                cut.append(span)
                continue
            cut.append(Span(span.start, hole.start))
            cut.append(Span(hole.end, span.end))
        left = [span for span in cut if span.start < span.end]
    return tuple(left)


def within(spans: Iterable[Span], allowed: Sequence[Span]) -> tuple[Span, ...]:
    """The parts of `spans` that lie in one of `allowed`, which are in order of time."""
    found = [
        Span(max(span.start, each.start), min(span.end, each.end))
        for span in spans
        for each in allowed
    ]
    return tuple(span for span in found if span.start < span.end)
