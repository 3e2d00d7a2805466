"""When a full station will have a free socket, from what runs there now and how long such charges
last; how full an hour will be, from the same hours before; and how good such words were.

Everything is an estimate and says what it rests on, so that riders are told no more than is known.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from statistics import median
from typing import Final, Literal

Basis = Literal["ending", "full", "history", "energy", "both", "usual"]

ENOUGH: Final = 5  # charges or outcomes; with fewer nothing is claimed of a place
LINGER_S: Final = 900  # how long a full vehicle stays plugged in, until a place tells otherwise
ENDING_S: Final = 120  # a charge that was told to stop
SHORTEST_S: Final = 60  # nobody is gone sooner than this
FADING_PERCENT: Final = 30  # of the socket's power: the battery is nearly full
FADING_S: Final = 900
# How long charges last where there is no history, by kind of pile.
USUAL_S: Final[Mapping[str, int]] = {"ebike_box": 7200, "ac": 7200, "dc": 2100}


@dataclass(frozen=True, slots=True)
class Past:
    """A charge that is over: when it began, how long the socket was taken, what it delivered."""

    began: datetime
    seconds: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Typical:
    """Charges like one that runs now, shortest first, and how long full vehicles stay."""

    seconds: tuple[int, ...] = ()
    energies_wh: tuple[int, ...] = ()
    linger_s: int = LINGER_S
    usual_s: int = USUAL_S["ac"]


@dataclass(frozen=True, slots=True)
class Running:
    """What takes a socket now. `flow` is as in bot/domain/session.py; `power_w` None: not told.

    `ending`: the charge was told to stop.
    """

    began: datetime
    max_power_w: int
    energy_wh: int = 0
    power_w: int | None = None
    flow: str = ""
    flow_at: datetime | None = None
    ending: bool = False


@dataclass(frozen=True, slots=True)
class SocketNow:
    """A socket of a full place. `running` None: it is kept for somebody until `kept_until`, or
    nobody knows why it cannot be used (then it is not counted on)."""

    evse_id: int
    running: Running | None
    kept_until: datetime | None = None
    booked: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Free:
    """A socket and when it is expected to be free."""

    at: datetime
    evse_id: int
    basis: Basis


def typical(past: Sequence[Past], *, at: datetime, zone: tzinfo, kind: str) -> Typical:
    """What is usual around this hour: charges that began within two hours of it on such a day
    (weekday or weekend), or all of them where those are too few."""
    here = at.astimezone(zone)
    alike = [each for each in past if _alike(each.began.astimezone(zone), here)]
    used = alike if len(alike) >= 2 * ENOUGH else list(past)
    return Typical(
        tuple(sorted(each.seconds for each in used)),
        tuple(sorted(each.energy_wh for each in used if each.energy_wh > 0)),
        usual_s=USUAL_S.get(kind, USUAL_S["ac"]),
    )


def _alike(then: datetime, now: datetime) -> bool:
    apart = abs(then.hour - now.hour)
    return min(apart, 24 - apart) <= 2 and (then.weekday() >= 5) == (now.weekday() >= 5)


def leaves_in(running: Running, usual: Typical, now: datetime) -> tuple[int, Basis]:
    """In how many seconds a socket is expected to be free again, and what that rests on."""
    if running.ending:
        return ENDING_S, "ending"
    if running.flow == "ev":  # full, or nearly: it leaves as full vehicles do
        stood = _seconds(running.flow_at or now, now)
        return max(SHORTEST_S, usual.linger_s - stood), "full"
    elapsed = _seconds(running.began, now)
    by_time = _left(usual.seconds, elapsed)
    by_energy = _by_energy(running, usual)
    if by_energy is not None and _fading(running):
        by_energy = min(by_energy, FADING_S)
        by_time = None
    known = [each for each in (by_time, by_energy) if each is not None]
    if not known:
        return max(SHORTEST_S, usual.usual_s - elapsed), "usual"
    basis: Basis = "both" if len(known) == 2 else "history" if by_energy is None else "energy"
    return max(SHORTEST_S, sum(known) // len(known)), basis


def _left(known: Sequence[int], so_far: int) -> int | None:
    """The median of what was left for those of the past that lasted longer than `so_far`; for one
    that outlasts nearly all, a tenth of what it has taken."""
    if len(known) < ENOUGH:
        return None
    longer = [each - so_far for each in known if each > so_far]
    return int(median(longer)) if longer else so_far // 10


def _by_energy(running: Running, usual: Typical) -> int | None:
    if not running.power_w or running.flow != "charging":
        return None
    left_wh = _left(usual.energies_wh, running.energy_wh)
    return None if left_wh is None else left_wh * 3600 // running.power_w


def _fading(running: Running) -> bool:
    drawn = (running.power_w or 0) * 100
    return running.energy_wh > 0 and drawn < running.max_power_w * FADING_PERCENT


def _seconds(since: datetime, now: datetime) -> int:
    return max(0, int((now - since).total_seconds()))


def free_times(
    sockets: Sequence[SocketNow], usual: Typical, now: datetime, *, needed_s: int = 1200
) -> list[Free]:
    """Each socket that will be free, the earliest first; one that is booked within `needed_s` of
    being free is free after the booking."""
    found = []
    for each in sockets:
        if each.running is not None:
            seconds, basis = leaves_in(each.running, usual, now)
            at = now + timedelta(seconds=seconds)
        elif each.kept_until is not None:
            at, basis = max(each.kept_until, now) + timedelta(seconds=usual.usual_s), "usual"
        else:
            continue
        found.append(Free(_past_bookings(at, each.booked, needed_s), each.evse_id, basis))
    return sorted(found, key=lambda free: (free.at, free.evse_id))


def _past_bookings(
    at: datetime, booked: Sequence[tuple[datetime, datetime]], needed_s: int
) -> datetime:
    for start, end in sorted(booked):
        if start - timedelta(seconds=needed_s) < at < end:
            at = end
    return at


def free_after(sockets: Sequence[Free], ahead: int, usual: Typical) -> Free | None:
    """The socket for somebody with `ahead` others in line: each of them takes the next free one
    for as long as is usual."""
    if not sockets:
        return None
    lasts = timedelta(seconds=int(median(usual.seconds)) if usual.seconds else usual.usual_s)
    line = [(each.at, each.evse_id, each.basis) for each in sockets]
    heapq.heapify(line)
    for _ in range(ahead):
        at, evse_id, basis = line[0]
        heapq.heapreplace(line, (at + lasts, evse_id, basis))
    return Free(*line[0])


# -- how good it was ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exactness:
    """How far estimates were off: the median and the bias in seconds, over `count` outcomes."""

    count: int
    median_s: int
    bias_s: int  # positive: it usually takes longer than told

    @property
    def minutes(self) -> int | None:
        """ "Usually right within … min"; None where too little is known to claim anything."""
        return max(1, -(-self.median_s // 60)) if self.count >= ENOUGH else None


def exactness(errors_s: Sequence[int]) -> Exactness:
    """What the outcomes of estimates say of the next one."""
    if not errors_s:
        return Exactness(0, 0, 0)
    off = int(median(abs(each) for each in errors_s))
    return Exactness(len(errors_s), off, int(median(errors_s)))


# -- hours ----------------------------------------------------------------------------------------

FEW_DAYS: Final = 3  # with fewer such days an hour's forecast is said to rest on little
QUIETER_BY: Final = 250  # thousandths: less than this is no reason to come another time
BUSY: Final = 700


@dataclass(frozen=True, slots=True)
class HourView:
    """An hour's expected share of taken sockets, in thousandths, made from `days` like it."""

    hour_at: datetime
    expected: int
    days: int

    @property
    def few(self) -> bool:
        """Whether it rests on little."""
        return self.days < FEW_DAYS


