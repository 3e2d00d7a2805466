"""Rows: typed SQLAlchemy tables, the unit of work, and the inbox and outbox."""

from bot.store import changes as changes  # whoever writes, open consoles hear of it
