"""Letting staff in: password, second factor, fresh session ids, known and new devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import select, update

from bot.errors import PilebotError
from bot.services import (
    audit,
    login_throttle,
    passwords,
    sealed,
    second_factor,
    staff_sessions,
)
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.database import Store, UnitOfWork
from bot.store.staff import Staff, StaffSession

FRESH: Final = timedelta(minutes=5)
DEVICE_LASTS: Final = timedelta(days=180)
UNSEEN: Final = "new_devices"  # in Staff.preferences: sessions whose owner has not said "that's me"

# Where somebody with the right password goes: in, to the form for a code, or to enrol first.
Next = Literal["in", "code", "enrol"]


class TooSoon(PilebotError):
    """Too many failed tries: the next one may be made after `wait`."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"try again {in_words(wait)}")
        self.wait = wait


class Wrong(PilebotError):
    """Not the right login, password or code; which of them is not told."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser at the door."""

    ip: str
    browser: str
    devices: dict[str, str]  # staff id -> this browser's device token for that account


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody who gave the right password or code: their new session's token."""

    staff: Staff
    token: str
    next: Next


def in_words(wait: timedelta) -> str:
    """ "in 8 seconds", "in 3 minutes"."""
    seconds = max(1, round(wait.total_seconds()))
    if seconds < 90:
        return f"in {seconds} second{'s' if seconds > 1 else ''}"
    return f"in {-(-seconds // 60)} minutes"


def plain_login(typed: str) -> str:
    """A login as it is kept."""
    return typed.strip().casefold()[:120]


def log_in(
    store: Store, settings: Settings, typed: str, password: str, visitor: Visitor
) -> Entered:
    """Check a password. Raises Wrong or TooSoon, alike for accounts that do not exist."""
    login = plain_login(typed)
    with store.read() as work:
        staff = work.session.scalars(select(Staff).where(Staff.login == login)).first()
    account = login_throttle.account(login)
    if staff is not None and (known := _known_device(settings, staff, visitor)):
        account = login_throttle.device(login, known)
    network = login_throttle.network(visitor.ip)
    _admit(store, network, account)
    usable = staff is not None and staff.active
    right = passwords.fits(staff.password_hash if staff and usable else "", password)
    with store.begin() as work:
        if staff is None or not right:
            object_ = f"staff:{staff.id}" if staff else ""
            audit.record(work, None, "login.failed", object_, after={"from": visitor.ip})
        else:
            login_throttle.forgive(work, account, once=network)
            staff = work.session.get_one(Staff, staff.id)
            if passwords.is_outdated(staff.password_hash):
                staff.password_hash = passwords.hash_password(password)
            return enter(work, settings, staff, visitor)
    raise Wrong


def enter(
    work: UnitOfWork,
    settings: Settings,
    staff: Staff,
    visitor: Visitor,
    *,
    second_factor_given: bool = False,
) -> Entered:
    """A new session for somebody whose password was right."""
    complete = second_factor_given or not second_factor.is_needed(settings, staff)
    token = staff_sessions.open_session(
        work, staff, second_factor=complete, ip=visitor.ip, browser=visitor.browser
    )
    work.session.flush()
    if not complete:
        return Entered(staff, token, "code" if staff.totp_secret else "enrol")
    found = staff_sessions.find_session(work, token)
    assert found is not None
    session = found[1]
    new = _known_device(settings, staff, visitor) is None
    actor = Actor(staff.id, staff.role, staff.name, session.id, visitor.ip)
    audit.record(work, actor, "login", f"staff:{staff.id}", after={"new_device": new})
    if new and _logged_in_before(work, staff, session):
        unseen = [*staff.preferences.get(UNSEEN, []), session.id]
        staff.preferences = {**staff.preferences, UNSEEN: unseen[-20:]}
    return Entered(staff, token, "in")


