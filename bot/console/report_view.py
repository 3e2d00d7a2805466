"""The complaint report as tables, the same for page, PDF and file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from bot.console.figure_view import share
from bot.domain.cases import CLASSES, TEAMS
from bot.domain.complaints import change
from bot.domain.money import Money
from bot.domain.staff_actions import plain

Figures = Mapping[str, Any]
_HEAD: Final = ("Opened", "Closed", "Consent", "Answer", "Close", "Missed", "Comp.", "Refunds",
                "Reopened")  # fmt: skip
STATES: Final = {"done": "done", "late": "late", "open": "open"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report; `numbers` says from which column on figures stand."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 1
    hint: str = ""


def month_name(month: str) -> str:
    """ "November 2026"."""
    return f"{date(int(month[:4]), int(month[5:]), 1):%B %Y}"


def tables(now: Figures, earlier: Sequence[Figures]) -> list[Table]:
    """The whole report; `earlier` are the months before, the nearest first."""
    found = [_summary(now, earlier)]
    for name, title, words in (
        ("by_class", "Class", CLASSES), ("by_team", "Team", TEAMS),
        ("by_station", "Station", now["stations"]),
    ):  # fmt: skip
        rows = [
            (words.get(key) or "Not known", *_line(block))
            for key, block in sorted(now[name].items(), key=lambda pair: -pair[1]["opened"])
        ]
        found.append(Table(f"By {title.lower()}", (title, *_HEAD), rows))
    found += [_causes(now, earlier), _actions(now)]
    return found


def _summary(now: Figures, earlier: Sequence[Figures]) -> Table:
    totals = [now["total"], *(each["total"] for each in earlier)]
    head = ["Figure", *(month_name(each["month"]) for each in (now, *earlier)), "Change"]
    before = totals[1] if len(totals) > 1 else None
    rows = [
        ("Opened", *(str(each["opened"]) for each in totals), _signed(totals[0], before, "opened")),
        ("Closed", *(str(each["closed"]) for each in totals), _signed(totals[0], before, "closed")),
        ("Closed with consent", *(share(each["consent_permille"]) for each in totals), ""),
        ("Half were answered within", *(lasting(each["answer_s"]) for each in totals), ""),
        ("Half were closed within", *(lasting(each["close_s"]) for each in totals), ""),
        ("Promises missed", *(_of(each["missed"], each["promises"]) for each in totals),
         _signed(totals[0], before, "missed")),
        ("Coupons for missed promises", *(amounts(each["compensation"]) for each in totals), ""),
        ("Refunds in complaints", *(amounts(each["refunds"]) for each in totals), ""),
        ("All refunds", *(_refunds(each["all_refunds"]) for each in (now, *earlier)), ""),
        ("Reopened", *(str(each["reopened"]) for each in totals),
         _signed(totals[0], before, "reopened")),
    ]  # fmt: skip
    return Table("Overview", head, rows)


def _line(block: Figures) -> tuple[str, ...]:
    return (
        str(block["opened"]), str(block["closed"]), share(block["consent_permille"]),
        lasting(block["answer_s"]), lasting(block["close_s"]),
        _of(block["missed"], block["promises"]), amounts(block["compensation"]),
        amounts(block["refunds"]), str(block["reopened"]),
    )  # fmt: skip


def _causes(now: Figures, earlier: Sequence[Figures]) -> Table:
    before = dict(earlier[0]["causes"]) if earlier else {}
    rows = [
        (name, str(count), str(before.get(name, 0)) if earlier else "–")
        for name, count in now["causes"]
    ]
    return Table("Top root causes", ("Root cause", "Cases", "Month before"), rows)


def _actions(now: Figures) -> Table:
    rows = [
        (each["text"], each["cause"], each["who"], each["due"], STATES[each["state"]])
        for each in now["actions"]
    ]
    head = ("What is done", "Against", "Who", "Until", "State")
    return Table("Actions against root causes", head, rows, numbers=5)


def lasting(seconds: int | None) -> str:
    """ "2 d 3 h", "45 min", "30 s"; a dash where there is nothing."""
    if seconds is None:
        return "–"
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def amounts(found: Mapping[str, int]) -> str:
    """One amount a currency."""
    return ", ".join(plain(Money(minor, each)) for each, minor in found.items() if minor) or "–"


def _refunds(found: Mapping[str, Sequence[int]]) -> str:
    parts = [f"{plain(Money(minor, each))} in {times}" for each, (times, minor) in found.items()]
    return ", ".join(parts) or "–"


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "–"


def _signed(now: Figures, before: Figures | None, key: str) -> str:
    percent = change(now, before, key)
    return "" if percent is None else f"{percent:+d} %"
