"""Piles live: list first, map second, and one pile with what it said and was told."""

from __future__ import annotations

from typing import Any

from flask import abort

from bot.console.context import Console
from bot.console.guard import Routes
from bot.store.stations import Pile


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /piles /piles/<pile_id>."""

    @routes.page("/piles", right="pile.read")
    def page() -> Any:
        return console.page("piles")

    @routes.page("/piles/<pile_id>", right="pile.read")
    def one(pile_id: str) -> Any:
        with console.store.read() as work:
            if work.session.get(Pile, pile_id) is None:
                abort(404)
        return console.page("piles")
