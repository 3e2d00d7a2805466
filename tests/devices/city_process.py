"""Simulated piles for tests: what they are from a JSON file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from devices import simulator
from devices.simulator import EvseSpec, PileSpec

if __name__ == "__main__":
    config = json.loads(Path(sys.argv[1]).read_text())
    specs = [
        PileSpec(
            pile_id,
            config["secret"],
            (EvseSpec(1, "ac", 11_000), EvseSpec(2, "ebike", 500)),
            plug_in_timeout_s=config["plug_in_timeout_s"],
        )
        for pile_id in config["pile_ids"]
    ]
    simulator.run(
        config["mqtt_url"],
        specs,
        config["control_port"],
        config["speed"],
        Path(config["state_dir"]),
        meter_every_s=config["meter_every_s"],
        heartbeat_s=config["heartbeat_s"],
    )
