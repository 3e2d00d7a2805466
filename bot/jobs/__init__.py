"""The inbox drain, the outbox relay and the clock."""
