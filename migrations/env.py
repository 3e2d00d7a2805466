"""How Alembic reaches the database: an engine handed over by the program, or DATABASE_URL."""

import os

from alembic import context

from bot.store.database import make_engine
from bot.store.tables import Base

engine = context.config.attributes.get("engine") or make_engine(os.environ["DATABASE_URL"])

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite cannot alter most things in place: Alembic copies the table instead.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
