"""The tree of root causes, and what was done against one shows in cases a week; pure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

WEEK: Final = timedelta(days=7)
SPAN: Final = 8  # weeks before and after that are compared
DEEPEST: Final = 4


@dataclass(frozen=True, slots=True)
class Cause:
    """A node of the tree."""

    id: int
    parent_id: int | None
    title: str
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A cause in its place: `path` names those above it, too."""

    cause: Cause
    depth: int  # 1 at the top
    path: str


def in_order(causes: Sequence[Cause]) -> list[Node]:
    """The tree as a list, each cause below its parent, by title."""
    children: dict[int | None, list[Cause]] = {}
    for each in causes:
        children.setdefault(each.parent_id, []).append(each)
    found: list[Node] = []

    def walk(parent: int | None, depth: int, above: str) -> None:
        for each in sorted(
            children.get(parent, ()), key=lambda one: (one.title.casefold(), one.id)
        ):
            path = f"{above} › {each.title}" if above else each.title
            found.append(Node(each, depth, path))
            walk(each.id, depth + 1, path)

    walk(None, 1, "")
    return found


def under(causes: Sequence[Cause], cause_id: int) -> frozenset[int]:
    """A cause and all that is below it."""
    found = {cause_id}
    while more := {each.id for each in causes if each.parent_id in found} - found:
        found |= more
    return frozenset(found)


def may_stand(causes: Sequence[Cause], cause_id: int | None, parent_id: int | None) -> bool:
    """Whether a cause (None: a new one) may stand below a parent: never below itself, and not so
    deep that nobody finds it."""
    if parent_id is None:
        return True
    depth = {node.cause.id: node.depth for node in in_order(causes)}
    if parent_id not in depth:
        return False
    below = under(causes, cause_id) if cause_id is not None else frozenset()
    if parent_id in below:
        return False
    own = depth.get(cause_id or 0, 1)
    height = max((depth[each] - own + 1 for each in below), default=1)
    return depth[parent_id] + height <= DEEPEST


def weeks_of(counts: Mapping[date, int], first: date, last: date) -> list[tuple[date, int]]:
    """(Monday, cases) for each week from `first` to `last`, those without any too."""
    found, week = [], first
    while week <= last:
        found.append((week, counts.get(week, 0)))
        week += WEEK
    return found


@dataclass(frozen=True, slots=True)
class Effect:
    """Cases a week before and after, in hundredths; the week in which it was done is in neither,
    nor is the one that runs. `after` is None until a whole week has passed."""

    before: int
    after: int | None
    weeks_before: int
    weeks_after: int

    @property
    def change(self) -> int | None:
        """In percent; None where there was nothing before, or nothing is known after."""
        if self.after is None or not self.before:
            return None
        return _half_up(Fraction(100 * (self.after - self.before), self.before))


def effect(counts: Mapping[date, int], done: date, now: date) -> Effect:
    """What an action did: `done` and `now` are the Mondays of those weeks."""
    before = [done - number * WEEK for number in range(1, SPAN + 1)]
    after = [done + number * WEEK for number in range(1, SPAN + 1)]
    after = [each for each in after if each < now]
    return Effect(
        _mean(counts, before), _mean(counts, after) if after else None, len(before), len(after)
    )


def _mean(counts: Mapping[date, int], weeks: Sequence[date]) -> int:
    return _half_up(Fraction(100 * sum(counts.get(each, 0) for each in weeks), len(weeks)))


def _half_up(value: Fraction) -> int:
    return int((value + Fraction(1, 2)).__floor__())
