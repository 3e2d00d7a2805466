"""Who may log in at Mosquitto, kept in step with the database while the service runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select

from bot.services.inventory import broker_passwords
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.stations import Pile

log = structlog.get_logger()

PID_FILE: Final = "mosquitto.pid"  # beside the password file, where the broker runs on this machine
_HASHES: Final = select(Pile.id, Pile.secret_hash)


class BrokerLogins:
    """Writes the file of settings.mqtt_passwords_file whenever a pile came in or has a new secret,
    and has Mosquitto read it again. Without that setting it does nothing."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.mqtt_url
        self._file = Path(settings.mqtt_passwords_file) if settings.mqtt_passwords_file else None
        self._known: dict[str, str] = {}

    def keep(self, work: UnitOfWork) -> bool:
        """Whether the file was written. Raises OSError."""
        if self._file is None:
            return False
        piles = {id_: hash_ for id_, hash_ in work.session.execute(_HASHES).all() if hash_}
        if piles == self._known:
            return False
        logins = broker_passwords(work, self._url)
        lines = "".join(f"{name}:{hash_}\n" for name, hash_ in logins.items())
        # Into the same file: its owner, who may read it, and a mount of it alone stay as they are.
        self._file.touch(mode=0o600)
        self._file.write_text(lines, encoding="utf-8")
        self._known = piles
        self._reload()
        log.info("broker_logins", piles=len(piles))
        return True

    def _reload(self) -> None:
        """Elsewhere than on this machine something beside the broker has to watch the file."""
        pid_file = self._file.with_name(PID_FILE) if self._file is not None else None
        if pid_file is None or not pid_file.exists():
            return
        try:
            os.kill(int(pid_file.read_text(encoding="utf-8")), signal.SIGHUP)
        except (ValueError, ProcessLookupError):
            log.info("broker_not_running")  # it reads the file when it starts
        except PermissionError:
            log.error("broker_not_told", why="it is another user's process")
