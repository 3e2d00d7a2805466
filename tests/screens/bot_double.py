"""A worker in the engine's place: answers what the web chat puts into the inbox.

The real engine is another part's; what these tests are about ends at the inbox row and begins
again at the message row.
"""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import select

from bot.services.outbound import conversation_of
from bot.store.database import Store, UnitOfWork
from bot.store.queues import Inbox
from bot.store.riders import Message

ANSWERS: dict[str, dict[str, Any]] = {
    "buttons": {
        "kind": "buttons",
        "text": "Charge at *1023-27*? 0.29 EUR/kWh, we hold 20.00 EUR.",
        "options": [{"id": "=yes", "title": "Yes, start"}, {"id": "=no", "title": "No"}],
    },
    "list": {
        "kind": "list",
        "text": "Five stations near you.",
        "button": "Show stations",
        "options": [
            {"id": f"station?id={n}", "title": f"Station {n}", "description": f"{n}00 m · 2 of 6"}
            for n in range(1, 6)
        ],
    },
    "location": {
        "kind": "location",
        "text": "",
        "location": {
            "lat": 60.1699,
            "lng": 24.9384,
            "label": "Kamppi Garage",
            "address": "Urho Kekkosen katu 1",
        },
    },
    "link": {
        "kind": "link",
        "text": "Please add a card.",
        "link": {"title": "Pay", "url": "https://pay.example.com/c/1"},
    },
    "document": {
        "kind": "document",
        "text": "Your receipt",
        "media": {"url": "/media/none/r.pdf", "type": "application/pdf", "name": "Receipt 7.pdf"},
    },
}


class BotDouble:
    """Serves inbox rows in a thread until it is closed; `hold` makes it think."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.hold = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.05):
            if not self.hold.is_set():
                self.serve_once()

    def serve_once(self) -> None:
        with self.store.begin() as work:
            for row in work.session.scalars(select(Inbox).where(Inbox.state == "open")).all():
                rider_id = int(row.stream.removeprefix("rider:"))
                row.state = "done"
                self._file(work, rider_id, row)

    def _file(self, work: UnitOfWork, rider_id: int, row: Inbox) -> None:
        body = row.body
        shown: dict[str, Any] = {"kind": "text", "text": body.get("text", "")}
        if "location" in body:
            shown |= {"kind": "location", "location": body["location"]}
        if "media_id" in body:
            shown["kind"] = "image"  # what was read is not kept (bot/jobs/messages.py)
        add_message(work, rider_id, "rider", shown, source_key=f"web:{row.source_id}")
        text = body.get("text", "").lower()
        plain = {"kind": "text", "text": f"You said: {body.get('payload') or text or 'a place'}"}
        add_message(work, rider_id, "bot", ANSWERS.get(text, plain))


def add_message(
    work: UnitOfWork, rider_id: int, author: str, body: dict[str, Any], **extra: Any
) -> Message:
    """One line of the rider's conversation."""
    message = Message(
        conversation_id=conversation_of(work, rider_id).id, at=work.now, author=author,
        channel="web", text=body.get("text", ""), body=body, status="sent", **extra,
    )  # fmt: skip
    work.session.add(message)
    work.session.flush()
    return message
