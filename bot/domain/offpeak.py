"""What waiting for a cheaper hour saves, computed as the bill would be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.domain.money import exponent
from bot.domain.pricing import planned, price
from bot.domain.tariffs import Tariff

WITHIN: Final = timedelta(hours=12)
LEAST_PERCENT: Final = 5  # of the price now: less is not worth a night's wait
# What a vehicle takes where its rider has no history, in Wh by kind of pile.
USUAL_WH: Final = {"ebike_box": 400, "ac": 20_000}


@dataclass(frozen=True, slots=True)
class Cheaper:
    """A later start and what it saves on an energy, in minor units with tax."""

    at: datetime
    energy_wh: int
    now_minor: int
    then_minor: int

    @property
    def saving_minor(self) -> int:
        """The difference."""
        return self.now_minor - self.then_minor


def cheaper_start(
    tariff: Tariff, *, at: datetime, power_w: int, energy_wh: int, within: timedelta = WITHIN
) -> Cheaper | None:
    """The start within a while at which this much energy costs least, the soonest of equals; None
    where it saves too little to be told."""

    def cost(start: datetime) -> int:
        return price(tariff, planned(energy_wh, power_w, start)).gross_minor

    now_minor = cost(at)
    found = [(cost(each), each) for each in tariff.boundaries(at, at + within)]
    if not found:
        return None
    then_minor, start = min(found)
    best = Cheaper(start, energy_wh, now_minor, then_minor)
    worth = max(1, 10 ** exponent(tariff.currency) // 5)
    enough = best.saving_minor >= worth and best.saving_minor * 100 >= now_minor * LEAST_PERCENT
    return best if enough else None
