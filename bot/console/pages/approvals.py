"""Refunds above somebody's limit, waiting for a second person."""

from __future__ import annotations

from typing import Any

from bot.console.context import Console
from bot.console.guard import Routes


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /approvals."""

    @routes.page("/approvals", right="refund.approve")
    def page() -> Any:
        return console.page("approvals")
