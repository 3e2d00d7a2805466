"""When a receipt is late: 30 seconds from the bill's making until the channel has taken it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LIMIT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Times:
    """`stopped` is the pile's stop record, `billed` the bill's making, `accepted` when the channel
    took the receipt; None: not yet."""

    stopped: datetime
    billed: datetime
    accepted: datetime | None = None

    @property
    def due(self) -> datetime:
        """When an alarm is raised unless the receipt was accepted by then."""
        return self.billed + LIMIT

    def is_late(self, now: datetime) -> bool:
        """Whether it was, or by now is, past its time."""
        return (self.accepted or now) > self.due

    def delta_s(self, now: datetime) -> int:
        """Seconds from the stop to the receipt, or until now."""
        return max(0, int(((self.accepted or now) - self.stopped).total_seconds()))

    def bill_delta_s(self, now: datetime) -> int:
        """Seconds from the bill to the receipt, or until now."""
        return max(0, int(((self.accepted or now) - self.billed).total_seconds()))
