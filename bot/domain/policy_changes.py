"""Rules that two people change together: what may be proposed, and from when it may count; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

KINDS: Final = {"clock": "Promise", "limits": "Limits"}
STATES: Final = {
    "waiting": "Waits for a second person", "approved": "Approved", "rejected": "Rejected",
    "withdrawn": "Withdrawn",
}  # fmt: skip
FARTHEST: Final = timedelta(days=400)
SLACK: Final = timedelta(minutes=5)  # a form that lay open for a moment means "now"


def good_start(valid_from: datetime, now: datetime) -> bool:
    """Whether a change may count from then on: nothing changes the past."""
    return now - SLACK <= valid_from <= now + FARTHEST


def counts_from(valid_from: datetime, decided_at: datetime) -> datetime:
    """When an approved change counts: never before the second person said yes."""
    return max(valid_from, decided_at)


def may_decide(asked_by: int, actor: int) -> bool:
    """Nobody lets their own change count."""
    return asked_by != actor


def kept(spent_s: Iterable[int], limit_s: int) -> tuple[int, int]:
    """How many of these would have been kept with another limit, of how many."""
    spent = list(spent_s)
    return sum(each <= limit_s for each in spent), len(spent)
