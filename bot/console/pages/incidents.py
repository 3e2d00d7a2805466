"""Safety incidents: the bar on every page, the list, one incident."""

from __future__ import annotations

from typing import Any

from bot.console.context import Console
from bot.console.guard import Routes


def add_routes(routes: Routes, console: Console) -> None:
    """Routes of this page."""

    @routes.page("/incidents/bar", right="self")
    def bar() -> Any:
        return ""


def shared(console: Console) -> dict[str, Any]:
    """For all templates: the red bar of open incidents."""
    return {"incident_bar": lambda: ""}
