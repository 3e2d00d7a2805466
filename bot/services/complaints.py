"""The monthly complaint report: counted while a month runs, frozen when it is over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select

from bot.domain import complaint_quarters as quarters
from bot.domain import complaints as rules
from bot.domain.cases import TOPICS
from bot.domain.causes import in_order
from bot.domain.clocks import HUMAN
from bot.domain.complaints import Fact, Paid
from bot.services import causes
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry, CaseLink, Clock
from bot.store.changes import touched
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import Store, UnitOfWork
from bot.store.offers import Coupon
from bot.store.quality import CaseCause, CauseAction, MonthReport
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile, Station
from bot.store.upsert import insert

LIVE: Final = "report"
COMPARED: Final = 3  # months before
OLDEST: Final = 36  # months that are made up for where nothing was frozen yet
_EDGE: Final = timedelta(days=1)  # no zone is further from UTC


def keep(store: Store, settings: Settings) -> None:
    """Freeze the months that are over; harmless at any moment and in two processes at once."""
    with store.read() as work:
        due = _due(work, settings)
    for month in due:
        with store.begin() as work:
            freeze(work, settings, month)


def freeze(work: UnitOfWork, settings: Settings, month: str) -> None:
    """Store a month's figures for good; once they stand they are never counted again."""
    work.session.execute(
        insert(work, MonthReport)
        .values(month=month, frozen_at=work.now, figures=count(work, settings, month))
        .on_conflict_do_nothing(index_elements=["month"])
    )
    touched(work, LIVE)


def _due(work: UnitOfWork, settings: Settings) -> list[str]:
    first = work.session.scalar(select(func.min(Case.created_at)))
    if first is None:
        return []
    frozen = set(work.session.scalars(select(MonthReport.month)))
    zones = _zones(work, settings)
    month, found = rules.month_of(first, settings.desk_tz), list[str]()
    while rules.is_over(month, zones, work.now):
        found.append(month)
        month = rules.after(month)
    return [each for each in found[-OLDEST:] if each not in frozen]


def _zones(work: UnitOfWork, settings: Settings) -> set[str]:
    return {settings.desk_tz, *work.session.scalars(select(Station.tz).distinct())}


def report(
    work: UnitOfWork, settings: Settings, month: str
) -> tuple[dict[str, Any], datetime | None]:
    """A month's figures, and since when they are frozen; those of a running month as of now."""
    row = work.session.get(MonthReport, month)
    if row is not None:
        return row.figures, row.frozen_at
    return count(work, settings, month), None


def months(work: UnitOfWork, settings: Settings) -> list[str]:
    """The months there are reports of, the running one first."""
    now = rules.month_of(work.now, settings.desk_tz)
    frozen = list(
        work.session.scalars(select(MonthReport.month).order_by(MonthReport.month.desc()))
    )
    month, running = now, list[str]()
    while month not in frozen and len(running) < 2:
        running.append(month)
        month = rules.before(month)
    return [*running[: 2 if frozen else 1], *frozen]


def quarter(
    work: UnitOfWork, settings: Settings, name: str
) -> tuple[dict[str, Any], datetime | None]:
    """The figures of a quarter ("2026-Q4"), its months that have begun put together, and since when
    all three are frozen."""
    now = rules.month_of(work.now, settings.desk_tz)
    found = [report(work, settings, each) for each in quarters.months_of(name) if each <= now]
    frozen = [at for _, at in found if at is not None]
    figures = quarters.together(name, [each for each, _ in found])
    return figures, max(frozen) if len(frozen) == quarters.LONG else None


def compared(work: UnitOfWork, month: str) -> list[dict[str, Any]]:
    """The frozen figures of the months before, the nearest first."""
    found, each = [], month
    for _ in range(COMPARED):
        each = rules.before(each)
        row = work.session.get(MonthReport, each)
        if row is not None:
            found.append(row.figures)
    return found


# --- counting ------------------------------------------------------------------------------------


def count(work: UnitOfWork, settings: Settings, month: str) -> dict[str, Any]:
    """A month's figures from the rows themselves."""
    begin = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC) - _EDGE
    following = rules.after(month)
    end = datetime(int(following[:4]), int(following[5:]), 1, tzinfo=UTC) + _EDGE
    told = rules.figures(_facts(work, settings, begin, end), month)
    names = {
        str(row.id): row.name for row in work.session.execute(select(Station.id, Station.name))
    }
    told["stations"] = {key: names.get(key, "") for key in told["by_station"]}
    told["piles"] = _piles(work, told["by_pile"])
    told["all_refunds"] = _all_refunds(work, settings, month, begin, end)
    told["actions"] = _actions(work, settings, month)
    return told


