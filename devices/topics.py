"""The MQTT topics of a pile: its id, a direction and the kind of frame (docs/protocol.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

ROOT: Final = "evcs/v1"
FROM_ALL_PILES: Final = f"{ROOT}/+/up/+"

CALL: Final = "call"  # CALL frames
RESULT: Final = "result"  # CALLRESULT and CALLERROR frames
SEND: Final = "send"  # SEND frames: live telemetry that may be lost
CONN: Final = "conn"  # retained availability, also the last will

_UP: Final = re.compile(rf"{ROOT}/([A-Za-z0-9_-]{{1,48}})/up/({CALL}|{RESULT}|{SEND}|{CONN})")
_PILE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,48}")


@dataclass(frozen=True, slots=True)
class Up:
    """Where a message from a pile came in; the broker's ACL vouches for `pile_id`."""

    pile_id: str
    channel: str


def parse_up(topic: str) -> Up | None:
    """The pile and the channel of a topic on the way up; None for any other topic."""
    match = _UP.fullmatch(topic)
    return Up(match[1], match[2]) if match else None


def up(pile_id: str, channel: str) -> str:
    """The topic a pile publishes on."""
    return f"{ROOT}/{_checked(pile_id)}/up/{channel}"


def down(pile_id: str, channel: str) -> str:
    """The topic a pile listens on."""
    return f"{ROOT}/{_checked(pile_id)}/dn/{channel}"


def all_down(pile_id: str) -> str:
    """The one filter a pile subscribes to."""
    return f"{ROOT}/{_checked(pile_id)}/dn/+"


def _checked(pile_id: str) -> str:
    if not _PILE_ID.fullmatch(pile_id):
        raise ValueError(f"not a pile id: {pile_id!r}")
    return pile_id
