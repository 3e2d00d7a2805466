"""Settings of piles that staff may change from afar: by model, with their type and limits; pure.

The names are OCPP's where it has one. A model takes those of its kind; what a pile answers to a
change is read by `outcome`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Type = Literal["integer", "choice"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting: `name` is "Component.Variable", `kinds` and `models` who has it (none: all)."""

    name: str
    title: str
    about: str
    type: Type = "integer"
    unit: str = ""
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    reboot: bool = False  # counts after a restart only
    kinds: tuple[str, ...] = ()
    models: tuple[str, ...] = ()  # how their names begin

    @property
    def range(self) -> str:
        """What it takes, in words."""
        if self.type == "choice":
            return ", ".join(self.choices)
        return f"{self.low} to {self.high}{f' {self.unit}' if self.unit else ''}"


VARIABLES: Final = (
    Variable(
        "OCPPCommCtrlr.HeartbeatInterval", "Sign of life", "How often a quiet pile tells that it "
        "is there", unit="s", low=10, high=3600,
    ),
    Variable(
        "OCPPCommCtrlr.OfflineThreshold", "Offline after", "How long the line may be gone before "
        "the pile shows its riders that it is offline", unit="s", low=30, high=7200, reboot=True,
    ),
    Variable(
        "TxCtrlr.EVConnectionTimeOut", "Time to plug in", "How long after an order the pile waits "
        "for a cable", unit="s", low=30, high=600,
    ),
    Variable(
        "SampledDataCtrlr.TxUpdatedInterval", "Meter readings", "How often it tells the meter "
        "while charging", unit="s", low=10, high=60,
    ),
    Variable(
        "DisplayCtrlr.Brightness", "Brightness", "Of the display and the lights at the sockets",
        unit="%", low=10, high=100,
    ),
    Variable(
        "ElectricalCtrlr.MaxCurrent", "Most current", "What the supply of the pile can bear, for "
        "each phase", unit="A", low=6, high=63, reboot=True, kinds=("ac",),
    ),
    Variable(
        "ElectricalCtrlr.MaxCurrent", "Most current", "What the supply of the pile can bear, for "
        "each phase", unit="A", low=16, high=400, reboot=True, kinds=("dc",),
    ),
    Variable(
        "CoolingCtrlr.FanMode", "Fans", "By temperature, or always at full speed", type="choice",
        choices=("Auto", "Full"), kinds=("dc",),
    ),
    Variable(
        "LockerCtrlr.FlapTimeout", "Flap of a socket", "How long it stays open for a plug",
        unit="s", low=5, high=120, models=("Pyörä",),
    ),
)  # fmt: skip


class WrongValue(ValueError):
    """A value that the setting does not take; the message says what it takes."""


def variables(kind: str, model: str) -> tuple[Variable, ...]:
    """What can be read and changed at a pile of this kind ("ac") and model."""
    return tuple(
        each
        for each in VARIABLES
        if (not each.kinds or kind in each.kinds)
        and (not each.models or model.startswith(each.models))
    )


def variable(kind: str, model: str, name: str) -> Variable | None:
    """One of them by its name."""
    return next((each for each in variables(kind, model) if each.name == name), None)


def check(wanted: Variable, text: str) -> str:
    """A value as the pile is told it. Raises WrongValue."""
    text = text.strip()
    if wanted.type == "choice":
        if text not in wanted.choices:
            raise WrongValue(f"{wanted.title} is one of {wanted.range}.")
        return text
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise WrongValue(f"{wanted.title} is a whole number, {wanted.range}.")
    if not wanted.low <= int(text) <= wanted.high:
        raise WrongValue(f"{wanted.title} is {wanted.range}.")
    return str(int(text))


def outcome(answer: Mapping[str, Any]) -> tuple[bool, bool, str]:
    """What a pile said to SetVariables: taken, counts after a restart only, why not."""
    results = answer.get("setVariableResult") or [{}]
    status = str(results[0].get("attributeStatus", ""))
    why = str((results[0].get("attributeStatusInfo") or {}).get("reasonCode") or status)
    return status in {"Accepted", "RebootRequired"}, status == "RebootRequired", why


def values(answer: Mapping[str, Any]) -> dict[str, str | None]:
    """What a pile said to GetVariables, by name; None: it has no such setting."""
    found: dict[str, str | None] = {}
    for each in answer.get("getVariableResult") or ():
        name = f"{each['component']['name']}.{each['variable']['name']}"
        good = each.get("attributeStatus") == "Accepted"
        found[name] = str(each.get("attributeValue", "")) if good else None
    return found
