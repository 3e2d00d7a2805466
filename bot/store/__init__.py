"""Rows: typed SQLAlchemy tables, the unit of work, and the inbox and outbox."""
