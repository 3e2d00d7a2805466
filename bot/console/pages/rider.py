"""The rider's panel: live beside the conversation, and a page of its own on a phone."""

from __future__ import annotations

from typing import Any

from flask import abort, request
from markupsafe import Markup

from bot.console.action_view import conversation_of
from bot.console.context import Console
from bot.console.fragments import fragment
from bot.console.guard import Routes
from bot.console.rider_view import Panel
from bot.console.rider_view import panel as make_panel
from bot.console.view import reveal_phone, shown_phones
from bot.services import reach
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /riders/<id>/panel and /phone."""

    @routes.page("/riders/<int:rider_id>/panel", right="rider.read")
    def panel(rider_id: int) -> Any:
        seen = _read(console, rider_id)
        if seen is None:
            abort(404)
        if console.wants_fragment():
            return console.page("rider_panel", panel=seen)
        return console.page("rider", panel=seen)

    @routes.page("/riders/<int:rider_id>/phone", right="phone.reveal")
    def phone(rider_id: int) -> Any:
        return _phone(console, rider_id)

    @routes.action("/riders/<int:rider_id>/phone", right="phone.reveal")
    def reveal(rider_id: int) -> Any:
        me, reason = console.me(), request.form.get("reason", "").strip()[:500]
        if not reason:
            return _phone(console, rider_id, refused="Please say why: it is kept in the audit log.")
        with console.store.begin() as work:
            _reach(console, work, rider_id)
            number = reveal_phone(work, me.actor(), rider_id, reason=reason)
        # Shown in this answer only: a redirect would have to carry it.
        return _phone(console, rider_id, number=number or "There is no number.")


def _phone(console: Console, rider_id: int, *, refused: str = "", number: str = "") -> Any:
    with console.store.read() as work:
        conversation = _reach(console, work, rider_id)
        masked = shown_phones(work, [rider_id]).get(rider_id, "")
    return console.page(
        "phone_sheet" if console.wants_fragment() else "phone",
        409 if refused else 200,
        rider_id=rider_id,
        masked=masked,
        number=number,
        refused=refused,
        back=f"/conversations/{conversation.id}",
    )


def _reach(console: Console, work: UnitOfWork, rider_id: int) -> Conversation:
    """The rider's conversation, or "not found" when it is out of reach."""
    conversation = conversation_of(work, rider_id)
    actor = console.me().actor()
    if conversation is None or not reach.may_read(work, actor, conversation.id):
        abort(404)
    return conversation


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
        return fragment("console/rider_panel.html", panel=seen) if seen else Markup()

    return {"rider_panel": rider_panel}
