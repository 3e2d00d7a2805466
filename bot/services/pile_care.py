"""How a pile is looked after: next and last visit, technicians' stars, last good charge, risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.replies import Moment, Say
from bot.services import jobs, prediction, visit_times, watches
from bot.store.database import UnitOfWork
from bot.store.maintenance import Visit
from bot.store.prediction import EvseRisk, SocketWatch
from bot.store.stations import Evse, Pile


@dataclass(frozen=True, slots=True)
class Care:
    """What is known of it; the stars are riders' for visits to this pile, in tenths."""

    next_visit: Visit | None
    last_visit_at: datetime | None  # the end of the last job or visit
    stars_tenths: int | None
    rated: int
    last_good: dict[int, datetime]  # by socket, of those that ever had one
    risks: dict[int, EvseRisk]  # by socket
    watches: Sequence[SocketWatch]  # its sockets on the watch-list


def care_of(work: UnitOfWork, pile: Pile) -> Care:
    """How a pile is looked after, as of now."""
    tenths, rated = jobs.score(work, pile.id)
    return Care(
        next_visit=visit_times.coming(work, pile.id, work.now),
        last_visit_at=jobs.last_visit(work, pile.id),
        stars_tenths=tenths,
        rated=rated,
        last_good={e.id: e.last_good_at for e in pile.evses if e.last_good_at is not None},
        risks=prediction.likely(work, [each.id for each in pile.evses]),
        watches=watches.of_sockets(work, [each.id for each in pile.evses]),
    )


def told(work: UnitOfWork, pile: Pile, evses: Sequence[Evse]) -> list[Say]:
    """The same for riders of some of its sockets, a line each; what is not known, or too far ahead
    to matter, has none."""
    care, tz = care_of(work, pile), pile.station.tz
    lines = []
    visit = care.next_visit
    if visit is not None and visit.starts_at <= work.now + visit_times.TOLD_AHEAD:
        lines.append(
            Say(
                "Maintenance: {start} to {end}",
                {"start": Moment(visit.starts_at, tz, "day_time"),
                 "end": Moment(visit.ends_at, tz)},
            )
        )  # fmt: skip
    if care.last_visit_at is not None:
        at = Moment(care.last_visit_at, tz, "date")
        lines.append(Say("Last looked after: {date}", {"date": at}))
    if care.stars_tenths is not None:
        stars = f"{care.stars_tenths / 10:.1f}"
        lines.append(
            Say("Technicians: {stars} of 5 ({count})", {"stars": stars, "count": care.rated})
        )
    for evse in evses:
        if (good_at := care.last_good.get(evse.id)) is not None:
            at = Moment(good_at, tz, "date_time")
            text = Say("Last good charge: {time}", {"time": at})
            if len(evses) > 1:  # of one socket says nothing of the other
                text = Say("Last good charge at {evse}: {time}", {"evse": evse.code, "time": at})
            lines.append(text)
    return lines
