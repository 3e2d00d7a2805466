"""What a simulated pile is: its login and the places to plug in."""

from __future__ import annotations

from dataclasses import dataclass


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
