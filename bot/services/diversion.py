"""A pile that does not work: why, until when, what works near it, and whether riders go there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from bot.domain import jobs as job_rules
from bot.domain.availability import Availability
from bot.replies import Moment, Option, Say
from bot.services import fault_words, nearest
from bot.services.nearest import Way
from bot.services.stations import EvseView
from bot.settings import Settings
from bot.store.cases import Clock
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.diversion import Diversion
from bot.store.jobs import Job
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert

SAME: Final = timedelta(minutes=30)  # within this a pile asked for again is the same offer
SHOWN: Final = timedelta(days=30)  # what the pile's page counts
TAKEN_WITHIN: Final = timedelta(hours=2)  # who goes there later goes by themselves
_WORKS: Final = (
    Availability.FREE, Availability.PLUGGED, Availability.BUSY, Availability.RESERVED
)  # fmt: skip


def is_broken(view: EvseView) -> bool:
    """Whether a socket is out, as opposed to taken."""
    return view.state not in _WORKS


@dataclass(frozen=True, slots=True)
class Diverted:
    """What a rider is told at a pile that does not work: reason and end as far as they are known,
    and the ways on."""

    lines: tuple[Say, ...]
    ways: tuple[Way, ...]

    @property
    def text(self) -> Say:
        """All of it in one line, the nearest way included."""
        parts = [*self.lines, *(each.sentence for each in self.ways[:1])]
        if not parts:
            return Say("Please try again a little later.")
        text = parts[0]
        for line in parts[1:]:
            text = Say("{text} {hint}", {"text": text, "hint": line})
        return text

    @property
    def rows(self) -> list[Option]:
        """The ways to tap."""
        return [each.row for each in self.ways]


def divert(
    work: UnitOfWork, settings: Settings, rider_id: int, views: Sequence[EvseView]
) -> Diverted:
    """What is told of broken sockets of one pile, which is noted as an offer to this rider."""
    first, pile = views[0], views[0].pile
    # The end of a visit is told with the state.
    lines = [] if first.visit is not None else [*_cause(first), expected(work, pile)]
    connectors = {each.evse.connector_type for each in views}
    ways = nearest.ways(work, settings, pile, connectors=connectors)
    note(work, rider_id, pile, first.state.value, ways)
    return Diverted(tuple(lines), tuple(ways))


def _cause(view: EvseView) -> Sequence[Say]:
    """What the pile's own code means; nothing where it told none that anybody knows."""
    code = view.evse.fault_code
    if not code or code == fault_words.FAULTED:
        return ()
    meant = fault_words.meaning(view.pile.model, code)
    return (Say("Cause: {reason}.", {"reason": meant}),) if meant is not None else ()


def expected(work: UnitOfWork, pile: Pile) -> Say:
    """When it may work again: as the live repair job and its promise say, else not known yet."""
    job = work.session.scalars(
        select(Job).where(
            Job.pile_id == pile.id, Job.kind == "repair", Job.state.in_(job_rules.LIVE)
        )
    ).first()
    if job is None:
        return Say("When it works again is not known yet.")
    if job.state == "arrived":
        return Say("A technician is working on it now.")
    if job.state == "open":
        return Say("A technician is being sent; when it works again is not known yet.")
    due = _promised(work, job)
    if due is None or due <= work.now:
        return Say("A technician has taken it on; when it works again is not known yet.")
    moment = _moment(due, work.now, pile.station.tz)
    if job.state == "on_way":
        return Say("A technician is on the way, expected by {time}.", {"time": moment})
    return Say("A technician is expected by {time}.", {"time": moment})


def _promised(work: UnitOfWork, job: Job) -> datetime | None:
    """Until when somebody is to be there."""
    return work.session.scalars(
        select(Clock.due_at).where(
            Clock.subject == job_rules.subject(job.id), Clock.name == "on_site",
            Clock.state == "running",
        )
    ).first()  # fmt: skip


def _moment(at: datetime, now: datetime, tz: str) -> Moment:
    """With its day where that is another one there."""
    zone = ZoneInfo(tz)
    today = at.astimezone(zone).date() == now.astimezone(zone).date()
    return Moment(at, tz, "time" if today else "date_time")


# --- kept ----------------------------------------------------------------------------------------


def note(work: UnitOfWork, rider_id: int, pile: Pile, why: str, ways: Sequence[Way]) -> None:
    """Keep that a rider was shown ways on; asked again soon, it is one offer with its last ways."""
    if not ways:
        return
    stations = [each.station_id for each in ways]
    same = work.session.scalars(
        select(Diversion)
        .where(
            Diversion.rider_id == rider_id, Diversion.pile_id == pile.id,
            Diversion.taken_at.is_(None), Diversion.at > work.now - SAME,
        )
        .order_by(Diversion.id.desc())
    ).first()  # fmt: skip
    if same is not None:
        same.stations = stations
        return
    work.session.execute(
        insert(work, Diversion)
        .values(
            key=f"{rider_id}:{pile.id}:{work.now.isoformat()}", rider_id=rider_id,
            pile_id=pile.id, at=work.now, why=why, stations=stations, taken_by="",
        )
        .on_conflict_do_nothing(index_elements=["key"])
    )  # fmt: skip
    touched(work, f"pile:{pile.id}")


def went(work: UnitOfWork, rider_id: int, evse: Evse, by: str) -> None:
    """A rider starts or books somewhere: the newest offer that led there is taken, once."""
    offers = work.session.scalars(
        select(Diversion)
        .where(
            Diversion.rider_id == rider_id, Diversion.taken_at.is_(None),
            Diversion.at >= work.now - TAKEN_WITHIN,
        )
        .order_by(Diversion.id.desc())
    )  # fmt: skip
    led = next((each for each in offers if evse.pile.station_id in each.stations), None)
    if led is None:
        return
    work.session.execute(
        update(Diversion)
        .where(Diversion.id == led.id, Diversion.taken_at.is_(None))
        .values(taken_at=work.now, taken_by=by, taken_evse_id=evse.id)
    )
    touched(work, f"pile:{led.pile_id}")


@dataclass(frozen=True, slots=True)
class Counted:
    """How often riders were shown ways on, and how often they took one."""

    offered: int
    taken: int


def counted(work: UnitOfWork, pile_id: str) -> Counted:
    """Of a pile that did not work, in the last `SHOWN`."""
    offered, taken = work.session.execute(
        select(func.count(Diversion.id), func.count(Diversion.taken_at)).where(
            Diversion.pile_id == pile_id, Diversion.at > work.now - SHOWN
        )
    ).one()
    return Counted(offered, taken)
