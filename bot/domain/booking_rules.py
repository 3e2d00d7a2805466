"""What may be booked: lengths, windows, cells of time, and the ladder of those who do not come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.domain.money import Money, exponent
from bot.domain.staff_actions import of_setting

CELL_S: Final = 300  # bookings begin and end on these; a cell belongs to one booking
HOLD_AHEAD: Final = timedelta(days=4)  # a card's hold lasts a week: later bookings save the card
DEPOSIT_AHEAD: Final = timedelta(hours=24)  # ... and place the hold this long before the start
USUAL_S: Final = 3600  # a booking whose length is not told


@dataclass(frozen=True, slots=True)
class Rules:
    """A station's rules for bookings, as they are now; a yes pins what concerns it in `Terms`."""

    ahead_s: int  # how far ahead one may book
    least_s: int
    most_s: int
    late_s: int  # how long the bay is kept for somebody who is late
    cancel_until_s: int  # before the start: until then a change or the end of it costs nothing
    early_s: int  # how long before the start the booker may begin
    fee_major: str  # what staying away costs, in major units of the station's currency
    strikes: int  # so many bookings without coming ...
    pause_s: int  # ... and nothing can be booked for this long
    version: str

    def fee(self, currency: str) -> Money:
        """What staying away costs, in a currency."""
        return of_setting(self.fee_major, currency)


def for_market(setting: str, country: str) -> str:
    """The value of a setting "20160,GB:60" for a country: its own, else the one without a name."""
    otherwise = ""
    for part in filter(None, (each.strip() for each in setting.split(","))):
        name, found, value = part.partition(":")
        if not found:
            otherwise = name
        elif name.strip().upper() == country.upper():
            return value.strip()
    return otherwise


def wrong(
    rules: Rules, starts_at: datetime, ends_at: datetime, now: datetime
) -> tuple[str, int] | None:
    """Why a time cannot be booked, with the number of seconds that the words need; None: it can.

    "past", "too_far", "too_short", "too_long". A slot that has begun may be booked while the
    booker would not yet be late.
    """
    if starts_at <= now - timedelta(seconds=CELL_S):
        return "past", 0
    if starts_at - now > timedelta(seconds=rules.ahead_s):
        return "too_far", rules.ahead_s
    length = (ends_at - starts_at).total_seconds()
    if length < rules.least_s:
        return "too_short", rules.least_s
    if length > rules.most_s:
        return "too_long", rules.most_s
    return None


def down(at: datetime) -> datetime:
    """The beginning of the cell that a moment lies in."""
    whole = int(at.timestamp()) // CELL_S * CELL_S
    return datetime.fromtimestamp(whole, UTC)


def cells(starts_at: datetime, ends_at: datetime) -> range:
    """The numbers of the cells of a stretch of time: the same whatever the zone or its summer."""
    return range(int(starts_at.timestamp()) // CELL_S, -(-int(ends_at.timestamp()) // CELL_S))


def cell_at(number: int) -> datetime:
    """When a cell begins."""
    return datetime.fromtimestamp(number * CELL_S, UTC)


def free_starts(
    taken: Iterable[int], *, length_s: int, earliest: datetime, latest: datetime, most: int
) -> list[datetime]:
    """Starts of a length that fit between taken cells, the soonest first, on whole quarters where
    the first is not at once."""
    busy, found = frozenset(taken), list[datetime]()
    at = down(earliest)
    if at < earliest:
        at += timedelta(seconds=CELL_S)
    while at <= latest and len(found) < most:
        stretch = cells(at, at + timedelta(seconds=length_s))
        if busy.isdisjoint(stretch):
            found.append(at)
            at += timedelta(seconds=max(len(stretch) * CELL_S, 900))
        else:
            at += timedelta(seconds=CELL_S)
    return found


def paused_until(no_shows: Sequence[datetime], *, strikes: int, pause_s: int) -> datetime | None:
    """Until when somebody may not book: from the last of every `strikes` times they did not come.

    Times that staff forgave are not among them; what lies before a pause counts no more.
    """
    if strikes <= 0:
        return None
    ordered = sorted(no_shows)
    full = len(ordered) // strikes
    return ordered[full * strikes - 1] + timedelta(seconds=pause_s) if full else None


def deposit_for(hold: Money, fee: Money) -> Money:
    """What is held for a booking: what a charge there holds anyway, at least the fee; nothing
    where staying away costs nothing."""
    if fee.amount_minor <= 0:
        return Money(0, hold.currency)
    unit = 10 ** exponent(hold.currency)
    whole = -(-fee.amount_minor // unit) * unit
    return Money(max(hold.amount_minor, whole), hold.currency)
