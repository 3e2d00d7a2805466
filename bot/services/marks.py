"""Lines of the transcript that only staff see: notes, and marks of what happened."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from bot.services.audit import Actor
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationMark
from bot.store.upsert import insert


def mark(
    work: UnitOfWork,
    conversation_id: int,
    kind: str,
    text: str = "",
    *,
    actor: Actor | None = None,
    body: dict[str, Any] | None = None,
    key: str | None = None,
) -> None:
    """Add a line; kinds are listed at ConversationMark. A repeat of `key` adds nothing."""
    row = {
        "conversation_id": conversation_id, "at": work.now, "kind": kind, "text": text,
        "staff_id": actor.staff_id if actor else None, "body": body or {}, "key": key,
    }  # fmt: skip
    if key is None:
        work.session.add(ConversationMark(**row))
        return
    work.session.execute(
        insert(work, ConversationMark).values(**row).on_conflict_do_nothing(index_elements=["key"])
    )


def known(work: UnitOfWork, key: str) -> bool:
    """Whether the line with this key is there already."""
    there = select(ConversationMark.id).where(ConversationMark.key == key)
    return work.session.scalars(there).first() is not None
