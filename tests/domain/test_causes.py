"""The tree of root causes stays a tree, and effects compare whole weeks only."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.causes import DEEPEST, SPAN, Cause, effect, in_order, may_stand, under, weeks_of

WEEK = timedelta(days=7)
DONE = date(2026, 10, 5)
TREE = [
    Cause(1, None, "Hardware"), Cause(2, 1, "Cable"), Cause(3, 2, "Worn"),
    Cause(4, 3, "Outdoors"), Cause(5, None, "Bill"), Cause(6, 5, "Rounding"),
]  # fmt: skip


def test_the_tree_in_its_order() -> None:
    assert [(node.depth, node.path) for node in in_order(TREE)] == [
        (1, "Bill"), (2, "Bill › Rounding"), (1, "Hardware"), (2, "Hardware › Cable"),
        (3, "Hardware › Cable › Worn"), (4, "Hardware › Cable › Worn › Outdoors"),
    ]  # fmt: skip
    assert under(TREE, 2) == {2, 3, 4}


@pytest.mark.parametrize(
    ("cause", "parent", "may"),
    [(2, 4, False), (2, 2, False), (2, 5, True), (2, 6, False), (3, 6, True), (None, 4, False),
     (None, 3, True), (None, 99, False), (1, None, True), (6, 4, False)],
)  # fmt: skip
def test_where_a_cause_may_stand(cause: int | None, parent: int | None, may: bool) -> None:
    assert may_stand(TREE, cause, parent) == may


@given(st.lists(st.tuples(st.integers(1, 8), st.none() | st.integers(1, 8)), max_size=30))
def test_however_it_is_moved_it_stays_a_tree(moves: list[tuple[int, int | None]]) -> None:
    tree = {number: Cause(number, None, str(number)) for number in range(1, 9)}
    for moved, parent in moves:
        if may_stand(list(tree.values()), moved, parent):
            tree[moved] = Cause(moved, parent, str(moved))
    nodes = in_order(list(tree.values()))
    assert sorted(node.cause.id for node in nodes) == sorted(tree)
    assert max(node.depth for node in nodes) <= DEEPEST


def test_the_weeks_before_and_after() -> None:
    counts = {DONE - number * WEEK: 4 for number in range(1, SPAN + 1)}
    counts |= {DONE: 99, DONE + WEEK: 1, DONE + 2 * WEEK: 2, DONE + 3 * WEEK: 50}
    found = effect(counts, DONE, DONE + 3 * WEEK)  # the third week after still runs
    assert (found.before, found.after, found.weeks_after, found.change) == (400, 150, 2, -62)


def test_too_early_to_tell() -> None:
    found = effect({DONE - WEEK: 8}, DONE, DONE + WEEK)
    assert (found.before, found.after, found.change) == (100, None, None)
    assert effect({}, DONE, DONE + 2 * WEEK).change is None


@given(st.dictionaries(st.integers(-12, 12), st.integers(0, 50)))
def test_a_case_more_before_never_makes_it_look_worse(found: dict[int, int]) -> None:
    counts = {DONE + number * WEEK: count for number, count in found.items()}
    more = Counter(counts) + Counter({DONE - WEEK: 1})
    one, two = effect(counts, DONE, DONE + 9 * WEEK), effect(more, DONE, DONE + 9 * WEEK)
    assert two.before >= one.before and two.after == one.after


def test_weeks_without_cases_are_there_too() -> None:
    assert weeks_of({DONE: 2}, DONE - WEEK, DONE + WEEK) == [
        (DONE - WEEK, 0), (DONE, 2), (DONE + WEEK, 0),
    ]  # fmt: skip
