"""When a receipt is late: 30 seconds from the arrival of the pile's stop record, or from the bill
where that was made before, until the channel has taken it.

A pile that was out of contact tells of its stop when it is back: nobody could have billed before.
How long riders really waited, from the stop itself, is kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LIMIT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Times:
    """`stopped` is when the charge ended by the pile's clock, `billed` the bill's making,
    `accepted` when the channel took the receipt, `heard` when the stop record reached us; None:
    not yet."""

    stopped: datetime
    billed: datetime
    accepted: datetime | None = None
    heard: datetime | None = None

    @property
    def since(self) -> datetime:
        """From when the time counts: work that waited here before the bill counts, too."""
        return min(self.billed, self.heard or self.billed)

    @property
    def due(self) -> datetime:
        """When an alarm is raised unless the receipt was accepted by then."""
        return self.since + LIMIT

    def is_late(self, now: datetime) -> bool:
        """Whether it was, or by now is, past its time."""
        return (self.accepted or now) > self.due

    def delta_s(self, now: datetime) -> int:
        """Seconds from the stop to the receipt, or until now."""
        return max(0, int(((self.accepted or now) - self.stopped).total_seconds()))

    def counted_s(self, now: datetime) -> int:
        """Seconds that count: to the receipt, or until now."""
        return max(0, int(((self.accepted or now) - self.since).total_seconds()))

    def silent_s(self) -> int | None:
        """Seconds from the stop until its record reached us; None while it has not."""
        if self.heard is None:
            return None
        return max(0, int((self.heard - self.stopped).total_seconds()))
