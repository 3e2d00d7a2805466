"""The desk's rules: who gets a waiting rider, how long it may take, when the desk is open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

# Seconds until a person has to answer, by Conversation.priority: safety, urgent, money, other.
# Source: reference console.md A3.4 and the clocks of features.md 4.9.
TARGET_S: Final[Mapping[int, int]] = {0: 180, 1: 300, 2: 1_800, 3: 14_400}
WIDEN_AFTER_S: Final = 120  # then language and skill no longer matter: better somebody than nobody
CONNECTED_S: Final = 120  # an agent unheard for this long is not there
OFFER_S: Final = 25
HANDLING_S: Final = 240  # what one rider takes a person on average, until we have measured it


@dataclass(frozen=True, slots=True)
class Waiting:
    """A rider in the queue. `declined` are those who let the offer pass."""

    conversation_id: int
    priority: int
    waited_s: int
    lang: str | None
    skill: str | None
    declined: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """Somebody of the staff as far as giving out work goes; `load` in half chats: idle ones
    (the rider was answered) weigh half."""

    staff_id: int
    presence: str
    unseen_s: int
    capacity: int
    load_halves: int
    langs: frozenset[str]
    skills: frozenset[str]


def is_present(agent: AgentFacts) -> bool:
    """Chosen state and connection together: a closed laptop is not online."""
    return agent.presence == "online" and agent.unseen_s <= CONNECTED_S


def choose_agent(rider: Waiting, agents: Collection[AgentFacts]) -> int | None:
    """Whom a waiting rider is offered to: room, then skill and language, then the least load.

    After WIDEN_AFTER_S skill and language no longer exclude. Danger ignores capacity.
    """
    widened = rider.waited_s >= WIDEN_AFTER_S or rider.priority == 0

    def fits(agent: AgentFacts) -> bool:
        room = agent.load_halves + 2 <= 2 * agent.capacity or rider.priority == 0
        speaks = rider.lang is None or not agent.langs or rider.lang in agent.langs
        knows = rider.skill is None or rider.skill in agent.skills
        ready = is_present(agent) and agent.staff_id not in rider.declined
        return ready and room and (widened or (speaks and knows))

    def rank(agent: AgentFacts) -> tuple[int, int, int, int]:
        speaks = rider.lang in agent.langs
        knows = rider.skill is None or rider.skill in agent.skills
        return (not knows, not speaks, agent.load_halves, agent.staff_id)

    able = [agent for agent in agents if fits(agent)]
    return min(able, key=rank).staff_id if able else None


def answer_due_s(priority: int, waited_s: int) -> int:
    """Seconds left until a person has to have answered; negative when it is late."""
    return TARGET_S.get(priority, TARGET_S[3]) - waited_s


def expected_wait_s(place: int, present: int) -> int | None:
    """How long rider number `place` (from 1) will wait; None when nobody is there."""
    if present < 1 or place < 1:
        return None
    return ((place + present - 1) // present) * HANDLING_S


@dataclass(frozen=True, slots=True)
class Hours:
    """The desk's opening hours: minutes of the local day by weekday, and of single dates.

    A weekday or date with equal minutes is closed; with no entries at all the desk never closes.
    """

    tz: str
    weekdays: Mapping[int, tuple[int, int]]
    dates: Mapping[date, tuple[int, int]]

    def of(self, day: date) -> tuple[int, int]:
        """Opening and closing minute of a local day."""
        if day in self.dates:
            return self.dates[day]
        if not self.weekdays and not self.dates:
            return (0, 1440)
        return self.weekdays.get(day.weekday(), (0, 0) if self.weekdays else (0, 1440))

    def is_open(self, now: datetime) -> bool:
        """Whether the desk is staffed at this moment."""
        local = now.astimezone(ZoneInfo(self.tz))
        opens, closes = self.of(local.date())
        return opens <= local.hour * 60 + local.minute < closes

    def next_opening(self, now: datetime) -> datetime | None:
        """When it opens next, from a moment when it is closed; None if not within 30 days."""
        zone = ZoneInfo(self.tz)
        local = now.astimezone(zone)
        for ahead in range(31):
            day = local.date() + timedelta(days=ahead)
            opens, closes = self.of(day)
            if opens >= closes:
                continue
            at = datetime.combine(day, time(opens // 60, opens % 60), zone)
            if at > now:
                return at
        return None


def queue_order(riders: Sequence[Waiting]) -> list[Waiting]:
    """Danger first, then by priority, then who has waited longest."""
    return sorted(riders, key=lambda one: (one.priority, -one.waited_s, one.conversation_id))
