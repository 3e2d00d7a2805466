"""Failed logins make the next try wait: longer for each, never for good, for all alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Final

from sqlalchemy import case, delete, select, update

from bot.store.database import UnitOfWork
from bot.store.staff import LoginThrottle
from bot.store.upsert import insert

_FORGOTTEN_AFTER: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Guarded:
    """Something whose tries are counted: after `free` failures each next one waits, doubling."""

    key: str
    free: int
    longest: timedelta


def account(login: str) -> Guarded:
    """A login as typed, of somebody or of nobody; its hash, as people type passwords there too."""
    told = hashlib.sha256(login.encode()).hexdigest()[:32]
    return Guarded(f"account:{told}", free=3, longest=timedelta(minutes=15))


def device(login: str, device_id: str) -> Guarded:
    """A browser this account knows: strangers at the account do not slow its owner down."""
    told = hashlib.sha256(f"{login}:{device_id}".encode()).hexdigest()[:32]
    return Guarded(f"device:{told}", free=5, longest=timedelta(minutes=5))


def network(ip: str) -> Guarded:
    """Where it comes from: an address, or the /64 of an IPv6 one. Offices share one."""
    try:
        address = ip_address(ip)
        net = str(ip_network(f"{ip}/64", strict=False)) if address.version == 6 else ip
    except ValueError:
        net = "unknown"
    return Guarded(f"network:{net}", free=30, longest=timedelta(minutes=5))


def factor(staff_id: int) -> Guarded:
    """Codes of somebody whose password was right."""
    return Guarded(f"factor:{staff_id}", free=5, longest=timedelta(minutes=15))


def admit(work: UnitOfWork, guarded: Iterable[Guarded]) -> timedelta | None:
    """Count a try as failed before it is made; answers how long to wait where it may not be.

    Counted first, so that many tries at once are no way around; `forgive` takes it back.
    """
    all_of_it = tuple(guarded)
    rows = select(LoginThrottle.next_at).where(LoginThrottle.key.in_([g.key for g in all_of_it]))
    waits = [next_at - work.now for next_at in work.session.scalars(rows)]
    if waits and max(waits) > timedelta():
        return max(waits)
    for one in all_of_it:
        if (wait := _count(work, one)) is not None:
            return wait
    return None


def forgive(work: UnitOfWork, *guarded: Guarded, once: Guarded | None = None) -> None:
    """The try was right: begin anew; of `once` only this try is taken back, as a network in which
    one person logs in may still be one from which others are attacked."""
    keys = [each.key for each in guarded]
    work.session.execute(delete(LoginThrottle).where(LoginThrottle.key.in_(keys)))
    if once is not None:
        work.session.execute(
            update(LoginThrottle)
            .where(LoginThrottle.key == once.key, LoginThrottle.failures > 0)
            .values(failures=LoginThrottle.failures - 1, next_at=work.now)
        )


def tidy(work: UnitOfWork) -> None:
    """Forget old failures; the clock calls this now and then."""
    old = LoginThrottle.next_at < work.now - _FORGOTTEN_AFTER
    work.session.execute(delete(LoginThrottle).where(old))


def _count(work: UnitOfWork, one: Guarded) -> timedelta | None:
    """One statement each: of parallel tries only one passes once waiting has begun."""
    old = LoginThrottle.next_at < work.now - _FORGOTTEN_AFTER
    counted = (
        insert(work, LoginThrottle)
        .values(key=one.key, failures=1, next_at=work.now)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={"failures": case((old, 1), else_=LoginThrottle.failures + 1)},
            where=LoginThrottle.next_at <= work.now,
        )
        .returning(LoginThrottle.failures)
    )
    failures = work.session.execute(counted).scalar_one_or_none()
    if failures is None:  # another try set the wait in this very moment
        return timedelta(seconds=1)
    wait = _wait(one, failures)
    row = work.session.get_one(LoginThrottle, one.key, populate_existing=True)
    row.next_at = work.now + wait
    work.session.flush()
    return None


def _wait(one: Guarded, failures: int) -> timedelta:
    """After the free failures 1, 2, 4 … seconds, at most `longest`."""
    over = failures - one.free
    return timedelta() if over <= 0 else min(timedelta(seconds=2 ** min(over - 1, 20)), one.longest)
