"""All sections on one page: what the phone's tab bar has no room for."""

from __future__ import annotations

from typing import Any

from bot.console.context import Console
from bot.console.guard import Routes


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /more."""

    @routes.page("/more", right="self")
    def page() -> Any:
        return console.page("more")
