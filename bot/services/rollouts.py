"""A firmware's way through all piles of a model: first one pile, the rest on a person's word.

Decided by bot/domain/firmware.py, looked at in the roll-out's own stream, so that of many piles
that report at once each is counted once and never more than a few install at a time.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, update

from bot.domain import firmware as rules
from bot.domain.staff_actions import KINDS
from bot.errors import PilebotError
from bot.services import actions, audit, pile_results
from bot.services.audit import Actor
from bot.services.plan_parts import NotPossible, Target
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.remote import Firmware, FirmwareUpdate, Rollout
from bot.store.staff import Staff
from bot.store.stations import Pile
from bot.store.upsert import insert

REASON_MAX: Final = 500


# --- files


def add(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    *,
    model: str,
    version: str,
    note: str,
    data: bytes,
) -> Firmware:
    """A firmware for a model. Raises NotPossible."""
    version = version.strip()
    if not rules.good_version(version):
        raise NotPossible("A version is letters, digits, dots and dashes, like 1.5.0.")
    fits = select(Pile.id).where(Pile.model == model, Pile.model != "").limit(1)
    if work.session.scalars(fits).first() is None:
        raise NotPossible("There is no pile of this model.")
    if not data or len(data) > settings.firmware_max_bytes:
        most = settings.firmware_max_bytes // 1_000_000
        raise NotPossible(f"Choose a file of at most {most} MB.")
    row = {
        "model": model, "version": version, "note": note.strip()[:200], "data": data,
        "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "at": work.now,
        "staff_id": actor.staff_id,
    }  # fmt: skip
    made = work.session.scalars(
        insert(work, Firmware)
        .values(row)
        .on_conflict_do_nothing(index_elements=["model", "version"])
        .returning(Firmware)
    ).first()
    if made is None:
        raise NotPossible(f"{version} for this model is here already; a file never changes.")
    audit.record(
        work, actor, "firmware.added", f"firmware:{made.id}",
        after={"model": model, "version": version, "size": made.size, "sha256": made.sha256},
    )  # fmt: skip
    return made


def withdraw(work: UnitOfWork, actor: Actor, firmware_id: int, *, reason: str) -> None:
    """Offer a firmware to no further pile. Raises NotPossible."""
    reason = _reason(reason)
    gone = work.session.scalars(
        update(Firmware)
        .where(Firmware.id == firmware_id, Firmware.withdrawn_at.is_(None))
        .values(withdrawn_at=work.now)
        .returning(Firmware.id)
    ).first()
    if gone is None:
        raise NotPossible("There is no such firmware, or it is withdrawn already.")
    audit.record(work, actor, "firmware.withdrawn", f"firmware:{firmware_id}", reason=reason)
    open_ = select(Rollout.id).where(
        Rollout.firmware_id == firmware_id, Rollout.open_key.is_not(None)
    )
    for rollout_id in work.session.scalars(open_):
        stop(work, actor, rollout_id, reason=f"The firmware was withdrawn: {reason}")


# --- by people


def start(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    firmware_id: int,
    pile_id: str,
    *,
    reason: str,
    key: str,
) -> Rollout:
    """Begin with one pile. Raises NotPossible: it cannot be updated now, or one runs already."""
    reason = _reason(reason)
    image = work.session.get(Firmware, firmware_id)
    pile = work.session.get(Pile, pile_id)
    if image is None or image.withdrawn_at is not None:
        raise NotPossible("There is no such firmware.")
    if pile is None or pile.model != image.model:
        raise NotPossible("Choose a pile of this model.")
    made = work.session.scalars(
        insert(work, Rollout)
        .values(
            firmware_id=image.id, open_key=image.model, state="first", reason=reason,
            asked_by=actor.staff_id, at=work.now, outcome="",
        )
        .on_conflict_do_nothing(index_elements=["open_key"])
        .returning(Rollout)
    ).first()  # fmt: skip
    if made is None:
        raise NotPossible("A firmware is on its way through this model already.")
    audit.record(
        work, actor, "rollout.started", f"rollout:{made.id}",
        after={"firmware": image.id, "version": image.version, "first": pile.id}, reason=reason,
    )  # fmt: skip
    _plan(work, made, [pile.id])
    actions.ask(
        work, settings, actor, KINDS["firmware"], Target(pile_id=pile.id, choice=str(image.id)),
        reason=reason, key=f"rollout:{key}", more={"rollout": str(made.id)},
    )  # fmt: skip
    return made


def confirm(work: UnitOfWork, actor: Actor, rollout_id: int) -> Rollout:
    """The first pile runs it well: the rest of the model follows. Raises NotPossible."""
    rollout = _move(
        work, rollout_id, ("tried",), "rest", confirmed_by=actor.staff_id, confirmed_at=work.now
    )
    image = work.session.get_one(Firmware, rollout.firmware_id)
    others = select(Pile.id).where(Pile.model == image.model, Pile.firmware != image.version)
    ids = work.session.scalars(others.order_by(Pile.id)).all()
    _plan(work, rollout, ids)
    audit.record(
        work, actor, "rollout.confirmed", f"rollout:{rollout.id}", after={"piles": len(ids)}
    )
    pile_results.roll_on(work, rollout.id)
    return rollout


def stop(work: UnitOfWork, actor: Actor, rollout_id: int, *, reason: str) -> Rollout:
    """No further pile begins; those that have begun go on. Raises NotPossible."""
    reason = _reason(reason)
    rollout = _move(
        work, rollout_id, ("first", "tried", "rest"), "stopped", open_key=None,
        ended_at=work.now, outcome=reason,
    )  # fmt: skip
    _skip_rest(work, rollout.id)
    audit.record(work, actor, "rollout.stopped", f"rollout:{rollout.id}", reason=reason)
    return rollout


def _reason(text: str) -> str:
    text = text.strip()[:REASON_MAX]
    if not text:
        raise NotPossible("Please say why: the reason is kept.")
    return text


def _move(
    work: UnitOfWork, rollout_id: int, before: Sequence[str], after: str, **values: Any
) -> Rollout:
    """One conditional step: of two people at once one gets it."""
    moved = work.session.scalars(
        update(Rollout)
        .where(Rollout.id == rollout_id, Rollout.state.in_(before))
        .values(state=after, **values)
        .returning(Rollout.id)
        .execution_options(synchronize_session=False)
    ).first()
    rollout = work.session.get(Rollout, rollout_id, populate_existing=True)
    if moved is None or rollout is None:
        raise NotPossible("That is decided already: look at how it stands.")
    touched(work, f"rollout:{rollout_id}")
    return rollout


# --- by itself


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "rollout.timer": one of its piles has moved, or may be ready by now."""
    rollout = work.session.get(
        Rollout, int(body["rollout_id"]), with_for_update=True, populate_existing=True
    )
    if rollout is None:
        return
    touched(work, f"rollout:{rollout.id}")
    _settle(work, rollout)
    for _ in range(rules.may_begin(rollout.state, standing(work, rollout.id))):
        if not _begin_next(work, settings, rollout):
            break
    _settle(work, rollout)
    if rollout.state == "rest" and standing(work, rollout.id).waiting:
        pile_results.roll_on(work, rollout.id, after=rules.AGAIN)


