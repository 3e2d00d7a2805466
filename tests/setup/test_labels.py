"""`./run labels` prints the demo's stickers when the environment names no installation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import migrations
from bot.demo.data_dir import DataDir
from bot.store.database import Store, make_engine
from tests.world import add_station

ROOT = Path(__file__).resolve().parents[2]


def test_labels_of_the_demo(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "demo")
    data.claim()
    url = f"sqlite:///{data.state / 'pilebot.db'}"
    engine = make_engine(url)
    migrations.upgrade(engine)
    add_station(Store(engine))
    engine.dispose()
    data.keep_settings(
        {
            "PUBLIC_URL": "http://127.0.0.1:8080", "DATABASE_URL": url, "REDIS_URL": "redis://x",
            "MQTT_URL": "mqtt://x", "SECRET_KEY": "k" * 32, "TWILIO_ACCOUNT_SID": "AC",
            "TWILIO_AUTH_TOKEN": "t", "TWILIO_FROM": "whatsapp:+14155238886",
            "STRIPE_SECRET_KEY": "sk", "STRIPE_WEBHOOK_SECRET": "whsec",
        }
    )  # fmt: skip
    out = tmp_path / "labels.pdf"
    command = [sys.executable, "app.py", "labels", "--demo", str(data.path), "--out", str(out)]
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    told = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=True
    )
    assert told.stdout.startswith("2 stickers")
    assert out.read_bytes().startswith(b"%PDF")
