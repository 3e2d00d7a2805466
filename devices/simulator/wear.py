"""How a simulated socket wears: it gets warmer at the same load, its contactor sticks at starts.

Nothing of it is an alarm: a pile does not know that it is worn. It must be seen from the counters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

AMBIENT_C: Final = 21.0
RISE_K: Final = 25.0  # at full load, as new; worn out it is _HOTTER times that more
_HOTTER: Final = 1.4
_STICKS: Final = timedelta(minutes=1)  # a contactor that stuck does so for a moment


@dataclass(slots=True)
class Wear:
    """From 0 as new to 1 worn out; each charge adds `per_charge`."""

    worn: float = 0.0
    per_charge: float = 0.0
    starts: int = 0
    stuck_until: datetime | None = None

    def set_to(self, worn: float, per_charge: float) -> None:
        """Begin to wear from here on. Raises ValueError for what is no share."""
        if not (0 <= worn <= 1 and 0 <= per_charge <= 1):
            raise ValueError("worn and per_charge are shares, 0 to 1")
        self.worn, self.per_charge, self.starts, self.stuck_until = worn, per_charge, 0, None

    def refuses(self, at: datetime) -> bool:
        """Whether the contactor sticks at this start: each second time when worn out."""
        if self.stuck_until is not None and at < self.stuck_until:
            return True
        self.starts += 1
        if self.worn <= 0 or self.starts % max(2, round(1 / self.worn)):
            return False
        self.stuck_until = at + _STICKS
        return True

    def charged(self) -> None:
        """A charge has ended."""
        self.worn = min(1.0, self.worn + self.per_charge)

    def temperature_c(self, load: float) -> float:
        """At a share of the socket's power."""
        return round(AMBIENT_C + RISE_K * (1 + _HOTTER * self.worn) * load, 1)