def share_taken(
    spans: Sequence[tuple[datetime, datetime]], sockets: int, start: datetime, end: datetime
) -> int:
    """How full the sockets were between two moments, in thousandths; overlaps count once a
    socket at most."""
    whole = sockets * (end - start).total_seconds()
    if whole <= 0:
        return 0
    taken = sum(
        max(0.0, (min(until, end) - max(since, start)).total_seconds()) for since, until in spans
    )
    return min(1000, round(1000 * taken / whole))


def hour_forecast(
    spans: Sequence[tuple[datetime, datetime]],
    *,
    sockets: int,
    hour_at: datetime,
    zone: tzinfo,
    known_since: datetime,
    now: datetime,
    days: int = 56,
) -> HourView:
    """The mean share of the same local hour on days of the same sort (weekday, weekend) within
    the last `days` days that the station has existed; nothing later than `now` is looked at."""
    local = hour_at.astimezone(zone)
    shares = []
    for back in range(1, days + 1):
        day: date = local.date() - timedelta(days=back)
        if (day.weekday() >= 5) != (local.weekday() >= 5):
            continue
        start = datetime(day.year, day.month, day.day, local.hour, tzinfo=zone)
        begin, end = start.astimezone(now.tzinfo), start.astimezone(now.tzinfo)
        end += timedelta(hours=1)
        if begin < known_since or end > now:
            continue
        shares.append(share_taken(spans, sockets, begin, end))
    mean = round(sum(shares) / len(shares)) if shares else 0
    return HourView(hour_at, mean, len(shares))


def quieter(hours: Sequence[HourView], *, now_share: int) -> HourView | None:
    """The soonest coming hour that is clearly quieter than now and rests on enough days."""
    for each in hours:
        if not each.few and now_share - each.expected >= QUIETER_BY:
            return each
    return None
