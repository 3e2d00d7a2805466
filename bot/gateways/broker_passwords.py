"""`python -m bot.gateways.broker_passwords`: Mosquitto's password file, from the database.

One line a login: the gateway (the name and password of MQTT_URL) and every pile.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from bot.services.inventory import broker_passwords
from bot.settings import SettingsError, read
from bot.store.database import Store, make_engine


def main(environ: Mapping[str, str], out: TextIO) -> int:
    """Write the file to `out`; returns the exit status."""
    try:
        settings = read(environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with Store(make_engine(settings.database_url)).read() as work:
        hashes = broker_passwords(work, settings.mqtt_url)
    out.writelines(f"{name}:{hashed}\n" for name, hashed in hashes.items())
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ, sys.stdout))
