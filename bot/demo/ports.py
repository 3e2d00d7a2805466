"""Free ports on this machine, kept apart between demos that start at the same moment."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

HOST = "127.0.0.1"


def take(names: Sequence[str], base: int, say: Callable[[str], None]) -> dict[str, int]:
    """A port for each name: `base` and the numbers after it; who finds its own taken gets the next
    free one behind them all, and `say` is told.

    The ports are reserved against other demos of this user for the life of this process.
    """
    ports: dict[str, int] = {}
    spare = base + len(names)
    for port, name in enumerate(names, start=base):
        ports[name] = port
        while not _reserve(ports[name]):
            ports[name] = spare
            spare += 1
            if spare > 65535:
                raise OSError(f"no free port from {base} on")
        if ports[name] != port:
            say(f"port {port} is taken: {name} is on {ports[name]}")
    return ports


def is_free(port: int) -> bool:
    """Whether a server could listen here now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _reserve(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"pilebot-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    if is_free(port):
        return True  # the descriptor stays open on purpose: it is the reservation
    os.close(descriptor)
    return False
