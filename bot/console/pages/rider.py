"""The rider's panel: live beside the conversation, and a page of its own on a phone."""

from __future__ import annotations

from typing import Any

from flask import abort, render_template
from markupsafe import Markup

from bot.console.action_view import conversation_of
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.rider_view import Panel
from bot.console.rider_view import panel as make_panel
from bot.services import reach


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /riders/<id>/panel."""

    @routes.page("/riders/<int:rider_id>/panel", right="rider.read")
    def panel(rider_id: int) -> Any:
        seen = _read(console, rider_id)
        if seen is None:
            abort(404)
        if console.wants_fragment():
            return console.page("rider_panel", panel=seen)
        return console.page("rider", panel=seen)


def _read(console: Console, rider_id: int) -> Panel | None:
    me = console.me()
    with console.store.read() as work:
        conversation = conversation_of(work, rider_id)
        if conversation is None or not reach.may_read(work, me.actor(), conversation.id):
            return None
        return make_panel(work, console.settings, me, conversation)


def shared(console: Console) -> dict[str, Any]:
    """For all templates: the panel of a rider, "" out of reach."""

    def rider_panel(rider_id: int) -> Markup:
        seen = _read(console, rider_id)
        # The template escapes what riders wrote.
        return Markup(render_template("console/rider_panel.html", panel=seen) if seen else "")  # noqa: S704

    return {"rider_panel": rider_panel}
