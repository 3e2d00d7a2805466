"""Which socket is likely to fail within the next two weeks, and why; pure and explainable.

A logistic model over a handful of signs: each adds its weight times how strongly it shows, so
that a risk can always be told as "this much of it is heat, this much failed starts". The weights
below are chosen by hand and hold until an installation has recorded enough outcomes of its own to
fit others (bot/domain/risk_fit.py). Source: features.md D5, 4.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import exp
from statistics import median
from typing import Final

RECENT: Final = 7  # days that count as now
TRIPS_OVER: Final = 14  # faults are rarer: they count this long
BEFORE: Final = 28  # days before the recent ones, that it is held against
LEAST_HEAT_MIN: Final = 10  # minutes under load; fewer tell no temperature
LEAST_PEERS: Final = 3
LEAD: Final = timedelta(
    hours=48
)  # a failure is expected from then on: the visit comes a day before
VISIT_BEFORE: Final = timedelta(hours=24)
# How often a plug may be put in: IEC 62196-1 asks 10,000 of vehicle connectors, IEC 60884-1 5,000
# of household sockets.
RATED_CYCLES: Final[Mapping[str, int]] = {"schuko": 5_000}
CYCLES: Final = 10_000

# Per sign: what one unit of it weighs. Units are in `signs`; each is cut at a most, so that none of
# them alone can say everything.
WEIGHTS: Final[Mapping[str, float]] = {
    "bias": -4.0,  # nothing shows: 2 of 100
    "failed_starts": 0.7,  # each, within the recent days, at most 6
    "more_failed": 0.3,  # each beyond what the days before would lead to expect, at most 6
    "commands": 0.15,  # each repeat or failure of an order, at most 10
    "heat": 0.9,  # per 5 K above what is usual under full load, at most 6 of them
    "trips": 0.5,  # each fault or alarm within TRIPS_OVER, at most 6
    "offline": 0.1,  # each time it was out of contact, at most 8
    "worn": 0.6,  # per rated life of plugging, at most 2
}
SIGNS: Final = tuple(name for name in WEIGHTS if name != "bias")
TELLING: Final = 0.3  # a sign that adds less is not named among the reasons


@dataclass(frozen=True, slots=True)
class Day:
    """What was counted at a socket on a day. `rise_mk` is how much warmer than its coolest of the
    day it was under load, brought to full load, in thousandths of a kelvin."""

    day: date
    cycles: int = 0
    failed_starts: int = 0
    retries: int = 0
    command_failures: int = 0
    trips: int = 0
    offline: int = 0
    heat_min: int = 0
    rise_mk: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """A socket as it stands: sums over the recent days, and what is usual."""

    failed_starts: int = 0
    starts: int = 0  # with those that failed
    expected_failed: float = 0.0
    commands: int = 0
    trips: int = 0
    offline: int = 0
    rise_mk: int | None = None  # None: too little was measured
    usual_mk: int | None = None
    usual_of: str = ""  # "self" or "peers"
    cycles: int = 0  # since somebody last looked after it
    rated: int = CYCLES


@dataclass(frozen=True, slots=True)
class Reason:
    """A sign, how strongly it shows, and what it adds."""

    sign: str
    value: float
    weight: float

    @property
    def adds(self) -> float:
        """Its part of the sum."""
        return self.value * self.weight


def sum_up(
    days: Sequence[Day],
    today: date,
    *,
    peers_mk: Sequence[int] = (),
    cared_for: date | None = None,
    cycles: int = 0,
    rated: int = CYCLES,
) -> Facts:
    """A socket's facts of its days. What lies before it was last repaired tells nothing of how it
    is now; `peers_mk` are the rises of other sockets of its model, for one too new to have a past
    of its own; `cycles` are those since it was last looked after, however long ago."""
    known = [each for each in days if each.day <= today]
    mine = [each for each in known if cared_for is None or each.day > cared_for]
    recent = [each for each in mine if each.day > today - timedelta(days=RECENT)]
    earlier = [
        each for each in mine
        if today - timedelta(days=RECENT + BEFORE) < each.day <= today - timedelta(days=RECENT)
    ]  # fmt: skip
    faults = [each for each in mine if each.day > today - timedelta(days=TRIPS_OVER)]
    usual, usual_of = rise(earlier), "self"
    if usual is None:
        usual, usual_of = _middle(peers_mk), "peers"
    failed = sum(each.failed_starts for each in recent)
    return Facts(
        failed_starts=failed,
        starts=failed + sum(each.cycles for each in recent),
        expected_failed=sum(each.failed_starts for each in earlier) * RECENT / BEFORE,
        commands=sum(each.retries + each.command_failures for each in recent),
        trips=sum(each.trips for each in faults),
        offline=sum(each.offline for each in recent),
        rise_mk=rise(recent),
        usual_mk=usual,
        usual_of=usual_of if usual is not None else "",
        cycles=cycles,
        rated=rated,
    )


def rise(days: Sequence[Day]) -> int | None:
    """How much a socket warms under full load, over these days; None for too little measured."""
    minutes = sum(each.heat_min for each in days)
    if minutes < LEAST_HEAT_MIN:
        return None
    return sum(each.rise_mk * each.heat_min for each in days) // minutes


def _middle(values: Sequence[int]) -> int | None:
    return int(median(values)) if len(values) >= LEAST_PEERS else None


def signs(facts: Facts) -> dict[str, float]:
    """How strongly each sign shows, in the units of WEIGHTS."""
    heat = 0.0
    if facts.rise_mk is not None and facts.usual_mk is not None:
        heat = max(0, facts.rise_mk - facts.usual_mk) / 5_000
    return {
        "failed_starts": min(6.0, facts.failed_starts),
        "more_failed": min(6.0, max(0.0, facts.failed_starts - facts.expected_failed)),
        "commands": min(10.0, facts.commands),
        "heat": min(6.0, heat),
        "trips": min(6.0, facts.trips),
        "offline": min(8.0, facts.offline),
        "worn": min(2.0, facts.cycles / max(1, facts.rated)),
    }


def risk(shown: Mapping[str, float], weights: Mapping[str, float] = WEIGHTS) -> int:
    """The chance of a failure within the horizon, in thousandths."""
    return round(1000 * squash(weighed(shown, weights)))


def weighed(shown: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The sum that the chance is made of."""
    return weights["bias"] + sum(shown[sign] * weights[sign] for sign in SIGNS)


