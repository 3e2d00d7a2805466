"""Moments that people type into forms, in the zone that the form names."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.errors import PilebotError


class NoMoment(PilebotError):
    """What was typed is no date and time."""


def moment(text: str, zone: str) -> datetime | None:
    """What a datetime-local field holds, as UTC; None for nothing. Raises NoMoment."""
    if not text.strip():
        return None
    try:
        typed = datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError as error:
        raise NoMoment("From when? Give a date and a time.") from error
    return typed.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
