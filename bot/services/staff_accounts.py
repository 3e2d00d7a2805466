"""Accounts of staff: made, changed and closed by an admin, never by their owner."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update

from bot.domain.rights import ROLES
from bot.errors import PilebotError
from bot.services import audit, marks, sealed, second_factor, staff_sessions
from bot.services.audit import Actor
from bot.services.staff_login import plain_login
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation
from bot.store.staff import Staff

LINK_LASTS: Final = timedelta(hours=48)


class NotAllowed(PilebotError):
    """This change of an account is not possible; the message says why."""


def create(work: UnitOfWork, actor: Actor | None, *, login: str, name: str, role: str) -> Staff:
    """A new account without a password: `link` lets its owner set one. Raises NotAllowed."""
    login, name = plain_login(login), " ".join(name.split())[:80]
    _check_role(role)
    if not login or any(c.isspace() for c in login):
        raise NotAllowed("A login is an e-mail address or one word.")
    if not name:
        raise NotAllowed("Give the person's name.")
    if work.session.scalars(select(Staff.id).where(Staff.login == login)).first() is not None:
        raise NotAllowed(f"{login} has an account already.")
    staff = Staff(login=login, name=name, role=role, created_at=work.now, langs=["en"])
    work.session.add(staff)
    work.session.flush()
    audit.record(work, actor, "staff.created", f"staff:{staff.id}", after={"role": role})
    return staff


def link(settings: Settings, staff: Staff, now: datetime) -> str:
    """The address where its owner sets the password: good for 48 hours, and once, as setting the
    password ends it."""
    told = f"{staff.id}:{int((now + LINK_LASTS).timestamp())}"
    token = sealed.sign(settings.secret_key, _link_purpose(staff), told)
    return f"{settings.console_url.rstrip('/')}/set-up/{token}"


def from_link(
    work: UnitOfWork, settings: Settings, token: str, *, lock: bool = False
) -> Staff | None:
    """Whose link this is, as long as it is good."""
    staff_id, _, until_s = token.partition(".")[0].partition(":")
    if not (staff_id.isdecimal() and until_s.isdecimal()) or len(staff_id + until_s) > 40:
        return None
    staff = work.session.get(Staff, int(staff_id), with_for_update=lock)
    if staff is None or not staff.active:
        return None
    told = sealed.signed(settings.secret_key, _link_purpose(staff), token)
    if told is None or datetime.fromtimestamp(min(int(until_s), 2**40), UTC) < work.now:
        return None
    return staff


def set_password(work: UnitOfWork, staff: Staff, password_hash: str) -> None:
    """A new password; every open session of the account ends, every link of it too."""
    staff.password_hash = password_hash
    staff.password_set_at = work.now
    staff_sessions.revoke(work, staff_id=staff.id)


def change_role(work: UnitOfWork, actor: Actor, staff_id: int, role: str, reason: str) -> None:
    """Another role: the person logs in anew. Nobody changes their own. Raises NotAllowed."""
    _check_role(role)
    staff = _other(work, actor, staff_id)
    if staff.role == role:
        return
    if staff.role == "admin":
        _another_admin(work, staff)
    before, staff.role = staff.role, role
    staff_sessions.revoke(work, staff_id=staff.id)
    audit.record(
        work, actor, "staff.role", f"staff:{staff.id}",
        before={"role": before}, after={"role": role}, reason=reason,
    )  # fmt: skip


def set_active(
    work: UnitOfWork, actor: Actor | None, staff_id: int, active: bool, reason: str
) -> None:
    """Close an account or open it again; a closed one's chats go back to the queue."""
    staff = _other(work, actor, staff_id)
    if staff.active == active:
        return
    if not active and staff.role == "admin":
        _another_admin(work, staff)
    staff.active = active
    if not active:
        staff.presence = "away"
        staff_sessions.revoke(work, staff_id=staff.id)
        _give_back_chats(work, staff)
    action = "staff.opened" if active else "staff.closed"
    audit.record(work, actor, action, f"staff:{staff.id}", reason=reason)


def reset_factor(work: UnitOfWork, actor: Actor | None, staff_id: int, reason: str) -> None:
    """Take away somebody's lost second factor; they enrol anew at the next login."""
    staff = _other(work, actor, staff_id)
    second_factor.forget(work, staff)
    staff_sessions.revoke(work, staff_id=staff.id)
    audit.record(work, actor, "factor.reset", f"staff:{staff.id}", reason=reason)


def reset_password(work: UnitOfWork, actor: Actor | None, staff_id: int, reason: str) -> Staff:
    """Take away somebody's password; `link` lets them set another."""
    staff = _other(work, actor, staff_id)
    set_password(work, staff, "")
    audit.record(work, actor, "password.reset", f"staff:{staff.id}", reason=reason)
    return staff


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise NotAllowed(f"There is no role {role!r}.")


def _other(work: UnitOfWork, actor: Actor | None, staff_id: int) -> Staff:
    if actor is not None and actor.staff_id == staff_id:
        raise NotAllowed("Nobody changes their own account here. Ask another admin.")
    staff = work.session.get(Staff, staff_id, with_for_update=True)
    if staff is None:
        raise NotAllowed("There is no such account.")
    return staff


def _another_admin(work: UnitOfWork, staff: Staff) -> None:
    """Locks the admins, so that two who remove each other at once leave one."""
    admins = select(Staff.id).where(Staff.role == "admin", Staff.active).with_for_update()
    if set(work.session.scalars(admins)) <= {staff.id}:
        raise NotAllowed(f"{staff.name} is the only admin. Make another one first.")


def _give_back_chats(work: UnitOfWork, staff: Staff) -> None:
    mine = (Conversation.owner == "human", Conversation.owner_id == staff.id)
    given = work.session.scalars(
        update(Conversation)
        .where(*mine)
        .values(
            owner="queue", owner_id=None, epoch=Conversation.epoch + 1,
            queued_at=func.coalesce(Conversation.waiting_since, work.now),
        )
        .returning(Conversation.id)
    ).all()  # fmt: skip
    for number in given:
        marks.mark(work, number, "returned", f"Back to the queue: {staff.name}'s account closed.")
        touched(work, f"conversation:{number}")


def _link_purpose(staff: Staff) -> str:
    """Changes with the password, so that a used link opens nothing."""
    state = f"{staff.password_hash}:{staff.password_set_at}"
    return f"set-up:{staff.id}:{hashlib.sha256(state.encode()).hexdigest()}"
