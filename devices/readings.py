"""Reading what a TransactionEvent says: energy and power of its latest meter values, times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from bot.domain.sensing import Kind
from bot.services.pile_facts import ReadingFact
from bot.services.sensing import Sample
from devices.frames import FrameError

ENERGY: Final = "Energy.Active.Import.Register"
POWER: Final = "Power.Active.Import"
CURRENT: Final = "Current.Import"

_MEASURED: Final[dict[Kind, str]] = {
    "voltage": "Voltage", "current": "Current.Import", "power": POWER,
}  # fmt: skip
_VARIABLES: Final[dict[str, Kind]] = {
    "Temperature": "temperature", "Voltage": "voltage", "Current": "current", "Power": "power",
}  # fmt: skip
_KILO: Final = {"kWh", "kW"}


def moment(text: str) -> datetime:
    """A device's timestamp as aware UTC. Raises FrameError for a date that does not exist."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FrameError("PropertyConstraintViolation", f"no such time: {text[:40]}") from None


def iso(at: datetime) -> str:
    """A moment as it is written in frames and inbox bodies."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def energy(meter_values: list[dict[str, Any]]) -> list[ReadingFact]:
    """The energy register of every reading that has one, oldest first; beside it the current of
    all phases together, where the pile tells it."""
    found = [
        (moment(each["timestamp"]), wh, _value(each["sampledValue"], CURRENT, 1000))
        for each in meter_values
        if (wh := _value(each["sampledValue"], ENERGY)) is not None
    ]
    facts: list[ReadingFact] = []
    for at, wh, ma in sorted(found, key=lambda each: each[:2]):
        fact: ReadingFact = {"at": iso(at), "wh": wh}
        if ma is not None:
            fact["ma"] = ma
        facts.append(fact)
    return facts


def power_w(meter_values: list[dict[str, Any]]) -> int | None:
    """The power drawn at the last reading that has it, in W."""
    values = [_value(each["sampledValue"], POWER) for each in meter_values]
    return next((value for value in reversed(values) if value is not None), None)


def samples(meter_values: list[dict[str, Any]]) -> list[Sample]:
    """Voltage, current, power and temperature of the newest reading, in thousandths.

    Of several phases the highest counts. OCPP 2.0.1 has no measurand for temperature: it comes in
    the reading's customData (docs/protocol.md).
    """
    if not meter_values:
        return []
    newest = max(meter_values, key=lambda each: moment(each["timestamp"]))
    at, found = moment(newest["timestamp"]), []
    for kind, measurand in _MEASURED.items():
        values = [
            value
            for each in newest["sampledValue"]
            if each.get("measurand") == measurand and (value := _in_base_unit(each)) is not None
        ]
        if values and kind == "power" and (total := power_w([newest])) is not None:
            found.append(Sample(kind, total * 1000, at))
        elif values:
            found.append(Sample(kind, round(max(values) * 1000), at))
    temperature = newest.get("customData", {}).get("temperatureC")
    if isinstance(temperature, int | float) and -100 < temperature < 1000:
        found.append(Sample("temperature", round(temperature * 1000), at))
    return found


def event_sample(event: dict[str, Any], at: datetime) -> Sample | None:
    """The value of a NotifyEvent about temperature, voltage, current or power; None for others."""
    kind = _VARIABLES.get(event["variable"]["name"])
    try:
        value = float(event["actualValue"])
    except ValueError:
        return None
    if kind is None or not -1e9 < value < 1e9:
        return None
    return Sample(kind, round(value * 1000), at)


def _value(samples: list[dict[str, Any]], measurand: str, scale: int = 1) -> int | None:
    """One measurand of one reading in Wh, W or 1/scale A: the total, or the sum where phases are
    given."""
    whole, phases = None, []
    for sample in samples:
        # OCPP: a sample without a measurand is the energy register, in Wh at the outlet.
        if sample.get("measurand", ENERGY) != measurand:
            continue
        if sample.get("location", "Outlet") not in {"Outlet", "Cable"}:
            continue
        value = _in_base_unit(sample)
        if value is None:
            continue
        if "phase" in sample:
            phases.append(value)
        else:
            whole = value
    if whole is not None:
        return round(whole * scale)
    return round(sum(phases) * scale) if phases else None


def _in_base_unit(sample: dict[str, Any]) -> float | None:
    unit = sample.get("unitOfMeasure", {})
    power_of_ten = unit.get("multiplier", 0) + (3 if unit.get("unit") in _KILO else 0)
    if not -9 <= power_of_ten <= 9 or not -1e15 < sample["value"] < 1e15:
        return None
    value = float(sample["value"])
    return value * float(10**power_of_ten) if power_of_ten >= 0 else value / 10**-power_of_ten
