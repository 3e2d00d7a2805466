"""The complaint report as tables, the same for page, PDF and file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from bot.console.figure_view import share
from bot.domain.cases import CLASSES, TEAMS, TOPICS
from bot.domain.complaints import TOP, change
from bot.domain.money import Money
from bot.domain.staff_actions import plain

Figures = Mapping[str, Any]
_HEAD: Final = ("Opened", "Closed", "Consent", "Front line", "Answer", "Close", "Missed", "Comp.",
                "Refunds", "Reopened")  # fmt: skip
_NTH: Final = ("1st", "2nd", "3rd", "4th")
STATES: Final = {"done": "done", "late": "late", "open": "open"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report; `numbers` says from which column on figures stand."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 1
    hint: str = ""


def span_name(span: str) -> str:
    """ "November 2026", "4th quarter of 2026"."""
    if "Q" in span:
        return f"{_NTH[int(span[6:]) - 1]} quarter of {span[:4]}"
    return f"{date(int(span[:4]), int(span[5:]), 1):%B %Y}"


def tables(now: Figures, earlier: Sequence[Figures]) -> list[Table]:
    """The whole report; `earlier` are the months before, the nearest first."""
    found = [_summary(now, earlier)]
    codes = {code: topic.title for code, topic in TOPICS.items()}
    found += [
        _group(now, "by_class", "By class", "Class", CLASSES),
        _group(now, "by_code", "Top topics", "Topic", codes, most=TOP),
        _group(now, "by_team", "By team", "Team", TEAMS),
        _group(now, "by_station", "By station", "Station", now["stations"]),
        _group(now, "by_pile", "Piles with the most complaints", "Pile", now.get("piles", {}),
               most=TOP),
    ]  # fmt: skip
    found += [_causes(now, earlier), _actions(now)]
    return found


def _summary(now: Figures, earlier: Sequence[Figures]) -> Table:
    totals = [now["total"], *(each["total"] for each in earlier)]
    head = ["Figure", *(span_name(each["month"]) for each in (now, *earlier)), "Change"]
    before = totals[1] if len(totals) > 1 else None
    rows = [
        ("Opened", *(str(each["opened"]) for each in totals), _signed(totals[0], before, "opened")),
        ("Closed", *(str(each["closed"]) for each in totals), _signed(totals[0], before, "closed")),
        ("Closed with consent", *(share(each["consent_permille"]) for each in totals), ""),
        ("Solved by the front line",
         *(_of(each.get("front_line", 0), each.get("solved", 0)) for each in totals), ""),
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


def _group(
    now: Figures, name: str, title: str, head: str, words: Mapping[str, str], *, most: int = 0
) -> Table:
    """A table by one of the groups, the most complaints first; with `most` only what has any, and
    no row for what is not known."""
    blocks = sorted(now.get(name, {}).items(), key=lambda pair: (-pair[1]["opened"], pair[0]))
    if most:
        blocks = [(key, block) for key, block in blocks if key and block["opened"]][:most]
    rows = [(words.get(key) or key or "Not known", *_line(block)) for key, block in blocks]
    return Table(title, (head, *_HEAD), rows)


def _line(block: Figures) -> tuple[str, ...]:
    return (
        str(block["opened"]), str(block["closed"]), share(block["consent_permille"]),
        share(block.get("front_line_permille")),
        lasting(block["answer_s"]), lasting(block["close_s"]),
        _of(block["missed"], block["promises"]), amounts(block["compensation"]),
        amounts(block["refunds"]), str(block["reopened"]),
    )  # fmt: skip


def _causes(now: Figures, earlier: Sequence[Figures]) -> Table:
    before = dict(earlier[0]["causes"]) if earlier else {}
    rows = [
        (name, str(count), str(before.get(name, 0)) if earlier else "–")
        for name, count in now["causes"][:TOP]
    ]
    return Table("Top root causes", ("Root cause", "Cases", "Before"), rows)


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
