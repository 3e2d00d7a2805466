"""The promises' clocks: what each may take, when it warns and ends, how it pauses; pure rules.

A clock counts the time that was spent: 24/7 calendar time for what riders are promised, the desk's
opening hours for the desk's own goals. It keeps the policy it began with, opening hours included,
so that a change in mid-run touches nothing that runs. Source: features.md 4.9, console.md A3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from bot.domain.desk_rules import Hours

WARN_PERCENT: Final = 75
_DAYS_AHEAD: Final = 400  # a desk that opens on none of these never opens

Counting = Literal["calendar", "office"]
# What a breach calls for, besides a line in the case: see bot/services/clock_breach.py.
ACTIONS: Final[Mapping[str, str]] = {
    "alarm": "alarm", "page": "supervisors are paged", "escalate": "goes to a supervisor",
    "head": "goes to the regional head", "coupon": "coupon", "decide": "decided for the rider",
    "ask_again": "asked again", "watch": "socket watch-listed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """What a clock may take. `version` 1 is what the code came with, later ones are the desk's.

    `target_s` is what is aimed at where that is less than the limit: at it the clock warns, and
    results tell how many were within it.
    """

    limit_s: int
    counting: Counting = "calendar"
    actions: tuple[str, ...] = ("escalate",)
    warn_percent: int = WARN_PERCENT
    version: int = 1
    target_s: int | None = None

    @property
    def warn_s(self) -> int:
        """After how much of its time it warns."""
        if self.target_s is not None and self.target_s < self.limit_s:
            return self.target_s
        return self.limit_s * self.warn_percent // 100


@dataclass(frozen=True, slots=True)
class Kind:
    """A clock by its name: what it is called, whether riders are promised it, and what exactly."""

    title: str
    policy: Policy
    promised: bool = False
    ends: str = "human"  # what stops it: see BY_RESULT, and accept, arrival, visit, receipt, …
    says: str = ""


def _desk(title: str, limit_s: int, *, always: bool, ends: str = "human") -> Kind:
    return Kind(title, Policy(limit_s, "calendar" if always else "office"), ends=ends)


MIN, HOUR, DAY = 60, 3_600, 86_400
KINDS: Final[Mapping[str, Kind]] = {
    "bill": Kind(
        "Bill",
        Policy(30, actions=("alarm",)),
        True,
        "receipt",
        "The receipt is in the chat",
    ),
    "urgent": Kind(
        "Urgent call-back",
        Policy(MIN, actions=("page", "escalate")),
        True,
        "contact",
        "A person contacts the rider",
    ),
    "fault_response": Kind(
        "Fault response",
        Policy(30 * MIN, actions=("coupon", "escalate")),
        True,
        "accept",
        "A technician takes the fault on",
    ),
    "first_reply": Kind(
        "First reply",
        Policy(2 * HOUR, target_s=HOUR),
        True,
        "human",
        "A person answers the rider",
    ),
    "dispute": Kind(
        "Bill dispute",
        Policy(DAY, actions=("decide", "escalate")),
        True,
        "decision",
        "The doubted bill is decided",
    ),
    "on_site": Kind(
        "On site",
        Policy(DAY, actions=("head", "escalate")),
        True,
        "arrival",
        "Somebody is at the pile",
    ),
    "call_back": Kind(
        "Call-back",
        Policy(2 * DAY, actions=("ask_again",)),
        True,
        "answer",
        "The rider says whether it is solved",
    ),
    "preventive": Kind("Preventive visit", Policy(DAY, actions=("watch",)), False, "visit"),
    "p1_first": _desk("P1 first answer", 3 * MIN, always=True),
    "p1_next": _desk("P1 next answer", 3 * MIN, always=True),
    "p1_resolve": _desk("P1 resolved", 4 * HOUR, always=True, ends="solved"),
    "p2_first": _desk("P2 first answer", 5 * MIN, always=False),
    "p2_next": _desk("P2 next answer", 5 * MIN, always=False),
    "p2_resolve": _desk("P2 resolved", HOUR, always=False, ends="solved"),
    "p3_first": _desk("P3 first answer", 30 * MIN, always=False),
    "p3_next": _desk("P3 next answer", 30 * MIN, always=False),
    "p3_resolve": _desk("P3 resolved", DAY, always=False, ends="solved"),
    "p4_first": _desk("P4 first answer", 4 * HOUR, always=False),
    "p4_next": _desk("P4 next answer", 4 * HOUR, always=False),
    "p4_resolve": _desk("P4 resolved", 3 * DAY, always=False, ends="solved"),
}
# Stopped by the first human word to the rider; the bot's own answers never stop them.
HUMAN: Final = frozenset(n for n, kind in KINDS.items() if kind.ends in ("human", "contact"))
# Stopped by the result of a case as well: it answers, decides or solves. That somebody speaks with
# the rider, takes a fault on or comes is promised beside it.
BY_RESULT: Final = frozenset(
    n for n, kind in KINDS.items() if kind.ends in ("human", "decision", "solved")
)
# Run on while the rider is waited for: what they count does not depend on the rider.
_UNPAUSED: Final = frozenset({"bill", "urgent", "call_back", "preventive"})


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """A clock: `spent_s` until `since`, where it goes on counting; `since` None: it is paused."""

    policy: Policy
    hours: Hours | None  # None: it counts around the clock
    started_at: datetime
    since: datetime | None
    spent_s: int = 0

    def spent(self, now: datetime) -> int:
        """Seconds counted until now."""
        if self.since is None or now <= self.since:
            return self.spent_s
        return self.spent_s + between(self.hours, self.since, now)

    def left(self, now: datetime) -> int:
        """Seconds until it is missed; negative when it is late."""
        return self.policy.limit_s - self.spent(now)

    def is_missed(self, now: datetime) -> bool:
        """Whether more was spent than it may take: the very last second still counts as kept."""
        return self.spent(now) > self.policy.limit_s

    def percent(self, now: datetime) -> int:
        """How much of its time is spent, 0 to 100."""
        return min(100, self.spent(now) * 100 // max(1, self.policy.limit_s))

    def due_at(self) -> datetime | None:
        """When it ends as it runs now; None while it is paused or the desk never opens again."""
        return self._at(self.policy.limit_s)

    def warn_at(self) -> datetime | None:
        """When it warns."""
        return self._at(self.policy.warn_s)

    def in_target(self, now: datetime) -> bool | None:
        """Whether it is within its target; None where it has none."""
        target = self.policy.target_s
        return None if target is None else self.spent(now) <= target

    def _at(self, mark_s: int) -> datetime | None:
        if self.since is None:
            return None
        return after(self.hours, self.since, max(0, mark_s - self.spent_s))


def begin(policy: Policy, at: datetime, hours: Hours | None) -> ClockFacts:
    """A clock that starts to count."""
    counted = hours if policy.counting == "office" else None
    return ClockFacts(policy, counted, at, at)


def pause(facts: ClockFacts, at: datetime) -> ClockFacts:
    """Stop counting for a while; a paused clock stays as it is."""
    if facts.since is None:
        return facts
    return replace(facts, spent_s=facts.spent(at), since=None)


def resume(facts: ClockFacts, at: datetime) -> ClockFacts:
    """Count on; a running clock stays as it is."""
    return facts if facts.since is not None else replace(facts, since=at)


def pauses(name: str) -> bool:
    """Whether this clock pauses while the rider is waited for."""
    return name not in _UNPAUSED


# --- time that counts ----------------------------------------------------------------------------


def between(hours: Hours | None, start: datetime, end: datetime) -> int:
    """Whole seconds from start to end that count."""
    if end <= start:
        return 0
    if hours is None:
        return int((end - start).total_seconds())
    day, last = _local(hours, start), _local(hours, end)
    counted = timedelta()
    while day <= last:
        opens, closes = _open(hours, day)
        counted += max(timedelta(), min(end, closes) - max(start, opens))
        day += timedelta(days=1)
    return int(counted.total_seconds())


def after(hours: Hours | None, start: datetime, seconds: int) -> datetime | None:
    """The moment when so many seconds have counted; None where the desk never opens again."""
    if hours is None:
        return start + timedelta(seconds=seconds)
    day, left = _local(hours, start), timedelta(seconds=seconds)
    for _ in range(_DAYS_AHEAD):
        opens, closes = _open(hours, day)
        begins = max(start, opens)
        if closes > begins:
            if left <= closes - begins:
                return begins + left
            left -= closes - begins
        day += timedelta(days=1)
    return None


def _local(hours: Hours, at: datetime) -> date:
    return at.astimezone(ZoneInfo(hours.tz)).date()


def _open(hours: Hours, day: date) -> tuple[datetime, datetime]:
    """When the desk opens and closes on a local day, whatever the clocks do that night."""
    opens, closes = hours.of(day)
    return _moment(hours.tz, day, opens), _moment(hours.tz, day, closes)


def _moment(tz: str, day: date, minute: int) -> datetime:
    day, minute = day + timedelta(days=minute // 1440), minute % 1440
    local = datetime.combine(day, time(minute // 60, minute % 60), ZoneInfo(tz))
    return local.astimezone(ZoneInfo("UTC"))


# --- as rows keep them ---------------------------------------------------------------------------


def dump_policy(policy: Policy, hours: Hours | None) -> dict[str, Any]:
    """The policy a clock began with, as JSON."""
    kept: dict[str, Any] = {
        "limit_s": policy.limit_s, "counting": policy.counting, "actions": list(policy.actions),
        "warn_percent": policy.warn_percent, "version": policy.version,
    }  # fmt: skip
    if policy.target_s is not None:
        kept["target_s"] = policy.target_s
    if policy.counting == "office" and hours is not None:
        kept["hours"] = {
            "tz": hours.tz,
            "weekdays": {str(day): list(span) for day, span in hours.weekdays.items()},
            "dates": {day.isoformat(): list(span) for day, span in hours.dates.items()},
        }
    return kept


def load_policy(kept: Mapping[str, Any]) -> tuple[Policy, Hours | None]:
    """What `dump_policy` kept."""
    policy = Policy(
        int(kept["limit_s"]), kept["counting"], tuple(kept["actions"]), int(kept["warn_percent"]),
        int(kept["version"]), kept.get("target_s"),
    )  # fmt: skip
    told = kept.get("hours")
    if told is None:
        return policy, None
    weekdays = {int(day): (span[0], span[1]) for day, span in told["weekdays"].items()}
    dates = {date.fromisoformat(day): (span[0], span[1]) for day, span in told["dates"].items()}
    return policy, Hours(told["tz"], weekdays, dates)
