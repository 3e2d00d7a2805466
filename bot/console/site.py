"""Puts the console together: every module of pages/, the guard, and what templates may call."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, g, get_flashed_messages, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from sqlalchemy.exc import DataError

from bot.console import navigation, pages
from bot.console.context import Console
from bot.console.door import Door
from bot.console.guard import Routes
from bot.console.stream import newest
from bot.services import preferences
from bot.settings import Settings
from bot.store.database import Store

STATIC: Final = Path(__file__).resolve().parent / "static"


def blueprint(store: Store, settings: Settings) -> tuple[Blueprint, Routes]:
    """All pages of the console, and the table of which right each route needs."""
    door = Door(store, settings)
    desk = Blueprint(
        "console",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    console = Console(store, settings, door)
    routes = Routes(desk, door)
    desk.after_request(door.remember_visit)

    @desk.before_request
    def _note_the_present() -> None:
        """A page's script asks for what changed since before the page's rows were read."""
        whole_page = request.method == "GET" and "HX-Request" not in request.headers
        if whole_page and g.get("me") is not None:
            with store.read() as work:
                g.cursor = str(newest(work))

    parts: dict[str, Any] = {}
    for found in pkgutil.iter_modules(pages.__path__):
        module = importlib.import_module(f"{pages.__name__}.{found.name}")
        module.add_routes(routes, console)
        # Small pieces that every page shows: a page module may offer some to all templates.
        parts.update(module.shared(console) if hasattr(module, "shared") else {})

    @desk.errorhandler(OverflowError)
    @desk.errorhandler(DataError)
    def _no_database_holds_this(_: Exception) -> Any:
        """A number with thirty digits, a text with a NUL: nothing was done, whatever the field."""
        return "Something in this form or address cannot be right. Nothing was done.", 400

    @desk.context_processor
    def _for_templates() -> dict[str, Any]:
        me = g.get("me")
        return {
            "brand": settings.brand,
            "me": me,
            "cursor": g.get("cursor", ""),
            "keys": preferences.keyboard(me.preferences if me else {}),
            "may": me.may if me else lambda right: False,
            "navigation": lambda: navigation.items(me),
            "nav_groups": lambda: navigation.groups(me),
            "flashes": lambda: get_flashed_messages(with_categories=True),
            **parts,
        }

    @desk.record_once
    def _for_macros(state: BlueprintSetupState) -> None:
        env = state.app.jinja_env
        env.globals |= {
            "csrf": door.csrf,
            "here": lambda: request.full_path.rstrip("?"),
            "static": static,
            "relative": lambda at: relative(at, store.clock()),
            "duration": duration,
            "lasting": lambda at: duration(int((store.clock() - at).total_seconds())),
        }
        env.globals["ui"] = env.get_template("console/parts.html").module

    return desk, routes


def static(name: str) -> str:
    """The address of a file of static/; it changes with the file, so caches may keep it."""
    return url_for("console.static", filename=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]


def relative(at: datetime, now: datetime) -> str:
    """ "just now", "5 min ago", "in 2 h", "3 d ago"."""
    seconds = int((now - at).total_seconds())
    ahead, seconds = seconds < 0, abs(seconds)
    if seconds < 45:
        return "just now" if not ahead else "in a moment"
    return f"in {duration(seconds)}" if ahead else f"{duration(seconds)} ago"


def duration(seconds: int) -> str:
    """ "3 d", "2 h", "5 min": the largest unit is precise enough to glance at."""
    for size, unit in ((86_400, "d"), (3_600, "h")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(1, seconds // 60)} min"
