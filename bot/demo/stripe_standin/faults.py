"""Trouble on order: errors, lost answers and slowness for the next matching requests."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, Final

from flask import Response, request

_SHAPES: Final = {
    402: ("card_error", "card_declined"),
    429: ("invalid_request_error", "rate_limit"),
}


@dataclass(slots=True)
class Fault:
    """`match` is "METHOD /path" with * and ?. What happens, `times` times:

    `after` False: the request is not carried out; True: it is, and only the answer goes wrong.
    `stored`: the error is what the idempotency key answers from now on, as with a real 500.
    `status` 0 drops the connection; `delay_s` waits first.
    """

    match: str
    times: int = 1
    status: int = 500
    after: bool = False
    stored: bool = False
    delay_s: float = 0

    def body(self) -> str:
        """The error in Stripe's shape."""
        kind, code = _SHAPES.get(self.status, ("api_error", None))
        return json.dumps({"error": {"type": kind, "code": code, "message": "Fault on order."}})

    def strike(self) -> Response:
        """Answer wrongly, or not at all."""
        time.sleep(self.delay_s)
        if self.status == 0:
            connection = request.environ.get("werkzeug.socket")
            if isinstance(connection, socket.socket):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        return Response(self.body(), self.status or 502, mimetype="application/json")


class Faults:
    """Faults that wait for their request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def order(self, wanted: dict[str, Any]) -> None:
        """Add a fault; TypeError when a field is not one of Fault's."""
        with self._lock:
            self._waiting.append(Fault(**wanted))

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._waiting.clear()

    def take(self, line: str) -> Fault | None:
        """The fault for this request, if one waits."""
        with self._lock:
            for fault in self._waiting:
                if fnmatch(line, fault.match):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None
