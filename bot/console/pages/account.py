"""One's own account: password, second factor, devices, preferences."""

from __future__ import annotations

from typing import Any

from bot.console.context import Console
from bot.console.guard import Routes


def add_routes(routes: Routes, console: Console) -> None:
    """Routes of this page."""

    @routes.page("/account", right="self")
    def page() -> Any:
        return console.page("account")
