"""The arithmetic behind the figures that staff read: time used, periods, churn, containment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

HOUR: Final = timedelta(hours=1)
RETURN: Final = timedelta(hours=24)  # who writes again within this was not helped
CHURN_DAYS: Final = 30
MOST_DAYS: Final = 400

Stretch = tuple[datetime, datetime]  # from, until


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in a zone, both ends included."""

    first: date
    last: date
    tz: str

    @property
    def start(self) -> datetime:
        """Its first moment, aware UTC."""
        return _midnight(self.first, self.tz)

    @property
    def end(self) -> datetime:
        """The first moment after it, aware UTC."""
        return _midnight(self.last + timedelta(days=1), self.tz)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def before(self) -> Period:
        """As many days that end the day before it begins."""
        length = timedelta(days=self.days)
        return Period(self.first - length, self.last - length, self.tz)


def period(first: date | None, last: date | None, now: datetime, tz: str) -> Period:
    """The period asked for: by default the seven days up to yesterday; the ends in either order,
    nothing beyond today and no more than MOST_DAYS."""
    today = now.astimezone(ZoneInfo(tz)).date()
    last = min(last or today - timedelta(days=1), today)
    first = min(first or last - timedelta(days=6), today)
    if first > last:
        first, last = last, first
    return Period(max(first, last - timedelta(days=MOST_DAYS - 1)), last, tz)


def _midnight(day: date, tz: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(tz)).astimezone(UTC)


def hour_of(at: datetime) -> datetime:
    """The UTC hour a moment is in."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def overlap_s(stretches: Iterable[Stretch], start: datetime, end: datetime) -> int:
    """Seconds of `start` to `end` that the stretches cover, those that overlap counted once."""
    covered, last = 0.0, start
    for since, until in sorted(stretches):
        since, until = max(since, last), min(until, end)
        if until > since:
            covered += (until - since).total_seconds()
            last = until
    return int(covered)


def hours_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """The UTC hours that lie in `start` to `end`, at least in part."""
    at = hour_of(start)
    while at < end:
        yield at
        at += HOUR


def away(
    changes: Sequence[tuple[datetime, bool]], start: datetime, end: datetime, *, now_online: bool
) -> list[Stretch]:
    """The stretches of `start` to `end` without contact, of changes in order of time.

    Before the first change the opposite of it held; with no change at all what holds now did.
    """
    known = [(at, online) for at, online in changes if at < end]
    before = [online for at, online in known if at <= start]
    inside = [(at, online) for at, online in known if at > start]
    untold = not inside[0][1] if inside else now_online
    state, since, found = (before[-1] if before else untold), start, list[Stretch]()
    for at, online in [*inside, (end, True)]:
        if not state and at > since:
            found.append((since, at))
        state, since = online, at
    return found


def weekday_hours(counts: Mapping[datetime, int], tz: str) -> dict[tuple[int, int], int]:
    """Counts by UTC hour as sums by (weekday, hour of the day) in a zone; Monday is 0. In zones
    that are half an hour off, an hour counts where it begins."""
    sums: dict[tuple[int, int], int] = {}
    zone = ZoneInfo(tz)
    for at, count in counts.items():
        local = at.astimezone(zone)
        key = local.weekday(), local.hour
        sums[key] = sums.get(key, 0) + count
    return sums


def permille(part: int, whole: int) -> int | None:
    """A share in thousandths, None where there is nothing to share."""
    return round(1000 * part / whole) if whole > 0 else None


def percentile(values: Sequence[int], percent: int) -> int | None:
    """The value that `percent` of the values do not exceed (nearest rank), None of none."""
    if not values:
        return None
    rank = -(-len(values) * percent // 100)
    return sorted(values)[max(1, rank) - 1]


@dataclass(frozen=True, slots=True)
class Churn:
    """Riders by their last two months: `lost` charged 31 to 60 days ago and not since."""

    earlier: int
    lost: int
    recent: int
    new: int


def churn(first_and_last: Iterable[tuple[datetime, Sequence[datetime]]], end: datetime) -> Churn:
    """Of riders' (first charge ever, charges of the 60 days before `end`)."""
    month = end - timedelta(days=CHURN_DAYS)
    earlier = lost = recent = new = 0
    for first, charges in first_and_last:
        was = any(each < month for each in charges)
        is_ = any(each >= month for each in charges)
        earlier, recent = earlier + was, recent + is_
        lost, new = lost + (was and not is_), new + (first >= month)
    return Churn(earlier, lost, recent, new)


def cohorts(
    charges: Iterable[tuple[date, Iterable[date]]],
) -> list[tuple[date, int, list[int]]]:
    """(month, riders who first charged in it, how many of them charged 0, 1, 2 … months later);
    a rider is (day of the first charge, days of all charges)."""
    sizes: dict[date, int] = {}
    active: dict[tuple[date, int], int] = {}
    newest = 0
    for first, days in charges:
        born = first.replace(day=1)
        sizes[born] = sizes.get(born, 0) + 1
        for later in {_months(born, day) for day in days}:
            active[born, later] = active.get((born, later), 0) + 1
            newest = max(newest, _months(date.min, born) + later)
    found = []
    for born in sorted(sizes):
        ages = newest - _months(date.min, born) + 1
        found.append((born, sizes[born], [active.get((born, age), 0) for age in range(ages)]))
    return found


def _months(since: date, day: date) -> int:
    return (day.year - since.year) * 12 + day.month - since.month


@dataclass(frozen=True, slots=True)
class Contacts:
    """Stretches of a rider's writing: all, those in which a person was needed, those without one
    after which the rider wrote no more for a day."""

    all: int
    with_person: int
    contained: int


def contacts(
    lines: Sequence[datetime], people: Sequence[datetime], start: datetime, end: datetime
) -> Contacts:
    """A rider's lines cut where an hour passes without one; those that begin in `start` to `end`.

    `people` are the moments somebody was called for or took over. Contained means: no person
    until a day after its last line, and no line within that day (reference: share of contacts
    that the bot settles by itself). Who charges every day is thereby counted against the bot.
    """
    runs: list[list[datetime]] = []
    for at in sorted(lines):
        if runs and at - runs[-1][-1] < HOUR:
            runs[-1].append(at)
        else:
            runs.append([at])
    counted = with_person = contained = 0
    for number, run in enumerate(runs):
        if not start <= run[0] < end:
            continue
        counted += 1
        until = run[-1] + RETURN
        needed = any(run[0] <= at < until for at in people)
        again = number + 1 < len(runs) and runs[number + 1][0] < until
        with_person += needed
        contained += not needed and not again
    return Contacts(counted, with_person, contained)