def give_code(
    store: Store, settings: Settings, pending: StaffSession, code: str, visitor: Visitor
) -> Entered:
    """The second factor after the password: the pending session ends, a new one begins.

    Raises Wrong, TooSoon, sealed.CannotOpen.
    """
    how = _check_code(store, settings, pending.staff_id, code, visitor.ip)
    with store.begin() as work:
        staff = work.session.get_one(Staff, pending.staff_id)
        staff_sessions.revoke(work, staff_id=staff.id, session_id=pending.id)
        entered = enter(work, settings, staff, visitor, second_factor_given=True)
        if how == "recovery":
            audit.record(work, None, "factor.recovery_code", f"staff:{staff.id}")
        return entered


def confirm(store: Store, settings: Settings, actor: Actor, code: str) -> None:
    """Give the second factor once more, for what must be sure (FRESH); without one, the password.

    Raises Wrong, TooSoon, sealed.CannotOpen.
    """
    with store.read() as work:
        staff = work.session.get_one(Staff, actor.staff_id)
    if staff.totp_secret:
        _check_code(store, settings, staff.id, code, actor.ip)
    else:
        check_password(store, staff.id, code)
    with store.begin() as work:
        work.session.execute(
            update(StaffSession).where(StaffSession.id == actor.session_id).values(totp_at=work.now)
        )


def check_password(store: Store, staff_id: int, password: str) -> None:
    """One's own password, from inside. Raises Wrong or TooSoon."""
    guarded = login_throttle.factor(staff_id)
    _admit(store, guarded)
    with store.read() as work:
        kept = work.session.get_one(Staff, staff_id).password_hash
    if not passwords.fits(kept, password):
        raise Wrong
    with store.begin() as work:
        login_throttle.forgive(work, guarded)


def device_token(settings: Settings, staff: Staff, now: datetime) -> str:
    """What a browser keeps so that it is known the next time."""
    told = f"{staff.id}:{int(now.timestamp())}"
    return sealed.sign(settings.secret_key, "device", told)


def acknowledge_devices(work: UnitOfWork, staff_id: int) -> None:
    """The new devices of an account are its owner's."""
    staff = work.session.get_one(Staff, staff_id, with_for_update=True)
    staff.preferences = {k: v for k, v in staff.preferences.items() if k != UNSEEN}


def _check_code(store: Store, settings: Settings, staff_id: int, code: str, ip: str) -> str:
    guarded = login_throttle.factor(staff_id)
    _admit(store, guarded)
    with store.begin() as work:
        staff = work.session.get_one(Staff, staff_id)
        how = second_factor.passes(work, settings, staff, code)
        if how is None:
            actor = Actor(staff.id, staff.role, staff.name, None, ip)
            audit.record(work, actor, "factor.failed", f"staff:{staff.id}")
        else:
            login_throttle.forgive(work, guarded)
    if how is None:
        raise Wrong
    return how


def _admit(store: Store, *guarded: login_throttle.Guarded) -> None:
    with store.begin() as work:
        wait = login_throttle.admit(work, guarded)
    if wait is not None:
        raise TooSoon(wait)


def _known_device(settings: Settings, staff: Staff, visitor: Visitor) -> str | None:
    """This browser's device token for an account, unless the password is younger than it."""
    token = visitor.devices.get(str(staff.id), "")
    told = sealed.signed(settings.secret_key, "device", token)
    if told is None:
        return None
    staff_id, _, at_s = told.partition(":")
    at = datetime.fromtimestamp(int(at_s), UTC)
    set_at = staff.password_set_at
    good = staff_id == str(staff.id) and (set_at is None or at >= set_at.replace(microsecond=0))
    return token if good else None


def _logged_in_before(work: UnitOfWork, staff: Staff, session: StaffSession) -> bool:
    earlier = select(StaffSession.id).where(
        StaffSession.staff_id == staff.id,
        StaffSession.id != session.id,
        StaffSession.totp_at.is_not(None),
    )
    return work.session.scalars(earlier.limit(1)).first() is not None
