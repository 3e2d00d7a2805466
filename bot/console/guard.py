"""The door of every route: a right named at its registration, or nobody gets in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from flask import Blueprint, abort, g, redirect, request, url_for

from bot.domain.rights import RIGHTS, may
from bot.services.audit import Actor

PUBLIC: Final = "public"  # login pages and files: no account needed
View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Me:
    """Who is behind a request."""

    staff_id: int
    session_id: int
    name: str
    role: str
    ip: str = ""
    langs: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    preferences: dict[str, Any] = field(default_factory=dict)
    factor_at: datetime | None = None  # when the second factor was last given

    def may(self, right: str) -> bool:
        """Whether this person has a right of bot/domain/rights.py."""
        return may(self.role, right)

    def actor(self) -> Actor:
        """The same person as services know them."""
        return Actor(self.staff_id, self.role, self.name, self.session_id, self.ip)


class Doorman(Protocol):
    """Knows who is behind a request; bot/console/door.py."""

    def me(self) -> Me | None:
        """The logged-in person, second factor given; None for a stranger."""
        ...

    def check_origin(self) -> None:
        """Abort unless an unsafe request comes from one of our own pages."""
        ...

    def denied(self, me: Me, right: str) -> None:
        """Note in the audit log that somebody tried what they may not."""
        ...


class Routes:
    """Registers routes with the right they need; `rights` is the table the tests walk.

    A view gets its URL arguments; `g.me` is the person. GET never changes state: `page` takes
    views that only read, `action` those that change something (POST, with a CSRF token).
    """

    def __init__(self, blueprint: Blueprint, doorman: Doorman) -> None:
        self.blueprint = blueprint
        self.doorman = doorman
        self.rights: dict[str, str] = {}  # endpoint (without the blueprint's name) -> right
        blueprint.before_request(self._check)

    def page(self, rule: str, *, right: str) -> Callable[[View], View]:
        """A route that reads."""
        return self._add(rule, ["GET"], right)

    def action(self, rule: str, *, right: str) -> Callable[[View], View]:
        """A route that changes something."""
        return self._add(rule, ["POST"], right)

    def _add(self, rule: str, methods: list[str], right: str) -> Callable[[View], View]:
        if right != PUBLIC and right not in RIGHTS:
            raise ValueError(f"{right} is no right of bot/domain/rights.py")

        def mark(view: View) -> View:
            endpoint = f"{view.__module__.rsplit('.', 1)[-1]}_{view.__name__.strip('_')}"
            if endpoint in self.rights:
                raise ValueError(f"two views are called {endpoint}")
            self.rights[endpoint] = right
            self.blueprint.add_url_rule(rule, endpoint, view, methods=methods)
            return view

        return mark

    def _check(self) -> Any:
        """Before each request: who, from where, with which right. Unlisted means no."""
        endpoint = (request.endpoint or "").rpartition(".")[2]
        if endpoint == "static":
            return None
        right = self.rights.get(endpoint)
        if right is None:
            abort(403)
        g.me = self.doorman.me()
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            self.doorman.check_origin()
        if right == PUBLIC:
            return None
        if g.me is None:
            return self._to_login()
        if not g.me.may(right):
            self.doorman.denied(g.me, right)
            abort(403)
        return None

    def _to_login(self) -> Any:
        if request.headers.get("HX-Request"):
            return "", 401, {"HX-Redirect": url_for("console.login_form")}
        if request.method != "GET" or request.path.endswith("/events"):
            abort(401)
        return redirect(url_for("console.login_form", next=request.full_path.rstrip("?")))
