"""The staff console: server-rendered pages, every action a plain form, live by events."""
