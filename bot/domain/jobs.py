"""Work on the spot: from the offer to a technician until it is done; pure rules.

    open ──accept──► accepted ──► on_way ──► arrived ──► done
      ▲  │ nobody took it in time: the next one          (each before "done" ──► cancelled,
      └──┘                                                given back ──► open)

An open job is offered to one technician at a time. Source: features.md D3, E10, E26.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "repair": "Repair", "preventive": "Preventive visit", "site_care": "Site care",
    "visit": "Planned visit",
}  # fmt: skip
STATES: Final[Mapping[str, str]] = {
    "open": "Looking for somebody", "accepted": "Accepted", "on_way": "On the way",
    "arrived": "On site", "done": "Done", "cancelled": "Cancelled",
}  # fmt: skip
LIVE: Final = ("open", "accepted", "on_way", "arrived")
TAKEN: Final = ("accepted", "on_way", "arrived")
_FROM: Final[Mapping[str, tuple[str, ...]]] = {
    "accepted": ("open",), "on_way": ("accepted",), "arrived": ("accepted", "on_way"),
    "done": ("arrived",), "cancelled": LIVE, "open": TAKEN,
}  # fmt: skip

# Who says that somebody has to go there. A rider's own word sends somebody to look, and no more.
SOURCES: Final[Mapping[str, str]] = {
    "staff": "The desk", "pile": "The pile", "system": "By itself", "rider": "A rider's word",
}  # fmt: skip
SENT_FOR: Final = frozenset({"broken", "cant_stop", "wont_charge"})  # codes of reports
REPORTS_A_DAY: Final = 3  # so many jobs a day come of one person's reports, before anybody looks

NEAR_M: Final = 500  # a check-in by location counts this near: positions among houses are rough
SHOWS: Final[Mapping[str, str]] = {"before": "Before", "after": "After"}  # what a photo shows
LOOK_AROUND: Final = timedelta(minutes=10)  # photos this soon after the first: nothing is done yet
FLAPS: Final = 3  # so often within a day a fault calls somebody out also when it goes away


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody who can be sent out: jobs in hand, and when one was last given to them."""

    staff_id: int
    load: int
    last_at: datetime | None
    present: bool  # has the console open, or said so


def may_become(now: str, to: str) -> bool:
    """Whether a job may go from one state to another."""
    return now in _FROM.get(to, ())


def sources(to: str) -> tuple[str, ...]:
    """The states a job may come from."""
    return _FROM[to]


def next_worker(workers: Collection[Worker], passed: Collection[int]) -> int | None:
    """Whom a job is offered to next: not again to who let it pass; those who are there first,
    then the least laden, then who waited longest for one."""
    free = [each for each in workers if each.staff_id not in passed]
    if not free:
        return None

    def order(each: Worker) -> tuple[bool, int, float, int]:
        last = each.last_at.timestamp() if each.last_at is not None else 0.0
        return (not each.present, each.load, last, each.staff_id)

    return min(free, key=order).staff_id


def subject(job_id: int) -> str:
    """How clocks name a job."""
    return f"job:{job_id}"


def is_confirmed(source: str) -> bool:
    """Whether a job is more than a rider's word: only such a one marks the pile as in repair."""
    return source != "rider"


def calls_out(*, still_faulted: bool, times_today: int) -> bool:
    """Whether a fault needs somebody on the spot: it stays, or comes back again and again."""
    return still_faulted or times_today >= FLAPS


def is_near(distance_m: int) -> bool:
    """Whether a location checks in."""
    return distance_m <= NEAR_M


def metres(distance_m: int) -> str:
    """ "120 m", "3.2 km", for staff."""
    return f"{distance_m} m" if distance_m < 1000 else f"{distance_m / 1000:.1f} km"


def shows(state: str, *, parts: int, first_at: datetime | None, now: datetime) -> str:
    """What a photo shows that nobody said it of: how it was, until work has begun.

    It has when a part was noted, or some minutes after the first photo on the spot (`first_at`).
    """
    looking = first_at is None or now - first_at <= LOOK_AROUND
    return "before" if state != "arrived" or (looking and not parts) else "after"


_COUNT_FIRST: Final = re.compile(r"([1-9]\d{0,2})\s?[x×*]\s+(\D.*)", re.IGNORECASE)
_COUNT_LAST: Final = re.compile(
    r"(.*[^\d\s])\s+(?:[x×*]\s?([1-9]\d{0,2})|([1-9]\d{0,2})\s?(?:x|×|个|個|pcs|st))",
    re.IGNORECASE,
)


def part_line(said: str) -> str:
    """A part with its count as the file keeps it: "2 x fuse" and "fuse x2" are "2 × fuse".

    "Cable 5 x 16" is the name of one cable.
    """
    said = " ".join(said.split())
    if first := _COUNT_FIRST.fullmatch(said):
        count, name = first[1], first[2]
    elif last := _COUNT_LAST.fullmatch(said):
        count, name = last[2] or last[3], last[1].rstrip(",:;")
    else:
        return said
    return name if count == "1" else f"{count} × {name}"


def score_tenths(stars: Collection[int]) -> int | None:
    """The mean of ratings from 1 to 5, in tenths; None of none."""
    return round(10 * sum(stars) / len(stars)) if stars else None
