"""The inbox: conversations by queue, owner and status."""

from __future__ import annotations

from typing import Any

from bot.console.context import Console
from bot.console.guard import Routes


def add_routes(routes: Routes, console: Console) -> None:
    """Routes of this page."""

    @routes.page("/", right="conversation.read")
    def page() -> Any:
        return console.page("inbox")


def shared(console: Console) -> dict[str, Any]:
    """For all templates: the switch of one's own presence."""
    return {"presence_switch": lambda: ""}
