"""Figures as pages and files show them: shares in words, changes with a sign, bars, a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import select

from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.services.desk_figures import Bot, Call, Person
from bot.services.station_figures import Takings, Use
from bot.store.database import UnitOfWork
from bot.store.staff import Staff

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HEATS: Final = (1, 50, 125, 250, 400, 550, 700, 850)  # thousandths at which a darker tone begins


@dataclass(frozen=True, slots=True)
class Tile:
    """One big number, what it was before, and whether the change is good."""

    label: str
    value: str
    before: str
    change: str = ""
    tone: str = "neutral"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class StationRow:
    """A station in the ranking."""

    rank: int
    use: Use
    used: str
    out: str
    energy: str
    gross: str
    back: str
    net: str
    each: str  # net a socket


def share(permille: int | None) -> str:
    """ "12.3 %", or a dash where there is nothing to share."""
    return "–" if permille is None else f"{permille / 10:.1f} %"


def kwh(energy_wh: int) -> str:
    """ "1,234.5 kWh"."""
    return f"{energy_wh / 1000:,.1f} kWh"


def money(found: Sequence[Takings], field: str) -> str:
    """One amount a currency; a dash where there is none."""
    parts = [plain(Money(getattr(each, field), each.currency)) for each in found]
    return ", ".join(parts) or "–"


def stations(found: Sequence[Use], takings: Mapping[int, Sequence[Takings]]) -> list[StationRow]:
    """The ranking, most used first."""
    rows = []
    for rank, use in enumerate(found, 1):
        got = takings.get(use.station_id, ())
        each = [
            Takings(use.station_id, one.currency, one.net_minor // max(1, use.sockets), 0, 0)
            for one in got
        ]
        rows.append(
            StationRow(
                rank, use, share(use.used), share(use.out), kwh(use.energy_wh),
                money(got, "gross_minor"), money(got, "back_minor"), money(got, "net_minor"),
                money(each, "gross_minor"),
            )
        )  # fmt: skip
    return rows


def tiles(
    now: Use,
    before: Use,
    takings: Mapping[int, Sequence[Takings]],
    takings_before: Mapping[int, Sequence[Takings]],
) -> list[Tile]:
    """The sum of all stations beside the period before."""
    hint = "Occupied minutes of the minutes in which sockets were in contact"
    found = [
        _shares("Used", now.used, before.used, hint=hint),
        _counts("Charges", now.sessions, before.sessions),
        _counts("Energy", now.energy_wh // 1000, before.energy_wh // 1000, unit=" kWh"),
        _shares("Out of contact", now.out, before.out, less_is_good=True,
                hint="Not counted as available"),
    ]  # fmt: skip
    got, had = _by_currency(takings), _by_currency(takings_before)
    for currency in sorted(got.keys() | had.keys()):
        net, net_before = got.get(currency, 0), had.get(currency, 0)
        change, tone = _change(net, net_before)
        found.append(
            Tile(
                f"Net {currency}", plain(Money(net, currency)), plain(Money(net_before, currency)),
                change, tone, "With tax, after what went back",
            )
        )  # fmt: skip
    return found


def _by_currency(takings: Mapping[int, Sequence[Takings]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for found in takings.values():
        for each in found:
            sums[each.currency] = sums.get(each.currency, 0) + each.net_minor
    return sums


def bot_tiles(now: Bot, before: Bot) -> list[Tile]:
    """The bot beside the period before."""
    settled = "No person and no return within 24 hours, of all contacts"
    return [
        _shares("Settled by the bot", now.contained, before.contained, hint=settled),
        _counts("Contacts", now.contacts.all, before.contacts.all),
        _counts("With a person", now.contacts.with_person, before.contacts.with_person,
                less_is_good=True),
        _shares("Not understood", now.missed, before.missed, less_is_good=True,
                hint="Of what riders wrote"),
    ]  # fmt: skip


def _shares(
    label: str, now: int | None, before: int | None, *, less_is_good: bool = False, hint: str = ""
) -> Tile:
    if now is None or before is None:
        return Tile(label, share(now), share(before), hint=hint)
    points = now - before
    tone = "neutral" if not points else "good" if (points < 0) == less_is_good else "bad"
    return Tile(label, share(now), share(before), f"{points / 10:+.1f} points", tone, hint)


def _counts(
    label: str, now: int, before: int, *, unit: str = "", less_is_good: bool = False
) -> Tile:
    change, tone = _change(now, before, less_is_good=less_is_good)
    return Tile(label, f"{now:,}{unit}", f"{before:,}{unit}", change, tone)


def _change(now: int, before: int, *, less_is_good: bool = False) -> tuple[str, str]:
    if before <= 0 or now == before:
        return "", "neutral"
    tone = "good" if (now < before) == less_is_good else "bad"
    return f"{100 * (now - before) / before:+.0f} %", tone


@dataclass(frozen=True, slots=True)
class Bar:
    """A name with its count and its share of the largest, in percent."""

    name: str
    count: int
    percent: int


def bars(counts: Sequence[tuple[str, int]]) -> list[Bar]:
    """Counts as bars."""
    most = max((count for _, count in counts), default=1)
    return [Bar(name, count, max(1, 100 * count // most)) for name, count in counts]


@dataclass(frozen=True, slots=True)
class Heat:
    """A cell of the heat map: a tone from 0 (nothing) to 8, and its figure."""

    tone: int
    text: str


def week(shares: Mapping[tuple[int, int], int]) -> list[tuple[str, list[Heat]]]:
    """A row a weekday, a cell an hour; empty without any figure."""
    if not shares:
        return []
    return [
        (name, [_heat(shares.get((day, hour))) for hour in range(24)])
        for day, name in enumerate(DAYS)
    ]


def _heat(permille: int | None) -> Heat:
    if permille is None:
        return Heat(0, "–")
    return Heat(sum(permille >= each for each in _HEATS), f"{permille / 10:.0f}")


@dataclass(frozen=True, slots=True)
class Cohort:
    """Riders of one month and the share of them that charged in each month since."""

    month: str
    size: int
    cells: tuple[Heat, ...]


def months(found: Sequence[tuple[date, int, list[int]]]) -> list[Cohort]:
    """The cohorts, newest last."""
    return [
        Cohort(f"{month:%b %Y}", size, tuple(_heat(round(1000 * count / size)) for count in counts))
        for month, size, counts in found
    ]


def names(work: UnitOfWork) -> dict[int, str]:
    """Names of the staff."""
    return {row.id: row.name for row in work.session.execute(select(Staff.id, Staff.name))}


# --- files ---------------------------------------------------------------------------------------


def stations_table(rows: Sequence[StationRow]) -> list[Sequence[Any]]:
    """Seconds and watt-hours as they are, so that a spreadsheet can count on."""
    head = (
        "station", "name", "sockets", "sockets_s", "away_s", "occupied_s", "used_permille",
        "charges", "energy_wh", "gross", "back", "net",
    )  # fmt: skip
    return [
        head,
        *(
            (
                row.use.station_id, row.use.name, row.use.sockets, row.use.sockets_s,
                row.use.away_s, row.use.occupied_s, row.use.used, row.use.sessions,
                row.use.energy_wh, row.gross, row.back, row.net,
            )
            for row in rows
        ),
    ]  # fmt: skip


def people_table(rows: Sequence[Person]) -> list[Sequence[Any]]:
    """Everybody's work at the desk."""
    head = (
        "staff", "name", "online_s", "taken", "lines", "resolved", "answered", "median_wait_s",
        "p90_wait_s",
    )  # fmt: skip
    return [
        head,
        *(
            (
                each.staff_id, each.name, each.online_s, each.taken, each.lines, each.resolved,
                each.answered, each.middle_s, each.late_s,
            )
            for each in rows
        ),
    ]  # fmt: skip


def calls_table(rows: Sequence[Call], people: Mapping[int, str]) -> list[Sequence[Any]]:
    """Every call for a person: references, no riders' data."""
    head = ("conversation", "at", "reason", "answered_by", "waited_s")
    return [
        head,
        *(
            (
                each.conversation_id, each.at.isoformat(), each.reason,
                people.get(each.staff_id or 0, ""), each.waited_s,
            )
            for each in rows
        ),
    ]  # fmt: skip