def _piles(work: UnitOfWork, ids: Iterable[str]) -> dict[str, str]:
    """Number and station of piles, as they are called now."""
    rows = work.session.execute(
        select(Pile.id, Pile.number, Station.name)
        .join(Station, Station.id == Pile.station_id)
        .where(Pile.id.in_(list(ids)))
    )
    return {pile: f"{number}, {name}" for pile, number, name in rows}


def _facts(work: UnitOfWork, settings: Settings, begin: datetime, end: datetime) -> list[Fact]:
    """Every case that something of this span belongs to, with all that belongs to it."""
    moved = select(CaseEntry.case_id).where(CaseEntry.at >= begin, CaseEntry.at < end)
    clocked = select(Clock.case_id).where(
        Clock.case_id.is_not(None),
        or_(Clock.stopped_at.between(begin, end), Clock.breached_at.between(begin, end)),
    )
    cases = work.session.scalars(
        select(Case)
        .where(
            Case.merged_into.is_(None),
            or_(
                Case.created_at.between(begin, end), Case.closed_at.between(begin, end),
                Case.id.in_(moved), Case.id.in_(clocked),
            ),
        )
        .order_by(Case.id)
    ).all()  # fmt: skip
    ids = [case.id for case in cases]
    places = _places(work, settings)
    clocks, reopened = _clocks(work, ids), _reopened(work, ids)
    given, refunds, reasons = (
        _coupons(work, ids, begin, end),
        _refunds(work, ids),
        _causes(work, ids),
    )
    return [
        _fact(
            case, places.get(case.pile_id or "", ("", settings.desk_tz)), clocks[case.id],
            reopened[case.id], given[case.id], refunds[case.id], reasons.get(case.id, ""),
        )
        for case in cases
    ]  # fmt: skip


def _fact(
    case: Case,
    place: tuple[str, str],
    clocks: Sequence[Clock],
    reopened: Sequence[datetime],
    given: Sequence[Paid],
    refunds: Sequence[Paid],
    cause: str,
) -> Fact:
    answered = [each.stopped_at for each in clocks if each.name in HUMAN and each.stopped_at]
    missed = [each.breached_at or each.stopped_at for each in clocks if _is_missed(each)]
    kept = [each.stopped_at for each in clocks if each.outcome == "met" and not each.breached_at]
    return Fact(
        class_=TOPICS[case.code].class_, team=case.team, station=place[0], tz=place[1],
        opened_at=case.created_at, answered_at=min(answered, default=None),
        closed_at=case.closed_at, consent=case.close_reason == "consent", reopened=reopened,
        kept=[at for at in kept if at], missed=[at for at in missed if at],
        compensation=given, refunds=refunds, cause=cause, code=case.code,
        pile=case.pile_id or "", solved_at=case.solved_at, front_line=case.front_line,
    )  # fmt: skip


def _is_missed(clock: Clock) -> bool:
    return clock.outcome == "missed" or clock.breached_at is not None


def _places(work: UnitOfWork, settings: Settings) -> dict[str, tuple[str, str]]:
    """(station, zone) by pile."""
    rows = work.session.execute(
        select(Pile.id, Station.id, Station.tz).join(Station, Station.id == Pile.station_id)
    )
    return {pile: (str(station), tz) for pile, station, tz in rows}


def _clocks(work: UnitOfWork, ids: Sequence[int]) -> dict[int, list[Clock]]:
    found: dict[int, list[Clock]] = defaultdict(list)
    rows = select(Clock).where(Clock.case_id.in_(ids), Clock.outcome.not_in(("lapsed", "dropped")))
    for each in work.session.scalars(rows.order_by(Clock.id)):
        found[each.case_id or 0].append(each)
    return found


def _reopened(work: UnitOfWork, ids: Sequence[int]) -> dict[int, list[datetime]]:
    found: dict[int, list[datetime]] = defaultdict(list)
    rows = select(CaseEntry.case_id, CaseEntry.at).where(
        CaseEntry.case_id.in_(ids), CaseEntry.kind == "reopened"
    )
    for case_id, at in work.session.execute(rows):
        found[case_id].append(at)
    return found


