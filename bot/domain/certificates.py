"""When what was certified of a site must be certified again; pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, Literal

# Source: features.md D8 (protection against overload, rain, lightning), B12 (the meter).
KINDS: Final[Mapping[str, str]] = {
    "electrical": "Electrical inspection", "lightning": "Lightning and surge protection",
    "water": "Protection against water", "fire": "Fire safety", "meter": "Meter calibration",
    "tls": "Certificate of a connection (TLS)", "other": "Something else",
}  # fmt: skip
DUE_DAYS: Final = 30  # so long before its end somebody has to see to it

State = Literal["valid", "due", "expired"]


def state_of(expires_on: date, today: date) -> State:
    """How a certificate stands; it still counts on its last day."""
    if today > expires_on:
        return "expired"
    return "due" if expires_on - today <= timedelta(days=DUE_DAYS) else "valid"
