"""The console beside a whole Pilebot: staff of any role, riders and piles of world.py.

desk = Desk(world); anna = desk.agent("agent", "Anna"); anna.get("/"); anna.post("/…", reason="x")
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import select

import app
from bot.services import staff_sessions
from bot.services.riders import rider_for
from bot.store.riders import Conversation
from bot.store.staff import Staff
from tests.world import World, served


@dataclass
class Agent:
    """Somebody of the staff with a browser of their own, logged in."""

    desk: Desk
    staff_id: int
    token: str
    http: httpx.Client

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A page; its CSRF token is kept for `post`."""
        return self.http.get(path, **options)

    def post(self, path: str, *, files: Any = None, **fields: Any) -> httpx.Response:
        """Send a form as a browser without scripts would; redirects are not followed."""
        return self.http.post(path, data={"csrf": self.csrf(), **fields}, files=files)

    def csrf(self) -> str:
        """The token of this browser."""
        page = self.http.get("/login").text
        found = re.search(r'"X-CSRF-Token": "([0-9a-f]+)"', page)
        assert found, page
        return found[1]


@dataclass
class Desk:
    """The console's process over a world."""

    world: World
    url: str
    count: int = 0
    clients: list[httpx.Client] = field(default_factory=list)

    def agent(self, role: str = "agent", name: str = "", **values: Any) -> Agent:
        """A new person with this role, logged in with the second factor given."""
        self.count += 1
        name = name or f"{role.title()} {self.count}"
        with self.world.store.begin() as work:
            staff = Staff(
                login=f"{role}{self.count}@example.com", name=name, role=role,
                created_at=work.now, **{"presence": "online", "seen_at": work.now, **values},
            )  # fmt: skip
            work.session.add(staff)
            work.session.flush()
            token = staff_sessions.open_session(work, staff, second_factor=True)
        http = httpx.Client(
            base_url=self.url, cookies={"pilebot-staff": token}, timeout=20, follow_redirects=False
        )
        self.clients.append(http)
        return Agent(self, staff.id, token, http)

    def conversation(self, phone: str) -> Conversation:
        """A rider's conversation as it stands."""
        with self.world.store.read() as work:
            rider = rider_for(work, "whatsapp", phone)
            chat = select(Conversation).where(Conversation.rider_id == rider.id)
            return work.session.scalars(chat).one()


@contextmanager
def open_desk(world: World) -> Iterator[Desk]:
    """The console on a real port."""
    flask = app.make_console(world.settings, world.store)
    with served(flask) as port:
        desk = Desk(world, f"http://127.0.0.1:{port}")
        try:
            yield desk
        finally:
            for client in desk.clients:
                client.close()
