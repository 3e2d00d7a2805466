"""Notes that call the person who looks."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import shown_name, shown_text
from bot.services import threads
from bot.store.riders import Conversation, Rider


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /mentions, its counter, and to mark all as read."""

    @routes.page("/mentions", right="self")
    def page() -> Any:
        with console.store.read() as work:
            found = threads.mentions_of(work, console.me().staff_id)
            chats = {each.conversation_id for each in found}
            riders = work.session.execute(
                select(Conversation.id, Rider)
                .join(Rider, Rider.id == Conversation.rider_id)
                .where(Conversation.id.in_(chats))
            )
            names = {row.id: shown_name(row.Rider) for row in riders}
            rows = [
                {"id": each.conversation_id, "at": each.at, "text": shown_text(each.text),
                 "name": names.get(each.conversation_id, ""), "new": not each.body.get("read")}
                for each in found
            ]  # fmt: skip
        return console.page("mentions", rows=rows)

    @routes.page("/mentions/count", right="self")
    def count() -> Any:
        with console.store.read() as work:
            return str(threads.unread_mentions(work, console.me().staff_id) or "")

    @routes.action("/mentions/read", right="self")
    def read() -> Any:
        with console.store.begin() as work:
            threads.read_mentions(work, console.me().staff_id)
        flash("All read.", "good")
        return redirect(url_for("console.mentions_page"), 303)
