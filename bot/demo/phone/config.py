"""Where the demo's other parts are, and who the riders are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoRider:
    """A rider of the demo: a phone number (+E.164) and whether a card is saved."""

    address: str
    has_card: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneConfig:
    """Addresses without a trailing slash. `stripe_url` is only shown, never called."""

    twilio_url: str
    piles_url: str
    stripe_url: str
    public_url: str
    console_url: str = ""
    brand: str = "Pilebot"
    sender: str = "whatsapp:+14155238886"  # the number on the stickers
    riders: Sequence[DemoRider] = ()


def load(path: Path) -> PhoneConfig:
    """The configuration from a JSON file with PhoneConfig's fields; others are left alone.

    Raises KeyError when an address is missing.
    """
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return PhoneConfig(
        twilio_url=raw["twilio_url"].rstrip("/"),
        piles_url=raw["piles_url"].rstrip("/"),
        stripe_url=raw["stripe_url"].rstrip("/"),
        public_url=raw["public_url"].rstrip("/"),
        console_url=raw.get("console_url", "").rstrip("/"),
        brand=raw.get("brand", "Pilebot"),
        sender=raw.get("sender", "whatsapp:+14155238886"),
        riders=[DemoRider(r["address"], bool(r["has_card"])) for r in raw.get("riders", [])],
    )