def _coupons(
    work: UnitOfWork, ids: Sequence[int], begin: datetime, end: datetime
) -> dict[int, list[Paid]]:
    """Coupons for missed promises of these cases, as what they can cost at most."""
    found: dict[int, list[Paid]] = defaultdict(list)
    of_clock = {
        f"clock:{clock_id}": case_id or 0
        for clock_id, case_id in work.session.execute(
            select(Clock.id, Clock.case_id).where(Clock.case_id.in_(ids))
        )
    }
    rows = work.session.execute(
        select(Coupon.cause, Coupon.issued_at, Coupon.rules, Coupon.worth_minor).where(
            Coupon.cause.like("clock:%"), Coupon.issued_at >= begin, Coupon.issued_at < end
        )
    )
    for cause, at, worth, minor in rows:
        if cause in of_clock:
            found[of_clock[cause]].append((at, str(worth["currency"]), minor))
    return found


def _refunds(work: UnitOfWork, ids: Sequence[int]) -> dict[int, list[Paid]]:
    """Money given back in these cases, once for each refund."""
    found: dict[int, list[Paid]] = defaultdict(list)
    links = work.session.execute(
        select(CaseLink.ref, CaseLink.case_id)
        .where(CaseLink.case_id.in_(ids), CaseLink.kind == "refund")
        .order_by(CaseLink.case_id)
    )
    of_refund = {int(ref): case_id for ref, case_id in links if ref.isdecimal()}
    rows = select(Refund).where(Refund.id.in_(list(of_refund)), Refund.state != "failed")
    for each in work.session.scalars(rows):
        found[of_refund[each.id]].append((each.created_at, each.currency, each.amount_minor))
    return found


def _causes(work: UnitOfWork, ids: Sequence[int]) -> dict[int, str]:
    paths = {node.cause.id: node.path for node in in_order(causes.tree(work))}
    rows = select(CaseCause.case_id, CaseCause.cause_id).where(CaseCause.case_id.in_(ids))
    return {case_id: paths.get(cause_id, "") for case_id, cause_id in work.session.execute(rows)}


def _all_refunds(
    work: UnitOfWork, settings: Settings, month: str, begin: datetime, end: datetime
) -> dict[str, list[int]]:
    """All money given back in the month, also where nobody complained: (how often, how much)."""
    rows = work.session.execute(
        select(Refund.created_at, Refund.currency, Refund.amount_minor, Station.tz)
        .join(Hold, Hold.id == Refund.hold_id)
        .outerjoin(ChargingSession, ChargingSession.id == Hold.session_id)
        .outerjoin(Evse, Evse.id == ChargingSession.evse_id)
        .outerjoin(Pile, Pile.id == Evse.pile_id)
        .outerjoin(Station, Station.id == Pile.station_id)
        .where(Refund.created_at >= begin, Refund.created_at < end, Refund.state != "failed")
    )
    times: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for at, currency, minor, tz in rows:
        if rules.month_of(at, tz or settings.desk_tz) == month:
            times[currency] += 1
            sums[currency] += minor
    return {currency: [times[currency], sums[currency]] for currency in sorted(times)}


def _actions(work: UnitOfWork, settings: Settings, month: str) -> list[dict[str, Any]]:
    """What was done against root causes in the month, or was open at its end."""
    paths = {node.cause.id: node.path for node in in_order(causes.tree(work))}
    names = dict(work.session.execute(select(Staff.id, Staff.name)).all())
    told = []
    for each in work.session.scalars(select(CauseAction).order_by(CauseAction.due_on)):
        done = rules.month_of(each.done_at, settings.desk_tz) if each.done_at else ""
        if rules.month_of(each.created_at, settings.desk_tz) > month or (done and done < month):
            continue
        finished = done == month
        last = min(
            work.now.astimezone(ZoneInfo(settings.desk_tz)).date().isoformat(), f"{month}-31"
        )
        told.append(
            {
                "text": each.text, "cause": paths.get(each.cause_id, ""),
                "who": names.get(each.owner_id, ""), "due": each.due_on.isoformat(),
                "state": "done" if finished else
                "late" if each.due_on.isoformat() < last else "open",
            }
        )  # fmt: skip
    return told
