"""Failures on demand, so that a demo and the tests can see what happens then."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with the next `times` sends: an HTTP status, or an answer that comes
    `hang_s` seconds late for a message that was taken (or, with `lost`, was not)."""

    status: int = 0
    hang_s: float = 0.0
    lost: bool = False
    times: int = 1


class Faults:
    """Faults in the order they were asked for; they end with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Queue a fault."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._waiting.clear()

    def take(self) -> Fault:
        """What goes wrong now; a Fault without anything in it means all is well."""
        with self._lock:
            if not self._waiting:
                return Fault()
            first = self._waiting[0]
            if first.times <= 1:
                self._waiting.pop(0)
            else:
                self._waiting[0] = replace(first, times=first.times - 1)
            return first
