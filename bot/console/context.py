"""What every page of the console is made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, g, render_template, request

from bot.console.door import Door
from bot.console.guard import Me
from bot.services import sealed, staff_login
from bot.settings import Settings
from bot.store.database import Store


@dataclass(frozen=True, slots=True)
class Console:
    """What pages of the console need."""

    store: Store
    settings: Settings
    doorman: Door

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

    def fresh_factor(self, me: Me) -> bool:
        """Whether the second factor was given in the last five minutes, or is in this form.

        For what must be sure: large refunds, exports, roles. The form has `factor_field()` in it,
        which shows only when it must be given. When False, why is flashed already: redirect back.
        """
        now = self.store.clock()
        if me.factor_at is not None and now - me.factor_at <= staff_login.FRESH:
            return True
        code = request.form.get("code", "")
        if not code:
            flash("Please confirm that it is you: give your code.", "bad")
            return False
        try:
            staff_login.confirm(self.store, self.settings, me.actor(), code)
        except staff_login.TooSoon as soon:
            flash(f"Too many wrong codes. Try again {staff_login.in_words(soon.wait)}.", "bad")
            return False
        except staff_login.Wrong:
            flash("That code is not right, or was used already. Nothing was done.", "bad")
            return False
        except sealed.CannotOpen:
            flash("Your second factor cannot be read any more. Ask an admin to reset it.", "bad")
            return False
        return True
