"""What a manager sets of the team: languages, skills, capacity, opening hours and holidays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import delete, select

from bot.domain.paging import read_address
from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store.database import UnitOfWork
from bot.store.desk import OpeningHours
from bot.store.staff import Staff

SKILLS: Final = ("finance", "technical")
LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English", "fi": "Finnish", "sv": "Swedish", "de": "German", "fr": "French",
    "es": "Spanish", "pt-BR": "Portuguese", "zh": "Chinese",
}  # fmt: skip
CAPACITY_MAX: Final = 50
DAY_MIN: Final = 24 * 60


class WrongHours(PilebotError):
    """Hours or a date that cannot be; the message says which."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From when to when on a day, in minutes of it; equal: closed."""

    opens_min: int
    closes_min: int

    @property
    def closed(self) -> bool:
        """Whether nobody is there that day."""
        return self.opens_min == self.closes_min


CLOSED: Final = Hours(0, 0)
ALL_DAY: Final = Hours(0, DAY_MIN)


def set_person(
    work: UnitOfWork,
    actor: Actor,
    staff_id: int,
    *,
    name: str,
    langs: Iterable[str],
    skills: Iterable[str],
    capacity: int,
    page_address: str,
) -> None:
    """How somebody works; unknown languages and skills are left out.

    Raises bot.domain.paging.WrongAddress: nothing is changed then.
    """
    if page_address.strip():
        read_address(page_address)
    staff = work.session.get_one(Staff, staff_id, with_for_update=True)
    before = {"langs": staff.langs, "skills": staff.skills, "capacity": staff.capacity}
    staff.name = " ".join(name.split())[:80] or staff.name
    staff.langs = [each for each in LANGUAGES if each in set(langs)] or ["en"]
    staff.skills = [each for each in SKILLS if each in set(skills)]
    staff.capacity = min(max(capacity, 0), CAPACITY_MAX)
    staff.page_address = page_address.strip()[:160]
    after = {"langs": staff.langs, "skills": staff.skills, "capacity": staff.capacity}
    audit.record(work, actor, "team.person", f"staff:{staff.id}", before=before, after=after)


def week(work: UnitOfWork) -> list[Hours] | None:
    """Hours from Monday to Sunday; None: around the clock, every day."""
    rows = {
        row.weekday: Hours(row.opens_min, row.closes_min)
        for row in work.session.scalars(select(OpeningHours))
        if row.weekday is not None
    }
    return [rows.get(day, CLOSED) for day in range(7)] if rows else None


def special_days(work: UnitOfWork) -> list[tuple[date, Hours]]:
    """Holidays and other days with hours of their own, in their order."""
    rows = select(OpeningHours).where(OpeningHours.date.is_not(None)).order_by(OpeningHours.date)
    return [
        (date.fromisoformat(row.date or ""), Hours(row.opens_min, row.closes_min))
        for row in work.session.scalars(rows)
    ]


def set_week(work: UnitOfWork, actor: Actor, hours: list[Hours] | None) -> None:
    """New hours from Monday to Sunday, or None for around the clock."""
    work.session.execute(delete(OpeningHours).where(OpeningHours.weekday.is_not(None)))
    work.session.add_all(
        OpeningHours(weekday=day, opens_min=each.opens_min, closes_min=each.closes_min)
        for day, each in enumerate(hours or ())
    )
    told = [_in_words(each) for each in hours] if hours else "always"
    audit.record(work, actor, "team.hours", "week", after={"week": told})


def set_special_day(work: UnitOfWork, actor: Actor, day: date, hours: Hours | None) -> None:
    """Hours of one date, closed included; None: as its weekday again."""
    iso = day.isoformat()
    work.session.execute(delete(OpeningHours).where(OpeningHours.date == iso))
    if hours is not None:
        work.session.add(
            OpeningHours(date=iso, opens_min=hours.opens_min, closes_min=hours.closes_min)
        )
    told = _in_words(hours) if hours else "as its weekday"
    audit.record(work, actor, "team.hours", f"date:{iso}", after={"hours": told})


def read_hours(opens: str, closes: str) -> Hours:
    """ "08:00" and "17:30" of a form; "00:00" as the end is midnight. Raises WrongHours."""
    start, end = _minutes(opens), _minutes(closes) or DAY_MIN
    if end <= start:
        raise WrongHours(f"{opens} to {closes}: it must close after it opens.")
    return Hours(start, end)


def read_shift(begins: str, ends: str) -> tuple[int, int]:
    """Begin and end of a shift in minutes of the day; an end before the begin is the next
    morning's. Raises WrongHours."""
    try:
        return _minutes(begins), _minutes(ends)
    except WrongHours as wrong:
        raise WrongHours("Give each shift its begin and its end, as 08:00 and 16:00.") from wrong


def clock_time(minutes: int) -> str:
    """Minutes of the day as "08:00"; midnight at the end is "00:00", as a form takes it."""
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _in_words(hours: Hours) -> str:
    if hours.closed:
        return "closed"
    return f"{clock_time(hours.opens_min)}-{clock_time(hours.closes_min)}"


def _minutes(text: str) -> int:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text.strip())
    if found is None:
        raise WrongHours(f"{text or 'Nothing'} is no time of day, as 08:00.")
    return int(found[1]) * 60 + int(found[2])
