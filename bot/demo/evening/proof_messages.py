"""No message lost, none doubled: our rows against what the phones received, one to one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import ColumnElement, func, select

from bot.demo.evening.claims import Claim
from bot.demo.evening.phones import Heard, open_ledger
from bot.store.database import UnitOfWork
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Message

# Notices that a charge may call for more than once: each answers a rider's own repeated wish.
_AGAIN: Final = frozenset({"already_stopping", "already_stopped", "answer", "idle_warning"})
_NOTICE: Final = re.compile(r"message:session:(\d+):\d+:([a-z_]+):0")


class Phones:
    """What every phone received and sent, as the stand-in for Twilio kept it."""

    def __init__(
        self, heard: Sequence[Heard], sent: Sequence[str], failed: Sequence[Heard] = ()
    ) -> None:
        self.heard, self.sent, self.failed = heard, sent, failed
        self._of: dict[str, list[Heard]] = {}
        for each in heard:
            self._of.setdefault(each.phone, []).append(each)

    def forget(self, *words: str) -> None:
        """As if no message with one of these words had come."""
        for phone, mine in self._of.items():
            self._of[phone] = [each for each in mine if not any(w in each.text for w in words)]

    def of(self, phone: str) -> list[Heard]:
        """All that came to one phone."""
        return self._of.get(phone, [])

    def first(
        self, phone: str, since: float, words: Sequence[str], *, until: float = float("inf")
    ) -> Heard | None:
        """The first message from a moment on with one of these words."""
        low = [each.casefold() for each in words]
        for heard in self.of(phone):
            inside = since <= heard.at <= (until or float("inf"))
            if inside and any(each in heard.text.casefold() for each in low):
                return heard
        return None


def read_phones(ledger: Path) -> Phones:
    """The stand-in's file."""
    with closing(open_ledger(ledger)) as db:
        rows = db.execute(
            "SELECT sid, phone, created, body, chat, direction, status FROM message ORDER BY seq"
        ).fetchall()
    heard: list[Heard] = []
    sent: list[str] = []
    failed: list[Heard] = []
    for sid, phone, created, body, chat, direction, status in rows:
        if direction == "inbound":
            sent.append(sid)
            continue
        shown = json.loads(chat or "{}")
        options = tuple(each["id"] for each in shown.get("options", []))
        kept = failed if status == "failed" else heard
        kept.append(Heard(sid, phone, created, shown.get("text") or body or "", options))
    return Phones(heard, sent, failed)


def claim(work: UnitOfWork, phones: Phones) -> Claim:
    """Both directions."""
    found = Claim("No message was lost and none doubled")
    ours = {
        each.provider_id: each
        for each in work.session.scalars(select(Message).where(Message.provider_id.is_not(None)))
        if each.author != "rider"
    }
    taken = [*phones.heard, *phones.failed]
    theirs = Counter(each.sid for each in taken)
    pages = [each for each in taken if each.sid not in ours]
    found.failures += [f"…{each.phone[-2:]} never got: {each.text[:60]}" for each in phones.failed]
    paged = _count(work, Outbox.kind == "page", Outbox.state == "done")
    if len(pages) != paged:
        found.failures.append(
            f"{len(pages)} messages on phones that no row tells of, {paged} pages were sent"
        )
    found.failures += [f"{sid}: sent, but on no phone" for sid in ours if sid not in theirs]
    waiting = select(Message).where(Message.author != "rider", Message.provider_id.is_(None))
    for message in work.session.scalars(waiting.where(Message.status != "failed")):
        found.failures.append(f"message {message.id} never left: {message.text[:60]}")
    for message in work.session.scalars(select(Message).where(Message.status == "failed")):
        found.failures.append(f"message {message.id} failed: {message.error}")
    found.failures += _unserved(work) + _told_twice(work)
    heard = set(
        work.session.scalars(select(Inbox.source_id).where(Inbox.kind == "whatsapp.message"))
    )
    found.failures += [f"{sid}: a rider wrote it, we never took it" for sid in phones.sent
                       if sid not in heard]  # fmt: skip
    found.note = (
        f"{len(phones.heard)} messages to phones ({len(pages)} of them pages), "
        f"{len(phones.sent)} from phones."
    )
    return found


def _unserved(work: UnitOfWork) -> list[str]:
    """Rows of inbox and outbox that failed or still wait."""
    found = []
    for row in work.session.scalars(select(Outbox).where(Outbox.state.in_(("open", "failed")))):
        found.append(f"outbox {row.id} ({row.key}) is {row.state}: {row.error}")
    failed = select(Inbox).where(Inbox.state == "failed")
    return found + [
        f"inbox {each.id} ({each.kind} of {each.stream}) failed: {each.error}"
        for each in work.session.scalars(failed)
    ]


def _told_twice(work: UnitOfWork) -> list[str]:
    """The same notice of the same charge, more than once."""
    keys = work.session.scalars(select(Outbox.key).where(Outbox.kind == "message"))
    said = Counter(match.groups() for key in keys if (match := _NOTICE.fullmatch(key)))
    return [
        f"charge {session}: “{notice}” was told {times} times"
        for (session, notice), times in said.items()
        if times > 1 and notice not in _AGAIN
    ]


def _count(work: UnitOfWork, *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(Outbox).where(*conditions)
    return int(work.session.scalar(query) or 0)
