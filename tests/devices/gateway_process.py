"""The piles process for tests: settings from a JSON file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bot.settings import Settings
from bot.store.database import Store, make_engine
from devices import gateway

if __name__ == "__main__":
    settings = Settings(**json.loads(Path(sys.argv[1]).read_text()))
    gateway.run(settings, Store(make_engine(settings.database_url)))
