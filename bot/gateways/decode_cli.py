"""`./run decode FILE…`: what the bot reads in photos, one JSON line per file."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from bot.gateways.eyes import Eyes


def main(paths: Sequence[str], own_hosts: Collection[str], own_numbers: Collection[str]) -> int:
    """Print {"file", "codes", "pile", "engine", "ms", "problem"?} for each file.

    `codes` holds every text read, ours or not; `pile` is our EVSE code or null. Returns the exit
    status: 1 when a file cannot be opened.
    """
    status = 0
    with Eyes(own_hosts, own_numbers) as eyes:
        for path in paths:
            row = {"file": path} | _read(Path(path), eyes)
            status |= row.get("problem") == "no_such_file"
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    return status


def _read(path: Path, eyes: Eyes) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError:
        return {"codes": [], "pile": None, "engine": "", "ms": 0, "problem": "no_such_file"}
    reading = eyes.decode_safely(data)
    row: dict[str, Any] = {
        "codes": reading.texts,
        "pile": str(reading.codes[0]) if reading.codes else None,
        "engine": reading.engine,
        "ms": reading.ms,
    }
    return row | ({"problem": reading.problem} if reading.problem else {})
