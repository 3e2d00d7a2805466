"""Changing a rule: one person proposes it with a preview, another lets it count, from a moment on.

Promises' clocks and limits of what sockets measure go this way; prices have a way of the same kind
(bot/services/tariff_changes.py). Who decides is settled by one conditional UPDATE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select, update

from bot.domain import clocks as clock_rules
from bot.domain import policy_changes as rules
from bot.domain.sensing import KINDS, UNITS, Kind, Limits
from bot.errors import PilebotError
from bot.services import audit, clocks, sensing
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store import inbox
from bot.store.cases import Clock, PolicyChange
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.sensing import EvseSample, SensorLimit
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert

REASON_MAX: Final = 500
LOOK_BACK: Final = timedelta(days=30)
_FIELDS: Final = ("warn_low", "warn_high", "stop_high")


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


# --- proposing -----------------------------------------------------------------------------------


def propose_clock(
    work: UnitOfWork,
    actor: Actor,
    name: str,
    *,
    limit_s: int,
    counting: str,
    valid_from: datetime,
    reason: str,
    key: str,
    target_s: int | None = None,
) -> PolicyChange:
    """Ask for another limit of a promise. Raises NotPossible and clocks.NotPossible."""
    clocks.check_policy(name, limit_s=limit_s, counting=counting, target_s=target_s)
    now = clocks.policy(work, name)
    before = {
        "limit_s": now.limit_s, "counting": now.counting, "target_s": now.target_s,
        "version": now.version,
    }  # fmt: skip
    body = {"limit_s": limit_s, "counting": counting, "target_s": target_s}
    if all(before[each] == body[each] for each in body):
        raise NotPossible("That is what counts already.")
    return _propose(work, actor, "clock", name, before, body, valid_from, reason, key)


def propose_limits(
    work: UnitOfWork,
    actor: Actor,
    model: str,
    kind: Kind,
    limits: Limits | None,
    *,
    valid_from: datetime,
    reason: str,
    key: str,
) -> PolicyChange:
    """Ask for other limits of a model; None: back to our own. Raises NotPossible."""
    row = work.session.get(SensorLimit, (model, kind))
    before = {each: getattr(row, each) for each in _FIELDS} if row is not None else {}
    body = {each: getattr(limits, each) for each in _FIELDS} if limits is not None else {}
    if before == body:
        raise NotPossible("That is what counts already.")
    subject = f"{model}|{kind}"
    return _propose(work, actor, "limits", subject, before, body, valid_from, reason, key)


def _propose(
    work: UnitOfWork,
    actor: Actor,
    kind: str,
    subject: str,
    before: Mapping[str, Any],
    body: Mapping[str, Any],
    valid_from: datetime,
    reason: str,
    key: str,
) -> PolicyChange:
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Please say why: who approves it reads the reason.")
    if not rules.good_start(valid_from, work.now):
        raise NotPossible("It counts from now on or later, within a year.")
    key = f"{actor.staff_id}:{key}"[:160]
    known = work.session.scalars(select(PolicyChange).where(PolicyChange.key == key)).first()
    if known is not None:
        return known
    made = work.session.scalars(
        insert(work, PolicyChange)
        .values(
            key=key, open_key=f"{kind}:{subject}"[:120], kind=kind, subject=subject,
            state="waiting", before=dict(before), body=dict(body), valid_from=valid_from,
            reason=reason, asked_by=actor.staff_id, asked_at=work.now, decision="",
        )
        .on_conflict_do_nothing()
        .returning(PolicyChange)
    ).first()  # fmt: skip
    if made is None:
        raise NotPossible("A change of this waits already: decide on that one first.")
    audit.record(
        work, actor, "policy.proposed", f"policy:{made.id}", before=dict(before),
        after={**body, "subject": subject, "valid_from": valid_from.isoformat()}, reason=reason,
        key=key,
    )  # fmt: skip
    touched(work, f"policy:{made.id}")
    return made


# --- deciding ------------------------------------------------------------------------------------


def approve(work: UnitOfWork, actor: Actor, change_id: int) -> PolicyChange:
    """A second person says yes: it counts from its moment, never from before now."""
    asked = _asked(work, change_id)
    if not rules.may_decide(asked.asked_by, actor.staff_id):
        raise NotPossible("Somebody else has to approve what you proposed yourself.")
    row = _decide(work, actor, change_id, "approved")
    row.valid_from = rules.counts_from(row.valid_from, work.now)
    audit.record(
        work, actor, "policy.approved", f"policy:{row.id}",
        after={**row.body, "valid_from": row.valid_from.isoformat()}, reason=row.reason,
    )  # fmt: skip
    if row.kind == "clock" or row.valid_from <= work.now:  # versions carry their own moment
        _apply(work, row)
    else:
        inbox.put(
            work, source="timer", source_id=f"policy:{row.id}", stream=f"policy:{row.id}",
            kind="policy.timer", body={"change_id": row.id}, available_at=row.valid_from,
        )  # fmt: skip
    return row


def reject(work: UnitOfWork, actor: Actor, change_id: int, *, reason: str) -> PolicyChange:
    """A second person says no, with a reason. Raises NotPossible."""
    if not rules.may_decide(_asked(work, change_id).asked_by, actor.staff_id):
        raise NotPossible("This is your own: withdraw it.")
    return _end(work, actor, change_id, "rejected", reason)


def withdraw(work: UnitOfWork, actor: Actor, change_id: int, *, reason: str) -> PolicyChange:
    """Who proposed it takes it back. Raises NotPossible for another's."""
    if rules.may_decide(_asked(work, change_id).asked_by, actor.staff_id):
        raise NotPossible("Only who proposed it takes it back.")
    return _end(work, actor, change_id, "withdrawn", reason)


