"""One place to plug in: cable, vehicle, meter, faults and the transaction that runs on it.

It never waits: `tick` moves its time on, and whatever happens is told through `tell` as the OCPP
message a real pile would send.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from devices.simulator.curves import power_w
from devices.simulator.spec import EvseSpec
from devices.simulator.wear import Wear

Payload = dict[str, Any]
Tell = Callable[[str, Payload], None]

# What vehicles bring along when the caller does not say: capacity in Wh, state of charge.
_USUAL: Final = {"ebike": (500, 0.30), "ac": (52_000, 0.35), "dc": (77_000, 0.20)}

# What can break: does it end a transaction (with which stoppedReason), does it block a start.
_ENDS_WITH: Final = {"GroundFault": "GroundFault", "EmergencyStop": "EmergencyStop"}
_BLOCKS: Final = frozenset({"GroundFault", "EmergencyStop", "ConnectorLock"})
FAULTS: Final = frozenset({*_BLOCKS, "OverTemp", "NoEnergy", "DoorOpen", "MeterJump"})
JUMP_WH: Final = 2_000_000  # a register that loses its place
_ALARMS: Final = {
    "GroundFault": ("Connector", "Problem", "true", "GROUND_FAULT"),
    "EmergencyStop": ("ChargingStation", "Problem", "true", "EMERGENCY_STOP"),
    "ConnectorLock": ("ConnectorPlugRetentionLock", "Problem", "true", "LOCK_FAILED"),
    "OverTemp": ("Connector", "Temperature", "86.5", "OVER_TEMP"),
    "DoorOpen": ("AccessBarrier", "Problem", "true", "DOOR_OPEN"),
}


@dataclass(slots=True)
class Vehicle:
    """What hangs on the cable."""

    capacity_wh: float
    charge_wh: float
    max_power_w: float

    @property
    def full(self) -> bool:
        return self.charge_wh >= self.capacity_wh


@dataclass(slots=True)
class Transaction:
    """A running transaction; times are ISO texts because it is kept as JSON."""

    id: str
    id_token: str
    remote_start_id: int
    charging_state: str
    seq_no: int = 0
    charging_s: float = 0.0
    give_up_at: str | None = None  # no cable until then: the transaction ends
    meter_told_at: str = ""


@dataclass(slots=True)
class Evse:
    """The state of one EVSE; `state` and `restore` carry it over a restart of the process."""

    spec: EvseSpec
    tell: Tell
    meter_every_s: float = 10.0
    register_wh: float = 0.0
    vehicle: Vehicle | None = None
    transaction: Transaction | None = None
    faults: list[str] = field(default_factory=list)
    wear: Wear = field(default_factory=Wear)
    codes: dict[str, str] = field(default_factory=dict)  # fault -> the maker's own code
    operative: bool = True
    installing: bool = False
    reservation: Payload | None = None  # {"id", "id_token", "until"}
    limit_w: float | None = None
    power_w: float = 0.0
    told_status: str = ""
    online: bool = False

    # -- what people do at the pile

    def plug(self, now: datetime, wanted: Payload) -> None:
        """Plug a vehicle in; `wanted` may name capacity_wh, soc (0 to 1) and max_power_w."""
        usual_wh, soc = _USUAL[self.spec.kind]
        capacity_wh = float(wanted.get("capacity_wh", usual_wh))
        self.vehicle = Vehicle(
            capacity_wh=capacity_wh,
            charge_wh=capacity_wh * float(wanted.get("soc", soc)),
            max_power_w=float(wanted.get("max_power_w", self.spec.max_power_w)),
        )
        if self.transaction is not None:
            self.transaction.give_up_at = None
            self._change(now, "EVConnected", "CablePluggedIn")
        self.tell_status(now)

    def unplug(self, now: datetime) -> None:
        """Pull the cable, whatever runs."""
        if self.transaction is not None:
            self.end(now, "EVCommunicationLost", "EVDisconnected")
        self.vehicle = None
        self.tell_status(now)

    def press_stop(self, now: datetime) -> None:
        """The stop button on the pile."""
        if self.transaction is not None:
            self.end(now, "StopAuthorized", "Local")

    def break_down(self, now: datetime, kind: str, code: str = "") -> None:
        """Something breaks: one of FAULTS; `code` is the maker's own, where it has one."""
        if kind in self.faults:
            return
        self.faults.append(kind)
        if code:
            self.codes[kind] = code[:50]
        if kind == "MeterJump":
            self.register_wh += JUMP_WH
        self._alarm(now, kind, cleared=False)
        if self.transaction is not None and kind in _ENDS_WITH:
            self.end(now, "AbnormalCondition", _ENDS_WITH[kind])
        self.tell_status(now)

    def repair(self, now: datetime) -> None:
        """Everything works again."""
        broken, self.faults, self.wear = self.faults, [], Wear()
        for kind in broken:
            self._alarm(now, kind, cleared=True)
        self.codes.clear()
        self.tell_status(now)

    # -- what the CSMS orders

    def refusal(self, id_token: str, now: datetime) -> str | None:
        """Why a start would be refused: OCPP's reasonCode, or None."""
        if any(kind in _BLOCKS for kind in self.faults):
            return "Faulted"
        if not self.operative or self.installing:
            return "Unavailable"
        if self.transaction is not None:
            return "Occupied"
        held = self.held(now)
        return "Reserved" if held is not None and held["id_token"] != id_token else None

    def begin(self, now: datetime, order: Payload, plug_in_timeout_s: float) -> str:
        """Start a transaction; without a cable it waits for one. Returns the transaction id."""
        plugged = self.vehicle is not None
        give_up_at = None if plugged else (now + timedelta(seconds=plug_in_timeout_s)).isoformat()
        self.transaction = Transaction(
            id=str(uuid.uuid4()),
            id_token=order["idToken"]["idToken"],
            remote_start_id=order["remoteStartId"],
            charging_state="EVConnected" if plugged else "Idle",
            give_up_at=give_up_at,
        )
        self._event(now, "Started", "RemoteStart")
        if self.reservation is not None:
            self.reservation = None
        self.tell_status(now)
        return self.transaction.id

    def end(self, now: datetime, trigger: str, reason: str) -> None:
        """End the running transaction."""
        assert self.transaction is not None
        self.power_w = 0.0
        self.transaction.charging_state = "EVConnected" if self.vehicle else "Idle"
        self._event(now, "Ended", trigger, stopped_reason=reason)
        self.transaction = None
        self.wear.charged()
        self.limit_w = None
        self.tell_status(now)

    def held(self, now: datetime) -> Payload | None:
        """The reservation that is still good."""
        if self.reservation is None or _time(self.reservation["until"]) <= now:
            return None
        return self.reservation

    def set_installing(self, now: datetime, installing: bool) -> None:
        """A firmware is being installed, or no longer."""
        self.installing = installing
        self.tell_status(now)

    def set_operative(self, now: datetime, operative: bool) -> None:
        """In service or not."""
        self.operative = operative
        self.tell_status(now)

    # -- time

    def tick(self, now: datetime, elapsed_s: float) -> None:
        """Let `elapsed_s` simulated seconds pass."""
        if self.reservation is not None and self.held(now) is None:
            lost, self.reservation = self.reservation, None
            update = {"reservationId": lost["id"], "reservationUpdateStatus": "Expired"}
            self.tell("ReservationStatusUpdate", update)
            self.tell_status(now)
        if self.transaction is None:
            return
        if self.transaction.give_up_at and now >= _time(self.transaction.give_up_at):
            self.end(now, "EVConnectTimeout", "Timeout")
            return
        self._charge(now, elapsed_s)
        due = _time(self.transaction.meter_told_at) + timedelta(seconds=self.meter_every_s)
        if now >= due:
            self._event(now, "Updated", "MeterValuePeriodic")

    def _charge(self, now: datetime, elapsed_s: float) -> None:
        vehicle, transaction = self.vehicle, self.transaction
        assert transaction is not None
        self.power_w = 0.0
        if vehicle is None:
            return
        if vehicle.full:
            self._change(now, "SuspendedEV", "ChargingStateChanged")
            return
        if "OverTemp" in self.faults or "NoEnergy" in self.faults or self.limit_w == 0:
            self._change(now, "SuspendedEVSE", "ChargingStateChanged")
            return
        self._change(now, "Charging", "ChargingStateChanged")
        # Small steps: at a high speed a whole ramp or taper may lie within one tick.
        left_s = elapsed_s
        while left_s > 0 and not vehicle.full:
            step_s = min(left_s, 5.0)
            limit_w = min(self.spec.max_power_w, vehicle.max_power_w, self.limit_w or float("inf"))
            soc = vehicle.charge_wh / vehicle.capacity_wh
            self.power_w = power_w(self.spec.kind, int(limit_w), soc, transaction.charging_s)
            taken_wh = min(self.power_w * step_s / 3600, vehicle.capacity_wh - vehicle.charge_wh)
            vehicle.charge_wh += taken_wh
            self.register_wh += taken_wh
            transaction.charging_s += step_s
            left_s -= step_s
        if vehicle.full:
            self.power_w = 0.0
            self._change(now, "SuspendedEV", "ChargingStateChanged")

    # -- what the pile tells

    @property
    def status(self) -> str:
        """OCPP's ConnectorStatus."""
        if any(kind in _BLOCKS for kind in self.faults):
            return "Faulted"
        if not self.operative or self.installing:
            return "Unavailable"
        if self.vehicle is not None:
            return "Occupied"
        return "Reserved" if self.reservation is not None else "Available"

    def tell_status(self, now: datetime, *, always: bool = False) -> None:
        """Tell the status when it changed (or always, after a boot)."""
        if self.status == self.told_status and not always:
            return
        self.told_status = self.status
        status: Payload = {
            "timestamp": iso(now),
            "connectorStatus": self.status,
            "evseId": self.spec.number,
            "connectorId": 1,
        }
        if self.status == "Faulted" and (own := next(iter(self.codes.values()), "")):
            status["customData"] = {"vendorId": "pilebot", "vendorErrorCode": own}
        self.tell("StatusNotification", status)

    def _change(self, now: datetime, charging_state: str, trigger: str) -> None:
        assert self.transaction is not None
        if self.transaction.charging_state != charging_state:
            self.transaction.charging_state = charging_state
            self._event(now, "Updated", trigger)

    def _event(
        self, now: datetime, kind: str, trigger: str, *, stopped_reason: str | None = None
    ) -> None:
        transaction = self.transaction
        assert transaction is not None
        info: Payload = {
            "transactionId": transaction.id,
            "chargingState": transaction.charging_state,
            "remoteStartId": transaction.remote_start_id,
        }
        if stopped_reason:
            info["stoppedReason"] = stopped_reason
        event: Payload = {
            "eventType": kind,
            "timestamp": iso(now),
            "triggerReason": trigger,
            "seqNo": transaction.seq_no,
            "offline": not self.online,
            "transactionInfo": info,
            "evse": {"id": self.spec.number, "connectorId": 1},
            "meterValue": [self._meter_value(now, kind)],
        }
        if kind == "Started":
            event["idToken"] = {"idToken": transaction.id_token, "type": "Central"}
        transaction.seq_no += 1
        transaction.meter_told_at = iso(now)
        self.tell("TransactionEvent", event)

    def _meter_value(self, now: datetime, kind: str) -> Payload:
        context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}
        energy = {
            "value": round(self.register_wh, 1),
            "context": context.get(kind, "Sample.Periodic"),
            "measurand": "Energy.Active.Import.Register",
            "unitOfMeasure": {"unit": "Wh"},
        }
        power = {
            "value": round(self.power_w, 1),
            "context": energy["context"],
            "measurand": "Power.Active.Import",
            "unitOfMeasure": {"unit": "W"},
        }
        volts = 400.0 if self.spec.kind == "dc" else 230.0
        voltage = {
            "value": volts,
            "context": energy["context"],
            "measurand": "Voltage",
            "unitOfMeasure": {"unit": "V"},
        }
        current = {
            "value": round(self.power_w / volts, 2),
            "context": energy["context"],
            "measurand": "Current.Import",
            "unitOfMeasure": {"unit": "A"},
        }
        warmth = self.wear.temperature_c(self.power_w / max(1, self.spec.max_power_w))
        return {
            "timestamp": iso(now),
            "sampledValue": [energy, power, voltage, current],
            "customData": {"vendorId": "pilebot", "temperatureC": warmth},
        }

    def _alarm(self, now: datetime, kind: str, *, cleared: bool) -> None:
        if kind not in _ALARMS:
            return
        component, variable, value, code = _ALARMS[kind]
        where = {"evse": {"id": self.spec.number, "connectorId": 1}}
        if kind == "DoorOpen":  # the pile has one door
            where = {}
        event: Payload = {
            "eventId": uuid.uuid4().int % 2**31,
            "timestamp": iso(now),
            "trigger": "Alerting",
            "actualValue": value,
            "eventNotificationType": "HardWiredMonitor",
            "component": {"name": component, **where},
            "variable": {"name": variable},
            "techCode": self.codes.get(kind, code),
            "cleared": cleared,
        }
        if self.transaction is not None:
            event["transactionId"] = self.transaction.id
        self.tell("NotifyEvent", {"generatedAt": iso(now), "seqNo": 0, "eventData": [event]})

    # -- over a restart

    def state(self) -> Payload:
        """What must survive the process, as JSON."""
        return {
            "register_wh": self.register_wh,
            "vehicle": asdict(self.vehicle) if self.vehicle else None,
            "transaction": asdict(self.transaction) if self.transaction else None,
            "faults": self.faults,
            "wear": [self.wear.worn, self.wear.per_charge],
            "codes": self.codes,
            "operative": self.operative,
            "reservation": self.reservation,
            "limit_w": self.limit_w,
        }

    def restore(self, state: Payload) -> None:
        """Take up what `state` gave."""
        self.register_wh = state["register_wh"]
        self.vehicle = Vehicle(**state["vehicle"]) if state["vehicle"] else None
        self.transaction = Transaction(**state["transaction"]) if state["transaction"] else None
        self.faults = state["faults"]
        self.wear = Wear(*state.get("wear", ()))
        self.codes = state.get("codes", {})
        self.operative = state["operative"]
        self.reservation = state["reservation"]
        self.limit_w = state["limit_w"]


def now() -> datetime:
    """The pile's clock."""
    return datetime.now(UTC)


def iso(at: datetime) -> str:
    """A moment as OCPP writes it."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
