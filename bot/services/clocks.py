"""The promises' clocks as rows: started, paused, resumed and stopped by what happens.

Warnings and ends are timers of the inbox (kind "clock.timer", bot/services/clock_breach.py), so
that they survive every restart. A clock that is stopped too late is missed whether or not its
timer was served by then; what a miss calls for is done by the timer alone, once.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select

from bot.domain import clocks as rules
from bot.domain.clocks import ClockFacts, Policy
from bot.domain.desk_rules import Hours
from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store import inbox
from bot.store.cases import Clock, ClockEvent, ClockPolicy
from bot.store.charging import Bill
from bot.store.database import UnitOfWork
from bot.store.upsert import insert

LIMIT_MIN_S: Final = 10
LIMIT_MAX_S: Final = 30 * rules.DAY
REASON_MAX: Final = 500


class NotPossible(PilebotError):
    """A policy cannot be like that; the message says why, for staff to read."""


# --- policies ------------------------------------------------------------------------------------


def policy(work: UnitOfWork, name: str) -> Policy:
    """What a clock that begins now may take. Staff set limits; what follows a miss is ours."""
    newest = work.session.scalars(
        select(ClockPolicy)
        .where(ClockPolicy.name == name, ClockPolicy.at <= work.now)
        .order_by(ClockPolicy.at.desc(), ClockPolicy.version.desc())
        .limit(1)
    ).first()
    if newest is None:
        return rules.KINDS[name].policy
    return Policy(
        newest.limit_s, "office" if newest.counting == "office" else "calendar",
        rules.KINDS[name].policy.actions, newest.warn_percent, newest.version, newest.target_s,
    )  # fmt: skip


def set_policy(
    work: UnitOfWork,
    actor: Actor,
    name: str,
    *,
    limit_s: int,
    counting: str,
    seen: int,
    reason: str,
    at: datetime | None = None,
    target_s: int | None = None,
) -> ClockPolicy:
    """A new version for the clocks that begin from now on, or from `at`. Raises NotPossible.

    People come here by bot/services/policies.py, two of them. `seen` is the newest version that was
    looked at: of two who save at once the second is told.
    """
    check_policy(name, limit_s=limit_s, counting=counting, target_s=target_s)
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Say why: the reason is kept with the version.")
    before, newest = policy(work, name), newest_version(work, name)
    row = {
        "name": name, "version": seen + 1, "limit_s": limit_s, "counting": counting,
        "actions": list(before.actions), "warn_percent": before.warn_percent,
        "target_s": target_s, "at": at or work.now, "staff_id": actor.staff_id, "reason": reason,
    }  # fmt: skip
    saved = work.session.scalars(
        insert(work, ClockPolicy)
        .values(row)
        .on_conflict_do_nothing(index_elements=["name", "version"])
        .returning(ClockPolicy)
    ).first()
    if saved is None or newest != seen:
        raise NotPossible("Somebody has changed this clock meanwhile: look at it again.")
    audit.record(
        work, actor, "clock_policy", f"clock:{name}",
        before={"version": before.version, "limit_s": before.limit_s, "counting": before.counting,
                "target_s": before.target_s},
        after={"version": seen + 1, "limit_s": limit_s, "counting": counting,
               "target_s": target_s},
        reason=reason,
    )  # fmt: skip
    return saved


def check_policy(name: str, *, limit_s: int, counting: str, target_s: int | None = None) -> None:
    """Whether a clock may be like that. Raises NotPossible."""
    if name not in rules.KINDS or counting not in ("calendar", "office"):
        raise NotPossible("There is no such clock.")
    if not LIMIT_MIN_S <= limit_s <= LIMIT_MAX_S:
        raise NotPossible("A limit is at least 10 seconds and at most 30 days.")
    if target_s is not None and not LIMIT_MIN_S <= target_s < limit_s:
        raise NotPossible("A target is at least 10 seconds and less than the limit.")
    if rules.KINDS[name].promised and counting != "calendar":
        raise NotPossible("What riders are promised counts around the clock.")


def newest_version(work: UnitOfWork, name: str) -> int:
    """The highest version there is, also one that is yet to count."""
    newest = select(func.max(ClockPolicy.version)).where(ClockPolicy.name == name)
    return work.session.scalar(newest) or 1


def history(work: UnitOfWork, name: str) -> list[ClockPolicy]:
    """Every version that staff made, newest first; version 1 is the code's own."""
    rows = select(ClockPolicy).where(ClockPolicy.name == name)
    return list(work.session.scalars(rows.order_by(ClockPolicy.version.desc())))


