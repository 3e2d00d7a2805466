"""Whether a pile is there: its retained availability, its last will, and how long it is silent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, or_, select

from bot.settings import Settings
from bot.store import inbox
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.devices import Command
from bot.store.stations import Evse, Pile

_NOTE_EVERY: Final = timedelta(seconds=5)  # how exactly seen_at is kept, at most
_LIMITS: Final = {"state": 8, "conn": 40, "proto": 16, "fw": 50}  # the columns' sizes


class Presence:
    """Keeps Pile.online, conn and seen_at, and tells the bot of every change."""

    def __init__(self, settings: Settings) -> None:
        self._silent_after = timedelta(seconds=settings.silent_after_s)
        self._charging = min(timedelta(seconds=settings.silent_charging_s), self._silent_after)
        self._note_every = min(_NOTE_EVERY, self._charging / 4)
        self._asked: dict[str, datetime] = {}  # when piles were last asked for a sign of life

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

    @property
    def look_every_s(self) -> float:
        """How often to look for silent piles, so that a rider hears of one within a minute."""
        return max(0.5, min(5.0, self._charging.total_seconds() / 9))

    def find_silent(self, work: UnitOfWork, *, listening_since: datetime) -> None:
        """Mark piles offline that were not heard for too long while we listened; where a charge
        runs that is sooner, since such a pile was asked meanwhile (`find_quiet`)."""
        limit, charging = work.now - self._silent_after, work.now - self._charging
        found: set[Pile] = set()
        if listening_since <= limit:
            silent = or_(Pile.seen_at.is_(None), Pile.seen_at < limit)
            found |= set(work.session.scalars(select(Pile).where(Pile.online, silent)))
        if listening_since <= charging:
            quiet = select(Pile).where(_charging_unheard(charging))
            found |= set(work.session.scalars(quiet))
        for pile in sorted(found, key=lambda each: each.id):
            self._change(work, pile, work.now, online=False)

    def find_quiet(self, work: UnitOfWork, *, listening_since: datetime) -> list[str]:
        """Piles where a charge runs, to be asked now whether they are there: unheard for a third of
        the time they have, and not asked in the last fifth of it. Heartbeats may be minutes apart,
        a live pile answers at once."""
        limit = work.now - self._charging / 3
        if listening_since > limit:
            return []
        quiet = select(Pile.id).where(_charging_unheard(limit), ~_being_asked())
        ids = work.session.scalars(quiet.order_by(Pile.id)).all()
        again = work.now - self._charging / 5
        due = [each for each in ids if self._asked.get(each, again) <= again]
        self._asked = {each: self._asked[each] for each in ids if each in self._asked}
        self._asked |= dict.fromkeys(due, work.now)
        return due

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


def _charging_unheard(since: datetime) -> ColumnElement[bool]:
    """Of a pile: it counts as there, a charge runs, and it was not heard since."""
    runs = (
        select(ChargingSession.id)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .where(Evse.pile_id == Pile.id, ChargingSession.open)
        .where(ChargingSession.transaction_id.is_not(None))
    )
    return Pile.online & (Pile.seen_at < since) & runs.exists()


def _being_asked() -> ColumnElement[bool]:
    """Of a pile: it owes the answer to an order, and a pile is asked one thing at a time."""
    return select(Command.id).where(Command.pile_id == Pile.id, Command.state == "sent").exists()


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
