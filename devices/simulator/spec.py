"""What a simulated pile is: its login and the places to plug in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from bot.store.database import UnitOfWork
from bot.store.pile_setup import PileSetup
from bot.store.stations import Pile

MOST_SOCKETS: Final = 40
_NAME: Final = re.compile(r"P[0-9]{6}")  # a file of the simulator is called like that


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
    """Every pile that the city began with, to be simulated; `secret_of` knows its MQTT password.
    Those put up in the console are switched on by hand, see `Added`."""
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
        for pile in work.session.scalars(
            select(Pile).where(Pile.id.not_in(select(PileSetup.pile_id))).order_by(Pile.id)
        )
    ]


def spec_from(body: Mapping[str, Any]) -> PileSpec:
    """A pile as {"pile_id", "secret", "kind": "ebike" | "ac" | "dc", "sockets", "max_power_w"}.
    Raises KeyError, TypeError and ValueError."""
    kind, sockets = str(body["kind"]), int(body["sockets"])
    known = kind in ("ebike", "ac", "dc") and _NAME.fullmatch(str(body["pile_id"]))
    if not known or not 1 <= sockets <= MOST_SOCKETS:
        raise ValueError("no such pile")
    power_w = int(body["max_power_w"])
    evses = tuple(EvseSpec(number, kind, power_w) for number in range(1, sockets + 1))
    return PileSpec(str(body["pile_id"]), str(body["secret"]), evses)


class Added:
    """Piles that were put up while the simulator ran, kept in its folder where it has one."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / "added.json" if folder is not None else None
        self._bodies: dict[str, Any] = {}
        if self._file is not None and self._file.exists():
            self._bodies = json.loads(self._file.read_text(encoding="utf-8"))

    @property
    def specs(self) -> list[PileSpec]:
        """Those that were added before."""
        return [spec_from(body) for body in self._bodies.values()]

    def keep(self, spec: PileSpec) -> None:
        """Put it up again after a restart."""
        first = spec.evses[0]
        self._bodies[spec.pile_id] = {
            "pile_id": spec.pile_id, "secret": spec.secret, "kind": first.kind,
            "sockets": len(spec.evses), "max_power_w": first.max_power_w,
        }  # fmt: skip
        if self._file is not None:
            self._file.touch(mode=0o600)
            self._file.write_text(json.dumps(self._bodies), encoding="utf-8")
