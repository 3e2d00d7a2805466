"""Accounts from the command line: the first admin, and the way back in for the last one."""

from __future__ import annotations

import sys
from getpass import getpass

from sqlalchemy import select

from bot.services import passwords, staff_accounts
from bot.services.staff_accounts import NotAllowed
from bot.services.staff_login import plain_login
from bot.settings import Settings
from bot.store.database import Store
from bot.store.staff import Staff


def add(
    store: Store, settings: Settings, login: str, name: str, role: str, password: str | None
) -> str | None:
    """A new account; answers its set-up link, None when it has a password. Raises NotAllowed."""
    with store.begin() as work:
        staff = staff_accounts.create(work, None, login=login, name=name, role=role)
        if password is None:
            return staff_accounts.link(settings, staff, work.now)
        staff_accounts.set_password(work, staff, passwords.hash_password(password))
    return None


def reset(store: Store, settings: Settings, login: str, password: str | None) -> str | None:
    """Open an account anew: no second factor, another password; as `add`. Raises NotAllowed."""
    with store.begin() as work:
        staff = work.session.scalars(select(Staff).where(Staff.login == plain_login(login))).first()
        if staff is None:
            raise NotAllowed(f"There is no account {login}.")
        why = "by command"
        staff_accounts.set_active(work, None, staff.id, True, why)
        staff_accounts.reset_factor(work, None, staff.id, why)
        staff_accounts.reset_password(work, None, staff.id, why)
        if password is None:
            return staff_accounts.link(settings, staff, work.now)
        staff_accounts.set_password(work, staff, passwords.hash_password(password))
    return None


def listed(store: Store) -> str:
    """Every account, a line each."""
    with store.read() as work:
        people = work.session.scalars(select(Staff).order_by(Staff.id)).all()
    if not people:
        return "Nobody yet. The first: ./run staff add LOGIN --role admin"
    return "\n".join(
        f"{each.login}\t{each.role}\t{each.name}\t"
        + ("closed" if not each.active else "open" if each.password_hash else "not set up")
        + ("" if each.totp_secret else ", no second factor")
        for each in people
    )


def ask_password(login: str) -> str:
    """A good password, typed twice or the first line of a pipe. Raises NotAllowed."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass("Password: ")
        if getpass("Once more: ") != password:
            raise NotAllowed("The two are not the same.")
    if problem := passwords.weakness(password, login):
        raise NotAllowed(problem)
    return password
