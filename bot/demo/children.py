"""Starting processes so that none outlives the supervisor, however that ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from bot.demo import keeper

_PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None)


class Children:
    """Starts each child in a session of its own and has a keeper watch over them all.

    Start from the main thread only: a parent-death signal comes when the starting thread ends.
    The keeper inherits `lock_fd`, so a lock on it is held until the last child is gone.
    """

    def __init__(self, lock_fd: int) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, keeper.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(lock_fd,),
            text=True,
        )

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None,
        log: IO[bytes],
        death_signal: signal.Signals,
    ) -> subprocess.Popen[bytes]:
        """Start a command that gets `death_signal` when we die. Raises OSError."""
        parent = os.getpid()

        def before_exec() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:  # we died before the line above
                os._exit(1)

        process = subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=before_exec,  # we have one thread: nothing to deadlock on
        )
        self._tell(f"+{process.pid}")
        return process

    def clear(self, pid: int) -> None:
        """Kill what a child that has ended left behind in its session."""
        keeper.end([pid], 0)
        self._tell(f"-{pid}")

    def close(self) -> None:
        """Let the keeper go, once every child has ended."""
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.close()
        self._keeper.wait(timeout=keeper.GRACE_S + 5)

    def _tell(self, line: str) -> None:
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody killed the keeper: carry on without
            self._keeper.stdin.write(f"{line}\n")
            self._keeper.stdin.flush()


def open_log(folder: Path, name: str, *, keep_bytes: int = 5_000_000) -> IO[bytes]:
    """A child's log, to be appended to; a long one is set aside first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.log"
    if path.exists() and path.stat().st_size > keep_bytes:
        path.replace(folder / f"{name}.log.1")
    return path.open("ab")
