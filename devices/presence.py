"""Whether a pile is there: its retained availability, its last will, and how long it is silent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select

from bot.settings import Settings
from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.stations import Pile

_NOTE_EVERY: Final = timedelta(seconds=5)  # how exactly seen_at is kept, at most
_LIMITS: Final = {"state": 8, "conn": 40, "proto": 16, "fw": 50}  # the columns' sizes


class Presence:
    """Keeps Pile.online, conn and seen_at, and tells the bot of every change."""

    def __init__(self, settings: Settings) -> None:
        self._silent_after = timedelta(seconds=settings.silent_after_s)
        self._note_every = min(_NOTE_EVERY, self._silent_after / 4)

    def heard(self, work: UnitOfWork, pile: Pile, at: datetime) -> None:
        """A pile said something of its own: it is there."""
        if pile.seen_at is None or at - pile.seen_at > self._note_every:
            pile.seen_at = at
        if not pile.online:
            self._change(work, pile, at, online=True)

    def told(
        self, work: UnitOfWork, pile: Pile, payload: bytes, at: datetime, *, retained: bool
    ) -> bool:
        """A "conn" message came (its own word, or its will); True when a new connection began.

        A will of an earlier connection is ignored when it comes live; a retained "offline" is the
        last word there is. A retained "online" is the broker's memory, not a sign of life: it
        counts only for a connection not known yet.
        """
        said = parse(payload)
        if said is None:
            return False
        conn = said.get("conn", "")
        if said["state"] == "offline":
            if pile.online and (retained or conn == pile.conn):
                self._change(work, pile, at, online=False)
            return False
        if retained and conn == pile.conn:
            return False
        began = conn != pile.conn
        pile.conn = conn
        pile.protocol = said.get("proto", pile.protocol)
        pile.firmware = said.get("fw", pile.firmware)
        if not pile.online or began:
            self._change(work, pile, at, online=True)
        pile.seen_at = at
        return began

    def find_silent(self, work: UnitOfWork, *, listening_since: datetime) -> None:
        """Mark piles offline that were not heard for too long while we listened."""
        limit = work.now - self._silent_after
        if listening_since > limit:
            return
        silent = work.session.scalars(
            select(Pile).where(Pile.online, or_(Pile.seen_at.is_(None), Pile.seen_at < limit))
        )
        for pile in silent:
            self._change(work, pile, work.now, online=False)

    @staticmethod
    def _change(work: UnitOfWork, pile: Pile, at: datetime, *, online: bool) -> None:
        pile.online = online
        state = "online" if online else "offline"
        inbox.put(
            work,
            source="pile",
            source_id=f"{pile.id}:presence:{state}:{at.isoformat()}",
            stream=f"pile:{pile.id}",
            kind="pile.presence",
            body={"pile_id": pile.id, "online": online, "at": at.isoformat()},
        )


def parse(payload: bytes) -> dict[str, str] | None:
    """The content of a "conn" message, cut to the columns' sizes; None when it makes no sense."""
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("state") not in {"online", "offline"}:
        return None
    return {
        name: value[:limit].replace("\0", "")
        for name, limit in _LIMITS.items()
        if isinstance(value := said.get(name), str)
    }
