"""How much power a vehicle draws, by kind of pile and state of its battery."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

_RAMP_S: Final = {"ebike": 3.0, "ac": 10.0, "dc": 20.0}
# Share of the maximum by state of charge: straight lines between the points.
_SHARES: Final = {
    "ebike": ((0.0, 1.0), (0.85, 1.0), (1.0, 0.25)),
    "ac": ((0.0, 1.0), (0.95, 1.0), (1.0, 0.2)),
    "dc": ((0.0, 0.8), (0.1, 1.0), (0.5, 0.95), (0.8, 0.45), (1.0, 0.1)),
}


def power_w(kind: str, max_power_w: int, state_of_charge: float, charging_s: float) -> float:
    """Power drawn `charging_s` seconds after the start at a state of charge of 0 to 1."""
    if state_of_charge >= 1:
        return 0.0
    ramp = min(1.0, (charging_s + 1) / _RAMP_S[kind])
    return max_power_w * ramp * _share(_SHARES[kind], state_of_charge)


def _share(points: tuple[tuple[float, float], ...], at: float) -> float:
    for (left, low), (right, high) in pairwise(points):
        if at <= right:
            return low + (high - low) * (max(at, left) - left) / (right - left)
    return points[-1][1]
