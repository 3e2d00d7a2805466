"""Hands at the simulated piles: plugging, unplugging, breaking, repairing."""

from __future__ import annotations

from typing import Any, Final

import httpx

from bot.demo.evening.lot import Socket

# A battery that is never full in an evening, at a third.
VEHICLE: Final[dict[str, Any]] = {"capacity_wh": 400_000, "soc": 0.3, "max_power_w": 22_000}


class Hands:
    """Calls the simulator's control, as the demo's wall of piles does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(timeout=30, limits=httpx.Limits(max_connections=40))

    def at(self, socket: Socket, what: str, **body: Any) -> None:
        """plug, unplug, stop, fault, clear at a socket."""
        self.do(socket.pile_id, f"evses/{socket.number}/{what}", **body)

    def do(self, pile_id: str, what: str, **body: Any) -> None:
        """offline, online, power, misbehave at a pile."""
        self._http.post(f"{self._url}/piles/{pile_id}/{what}", json=body).raise_for_status()
