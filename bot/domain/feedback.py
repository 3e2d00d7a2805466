"""When a rider may be asked how it was, what is asked, and what the answers add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

Kind = Literal["nps", "stars", "csat"]

AFTER_RECEIPT: Final = timedelta(minutes=2)
BETWEEN: Final = timedelta(days=7)  # one question a week at most
WINDOW: Final = timedelta(hours=24) - timedelta(minutes=5)  # free words to a rider on WhatsApp
SNOOZE: Final = timedelta(days=60)
RATE_WITHIN: Final = timedelta(days=90)  # how old a charge may be that is rated unasked
SCALES: Final = {"0-10": (0, 10), "1-10": (1, 10)}
STARS: Final = (1, 5)
NPS_ACTION_BELOW: Final = 7  # "below 7 is followed up"
STARS_ACTION_BELOW: Final = 3
# Why somebody was not content, and what they noticed of a place: keys of words.
REASONS: Final = (
    "price", "broken", "slow", "occupied", "payment", "finding", "chat", "people", "other",
)  # fmt: skip
TAGS: Final = ("fast", "easy", "clean", "safe", "slow", "hard", "dirty", "blocked")


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether a rider may be asked. `trouble`: an open case, incident or dispute, or
    a person has the chat. `since` is the receipt, or the end of a conversation with a person."""

    now: datetime
    since: datetime
    last_heard: datetime | None
    last_asked: datetime | None = None
    asked_already: bool = False
    opted_out: bool = False
    never: bool = False
    snoozed_until: datetime | None = None
    trouble: bool = False
    after_incident: bool = False


def may_ask(facts: Facts) -> bool:
    """Whether the one question may be asked now; a no is final for this order."""
    if facts.asked_already or facts.opted_out or facts.never or facts.trouble:
        return False
    if facts.after_incident or facts.now - facts.since < AFTER_RECEIPT:
        return False
    if facts.snoozed_until is not None and facts.now < facts.snoozed_until:
        return False
    if facts.last_asked is not None and facts.now - facts.last_asked < BETWEEN:
        return False
    return facts.last_heard is not None and facts.now - facts.last_heard < WINDOW


def next_kind(asked_before: int) -> Kind:
    """What is asked after a charge: the two questions in turn."""
    return "nps" if asked_before % 2 == 0 else "stars"


def fits(score: int, low: int, high: int) -> bool:
    """Whether a score is on its scale."""
    return low <= score <= high


def is_low(kind: Kind, score: int) -> bool:
    """Whether somebody of the staff should look after it."""
    return score < (NPS_ACTION_BELOW if kind == "nps" else STARS_ACTION_BELOW)


@dataclass(frozen=True, slots=True)
class Nps:
    """Answers of one scale; `score` is None without any."""

    n: int
    promoters: int
    passives: int
    detractors: int

    @property
    def score(self) -> int | None:
        """Percent of 9 and 10 less percent of 6 and below, rounded half away from zero."""
        if not self.n:
            return None
        points = 100 * (self.promoters - self.detractors)
        sign = -1 if points < 0 else 1
        return sign * ((2 * abs(points) + self.n) // (2 * self.n))


def nps(scores: Iterable[int]) -> Nps:
    """Scores of one scale, never of two mixed."""
    known = list(scores)
    promoters = sum(score >= 9 for score in known)
    detractors = sum(score <= 6 for score in known)
    return Nps(len(known), promoters, len(known) - promoters - detractors, detractors)


def content_percent(scores: Iterable[int]) -> int | None:
    """CSAT: percent of answers with four or five stars of five."""
    known = list(scores)
    if not known:
        return None
    return (200 * sum(score >= 4 for score in known) + len(known)) // (2 * len(known))


def rated(tenths: int | None, count: int, stars: int, *, before: int | None = None) -> int:
    """A station's rating in tenths with one more review, or with one that replaces `before`."""
    total = (tenths or 0) * count + 10 * stars - 10 * (before or 0)
    number = count if before is not None else count + 1
    number = max(1, number)
    return min(50, max(10, (2 * total + number) // (2 * number)))
