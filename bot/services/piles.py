"""Asking something of a pile: the command and its effect, or a refusal when the pile is away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bot.store import inbox, outbox
from bot.store.database import UnitOfWork
from bot.store.devices import Command
from bot.store.stations import Pile
from bot.store.upsert import insert


def command(
    work: UnitOfWork,
    *,
    key: str,
    pile_id: str,
    kind: str,
    evse_number: int | None = None,
    session_id: int | None = None,
    body: dict[str, Any],
    ttl_s: int,
) -> Command:
    """Ask a pile for something; a repeat of `key` returns the command that already stands.

    Kinds and their bodies are listed at bot.store.devices.Command. The pile must act within
    `ttl_s`. The answer comes as an inbox row "command.result" (see `report`); when the pile is
    offline that row is written at once and nothing will be sent.
    """
    new_id = work.session.scalar(
        insert(work, Command)
        .values(
            key=key, pile_id=pile_id, evse_number=evse_number, session_id=session_id, kind=kind,
            body=body, state="new", attempts=0, late=False, created_at=work.now,
            expires_at=work.now + timedelta(seconds=ttl_s), next_at=work.now,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(Command.id)
    )  # fmt: skip
    row = work.session.scalars(select(Command).where(Command.key == key)).one()
    if new_id is None:
        return row
    if not work.session.scalars(select(Pile.online).where(Pile.id == pile_id)).one():
        row.state, row.reason, row.next_at = "expired", "pile is offline", None
        report(work, row, "offline", reason=row.reason)
        return row
    outbox.emit(
        work,
        key=f"command:{key}",
        lane="piles",
        stream=f"pile:{pile_id}",
        kind="command",
        body={"command_id": row.id},
    )
    return row


def report(
    work: UnitOfWork,
    row: Command,
    outcome: str,
    *,
    reason: str | None = None,
    transaction_id: str | None = None,
) -> None:
    """Tell the bot how a command goes, once per outcome, as an inbox row "command.result".

    Outcomes: accepted, confirmed (start only: the transaction runs), rejected, error, unknown
    (no answer yet, not final), timeout (final unless a late answer follows), expired, offline.
    `late` in the body: the outcome came after the answer was overdue.
    """
    stream = f"pile:{row.pile_id}" if row.session_id is None else f"session:{row.session_id}"
    inbox.put(
        work,
        source="pile",
        source_id=f"command:{row.id}:{outcome}",
        stream=stream,
        kind="command.result",
        body={
            "command_id": row.id,
            "session_id": row.session_id,
            "kind": row.kind,
            "outcome": outcome,
            "reason": reason,
            "transaction_id": transaction_id,
            "late": row.late,
        },
    )
