"""Delivers events to the webhook, signed and retried, and lets time pass for what lapses."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from typing import Final

import httpx

from bot.demo.stripe_standin.book import Thing
from bot.demo.stripe_standin.checkout import Checkout
from bot.demo.stripe_standin.engine import Engine

LAST_TRY: Final = 12
_LONGEST_WAIT_S: Final = 60.0
_TICK_S: Final = 0.1
_LAPSE_EVERY_S: Final = 2.0


def signature(raw: bytes, secret: str, at: int) -> str:
    """The Stripe-Signature header of a body."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + raw, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


class Sender:
    """One background thread; what it has not delivered waits in the book across restarts."""

    def __init__(
        self, engine: Engine, checkout: Checkout, webhook_url: str, secret: str,
        events: frozenset[str] | None = None,
    ) -> None:  # fmt: skip
        self.engine = engine
        self.checkout = checkout
        self.webhook_url = webhook_url
        self.secret = secret
        self.events = events  # what the endpoint is subscribed to; None: everything
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="stripe-webhooks")

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def close(self) -> None:
        """Stop, waiting for the delivery in hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=15)

    def send(self, event: Thing, client: httpx.Client) -> bool:
        """One delivery; True when the webhook took it."""
        raw = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(raw, self.secret, self.engine.now()),
            "User-Agent": "Stripe/1.0 (stand-in)",
        }
        try:
            return client.post(self.webhook_url, content=raw, headers=headers).is_success
        except httpx.HTTPError:
            return False

    def _run(self) -> None:
        next_lapse = 0.0
        with httpx.Client(timeout=10) as client:
            while not self._stop.wait(_TICK_S):
                now = self.engine.clock()
                if now >= next_lapse:
                    next_lapse = now + _LAPSE_EVERY_S
                    with self.engine.book.turn():
                        self.checkout.lapse()
                        self.engine.lapse()
                self._deliver(client)

    def _deliver(self, client: httpx.Client) -> None:
        book = self.engine.book
        with book.turn():
            due = book.due_deliveries(self.engine.clock())
        for event_id, tries in due:
            if self._stop.is_set():
                return
            with book.turn():
                event = book.get(event_id)
            wanted = event is not None and (self.events is None or event["type"] in self.events)
            done = not wanted or event is None or self.send(event, client) or tries >= LAST_TRY
            with book.turn():
                if done:
                    book.delivered(event_id)
                else:
                    wait_s = min(0.5 * 2.0**tries, _LONGEST_WAIT_S)
                    book.deliver_later(event_id, self.engine.clock() + wait_s, tries + 1)
