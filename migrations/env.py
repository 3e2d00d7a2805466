"""How Alembic reaches the database: an engine handed over by the program, or DATABASE_URL."""

import os
from typing import Any, Literal

from alembic import context

from bot.store.base import BigId, UtcDateTime
from bot.store.database import make_engine
from bot.store.tables import Base

engine = context.config.attributes.get("engine") or make_engine(os.environ["DATABASE_URL"])


def render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Migrations name plain types: they must not change when our own types do."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, BigId):
        return "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')"
    return False


with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite cannot alter most things in place: Alembic copies the table instead.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
