"""Everybody's phone in one place: what arrived there, read from the stand-in's own file, and what
is typed. A message counts as received when the stand-in for Twilio took it, not when we sent it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

POLL_S: Final = 0.25


class NotHeard(Exception):
    """Somebody waited for a message that never came; the message tells what came instead."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message on a phone; `at` is seconds since the epoch."""

    sid: str
    phone: str
    at: float
    text: str
    options: tuple[str, ...]

    def option(self, begins: str) -> str | None:
        """The button or row whose id begins so."""
        return next((each for each in self.options if each.startswith(begins)), None)


class Phones:
    """`start` follows the stand-in's file from a thread until `stop`."""

    def __init__(self, ledger: Path, api: str) -> None:
        self._ledger, self._api = ledger, api
        self._http = httpx.Client(timeout=30, limits=httpx.Limits(max_connections=40))
        self._heard: dict[str, list[Heard]] = {}
        self._seen: set[str] = set()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="phones")

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """No more."""
        self._stop.set()
        self._thread.join(5)

    def _follow(self) -> None:
        cursor = 0
        with closing(open_ledger(self._ledger)) as db:
            while not self._stop.is_set():
                rows = db.execute(
                    "SELECT rev, sid, phone, created, body, chat FROM message WHERE rev > ? "
                    "AND direction <> 'inbound' AND status NOT IN ('queued', 'failed')"
                    " ORDER BY rev", (cursor,),
                ).fetchall()  # fmt: skip
                with self._news:
                    for rev, sid, phone, created, body, chat in rows:
                        cursor = rev
                        if sid not in self._seen:
                            self._seen.add(sid)
                            self._keep(sid, phone, created, body, json.loads(chat or "{}"))
                    if rows:
                        self._news.notify_all()
                self._stop.wait(POLL_S)

    def _keep(self, sid: str, phone: str, at: float, body: str, chat: dict[str, Any]) -> None:
        options = tuple(each["id"] for each in chat.get("options", []))
        heard = Heard(sid, phone, at, chat.get("text") or body or "", options)
        self._heard.setdefault(phone, []).append(heard)

    def of(self, phone: str) -> list[Heard]:
        """All that came to a phone so far."""
        with self._news:
            return list(self._heard.get(phone, []))

    def wait(
        self, phone: str, since: float, test: Callable[[Heard], bool], within_s: float
    ) -> Heard:
        """The first message from `since` on that passes. Raises NotHeard."""
        deadline = time.monotonic() + within_s
        with self._news:
            while True:
                mine = [each for each in self._heard.get(phone, []) if each.at >= since]
                found = next(filter(test, mine), None)
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    told = " | ".join(each.text[:90] for each in mine) or "nothing"
                    raise NotHeard(f"{phone} heard {told} within {within_s:.0f} s")
                self._news.wait(left)

    def send(self, phone: str, **message: Any) -> float:
        """Type, tap or share; returns the moment before it."""
        at = time.time()
        address = f"{self._api}/demo/phones/{phone}/messages"
        self._http.post(address, json=message).raise_for_status()
        return at


def open_ledger(path: Path) -> sqlite3.Connection:
    """The stand-in's file, to read."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
