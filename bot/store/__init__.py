"""Rows: typed SQLAlchemy tables, the unit of work, and the inbox and outbox."""

from bot.store import changes as changes  # whoever writes, open consoles hear of it

# Tables point at each other by name: a process that uses one must have heard of them all.
from bot.store import tables as tables
