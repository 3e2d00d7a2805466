"""Logging in and out."""

from __future__ import annotations

from typing import Any

from bot.console.context import Console
from bot.console.guard import PUBLIC, Routes


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /login."""

    @routes.page("/login", right=PUBLIC)
    def form() -> Any:
        return console.page("login")
