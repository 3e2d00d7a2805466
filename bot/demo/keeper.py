"""The keeper outlives a killed supervisor and ends whatever the supervisor had started.

It reads "+PID" and "-PID" lines, one session each, and waits for the end of its input, which comes
however the supervisor ends. Sessions are told apart rather than processes because a child that
changes its user loses its parent-death signal, and children fork. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

GRACE_S = 3.0  # the parent-death signals have asked politely at the same moment


def members(sessions: Iterable[int]) -> list[int]:
    """The processes alive in these sessions (a session's id is the pid of its first process)."""
    wanted = set(sessions)
    return [pid for pid, session in _alive() if session in wanted]


def end(sessions: Iterable[int], grace_s: float) -> None:
    """Give the sessions' processes `grace_s` to end, then kill what is left."""
    sessions = list(sessions)
    deadline = time.monotonic() + grace_s
    while (left := members(sessions)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _alive() -> Iterable[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # pid (any name) state ppid pgrp session …
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if state not in "ZX":
                    yield int(entry.name), int(session)


def main() -> None:
    """Follow the supervisor's list until its end; signals meant for all of us do not count."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions: set[int] = set()
    for line in sys.stdin:
        change, pid = line[0], int(line[1:])
        (sessions.add if change == "+" else sessions.discard)(pid)
    end(sessions, GRACE_S)


if __name__ == "__main__":
    main()
