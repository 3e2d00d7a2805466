"""How long a repair job keeps riders away from a socket; a pure rule (features.md D4, A17).

A live repair job closes its socket, or the whole pile where it names none, from its first moment:
- while the pile itself says that something is wrong, or says nothing;
- while a technician is on the spot;
- else until the socket has been well for `TRUST`, counted from the last time it was not, and from
  the last step of whoever goes there: a pile that works for minutes between two faults is not free.
  What people reported the pile cannot see: there it takes `TRUST_OVER_PEOPLE`.

Afterwards it is offered again, as one that may not work, though nobody has come: a job that is
never taken must not close a pile for ever. Preventive visits and site care close nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

KIND: Final = "repair"
TRUST: Final = timedelta(hours=2)
TRUST_OVER_PEOPLE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RepairFacts:
    """What is known of a live repair and of a socket that it is about."""

    state: str  # of the job
    stepped_at: datetime  # made, accepted or set out, whatever came last
    by_pile: bool  # the pile itself told what is wrong
    well: bool  # the pile is in contact and says that the socket works
    unwell_until: datetime | None  # when the last alarm there ended


def closes(facts: RepairFacts, now: datetime) -> bool:
    """Whether riders are kept away."""
    if facts.state == "arrived" or not facts.well:
        return True
    return now < opens_at(facts)


def opens_at(facts: RepairFacts) -> datetime:
    """When a socket that stays well is offered again although nobody has come."""
    since = max(facts.stepped_at, facts.unwell_until or facts.stepped_at)
    return since + (TRUST if facts.by_pile else TRUST_OVER_PEOPLE)
