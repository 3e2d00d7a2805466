"""Every clock: begun by what happened, counted anew from its own events, ended when it was due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select

from bot.demo.evening.claims import Claim
from bot.domain.clocks import KINDS
from bot.store.cases import Case, CaseEntry, CaseLink, Clock, ClockEvent, ClockPolicy
from bot.store.charging import Bill, ChargingSession
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.offers import Coupon
from bot.store.queues import Inbox, Outbox

SERVED_S: Final = 15.0  # how late a due timer may be served on a busy machine
SAME_S: Final = 2.0


def claim(work: UnitOfWork, now: datetime) -> Claim:
    """Each clock of the evening, checked; the rows count them by name."""
    head = ("clock", "started", "met", "missed", "paused", "runs on", "dropped", "policies")
    found = Claim("Every clock started, paused, stopped and was missed at the right time", head)
    told: dict[str, Counter[str]] = {}
    versions: dict[str, set[int]] = {}
    for clock in work.session.scalars(select(Clock).order_by(Clock.id)):
        events = list(
            work.session.scalars(
                select(ClockEvent).where(ClockEvent.clock_id == clock.id).order_by(ClockEvent.id)
            )
        )
        name = f"clock {clock.id} ({clock.name} of {clock.subject})"
        faults = [
            *_began(work, clock), *_policy(work, clock), *_counted(clock, events, now),
            *_ended(work, clock), *_made_good(work, clock),
        ]  # fmt: skip
        found.failures += [f"{name}: {each}" for each in faults]
        counts = told.setdefault(clock.name, Counter())
        counts["started"] += 1
        counts[_outcome(clock)] += 1
        counts["paused"] += any(each.kind == "paused" for each in events)
        versions.setdefault(clock.name, set()).add(int(clock.policy["version"]))
    for name, counts in sorted(told.items()):
        shown = [str(counts[each]) for each in ("started", "met", "missed", "paused", "running",
                                                "dropped")]  # fmt: skip
        used = ", ".join(f"v{each}" for each in sorted(versions[name]))
        found.rows.append((KINDS[name].title, *shown, used))
    return found


def _outcome(clock: Clock) -> str:
    if clock.outcome in ("lapsed", "dropped"):
        return "dropped"
    return clock.outcome or ("missed" if clock.breached_at else "running")


def _began(work: UnitOfWork, clock: Clock) -> list[str]:
    """By the thing that it is about, at its time."""
    at = _start_of(work, clock)
    if at is None:
        return ["nothing happened that starts it"]
    off = (clock.started_at - at).total_seconds()
    return [f"started {off:.1f} s off"] if abs(off) > SAME_S else []


def _start_of(work: UnitOfWork, clock: Clock) -> datetime | None:
    kind, _, number = clock.subject.partition(":")
    if kind == "session":
        return _stop_known(work, int(number))
    if kind == "job":  # somebody on the spot is promised from the moment a job is made
        return work.session.get_one(Job, int(number)).created_at
    case = work.session.get_one(Case, int(number))
    if clock.name == "call_back":
        return _near(_told_at(work, case.id, "solved"), clock.started_at)
    again = _told_at(work, case.id, "reopened")  # each round has clocks of its own
    return _near([case.created_at, *again], clock.started_at)


def _stop_known(work: UnitOfWork, session_id: int) -> datetime | None:
    """When the pile's stop record came in; the bill's own time where it was made before that."""
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session_id)).first()
    if bill is None:
        return None
    session = work.session.get_one(ChargingSession, session_id)
    records = select(Inbox.created_at, Inbox.body).where(
        Inbox.kind == "pile.transaction", Inbox.created_at <= bill.created_at
    )
    came = [
        at for at, body in work.session.execute(records)
        if body["event"] == "Ended" and body["transaction_id"] == session.transaction_id
    ]  # fmt: skip
    return min(came, default=bill.created_at)


def _jobs_of(work: UnitOfWork, case_id: int) -> Sequence[Job]:
    """Whoever was sent for a case; one job is often for several."""
    tied = select(CaseLink.ref).where(CaseLink.case_id == case_id, CaseLink.kind == "job")
    ids = [int(ref) for ref in work.session.scalars(tied)]
    return work.session.scalars(select(Job).where(Job.id.in_(ids)).order_by(Job.id)).all()


def _near(moments: Iterable[datetime | None], at: datetime) -> datetime | None:
    """The moment that comes closest."""
    known = [each for each in moments if each is not None]
    return min(known, key=lambda each: abs(each - at), default=None)


def _policy(work: UnitOfWork, clock: Clock) -> list[str]:
    """What it may take is what the desk promised when it began, whatever was changed since."""
    known = select(ClockPolicy).where(
        ClockPolicy.name == clock.name, ClockPolicy.at <= clock.started_at
    )
    rows = work.session.scalars(known.order_by(ClockPolicy.version)).all()
    version = rows[-1].version if rows else 1
    limit_s = rows[-1].limit_s if rows else KINDS[clock.name].policy.limit_s
    same = (clock.policy["version"], clock.policy["limit_s"]) == (version, limit_s)
    return [] if same else [f"runs by version {clock.policy['version']}, not {version}"]


def _counted(clock: Clock, events: Sequence[ClockEvent], now: datetime) -> list[str]:
    """The time it ran, from its events alone; missed exactly when that is over the limit."""
    found: list[str] = []
    ran, since = 0.0, None
    for event in events:
        if event.kind in ("started", "resumed"):
            since = event.at if event.kind == "resumed" else clock.started_at
        elif event.kind in ("paused", "stopped") and since is not None:
            ran, since = ran + (event.at - since).total_seconds(), None
    if since is not None:
        ran += (now - since).total_seconds()
    if clock.policy["counting"] != "calendar":
        return found  # opening hours: none are set that evening
    limit = float(clock.policy["limit_s"])
    if clock.state == "stopped" and abs(clock.spent_s - ran) > SAME_S:
        found.append(f"{clock.spent_s} s spent, its events tell {ran:.0f}")
    missed = clock.outcome == "missed" or clock.breached_at is not None
    if clock.outcome in ("", "met", "missed"):
        if missed and ran < limit - SAME_S:
            found.append(f"missed after {ran:.0f} of {limit:.0f} s")
        if not missed and ran > limit + SERVED_S:
            found.append(f"not missed after {ran:.0f} of {limit:.0f} s")
    if clock.breached_at is not None and clock.due_at is not None:
        late = (clock.breached_at - clock.due_at).total_seconds()
        if not -0.5 <= late <= SERVED_S:
            found.append(f"its end was served {late:.1f} s after it was due")
    return found


def _ended(work: UnitOfWork, clock: Clock) -> list[str]:
    """Stopped by what stops it, at that moment."""
    if clock.stopped_at is None or clock.outcome in ("lapsed", "dropped"):
        return []
    at = _end_of(work, clock, clock.stopped_at)
    if at is None:
        return [f"stopped by “{clock.stop_event}”, and nothing tells of that"]
    off = (clock.stopped_at - at).total_seconds()
    return [f"stopped {off:.1f} s off"] if abs(off) > SAME_S else []


def _end_of(work: UnitOfWork, clock: Clock, stopped_at: datetime) -> datetime | None:
    kind, _, number = clock.subject.partition(":")
    if kind == "session":
        return stopped_at if _receipt_left(work, int(number), stopped_at) else None
    if kind == "job":
        job = work.session.get_one(Job, int(number))
        return job.done_at if clock.name == "preventive" else job.arrived_at
    sent = _jobs_of(work, int(number))
    if clock.name == "on_site":
        return _near((each.arrived_at for each in sent), stopped_at)
    if clock.name == "fault_response" and clock.stop_event.startswith("accepted"):
        return _near((each.accepted_at for each in sent), stopped_at)
    if clock.name == "fault_response" and clock.stop_event.startswith("job "):
        tied = select(CaseLink.at).where(
            CaseLink.case_id == int(number), CaseLink.kind == "job",
            CaseLink.ref == clock.stop_event.split()[1],
        )  # fmt: skip
        return work.session.scalars(tied).first()
    words = ["contact", "solved", "closed"]
    if clock.name == "call_back":
        words.append("reopened")
    near = [at for at in _told_at(work, int(number), *words) if _same(at, stopped_at)]
    return near[0] if near else None


def _told_at(work: UnitOfWork, case_id: int, *kinds: str) -> Sequence[datetime]:
    """When a case's file tells of such things."""
    told = select(CaseEntry.at).where(CaseEntry.case_id == case_id, CaseEntry.kind.in_(kinds))
    return work.session.scalars(told.order_by(CaseEntry.id)).all()


