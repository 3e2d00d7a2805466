"""Fitting the weights of bot/domain/prediction.py to outcomes that were recorded.

Newton's method for a logistic regression that is pulled towards the weights in force: a few
outcomes move them a little, many move them far. Standard library only: seven signs make a system
of eight equations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from bot.domain.prediction import SIGNS, WEIGHTS, squash, weighed

PULL: Final = 1.0  # how many outcomes the weights in force count as, for each of them
ROUNDS: Final = 50
CLOSE: Final = 1e-6
LEAST_FAILURES: Final = 20  # fewer teach nothing
NAMES: Final = ("bias", *SIGNS)


@dataclass(frozen=True, slots=True)
class Example:
    """A socket on a day, and whether it failed within the horizon."""

    signs: Mapping[str, float]
    failed: bool


def fit(
    examples: Sequence[Example], prior: Mapping[str, float] = WEIGHTS, *, pull: float = PULL
) -> dict[str, float]:
    """The weights that make these outcomes likeliest, without leaving `prior` for little. No sign
    may speak for health: a weight below zero becomes zero."""
    start = [prior[name] for name in NAMES]
    weights = list(start)
    rows = [([1.0, *(each.signs[sign] for sign in SIGNS)], each.failed) for each in examples]
    for _ in range(ROUNDS):
        step = _step(rows, weights, start, pull)
        worth = _cost(rows, weights, start, pull)
        while max(map(abs, step)) >= CLOSE:  # a whole step may overshoot: go as far as it helps
            tried = [value + change for value, change in zip(weights, step, strict=True)]
            if _cost(rows, tried, start, pull) <= worth:
                weights = tried
                break
            step = [change / 2 for change in step]
        if max(abs(change) for change in step) < CLOSE:
            break
    fitted = dict(zip(NAMES, weights, strict=True))
    return {name: value if name == "bias" else max(0.0, value) for name, value in fitted.items()}


def _cost(
    rows: Sequence[tuple[list[float], bool]],
    weights: Sequence[float],
    start: Sequence[float],
    pull: float,
) -> float:
    """What is made small: surprise at the outcomes, and distance from where it began."""
    total = sum((w - s) ** 2 for w, s in zip(weights, start, strict=True)) * pull / 2
    for row, failed in rows:
        z = sum(w * x for w, x in zip(weights, row, strict=True))
        total -= log(max(1e-300, squash(z if failed else -z)))
    return total


def _step(
    rows: Sequence[tuple[list[float], bool]],
    weights: Sequence[float],
    start: Sequence[float],
    pull: float,
) -> list[float]:
    size = len(weights)
    slope = [pull * (start[i] - weights[i]) for i in range(size)]
    curve = [[pull if i == j else 0.0 for j in range(size)] for i in range(size)]
    for row, failed in rows:
        chance = squash(sum(w * x for w, x in zip(weights, row, strict=True)))
        for i in range(size):
            slope[i] += (failed - chance) * row[i]
            for j in range(size):
                curve[i][j] += chance * (1 - chance) * row[i] * row[j]
    return _solve(curve, slope)


def _solve(matrix: list[list[float]], right: Sequence[float]) -> list[float]:
    """Gauss's elimination; the matrix is positive definite, thanks to the pull."""
    size = len(right)
    rows = [[*matrix[i], right[i]] for i in range(size)]
    for column in range(size):
        best = max(range(column, size), key=lambda each: abs(rows[each][column]))
        rows[column], rows[best] = rows[best], rows[column]
        for below in range(column + 1, size):
            factor = rows[below][column] / rows[column][column]
            for j in range(column, size + 1):
                rows[below][j] -= factor * rows[column][j]
    found = [0.0] * size
    for i in reversed(range(size)):
        known = sum(rows[i][j] * found[j] for j in range(i + 1, size))
        found[i] = (rows[i][size] - known) / rows[i][i]
    return found


def loss(examples: Sequence[Example], weights: Mapping[str, float]) -> float:
    """The mean surprise at these outcomes, in nats: the less, the better the weights."""
    if not examples:
        return 0.0
    total = 0.0
    for each in examples:
        chance = min(1 - 1e-9, max(1e-9, squash(weighed(each.signs, weights))))
        total -= log(chance if each.failed else 1 - chance)
    return total / len(examples)