def _end(work: UnitOfWork, actor: Actor, change_id: int, state: str, reason: str) -> PolicyChange:
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Please say why, so that it can be made better.")
    row = _decide(work, actor, change_id, state, decision=reason, open_key=None)
    audit.record(work, actor, f"policy.{state}", f"policy:{row.id}", reason=reason)
    return row


def _asked(work: UnitOfWork, change_id: int) -> PolicyChange:
    row = work.session.get(PolicyChange, change_id)
    if row is None:
        raise NotPossible("There is no such proposal.")
    return row


def _decide(
    work: UnitOfWork, actor: Actor, change_id: int, state: str, **values: Any
) -> PolicyChange:
    """The one statement that decides. Raises NotPossible naming who was faster."""
    won = work.session.scalars(
        update(PolicyChange)
        .where(PolicyChange.id == change_id, PolicyChange.state == "waiting")
        .values(state=state, decided_by=actor.staff_id, decided_at=work.now, **values)
        .returning(PolicyChange.id)
        .execution_options(synchronize_session=False)
    ).first()
    row = work.session.get_one(PolicyChange, change_id, populate_existing=True)
    if won is None:
        staff = work.session.get(Staff, row.decided_by or 0)
        raise NotPossible(f"{staff.name if staff else 'Somebody'} has decided on it already.")
    touched(work, f"policy:{change_id}")
    return row


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "policy.timer": the moment of an approved change has come."""
    row = work.session.get_one(PolicyChange, int(body["change_id"]), with_for_update=True)
    if row.state == "approved" and row.applied_at is None:
        _apply(work, row)


def _apply(work: UnitOfWork, row: PolicyChange) -> None:
    asker = work.session.get_one(Staff, row.asked_by)
    actor = Actor(asker.id, asker.role, asker.name)
    row.applied_at, row.open_key = work.now, None
    if row.kind == "clock":
        clocks.set_policy(
            work, actor, row.subject, limit_s=int(row.body["limit_s"]),
            counting=str(row.body["counting"]), seen=clocks.newest_version(work, row.subject),
            reason=row.reason, at=row.valid_from, target_s=row.body.get("target_s"),
        )  # fmt: skip
        return
    model, _, kind = row.subject.partition("|")
    wanted: Kind = next(each for each in KINDS if each == kind)
    if row.body:
        limits = Limits(*(row.body[each] for each in _FIELDS))
        sensing.set_limits(work, actor, model, wanted, limits, reason=row.reason)
    else:
        sensing.reset_limits(work, actor, model, wanted, reason=row.reason)


# --- reading -------------------------------------------------------------------------------------


def waiting(work: UnitOfWork) -> Sequence[PolicyChange]:
    """What nobody has decided on, oldest first."""
    rows = select(PolicyChange).where(PolicyChange.state == "waiting")
    return work.session.scalars(rows.order_by(PolicyChange.id)).all()


def decided(work: UnitOfWork, limit: int = 30) -> Sequence[PolicyChange]:
    """What was decided lately, newest first."""
    rows = select(PolicyChange).where(PolicyChange.state != "waiting")
    return work.session.scalars(rows.order_by(PolicyChange.decided_at.desc()).limit(limit)).all()


def preview(work: UnitOfWork, row: PolicyChange) -> str:
    """What the change would have meant for what was: of clocks the last 30 days."""
    if row.kind == "clock":
        return _clock_preview(work, row)
    return _limits_preview(work, row)


def _clock_preview(work: UnitOfWork, row: PolicyChange) -> str:
    spent = work.session.scalars(
        select(Clock.spent_s).where(
            Clock.name == row.subject, Clock.state == "stopped",
            Clock.outcome.in_(("met", "missed")), Clock.started_at > work.now - LOOK_BACK,
        )
    ).all()  # fmt: skip
    if not spent:
        return "No clock of this kind ended within 30 days, so nothing can be told of its effect."
    would, total = rules.kept(spent, int(row.body["limit_s"]))
    was, _ = rules.kept(spent, int(row.before["limit_s"]))
    return (
        f"Of {total} clocks that ended within 30 days, {would} would have been kept; with the "
        f"limit of before {was}. Clocks that run keep the policy they began with."
    )


def _limits_preview(work: UnitOfWork, row: PolicyChange) -> str:
    model, _, kind = row.subject.partition("|")
    unit = UNITS[next(each for each in KINDS if each == kind)]
    found = select(func.count(func.distinct(EvseSample.evse_id))).where(
        EvseSample.kind == kind, EvseSample.minute > work.now - LOOK_BACK
    )
    if model:
        found = (
            found.join(Evse, Evse.id == EvseSample.evse_id).join(Pile).where(Pile.model == model)
        )
    total = work.session.scalar(found) or 0
    if not total:
        return "No socket measured this within 30 days, so nothing can be told of its effect."
    if not row.body:
        return f"Our own limits hold again for {total} sockets that measured within 30 days."
    stop, high, low = (row.body[each] for each in ("stop_high", "warn_high", "warn_low"))
    told = []
    if stop is not None:
        n = work.session.scalar(found.where(EvseSample.high >= stop)) or 0
        told.append(f"at {n} charging would have been stopped (above {stop / 1000:g} {unit})")
    beyond = [EvseSample.high >= high] if high is not None else []
    beyond += [EvseSample.low <= low] if low is not None else []
    if beyond:
        n = work.session.scalar(found.where(or_(*beyond))) or 0
        told.append(f"at {n} somebody would have been asked to look")
    return f"Of {total} sockets that measured within 30 days, {' and '.join(told)}."


def told(row: PolicyChange) -> tuple[str, str, str]:
    """What it is about, what was, and what is wanted, in words for staff."""
    if row.kind == "clock":
        title = clock_rules.KINDS[row.subject].title
        return title, _clock(row.before), _clock(row.body)
    model, _, kind = row.subject.partition("|")
    unit = UNITS[next(each for each in KINDS if each == kind)]
    about = f"{kind.capitalize()} of {model or 'every model'}"
    return about, _limits(row.before, unit), _limits(row.body, unit)


def _clock(body: Mapping[str, Any]) -> str:
    counting = "around the clock" if body["counting"] == "calendar" else "in opening hours"
    target = body.get("target_s")
    aim = f", target {_span(int(target))}" if target is not None else ""
    return f"{_span(int(body['limit_s']))}{aim}, {counting}"


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _limits(body: Mapping[str, Any], unit: str) -> str:
    names = {"warn_low": "look below", "warn_high": "look above", "stop_high": "stop above"}
    parts = [
        f"{name} {body[each] / 1000:g} {unit}"
        for each, name in names.items()
        if body.get(each) is not None
    ]
    return ", ".join(parts) or "our own"
