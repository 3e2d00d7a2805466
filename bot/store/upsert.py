"""INSERT … ON CONFLICT for both databases: SQLAlchemy has one construct a dialect."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite

from bot.store.base import Base
from bot.store.database import UnitOfWork


def insert(work: UnitOfWork, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that takes `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if work.session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
