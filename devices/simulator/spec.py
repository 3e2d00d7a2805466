"""What a simulated pile is: its login and the places to plug in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from bot.store.database import UnitOfWork
from bot.store.stations import Pile


@dataclass(frozen=True, slots=True)
class EvseSpec:
    """One place to plug in; `kind` is "ebike", "ac" or "dc" (it shapes the power curve)."""

    number: int
    kind: str
    max_power_w: int


@dataclass(frozen=True, slots=True)
class PileSpec:
    """A pile with its MQTT login; `plug_in_timeout_s` is OCPP's EVConnectionTimeOut."""

    pile_id: str
    secret: str
    evses: tuple[EvseSpec, ...]
    model: str = "Simulated pile"
    plug_in_timeout_s: float = 180.0


def specs_of(work: UnitOfWork, secret_of: Callable[[str], str]) -> list[PileSpec]:
    """Every pile of the database, to be simulated; `secret_of` knows its MQTT password."""
    return [
        PileSpec(
            pile_id=pile.id,
            secret=secret_of(pile.id),
            evses=tuple(
                EvseSpec(evse.number, pile.kind.removesuffix("_box"), evse.max_power_w)
                for evse in pile.evses
            ),
            model=pile.model or "Simulated pile",
        )
        for pile in work.session.scalars(select(Pile).order_by(Pile.id))
    ]
