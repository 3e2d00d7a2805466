"""Piles over real brokers."""
