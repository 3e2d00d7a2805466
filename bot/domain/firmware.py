"""A firmware's way into a pile, and a roll-out's way through a model; pure rules.

one pile first ──it runs the new one──► "the rest too" by a person ──► all the others, a few at
a time, each when it is idle ──► done; two failures stop it
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

TAKES: Final = timedelta(minutes=30)  # from the order to the new firmware: no booking within it
SILENT_AFTER: Final = timedelta(minutes=20)  # without a further step it has failed
AT_ONCE: Final = 3  # piles of one roll-out that install at the same time
FAILURES: Final = 2  # then it stops by itself
AGAIN: Final = timedelta(minutes=5)  # when a pile is looked at again that could not be updated

Tone = Literal["neutral", "info", "good", "bad"]
# OCPP's statuses in the order in which they come, and what went wrong; then ours.
STEPS: Final[Mapping[str, str]] = {
    "Ordered": "Ordered", "Downloading": "Downloading", "Downloaded": "Downloaded",
    "SignatureVerified": "Checked", "InstallScheduled": "Waits until idle",
    "Installing": "Installing", "InstallRebooting": "Restarting", "Installed": "Installed",
}  # fmt: skip
FAILED: Final[Mapping[str, str]] = {
    "DownloadFailed": "It could not be downloaded",
    "InvalidSignature": "The file is not the one that we offered",
    "InstallationFailed": "It could not be installed; the old one runs on",
    "InstallVerificationFailed": "It did not pass the pile's own check; the old one runs on",
    "Refused": "The pile refused",
    "Silent": "The pile told no further step",
}  # fmt: skip
OTHER: Final[Mapping[str, str]] = {
    "Waiting": "Its turn comes", "Skipped": "Left out",
    "DownloadScheduled": "Download planned", "DownloadPaused": "Download paused",
}  # fmt: skip
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a roll-out: how many piles are where."""

    installed: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0


def words(status: str) -> str:
    """A status for staff."""
    return STEPS.get(status) or FAILED.get(status) or OTHER.get(status) or status


def tone(status: str) -> Tone:
    """How a status looks."""
    if status == "Installed":
        return "good"
    if status in FAILED:
        return "bad"
    return "neutral" if status in ("Waiting", "Skipped") else "info"


def step(status: str) -> int:
    """How far it is, from 0; what is no step of the way counts as before it."""
    return list(STEPS).index(status) if status in STEPS else -1


def comes_after(before: str, status: str) -> bool:
    """Whether a report is news: steps only go on, an end is an end; a late report of an earlier
    step changes nothing."""
    if before == "Installed" or (before in FAILED and before != "Silent"):
        return False
    return status in FAILED or status in OTHER or step(status) > step(before)


def is_over(status: str) -> bool:
    """Whether nothing more comes."""
    return status == "Installed" or status in FAILED or status == "Skipped"


def good_version(text: str) -> bool:
    """Whether a firmware may be called this."""
    return _VERSION.fullmatch(text) is not None


def why_not_now(*, busy: bool, booked_at: datetime | None, now: datetime, online: bool) -> str:
    """Why a pile cannot be updated now; "" when it can. Nothing forces this."""
    if not online:
        return "It is out of contact."
    if busy:
        return "Somebody charges there."
    if booked_at is not None and booked_at < now + TAKES:
        return "A booking, a later start or a turn in line falls into the time that it takes."
    return ""


def next_state(state: str, stands: Standing) -> str:
    """What a roll-out is after something happened to one of its piles.

    `state`: first (one pile tries it) → tried (a person may confirm) → rest → done; stopped.
    """
    if state == "first":
        if stands.installed:
            return "tried"
        return "stopped" if stands.failed else "first"
    if state == "rest":
        if stands.failed >= FAILURES:
            return "stopped"
        return "rest" if stands.running or stands.waiting else "done"
    return state


def may_begin(state: str, stands: Standing) -> int:
    """How many of the waiting piles may begin now."""
    if state != "rest" or stands.failed >= FAILURES:
        return 0
    return max(0, min(stands.waiting, AT_ONCE - stands.running))
