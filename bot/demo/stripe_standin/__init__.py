"""A stand-in for Stripe: real HTTP, stateful, faithful in what this product uses of the API."""

from bot.demo.stripe_standin.server import create_app, main

__all__ = ["create_app", "main"]
