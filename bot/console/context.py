"""What every page of the console is made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import g, render_template, request

from bot.console.guard import Doorman, Me
from bot.settings import Settings
from bot.store.database import Store


@dataclass(frozen=True, slots=True)
class Console:
    """What pages of the console need."""

    store: Store
    settings: Settings
    doorman: Doorman

    def me(self) -> Me:
        """The person behind this request; the guard has let them in."""
        found: Me = g.me
        return found

    def page(self, name: str, status: int = 200, **values: Any) -> tuple[str, int]:
        """A rendered page of templates/console/."""
        return render_template(f"console/{name}.html", **values), status

    def wants_fragment(self) -> bool:
        """Whether htmx asks for a part of the page instead of a browser for all of it."""
        return request.headers.get("HX-Request") == "true"
