"""Facts of piles that charges hear of, and that tell how a pile wears: both in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.services import charging_facts, wear
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.devices import Command

_FAILED: Final = frozenset({"error", "timeout"})  # for the pile's own reasons
_ANSWERED: Final = frozenset({"accepted", "rejected", *_FAILED})


def on_presence(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "pile.presence": each loss of contact is counted."""
    charging_facts.on_pile_presence(work, settings, body)
    if not body["online"]:
        for evse_id in wear.evses_of(work, body["pile_id"], None):
            wear.count(work, evse_id, offline=1)


def on_command_result(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "command.result": repeats and failures are counted, by their first outcome."""
    charging_facts.on_command_result(work, settings, body)
    command = work.session.get(Command, body["command_id"])
    if command is None or body["late"] or body["outcome"] not in _ANSWERED:
        return
    retries, failures = max(0, command.attempts - 1), int(body["outcome"] in _FAILED)
    if retries or failures:
        for evse_id in wear.evses_of(work, command.pile_id, command.evse_number):
            wear.count(work, evse_id, retries=retries, command_failures=failures)
