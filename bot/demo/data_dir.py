"""Where a demo keeps its data: one running demo a folder, and secrets nobody else can read."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bot.errors import PilebotError


class AlreadyRunning(PilebotError):
    """Another demo runs on this folder."""


class DataDir:
    """A demo's folder: `state` is what --fresh wipes, `logs` hold one file a process."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.state = self.path / "state"
        self.logs = self.path / "log"
        self.lock_fd = -1

    def claim(self, *, fresh: bool = False, patience_s: float = 8.0) -> None:
        """Take the folder for this process until it ends; with `fresh` empty it first.

        The keeper of a demo that was killed holds the folder for some seconds more, so this
        waits for it. Raises AlreadyRunning.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock_fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience_s
        while not _lock(self.lock_fd):
            owner = int(os.pread(self.lock_fd, 20, 0) or 0)
            if _is_alive(owner) or time.monotonic() > deadline:
                os.close(self.lock_fd)
                raise AlreadyRunning(f"already running on {self.path} (process {owner})")
            time.sleep(0.1)
        os.ftruncate(self.lock_fd, 0)
        os.pwrite(self.lock_fd, str(os.getpid()).encode(), 0)
        if fresh:
            shutil.rmtree(self.state, ignore_errors=True)
            shutil.rmtree(self.logs, ignore_errors=True)
        self.state.mkdir(mode=0o700, exist_ok=True)

    def folder(self, name: str) -> Path:
        """A folder of the state for one process, made when missing."""
        path = self.state / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def secrets(self, makers: Mapping[str, Callable[[], str]]) -> dict[str, str]:
        """The secret of each name, made the first time and kept where only we can read it."""
        path = self.state / "secrets.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        secrets = {name: known.get(name) or make() for name, make in makers.items()}
        _write_private(path, known | secrets)
        return secrets

    def keep_settings(self, settings: Mapping[str, str]) -> None:
        """Note what the processes were told, for commands beside the demo (`./run labels`)."""
        _write_private(self.state / "settings.json", settings)


def settings_in(path: Path) -> dict[str, str] | None:
    """The settings of the demo in a folder, or None when there was never one."""
    kept = path / "state" / "settings.json"
    if not kept.exists():
        return None
    settings: dict[str, str] = json.loads(kept.read_text())
    return settings


def _write_private(path: Path, content: Mapping[str, str]) -> None:
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(dict(content), file)
    part.replace(path)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"  # a zombie is only waiting for its parent to notice