def _settle(work: UnitOfWork, rollout: Rollout) -> None:
    stands = standing(work, rollout.id)
    state = rules.next_state(rollout.state, stands)
    if state == rollout.state:
        return
    rollout.state = state
    if state in ("done", "stopped"):
        rollout.open_key, rollout.ended_at = None, work.now
        told = f"{stands.installed} piles run it"
        if state == "stopped":
            _skip_rest(work, rollout.id)
            told = f"Stopped by itself after {stands.failed} failed; {told}"
        rollout.outcome = told


def _begin_next(work: UnitOfWork, settings: Settings, rollout: Rollout) -> bool:
    """Order the update of the next pile that can take it; False when none can now."""
    staff = work.session.get_one(Staff, rollout.confirmed_by or rollout.asked_by)
    actor = Actor(staff.id, staff.role, staff.name)
    for row in _waiting(work, rollout.id):
        try:
            with work.session.begin_nested():
                actions.ask(
                    work, settings, actor, KINDS["firmware"],
                    Target(pile_id=row.pile_id, choice=str(rollout.firmware_id)),
                    reason=rollout.reason, key=f"rollout:{rollout.id}:{row.pile_id}",
                    more={"rollout": str(rollout.id)},
                )  # fmt: skip
        except PilebotError as error:
            row.why, row.state_at = str(error), work.now
            continue
        return True
    return False


def _plan(work: UnitOfWork, rollout: Rollout, pile_ids: Sequence[str]) -> None:
    rows = [
        {
            "firmware_id": rollout.firmware_id, "pile_id": each, "rollout_id": rollout.id,
            "before": "", "state": "Waiting", "at": work.now, "state_at": work.now, "why": "",
        }
        for each in pile_ids
    ]  # fmt: skip
    if rows:
        work.session.execute(insert(work, FirmwareUpdate).on_conflict_do_nothing(), rows)


def _waiting(work: UnitOfWork, rollout_id: int) -> Sequence[FirmwareUpdate]:
    rows = select(FirmwareUpdate).where(
        FirmwareUpdate.rollout_id == rollout_id, FirmwareUpdate.state == "Waiting"
    )
    return work.session.scalars(rows.order_by(FirmwareUpdate.id)).all()


def _skip_rest(work: UnitOfWork, rollout_id: int) -> None:
    for row in _waiting(work, rollout_id):
        row.state, row.state_at = "Skipped", work.now


# --- reading


def standing(work: UnitOfWork, rollout_id: int) -> rules.Standing:
    """How many of its piles are where."""
    work.session.flush()
    states = select(FirmwareUpdate.state).where(FirmwareUpdate.rollout_id == rollout_id)
    found = Counter(map(_where, work.session.scalars(states)))
    return rules.Standing(found["installed"], found["failed"], found["running"], found["waiting"])


def _where(state: str) -> str:
    if state == "Waiting":
        return "waiting"
    if state == "Installed":
        return "installed"
    if state in rules.FAILED:
        return "failed"
    return "skipped" if state == "Skipped" else "running"


def updates(work: UnitOfWork, rollout_id: int) -> list[tuple[FirmwareUpdate, Pile]]:
    """Its piles with how far each is."""
    rows = work.session.execute(
        select(FirmwareUpdate, Pile)
        .join(Pile, Pile.id == FirmwareUpdate.pile_id)
        .where(FirmwareUpdate.rollout_id == rollout_id)
        .order_by(FirmwareUpdate.id)
    )
    return [(row[0], row[1]) for row in rows]
