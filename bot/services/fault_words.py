"""What the fault codes of piles mean, by model: English sources, told in the reader's language.

A model's own table comes before the one that holds for every model: makers use the same number
for different things. Codes are compared without case and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bot.replies import N_, Say, Value, Written

FAULTED: Final = "Faulted"  # what a status alone tells: out of order, and nothing more

# OCPP 1.6's error codes, techCodes that firmware uses for them, and those of our own limits.
_EVERY: Final[Mapping[str, str]] = {
    "Faulted": N_("out of order, the pile tells no cause"),
    "GROUND_FAULT": N_("current leaks to earth, the residual current device has opened"),
    "GroundFailure": N_("current leaks to earth, the residual current device has opened"),
    "EMERGENCY_STOP": N_("the emergency stop is pressed"),
    "LOCK_FAILED": N_("the lock of the plug does not move"),
    "ConnectorLockFailure": N_("the lock of the plug does not move"),
    "ConnectorPlugRetentionLock": N_("the lock of the plug does not move"),
    "OVER_TEMP": N_("too hot inside"),
    "HighTemperature": N_("too hot inside"),
    "Temperature": N_("too hot inside"),
    "OVER_VOLTAGE": N_("the voltage is too high"),
    "UNDER_VOLTAGE": N_("the voltage is too low"),
    "OVER_CURRENT": N_("the current is too high"),
    "OverCurrentFailure": N_("the current is too high"),
    "OVER_POWER": N_("more power is drawn than the socket may give"),
    "EVCommunicationError": N_("the pile and the vehicle do not understand each other"),
    "PowerMeterFailure": N_("the meter does not answer"),
    "PowerSwitchFailure": N_("the contactor does not open or close"),
    "METER_JUMP": N_("the meter has jumped to a reading that cannot be"),
    "METER_WRONG": N_("the meter failed a test"),
    "ReaderFailure": N_("the card reader does not answer"),
    "InternalError": N_("an error inside the firmware"),
    "ResetFailure": N_("a restart has failed"),
    "WeakSignal": N_("the mobile network is too weak"),
    "RCD": N_("the residual current device has opened"),
    "SMOKE": N_("the smoke detector has answered"),
    "WATER_LEAK": N_("water inside"),
    "TILT": N_("the pile leans or was hit"),
    "DOOR_OPEN": N_("the door of the housing is open"),
}  # fmt: skip

_BOX: Final[Mapping[str, str]] = {
    "E01": N_("the fuse of the socket has opened"),
    "E02": N_("the relay of the socket is stuck"),
    "E03": N_("the flap of the socket does not close"),
    "E07": N_("the control board does not reach the socket's board"),
}  # fmt: skip
_STREET: Final[Mapping[str, str]] = {
    "E11": N_("the contactor does not open or close"),
    "E12": N_("the control pilot is short-circuited: look at cable and inlet"),
    "E14": N_("the meter does not answer"),
    "E21": N_("one phase is missing"),
}  # fmt: skip
_FAST: Final[Mapping[str, str]] = {
    "E31": N_("the insulation of the output is too low"),
    "E32": N_("a power module does not answer"),
    "E33": N_("the fan of a power module stands still"),
    "E34": N_("the cooling of the cable has lost its liquid"),
    "E36": N_("the output contactor is welded"),
}  # fmt: skip
# How the names of models begin -> their own table.
_MODELS: Final[Mapping[str, Mapping[str, str]]] = {
    "Pyörä": _BOX, "Katu": _STREET, "Pika": _FAST,
}  # fmt: skip


def meaning(model: str, code: str) -> Say | None:
    """What a code of a model means; None when no table knows it."""
    plain = _plain(code)
    for begins, table in _MODELS.items():
        if model.startswith(begins) and (known := _lookup(table, plain)) is not None:
            return Say(known)
    known = _lookup(_EVERY, plain)
    return Say(known) if known is not None else None


def told(model: str, code: str) -> Say:
    """ "E14: the meter does not answer"; a code nobody knows stands alone, none as a dash."""
    meant = meaning(model, code)
    values: dict[str, Value] = {"code": Written(code or "–"), "meaning": meant or ""}
    return Say("{code}: {meaning}", values) if meant is not None else Say("{code}", values)


def in_english(model: str, code: str) -> str:
    """The same for staff, whose pages are in English."""
    meant = meaning(model, code)
    return f"{code}: {meant.text}" if meant is not None else code


def _lookup(table: Mapping[str, str], plain: str) -> str | None:
    return next((text for code, text in table.items() if _plain(code) == plain), None)


def _plain(code: str) -> str:
    return re.sub(r"[^a-z0-9]", "", code.casefold())
