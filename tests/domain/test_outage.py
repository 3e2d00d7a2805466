"""When many broken piles are one outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.outage import Down, Found, together

T = datetime(2026, 11, 20, 10, tzinfo=UTC)


def down(*piles: tuple[str, int, int]) -> list[Down]:
    """(pile, station, minutes ago) each."""
    return [Down(pile, station, T - timedelta(minutes=ago)) for pile, station, ago in piles]


@pytest.mark.parametrize(
    ("piles", "totals", "scopes"),
    [
        ([("a", 1, 0), ("b", 1, 3), ("c", 1, 9)], {1: 8}, ["station:1"]),
        ([("a", 1, 0), ("b", 1, 3)], {1: 8}, []),  # two of eight are two faults
        ([("a", 1, 0), ("b", 1, 3)], {1: 2}, ["station:1"]),  # all of a site
        ([("a", 1, 0)], {1: 1}, []),  # one pile is one fault
        ([("a", 1, 0), ("b", 1, 3), ("c", 1, 11)], {1: 8}, []),  # the third was down before
        ([("a", 1, 0), ("b", 1, 0), ("c", 2, 0), ("d", 2, 0)], {1: 2, 2: 2},
         ["station:1", "station:2"]),
        ([("a", 1, 0), ("b", 1, 0), ("c", 2, 0), ("d", 2, 0), ("e", 3, 0), ("f", 3, 0)],
         {1: 2, 2: 2, 3: 2}, ["city"]),
    ],
)  # fmt: skip
def test_together(
    piles: list[tuple[str, int, int]], totals: dict[int, int], scopes: list[str]
) -> None:
    assert [each.scope for each in together(down(*piles), totals, T)] == scopes


def test_a_pile_with_two_broken_sockets_is_one_pile() -> None:
    twice = down(("a", 1, 0), ("a", 1, 1), ("b", 1, 0), ("c", 1, 0))
    assert together(twice, {1: 9}, T) == [Found("station:1", ("a", "b", "c"))]
