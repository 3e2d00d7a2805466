"""The roster: shifts that a manager sets, who is on shift now, and when somebody is back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from bot.domain.rights import RIGHTS
from bot.domain.shifts import Shift, next_shift, on_shift
from bot.services import audit
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.desk import StaffShift
from bot.store.staff import Staff


@dataclass(frozen=True, slots=True)
class OnShift:
    """Somebody who works now by the roster."""

    staff: Staff
    until: datetime


@dataclass(frozen=True, slots=True)
class Roster:
    """What the roster says of this moment; `planned` False: nobody has shifts."""

    planned: bool
    now: Sequence[OnShift]
    following: tuple[Staff, datetime] | None


def of(work: UnitOfWork, staff_id: int) -> dict[int, tuple[int, int]]:
    """Somebody's shifts by weekday: minutes of the desk's local day."""
    rows = work.session.scalars(select(StaffShift).where(StaffShift.staff_id == staff_id))
    return {row.weekday: (row.begins_min, row.ends_min) for row in rows}


def change(
    work: UnitOfWork, actor: Actor, staff_id: int, week: Mapping[int, tuple[int, int]]
) -> None:
    """Somebody's week anew; days that are not in it are free. Of two who save at once the second
    waits for the first."""
    work.session.get_one(Staff, staff_id, with_for_update=True)
    before = of(work, staff_id)
    work.session.execute(delete(StaffShift).where(StaffShift.staff_id == staff_id))
    work.session.add_all(
        StaffShift(staff_id=staff_id, weekday=day, begins_min=begins, ends_min=ends)
        for day, (begins, ends) in sorted(week.items())
    )
    audit.record(
        work, actor, "team.shifts", f"staff:{staff_id}",
        before={str(day): list(span) for day, span in before.items()},
        after={str(day): list(span) for day, span in week.items()},
    )  # fmt: skip
    touched(work, f"staff:{staff_id}")


def roster(work: UnitOfWork, settings: Settings) -> Roster:
    """Who is on shift now, and who comes next."""
    people = {row.id: row for row in work.session.scalars(select(Staff).where(Staff.active))}
    shifts = _shifts(work, people)
    working = on_shift(shifts, work.now, settings.desk_tz)
    following = next_shift(shifts, work.now, settings.desk_tz)
    return Roster(
        bool(shifts),
        sorted((OnShift(people[each], until) for each, until in working.items()),
               key=lambda one: (one.staff.role, one.staff.name)),
        (people[following[0]], following[1]) if following else None,
    )  # fmt: skip


def back_at(work: UnitOfWork, settings: Settings) -> datetime | None:
    """When somebody who answers riders is back; None while one is on shift, or nobody has any."""
    able = select(Staff).where(Staff.active, Staff.role.in_(sorted(RIGHTS["conversation.work"])))
    shifts = _shifts(work, {row.id: row for row in work.session.scalars(able)})
    if on_shift(shifts, work.now, settings.desk_tz):
        return None
    following = next_shift(shifts, work.now, settings.desk_tz)
    return following[1] if following else None


def _shifts(work: UnitOfWork, people: Mapping[int, Staff]) -> list[Shift]:
    return [
        Shift(row.staff_id, row.weekday, row.begins_min, row.ends_min)
        for row in work.session.scalars(select(StaffShift).order_by(StaffShift.id))
        if row.staff_id in people
    ]