def squash(z: float) -> float:
    """The logistic function, safe for any number."""
    return 1 / (1 + exp(-z)) if z >= 0 else exp(z) / (1 + exp(z))


def reasons(
    shown: Mapping[str, float], weights: Mapping[str, float] = WEIGHTS
) -> tuple[Reason, ...]:
    """The signs that make the risk, the strongest first."""
    found = [Reason(sign, shown[sign], weights[sign]) for sign in SIGNS]
    telling = [each for each in found if each.adds >= TELLING]
    return tuple(sorted(telling, key=lambda each: -each.adds))


def words(facts: Facts, found: Sequence[Reason]) -> list[str]:
    """The reasons for staff and technicians, each a clause of its own."""
    told = []
    for each in found:
        if each.sign == "more_failed":
            continue  # said with the failed starts
        told.append(_words(each.sign, facts))
    if not told and any(each.sign == "more_failed" for each in found):
        told.append(_words("failed_starts", facts))
    return told


def _words(sign: str, facts: Facts) -> str:
    match sign:
        case "failed_starts":
            return (
                f"{facts.failed_starts} of {facts.starts} starts failed within {RECENT} days "
                f"(usual: {facts.expected_failed:.1f})"
            )
        case "commands":
            return f"orders repeated or failed within {RECENT} days: {facts.commands}"
        case "heat":
            assert facts.rise_mk is not None and facts.usual_mk is not None
            usual = "its own usual" if facts.usual_of == "self" else "others of its model"
            return (
                f"warms by {facts.rise_mk / 1000:.0f} K at full load, {usual}: "
                f"{facts.usual_mk / 1000:.0f} K"
            )
        case "trips":
            return f"faults or alarms within {TRIPS_OVER} days: {facts.trips}"
        case "offline":
            return f"times out of contact within {RECENT} days: {facts.offline}"
        case _:
            return f"{facts.cycles} charges since it was last looked after, rated {facts.rated}"


# --- when one is made ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A socket with its risk; `last_ended_at` is when its last prediction came to its end."""

    evse_id: int
    risk: int
    busy: bool = False  # a prediction is open, a repair is on its way, or it is out of service
    last_ended_at: datetime | None = None


def chosen(
    candidates: Sequence[Candidate],
    now: datetime,
    *,
    threshold: int,
    cool_down: timedelta,
    room: int,
) -> list[int]:
    """Whose prediction is made now: above the threshold, not again soon, the riskiest first and no
    more than there is room for today."""
    able = [
        each
        for each in candidates
        if each.risk >= threshold
        and not each.busy
        and (each.last_ended_at is None or now - each.last_ended_at >= cool_down)
    ]
    able.sort(key=lambda each: (-each.risk, each.evse_id))
    return [each.evse_id for each in able[: max(0, room)]]


def outcome(
    now: datetime,
    *,
    until: datetime,
    failed_at: datetime | None,
    visited: bool,
    found_wear: bool,
) -> str:
    """What became of a prediction: "hit", "false_alarm", "unchecked" (nothing failed, but nobody
    looked either), "" while it is open."""
    if (failed_at is not None and failed_at <= until) or found_wear:
        return "hit"
    if now <= until:
        return ""
    return "false_alarm" if visited else "unchecked"


# --- how good they are ---------------------------------------------------------------------------

ENOUGH: Final = 20  # fewer outcomes are counted, but no share is made of them


@dataclass(frozen=True, slots=True)
class Results:
    """Outcomes over a time; shares are None while there are fewer than ENOUGH of their kind."""

    hits: int
    false_alarms: int
    unchecked: int
    open: int
    misses: int  # faults that nothing was said of
    foretold: int  # faults that had been predicted
    leads_s: tuple[int, ...] = ()

    @property
    def precision(self) -> int | None:
        """Of the predictions with an outcome, in percent: how many came true."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> int | None:
        """Of the faults, in percent: how many were foretold."""
        return _share(self.foretold, self.foretold + self.misses)

    @property
    def lead_s(self) -> int | None:
        """The median time between a prediction and its fault."""
        return int(median(self.leads_s)) if self.leads_s else None

    @property
    def in_time(self) -> int:
        """Faults that were foretold a day or more ahead."""
        return sum(each >= VISIT_BEFORE.total_seconds() for each in self.leads_s)


def _share(part: int, whole: int) -> int | None:
    return round(100 * part / whole) if whole >= ENOUGH else None
