"""Webhooks, the short URL and web chat, pay and receipt pages, health and metrics."""
