"""Taking a conversation over, passing it on, giving it back, closing it: plain forms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, request, url_for

from bot.console import chat
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.pages.conversation import show
from bot.errors import PilebotError
from bot.services import handoff, threads
from bot.services.audit import Actor
from bot.services.handoff import Beaten, NotPossible
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation

SNOOZES: Final = {"1h": "1 hour", "3h": "3 hours", "tomorrow": "Tomorrow 9:00", "week": "Next week"}
Change = Callable[[UnitOfWork, Actor, Conversation], object]


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /conversations/<id>/claim, transfer, force, requeue, hand-back, resolve, …"""
    work_on = "conversation.work"

    def change(conversation_id: int, done: str, act: Change) -> Any:
        """Carry out a change; whoever comes too late reads who was faster, as 409."""
        try:
            with console.store.begin() as work:
                conversation = chat.readable(console, work, conversation_id)
                act(work, console.me().actor(), conversation)
        except Beaten as beaten:
            return show(
                console, conversation_id, chat.Draft(), status=409,
                problem=f"Somebody else was faster. {beaten}",
            )  # fmt: skip
        except (NotPossible, PilebotError) as refused:
            return show(console, conversation_id, chat.Draft(), status=409, problem=str(refused))
        flash(done, "good")
        return redirect(_next(conversation_id), 303)

    @routes.action("/conversations/<int:conversation_id>/claim", right=work_on)
    def claim(conversation_id: int) -> Any:
        return change(
            conversation_id, "You have this conversation now. The bot is silent.",
            lambda work, actor, chat_: handoff.claim(work, actor, chat_.id),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/reopen", right=work_on)
    def reopen(conversation_id: int) -> Any:
        return change(
            conversation_id, "Reopened: you have this conversation now.",
            lambda work, actor, chat_: threads.reopen(work, actor, chat_.id),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/transfer", right=work_on)
    def transfer(conversation_id: int) -> Any:
        to, note = _person(), request.form.get("note", "").strip()[:500]
        return change(
            conversation_id, "Passed on.",
            lambda work, actor, chat_: handoff.transfer(
                work, actor, chat_.id, to, epoch=_epoch(), note=note
            ),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/force", right="conversation.assign")
    def force(conversation_id: int) -> Any:
        to, reason = _person(), request.form.get("reason", "").strip()[:500]
        return change(
            conversation_id, "Assigned.",
            lambda work, actor, chat_: handoff.force(work, actor, chat_.id, to, reason=reason),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/requeue", right=work_on)
    def requeue(conversation_id: int) -> Any:
        note = request.form.get("note", "").strip()[:500]
        return change(
            conversation_id, "Back in the queue.",
            lambda work, actor, chat_: handoff.requeue(work, actor, chat_.id, note=note),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/hand-back", right=work_on)
    def hand_back(conversation_id: int) -> Any:
        settled = [each.strip()[:80] for each in request.form.getlist("settled") if each.strip()]
        note = request.form.get("note", "").strip()[:500]
        return change(
            conversation_id, "The bot has it again. It speaks when the rider writes.",
            lambda work, actor, chat_: handoff.hand_back(
                work, actor, chat_.id, epoch=_epoch(), settled=settled, note=note
            ),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/resolve", right=work_on)
    def resolve(conversation_id: int) -> Any:
        note = request.form.get("note", "").strip()[:500]
        return change(
            conversation_id, "Resolved. Within a day the rider comes back to you.",
            lambda work, actor, chat_: handoff.resolve(
                work, actor, chat_.id, epoch=_epoch(), note=note
            ),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/snooze", right=work_on)
    def snooze(conversation_id: int) -> Any:
        until = wake_at(
            request.form.get("until", ""), console.store.clock(), console.settings.desk_tz
        )
        return change(
            conversation_id, "Snoozed. It comes back then, or when the rider writes.",
            lambda work, actor, chat_: threads.snooze(work, actor, chat_, until),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/wake", right=work_on)
    def wake(conversation_id: int) -> Any:
        return change(
            conversation_id, "Open again.",
            lambda work, actor, chat_: threads.wake(work, actor, chat_),
        )  # fmt: skip

    @routes.action("/conversations/<int:conversation_id>/labels", right="note.write")
    def label(conversation_id: int) -> Any:
        added, removed = request.form.get("label", ""), request.form.get("remove", "")

        def act(work: UnitOfWork, actor: Actor, chat_: Conversation) -> None:
            if removed:
                threads.remove_label(work, actor, chat_.id, removed)
            else:
                threads.add_label(work, actor, chat_.id, added)

        return change(conversation_id, "Label removed." if removed else "Label added.", act)


def shared(console: Console) -> dict[str, Any]:
    """For templates: the choices of a snooze."""
    return {"snooze_choices": lambda: SNOOZES.items()}


def wake_at(choice: str, now: datetime, tz: str) -> datetime:
    """The moment of a snooze; mornings are the desk's. A moment in the past for nonsense."""
    local = now.astimezone(ZoneInfo(tz))
    morning = local.replace(hour=9, minute=0, second=0, microsecond=0)
    match choice:
        case "1h":
            return now + timedelta(hours=1)
        case "3h":
            return now + timedelta(hours=3)
        case "tomorrow":
            return morning + timedelta(days=1)
        case "week":
            return morning + timedelta(days=7 - local.weekday())
    return now


def _person() -> int:
    to = request.form.get("to", type=int)
    if to is None:
        abort(400)
    return to


def _epoch() -> int:
    """The state that the form was made for; a stale page changes nothing."""
    return request.form.get("epoch", default=-1, type=int)


def _next(conversation_id: int) -> str:
    return url_for("console.conversation_page", conversation_id=conversation_id)
