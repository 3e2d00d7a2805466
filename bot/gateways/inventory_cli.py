"""`./run stations FILE` and `./run broker-passwords`: for the operator who adds piles."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bot.services.inventory import InventoryError, broker_passwords, take_in
from bot.settings import Settings
from bot.store.database import Store


def stations(store: Store, path: Path) -> int:
    """Take a document of stations in (bot/services/inventory.py); prints "P001023 secret" for
    each new pile, the only time its secret is seen. Returns the exit status."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        with store.begin() as work:
            added = take_in(work, document)
    except (OSError, ValueError, InventoryError) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 1
    sys.stdout.writelines(f"{new.pile_id} {new.secret}\n" for new in added)
    return 0


def passwords(store: Store, settings: Settings) -> int:
    """Print Mosquitto's whole password file: the gateway's login and every pile's."""
    with store.read() as work:
        hashes = broker_passwords(work, settings.mqtt_url)
    sys.stdout.writelines(f"{name}:{hashed}\n" for name, hashed in hashes.items())
    return 0