def _same(one: datetime, other: datetime) -> bool:
    return abs((one - other).total_seconds()) <= SAME_S


def _receipt_left(work: UnitOfWork, session_id: int, at: datetime) -> bool:
    """The receipt's own row was delivered just then."""
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session_id)).one()
    rows = work.session.scalars(select(Outbox).where(Outbox.key.like("message:%:receipt:0"))).all()
    return any(
        each.body["reply"].get("bill_id") == bill.id
        and each.done_at is not None
        and _same(each.done_at, at)
        for each in rows
    )


def _made_good(work: UnitOfWork, clock: Clock) -> list[str]:
    """What a miss calls for was done, once; nothing was done for what was kept."""
    actions = clock.policy["actions"] if clock.breached_at is not None else []
    found = []
    coupons = work.session.scalars(select(Coupon).where(Coupon.cause == f"clock:{clock.id}")).all()
    due = 1 if "coupon" in actions and clock.rider_id is not None else 0
    if len(coupons) != due:
        found.append(f"{len(coupons)} coupons, expected {due}")
    case = work.session.get(Case, clock.case_id) if clock.case_id else None
    level = 2 if "head" in actions else 1 if "escalate" in actions else 0
    if case is not None and case.level < level:
        found.append("nobody above has it")
    stopped_at, missed_at = clock.stopped_at, clock.breached_at
    in_time = stopped_at is not None and missed_at is not None and stopped_at <= missed_at
    if "page" in actions and not in_time:
        pages = select(Outbox).where(Outbox.key.like(f"page:clock:{clock.id}:%"))
        if not work.session.scalars(pages).all():
            found.append("nobody was paged")
    return found