# --- a clock's life ------------------------------------------------------------------------------


def start(
    work: UnitOfWork,
    name: str,
    subject: str,
    *,
    at: datetime | None = None,
    hours: Hours | None = None,
    round_: int = 1,
    case_id: int | None = None,
    conversation_id: int | None = None,
    rider_id: int | None = None,
    team: str = "",
) -> Clock:
    """Start a promise about a subject ("session:12", "case:4711"), once for each `round_`.

    `hours` are the desk's, for clocks that count those; `at` is when it really began. What a
    person says in `conversation_id` stops the clocks that wait for a person.
    """
    key = f"{name}:{subject}:{round_}"
    known = work.session.scalars(select(Clock).where(Clock.key == key)).first()
    if known is not None:
        return known
    begun = at or work.now
    facts = rules.begin(policy(work, name), begun, hours)
    made = work.session.scalars(
        insert(work, Clock)
        .values(
            key=key, name=name, subject=subject, state="running", outcome="", started_at=begun,
            policy=rules.dump_policy(facts.policy, facts.hours), since=begun, spent_s=0,
            due_at=facts.due_at(), stop_event="", case_id=case_id, target_s=facts.policy.target_s,
            conversation_id=conversation_id, rider_id=rider_id, team=team,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(Clock)
    ).first()  # fmt: skip
    if made is None:  # at the same moment elsewhere
        return work.session.scalars(select(Clock).where(Clock.key == key)).one()
    _enter(work, made, "started", facts)
    _set_timers(work, made, facts)
    return made


def stop(
    work: UnitOfWork,
    name: str,
    subject: str,
    *,
    event: str,
    at: datetime | None = None,
    outcome: str | None = None,
) -> Clock | None:
    """What the promise was about happened; None when no such clock runs. `outcome` overrides the
    reckoning: "lapsed", "dropped"."""
    found = _locked(work, Clock.name == name, Clock.subject == subject)
    for clock in found:
        _stop(work, clock, event, at or work.now, outcome)
    return found[-1] if found else None


def drop(work: UnitOfWork, subject: str, *, event: str) -> None:
    """Whatever runs about a subject is about nothing any more: it counts for no result."""
    for clock in _locked(work, Clock.subject == subject):
        _stop(work, clock, event, work.now, None if clock.breached_at else "dropped")


def solved(work: UnitOfWork, subject: str, *, event: str) -> None:
    """A case has its result: what that answers or decides ends now. The rest was not put to the
    test by it, and counts only where it was missed already."""
    for clock in _locked(work, Clock.subject == subject):
        missed = clock.breached_at is not None or facts_of(clock).is_missed(work.now)
        ends = clock.name in rules.BY_RESULT or missed
        _stop(work, clock, event, work.now, None if ends else "dropped")


def human_contact(work: UnitOfWork, conversation_id: int, *, by: str) -> None:
    """A person spoke with the rider of a conversation: the clocks that waited for one stop."""
    waiting = (Clock.conversation_id == conversation_id, Clock.name.in_(sorted(rules.HUMAN)))
    for clock in _locked(work, *waiting):
        _stop(work, clock, f"answered by {by}"[:80], work.now, None)


def hand_over(work: UnitOfWork, subject: str, to: str, *, case_id: int, names: Set[str]) -> None:
    """What runs about a subject under these names is about another from now on, for whom it was
    promised to."""
    for clock in _locked(work, Clock.subject == subject, Clock.name.in_(sorted(names))):
        clock.subject, clock.case_id = to, case_id


def heard_in(work: UnitOfWork, subject: str, conversation_id: int) -> None:
    """What a person says in this conversation counts from now on for what runs about a subject."""
    for clock in _locked(work, Clock.subject == subject, Clock.conversation_id.is_(None)):
        clock.conversation_id = conversation_id


def pause(work: UnitOfWork, subject: str, *, why: str) -> None:
    """The rider is waited for: what runs about a subject stands still, and shows why."""
    for clock in _locked(work, Clock.subject == subject, Clock.state == "running"):
        if rules.pauses(clock.name):
            _change(work, clock, rules.pause(facts_of(clock), work.now), "paused", why)


def resume(work: UnitOfWork, subject: str, *, why: str) -> None:
    """The rider answered: it counts on."""
    for clock in _locked(work, Clock.subject == subject, Clock.state == "paused"):
        _change(work, clock, rules.resume(facts_of(clock), work.now), "resumed", why)


def facts_of(clock: Clock) -> ClockFacts:
    """A row as the rules know it."""
    kept, hours = rules.load_policy(clock.policy)
    return ClockFacts(kept, hours, clock.started_at, clock.since, clock.spent_s)


def of_subject(work: UnitOfWork, subject: str) -> list[Clock]:
    """Every clock of a subject, oldest first."""
    rows = select(Clock).where(Clock.subject == subject).order_by(Clock.id)
    return list(work.session.scalars(rows))


def running(work: UnitOfWork, name: str) -> list[Clock]:
    """The clocks of a name that are not stopped, the next to end first."""
    rows = select(Clock).where(Clock.name == name, Clock.state != "stopped")
    return list(work.session.scalars(rows.order_by(Clock.due_at, Clock.id)))


# --- inside --------------------------------------------------------------------------------------


def _locked(work: UnitOfWork, *which: ColumnElement[bool]) -> list[Clock]:
    """Those of these clocks that are not stopped, for this transaction alone."""
    rows = (
        select(Clock)
        .where(Clock.state != "stopped", *which)
        .order_by(Clock.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    work.session.flush()
    return list(work.session.scalars(rows))


def _stop(work: UnitOfWork, clock: Clock, event: str, at: datetime, outcome: str | None) -> None:
    facts = facts_of(clock)
    late = clock.breached_at is not None or facts.is_missed(at)
    clock.spent_s, clock.since = facts.spent(at), None
    clock.state, clock.stopped_at, clock.stop_event = "stopped", at, event
    clock.outcome = outcome or ("missed" if late else "met")
    _enter(work, clock, "stopped", facts, event, at)
    inbox.cancel(work, source="timer", source_id=f"clock:{clock.id}:warn")
    if not late:  # a late one's end is served still: that is where a miss is made good
        inbox.cancel(work, source="timer", source_id=f"clock:{clock.id}:due")


def _change(work: UnitOfWork, clock: Clock, facts: ClockFacts, kind: str, why: str) -> None:
    clock.state = "paused" if facts.since is None else "running"
    clock.since, clock.spent_s, clock.due_at = facts.since, facts.spent_s, facts.due_at()
    _enter(work, clock, kind, facts, why)
    _set_timers(work, clock, facts)


def _set_timers(work: UnitOfWork, clock: Clock, facts: ClockFacts) -> None:
    """What is still to come of warning and end; nothing while it is paused."""
    wanted = {
        # Nobody can act on a warning seconds before the end.
        "warn": facts.warn_at() if facts.policy.limit_s > 2 * rules.MIN else None,
        "due": facts.due_at(),
    }
    done = {"warn": clock.warned_at, "due": clock.breached_at}
    for name, at in wanted.items():
        source_id = f"clock:{clock.id}:{name}"
        if at is None or done[name] is not None:
            inbox.cancel(work, source="timer", source_id=source_id)
            continue
        inbox.put(
            work, source="timer", source_id=source_id, stream=f"clock:{clock.id}",
            kind="clock.timer", body={"clock_id": clock.id, "name": name}, available_at=at,
            coalesce=True,
        )  # fmt: skip


def _enter(
    work: UnitOfWork,
    clock: Clock,
    kind: str,
    facts: ClockFacts,
    text: str = "",
    at: datetime | None = None,
) -> None:
    at = at or work.now
    spent = facts.spent(at)
    work.session.add(
        ClockEvent(clock_id=clock.id, at=at, kind=kind, text=text[:160], spent_s=spent)
    )


def told(clock: Clock) -> dict[str, Any]:
    """A clock for an export: everything but row numbers that mean nothing outside."""
    return {
        "clock": rules.KINDS[clock.name].title, "policy": clock.policy,
        "state": clock.state, "outcome": clock.outcome, "spent_s": clock.spent_s,
        **{
            name: at.isoformat() if at else None
            for name, at in (
                ("started_at", clock.started_at), ("due_at", clock.due_at),
                ("warned_at", clock.warned_at), ("breached_at", clock.breached_at),
                ("stopped_at", clock.stopped_at),
            )
        },
        "stopped_by": clock.stop_event,
    }  # fmt: skip


def bill_sent(work: UnitOfWork, bill_id: int) -> None:
    """The rider's channel has taken the receipt of a bill: the promise of 30 seconds is over."""
    bill = work.session.get(Bill, bill_id)
    if bill is not None:
        stop(work, "bill", f"session:{bill.session_id}", event="receipt taken by the channel")
