"""Reads what is left of a request body, so that a refused sender hears why.

A server that answers 413 and closes with unread bytes on the line makes the kernel reset the
connection, and the answer is lost on the way.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CHUNK: Final = 65_536
MOST_BYTES: Final = 32_000_000
MOST_S: Final = 10.0


class Drained:
    """WSGI middleware; it reads after the answer was sent and before the connection closes."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body: Any = environ["wsgi.input"]

        def drain() -> None:
            left, until = MOST_BYTES, time.monotonic() + MOST_S
            with suppress(OSError, ValueError):  # the sender is gone, or the body was malformed
                while left > 0 and time.monotonic() < until and (chunk := body.read(CHUNK)):
                    left -= len(chunk)

        return ClosingIterator(self._app(environ, start_response), drain)
