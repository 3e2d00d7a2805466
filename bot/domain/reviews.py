"""Random samples of work and the score sheet they are looked at with; pure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Final

BEST: Final = 4
WORDS: Final[Mapping[int, str]] = {4: "Very good", 3: "Good", 2: "Fair", 1: "Poor", 0: "Wrong"}
CRITERIA_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing to look at. Weights are compared with each other, not with 100."""

    key: str
    title: str
    weight: int


SHEET_1: Final = (
    Criterion("answer", "The answer is right and whole", 30),
    Criterion("policy", "Policy followed: refunds, safety, personal data", 25),
    Criterion("tone", "Friendly, clear, in the rider's language", 15),
    Criterion("speed", "Quick, without needless steps", 15),
    Criterion("consent", "Closed with the rider's consent", 15),
)

# Of what staff decide about orders: refunds, corrected bills, credits, coupons, contested charges.
ORDERS: Final = 0  # the number of their sheet; those of conversations and tickets count from 1
SHEET_ORDERS: Final = (
    Criterion("amount", "The amount is right: it fits the bill, the readings and the rules", 35),
    Criterion("grounds", "The reason given is true and enough", 25),
    Criterion("way", "Right way: limits, second person, card before wallet", 25),
    Criterion("told", "The rider was told what and why", 15),
)


def total(criteria: Sequence[Criterion], scores: Mapping[str, int | None]) -> int | None:
    """The score in thousandths of the best there is, of what applies; None where nothing does.

    Raises ValueError for a score that no criterion has or that is not on the scale.
    """
    if scores.keys() != {each.key for each in criteria}:
        raise ValueError("a score for each criterion and nothing else")
    if any(score is not None and not 0 <= score <= BEST for score in scores.values()):
        raise ValueError(f"scores go from 0 to {BEST}")
    applies = [(each.weight, score) for each in criteria if (score := scores[each.key]) is not None]
    whole = sum(weight for weight, _ in applies) * BEST
    if not whole:
        return None
    return _half_up(Fraction(1000 * sum(weight * score for weight, score in applies), whole))


def average(totals: Sequence[int]) -> int | None:
    """The mean of scores, None of none."""
    return _half_up(Fraction(sum(totals), len(totals))) if totals else None


def _half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def size(of: int, *, percent: int, least: int, most: int) -> int:
    """How many of so many are drawn: the share rounded up, no fewer than `least` where there are
    as many, no more than `most`."""
    share = -(-of * percent // 100)
    return min(of, max(least, share), max(most, least))


def draw(
    strata: Mapping[str, Sequence[str]], seed: str, *, percent: int, least: int, most: int
) -> dict[str, list[str]]:
    """A sample of each stratum (an agent, the bot); the same seed and work give the same sample.

    What is drawn of one stratum does not depend on the others.
    """
    drawn = {}
    for name in sorted(strata):
        pool = sorted(set(strata[name]))
        count = size(len(pool), percent=percent, least=least, most=most)
        dice = Random(f"{seed}:{name}")  # noqa: S311 - to be drawn again, not to be kept secret
        drawn[name] = sorted(dice.sample(pool, count))
    return drawn
