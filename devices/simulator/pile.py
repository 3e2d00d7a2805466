"""A simulated pile: it takes orders, remembers message ids, and keeps what it has to tell on disk.

TransactionEvents wait in a queue that survives the process until the CSMS has answered each of
them; everything else is only worth telling while the pile is connected.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from devices import frames
from devices.frames import Call, Error, Frame, Result
from devices.simulator.evse import Evse, Payload, now
from devices.simulator.orders import ORDERS, UnknownEvseError, refused
from devices.simulator.remote import Remote, settings_of
from devices.simulator.spec import PileSpec

HEARTBEAT_S: Final = 30.0
RING: Final = 64  # answers remembered, as docs/protocol.md asks of firmware
_DURABLE: Final = frozenset({"TransactionEvent"})


@dataclass(slots=True)
class Outgoing:
    """A CALL that waits to be sent, or for its answer."""

    message_id: str
    action: str
    payload: Payload

    @property
    def durable(self) -> bool:
        return self.action in _DURABLE


class Pile:
    """The pile behind the connection: `take` for what comes in, `outgoing` for what goes out."""

    def __init__(self, spec: PileSpec, journal: Path | None, *, meter_every_s: float) -> None:
        self.spec = spec
        self.evses = {
            each.number: Evse(each, self.tell, meter_every_s=meter_every_s) for each in spec.evses
        }
        self.outgoing: list[Outgoing] = []
        self.on_more: Callable[[], None] = lambda: None  # called when there is more to send
        self.plug_in_timeout_s = spec.plug_in_timeout_s
        self.dedupe = True  # False: firmware that forgets message ids
        self.booted = False
        self.powered = True
        self.reset_asked = False
        self.boot_reason = "PowerUp"
        self.reset_waiting = False  # until nothing charges any more
        self.heartbeat_s = HEARTBEAT_S  # until the boot's answer says otherwise
        self.online = False
        kind = spec.evses[0].kind if spec.evses else "ac"
        self.remote: Remote = Remote(
            self.tell, self.is_busy, self._set_installing, self.reboot, spec.pile_id,
            settings_of(kind),
        )  # fmt: skip
        self.on_reboot: Callable[[], None] = lambda: None  # the line must break for a moment
        self._answers: dict[str, Frame] = {}
        self._journal = journal
        self._dirty = False
        self._load()

    def evse(self, number: int) -> Evse:
        """An EVSE by its number. Raises UnknownEvseError."""
        if number not in self.evses:
            raise UnknownEvseError(number)
        return self.evses[number]

    # -- connection

    def connected(self) -> None:
        """The line is up: boot if need be, tell every status, then what waited."""
        waiting = self.outgoing
        self.outgoing = []
        self._set_online(True)
        if not self.booted:
            self.tell("BootNotification", self._boot())
        for evse in self.evses.values():
            evse.tell_status(now(), always=True)
        if not self.booted:
            self.remote.booted()
            self.apply_settings()
        self.outgoing += [each for each in waiting if each.durable]
        self.on_more()

    def disconnected(self) -> None:
        """The line is down: only what is durable stays."""
        self.outgoing = [each for each in self.outgoing if each.durable]
        self._set_online(False)

    def answered(self, answer: Result | Error) -> bool:
        """The CSMS answered a CALL; True when the head of the queue is done with."""
        if not self.outgoing or self.outgoing[0].message_id != answer.message_id:
            return False
        if isinstance(answer, Error) and answer.code == "InternalError":
            return False  # the CSMS has a bad moment: tell it again
        done = self.outgoing.pop(0)
        if done.action == "BootNotification":
            self.booted = isinstance(answer, Result) and answer.payload["status"] == "Accepted"
            if isinstance(answer, Result):
                self.heartbeat_s = float(answer.payload["interval"]) or self.heartbeat_s
        self.remote.answered(done.action, done.payload)
        self._dirty = self._dirty or done.durable
        self.save()
        return True

    def heartbeat(self) -> None:
        """Tell that we are here, unless something else is just being told."""
        if not self.outgoing:
            self.tell("Heartbeat", {})

    # -- power

    def cut_power(self) -> None:
        """The mains fail: everything stops, nothing can be told any more."""
        self.powered = False
        for evse in self.evses.values():
            evse.power_w = 0.0
        self.touch()

    def restore_power(self) -> None:
        """The mains are back: what ran is over, and the pile boots."""
        self.powered, self.booted = True, False
        for evse in self.evses.values():
            if evse.transaction is not None:
                evse.end(now(), "AbnormalCondition", "PowerLoss")
        self.touch()

    def reboot(self, reason: str) -> None:
        """Start anew: the line breaks, and the boot tells the reason."""
        self.booted, self.boot_reason = False, reason
        self.on_reboot()

    # -- remote work

    def is_busy(self) -> bool:
        """Whether somebody charges here."""
        return any(evse.transaction is not None for evse in self.evses.values())

    def _set_installing(self, installing: bool) -> None:
        for evse in self.evses.values():
            evse.set_installing(now(), installing)
        self._dirty = True

    def apply_settings(self) -> None:
        """What settings change in this pile's behaviour, once somebody has changed them."""
        values = self.remote.values
        if (wait := values.get("TxCtrlr.EVConnectionTimeOut")) is not None:
            self.plug_in_timeout_s = float(wait)
        if (every := values.get("SampledDataCtrlr.TxUpdatedInterval")) is not None:
            for evse in self.evses.values():
                evse.meter_every_s = float(every)

    # -- time and orders

    def tick(self, elapsed_s: float) -> None:
        """Let simulated seconds pass."""
        if not self.powered:
            return
        for evse in self.evses.values():
            evse.tick(now(), elapsed_s)
        if self.reset_waiting and not self.is_busy():
            self.reset_waiting, self._dirty = False, True
            self.reboot("ScheduledReset")
        self.save()

    def take(self, call: Call) -> Frame:
        """Carry out a CALL of the CSMS once, and answer every repeat as the first time."""
        if self.dedupe and call.message_id in self._answers:
            return self._answers[call.message_id]
        answer = self._carry_out(call)
        self.remote.note(now(), f"{call.action} {type(answer).__name__}")
        self._answers[call.message_id] = answer
        while len(self._answers) > RING:
            self._answers.pop(next(iter(self._answers)))
        self._dirty = True
        self.save()
        return answer

    def _carry_out(self, call: Call) -> Frame:
        order = ORDERS.get(call.action)
        if order is None:
            return Error(call.message_id, "NotImplemented")
        try:
            frames.check_request(call.action, call.payload)
        except frames.FrameError as error:
            return Error(call.message_id, error.code, error.why)
        expires_at = call.payload.get("customData", {}).get("expiresAt")
        if expires_at and datetime.fromisoformat(expires_at) <= now():
            return Error(call.message_id, "GenericError", "Expired")
        try:
            return Result(call.message_id, order(self, call.payload))
        except UnknownEvseError:
            return Result(call.message_id, refused("UnknownEvse"))

    def _set_online(self, online: bool) -> None:
        self.online = online
        for evse in self.evses.values():
            evse.online = online

    def tell(self, action: str, payload: Payload) -> None:
        frames.check_request(action, payload)
        if action != "Heartbeat":
            self.remote.note(now(), f"{action} {_gist(payload)}")
        message = Outgoing(str(uuid.uuid4()), action, payload)
        if not message.durable and not self.online:
            return
        self.outgoing.append(message)
        self._dirty = self._dirty or message.durable
        self.on_more()

    def _boot(self) -> Payload:
        station = {
            "model": self.spec.model[:20],
            "vendorName": "Pilebot",
            "serialNumber": self.spec.pile_id[:25],
            "firmwareVersion": self.remote.firmware,
        }
        return {"reason": self.boot_reason, "chargingStation": station}

    # -- the journal

    def save(self) -> None:
        """Write the journal if something that must survive has changed."""
        if self._journal is None or not self._dirty:
            return
        state = {
            "evses": {str(number): evse.state() for number, evse in self.evses.items()},
            "outgoing": [
                [each.message_id, each.action, each.payload]
                for each in self.outgoing
                if each.durable
            ],
            "answers": [frames.write(each).decode() for each in self._answers.values()],
            "booted": self.booted,
            "powered": self.powered,
            "remote": self.remote.state(),
            "reset_waiting": self.reset_waiting,
        }
        fresh = self._journal.with_suffix(".new")
        fresh.write_text(json.dumps(state), encoding="utf-8")
        fresh.replace(self._journal)
        self._dirty = False

    def touch(self) -> None:
        """Something that must survive was changed from outside."""
        self._dirty = True
        self.save()

    def _load(self) -> None:
        if self._journal is None or not self._journal.exists():
            return
        state = json.loads(self._journal.read_text(encoding="utf-8"))
        for number, evse_state in state["evses"].items():
            if int(number) in self.evses:
                self.evses[int(number)].restore(evse_state)
        self.outgoing = [Outgoing(*each) for each in state["outgoing"]]
        for raw in state["answers"]:
            answer = frames.parse(raw.encode())
            self._answers[answer.message_id] = answer
        self.booted = state["booted"]
        self.powered = state["powered"]
        self.reset_waiting = state.get("reset_waiting", False)
        if "remote" in state:
            self.remote.restore(state["remote"])
            self.apply_settings()

    def view(self) -> Payload:
        """The state that GET /piles shows."""
        return {
            "pile_id": self.spec.pile_id,
            "online": self.online,
            "powered": self.powered,
            "waiting_events": len(self.outgoing),
            "firmware": self.remote.firmware,
            "failing": sorted(self.remote.failing),
            "evses": [_view(each) for each in self.evses.values()],
        }


def _view(evse: Evse) -> Payload:
    vehicle, transaction = evse.vehicle, evse.transaction
    return {
        "number": evse.spec.number,
        "kind": evse.spec.kind,
        "max_power_w": evse.spec.max_power_w,
        "status": evse.status,
        "plugged": vehicle is not None,
        "soc": round(vehicle.charge_wh / vehicle.capacity_wh, 4) if vehicle else None,
        "transaction_id": transaction.id if transaction else None,
        "charging_state": transaction.charging_state if transaction else None,
        "power_w": round(evse.power_w),
        "meter_wh": round(evse.register_wh),
        "faults": evse.faults,
        "worn": round(evse.wear.worn, 3),
    }


def _gist(payload: Payload) -> str:
    """A message as a line of the log."""
    info = payload.get("transactionInfo", {})
    parts = [
        payload.get("connectorStatus"), payload.get("status"), payload.get("eventType"),
        payload.get("triggerReason"), info.get("chargingState"), info.get("stoppedReason"),
        *(each.get("techCode") for each in payload.get("eventData", ())),
    ]  # fmt: skip
    return " ".join(str(each) for each in parts if each)
