"""Somebody at the login page: a browser without scripts, and an authenticator app."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import pyotp

from bot.services import passwords, sealed, staff_accounts
from bot.store.staff import Staff
from tests.console.desk import Desk

PASSWORD = "seven quiet herons"


def account(desk: Desk, role: str = "agent", login: str = "", *, factor: bool = True) -> Staff:
    """An account with PASSWORD; with `factor` its authenticator has `SECRET`."""
    world = desk.world
    with world.store.begin() as work:
        login = login or f"{role}-{len(desk.clients)}-{desk.count}@example.com"
        desk.count += 1
        staff = staff_accounts.create(work, None, login=login, name="Aino Berg", role=role)
        staff_accounts.set_password(work, staff, passwords.hash_password(PASSWORD))
        if factor:
            staff.totp_secret = sealed.seal(world.settings.secret_key, f"totp:{staff.id}", SECRET)
    return staff


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_at(moment: datetime, secret: str = SECRET) -> str:
    """What the authenticator shows at a moment."""
    return pyotp.TOTP(secret).at(moment)


@dataclass
class Browser:
    """A browser of a stranger; keeps cookies, follows nothing by itself."""

    desk: Desk
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.desk.url, timeout=20)
        self.desk.clients.append(self.http)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, path: str, page: str = "/login", **fields: str) -> httpx.Response:
        """Send a form of a page."""
        token = re.search(r'"X-CSRF-Token": "([0-9a-f]+)"', self.http.get(page).text)
        assert token, page
        return self.http.post(path, data={"csrf": token[1], **fields})

    def logs_in(self, login: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Send the login form."""
        return self.post("/login", login=login, password=password, **fields)

    def gives_code(self, code: str) -> httpx.Response:
        """Send the form for the second factor."""
        return self.post("/login/code", "/login/code", code=code)

    def is_in(self) -> bool:
        """Whether the inbox opens."""
        return self.http.get("/account").status_code == 200
