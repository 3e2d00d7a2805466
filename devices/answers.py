"""What piles ask and tell us: one function a message, from its payload to the answer's payload.

Payloads are valid when they come here. Effects happen only when the report is new; a repeat gets
the same answer and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from bot.services import action_results, alarms, pile_results, sensing
from bot.services.pile_facts import AlarmFact, RemoteFact, StatusFact, TransactionFact
from bot.services.sensing import Sample, Seen
from bot.settings import Settings
from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.devices import Command, PileEvent
from bot.store.stations import Evse, Pile
from devices import readings
from devices.commands import Commands, Publishing
from devices.readings import iso

Payload = dict[str, Any]

SOURCE: Final = "pile"
_METER_ONLY: Final = frozenset({"MeterValuePeriodic", "MeterValueClock"})
_OURS: Final = re.compile(r"(rider|test):\d{1,18}")
_FIRST_EVENTS: Final = 10
_TOKEN_LASTS: Final = timedelta(hours=24)
_MEMORY: Final = 20_000  # transactions remembered; forgetting one costs a query, not a fact


@dataclass(slots=True)
class Running:
    """What the gateway remembers of a running transaction between two of its events."""

    evse_number: int | None = None
    charging_state: str | None = None
    meter_seq: int = -1
    unwanted_since: datetime | None = None  # when we last asked for its stop


@dataclass(slots=True)
class Memory:
    """Kept between batches; all of it can be lost."""

    transactions: dict[tuple[str, str], Running] = field(default_factory=dict)
    booted: set[tuple[str, int]] = field(default_factory=set)  # EVSEs whose next status counts
    sensed: Seen = field(default_factory=Seen)

    def running(self, pile_id: str, transaction_id: str) -> Running | None:
        return self.transactions.get((pile_id, transaction_id))

    def remember(self, pile_id: str, transaction_id: str, running: Running) -> None:
        if len(self.transactions) >= _MEMORY:
            self.transactions.pop(next(iter(self.transactions)))
        self.transactions[(pile_id, transaction_id)] = running


@dataclass(slots=True)
class Report:
    """One CALL of a known pile, inside the transaction it is stored in."""

    work: UnitOfWork
    settings: Settings
    commands: Commands
    memory: Memory
    pile: Pile
    payload: Payload
    key: str  # of its PileEvent
    new: bool
    received_at: datetime
    out: list[Publishing] = field(default_factory=list)

    def put(
        self, kind: str, body: Mapping[str, Any], *, source_id: str | None = None,
        coalesce: bool = False,
    ) -> None:  # fmt: skip
        """Tell the bot a fact about this pile."""
        inbox.put(
            self.work,
            source=SOURCE,
            source_id=source_id or f"{self.pile.id}:{self.key}:{kind}",
            stream=f"pile:{self.pile.id}",
            kind=kind,
            body=dict(body),
            coalesce=coalesce,
        )

    def sense(self, number: int | None, samples: Sequence[Sample]) -> None:
        """Keep what a socket measured; a clock that runs ahead is set to ours."""
        evse = self.evse(number) if number and samples else None
        if evse is not None:
            honest = [each._replace(at=min(each.at, self.received_at)) for each in samples]
            sensing.note(self.work, self.memory.sensed, self.pile, evse, honest)

    def evse(self, number: int) -> Evse | None:
        """One of the pile's EVSEs; None for a number we do not know."""
        if not 0 < number < 1000:
            return None
        return self.work.session.scalars(
            select(Evse).where(Evse.pile_id == self.pile.id, Evse.number == number)
        ).first()


Answer = Callable[[Report], Payload]
ANSWERS: Final[dict[str, Answer]] = {}
# Not kept in pile_event: "I am here", and what is kept by the minute instead. Such a report is
# never new.
TRANSIENT: Final = frozenset({"Heartbeat", "MeterValues"})


def _on(action: str) -> Callable[[Answer], Answer]:
    def register(answer: Answer) -> Answer:
        assert action not in ANSWERS, f"two answers to {action}"
        ANSWERS[action] = answer
        return answer

    return register


def boot_answer(status: str, received_at: datetime, interval_s: int) -> Payload:
    """BootNotification's answer, also for piles we do not know (Rejected)."""
    return {"currentTime": iso(received_at), "interval": interval_s, "status": status}


@_on("BootNotification")
def boot_notification(report: Report) -> Payload:
    station = report.payload["chargingStation"]
    if report.new:
        report.pile.booted_at = report.received_at
        report.pile.firmware = station.get("firmwareVersion", report.pile.firmware)
        report.commands.connected(report.work, report.pile.id, f"boot:{report.key}")
        action_results.booted(report.work, report.pile.id)
        pile_results.booted(report.work, report.pile.id)
        # A clock that jumped must not silence the pile: its next status counts as it is.
        numbers = report.work.session.scalars(
            select(Evse.number).where(Evse.pile_id == report.pile.id)
        )
        report.memory.booted |= {(report.pile.id, number) for number in numbers}
    return boot_answer("Accepted", report.received_at, report.settings.heartbeat_s)


@_on("Heartbeat")
def heartbeat(report: Report) -> Payload:
    return {"currentTime": iso(report.received_at)}


@_on("StatusNotification")
def status_notification(report: Report) -> Payload:
    # A clock that runs ahead must not outrank the statuses to come.
    at = min(readings.moment(report.payload["timestamp"]), report.received_at)
    number, status = report.payload["evseId"], report.payload["connectorStatus"]
    evse = report.evse(number)
    if not report.new or evse is None:
        return {}
    booted = (report.pile.id, number) in report.memory.booted
    if not booted and evse.status_at is not None and at < evse.status_at:
        return {}
    report.memory.booted.discard((report.pile.id, number))
    before, changed = evse.status, evse.status != status
    evse.status, evse.status_at = status, at
    if status == "Faulted":
        code = _vendor_code(report.payload) or evse.fault_code or "Faulted"
        alarms.raised(report.work, report.pile, evse, code, source="status", at=at)
    elif before == "Faulted":
        alarms.well(report.work, report.pile, evse, at=at)
    if changed:
        fact: StatusFact = {
            "pile_id": report.pile.id,
            "evse_number": number,
            "status": status,
            "at": iso(at),
        }
        if evse.fault_code and status == "Faulted":
            fact["code"] = evse.fault_code
        report.put("pile.status", fact)
    return {}


def _vendor_code(payload: Payload) -> str:
    """The maker's own error code beside a status: OCPP 2.0.1 has no field for it."""
    code = payload.get("customData", {}).get("vendorErrorCode")
    return code.strip()[:60] if isinstance(code, str) else ""


@_on("TransactionEvent")
def transaction_event(report: Report) -> Payload:
    payload, info = report.payload, report.payload["transactionInfo"]
    transaction_id = info["transactionId"]
    at = readings.moment(payload["timestamp"])
    command: Command | None = None
    if report.new:
        running = _running(report, transaction_id)
        command, out = report.commands.started(
            report.work, report.pile.id, info.get("remoteStartId"), transaction_id
        )
        report.out += out
        _stop_if_unwanted(report, transaction_id, running, command)
        report.sense(running.evse_number, readings.samples(payload.get("meterValue", [])))
        fact = _transaction_fact(report, running, command, at)
        meter_only = (
            payload["eventType"] == "Updated"
            and payload["triggerReason"] in _METER_ONLY
            and info.get("chargingState", running.charging_state) == running.charging_state
        )
        running.charging_state = info.get("chargingState", running.charging_state)
        if not meter_only:
            report.put("pile.transaction", fact, source_id=f"{report.pile.id}:{report.key}")
        elif payload["seqNo"] > running.meter_seq:
            running.meter_seq = payload["seqNo"]
            source_id = f"{report.pile.id}:{transaction_id}:meter"
            report.put("pile.transaction", fact, source_id=source_id, coalesce=True)
    if "idToken" not in payload:
        return {}
    known = command is not None or _may_charge(report, payload["idToken"])
    return {"idTokenInfo": {"status": "Accepted" if known else "Invalid"}}


@_on("Authorize")
def authorize(report: Report) -> Payload:
    known = _may_charge(report, report.payload["idToken"])
    return {"idTokenInfo": {"status": "Accepted" if known else "Unknown"}}


@_on("NotifyEvent")
def notify_event(report: Report) -> Payload:
    for each in report.payload["eventData"] if report.new else ():
        if each["trigger"] != "Alerting":  # an alarm of the pile's own is told below
            sample = readings.event_sample(each, readings.moment(each["timestamp"]))
            number = each["component"].get("evse", {}).get("id")
            report.sense(number, [sample] if sample is not None else [])
    told = [
        (each, readings.moment(each["timestamp"]))
        for each in report.payload["eventData"]
        if each["trigger"] == "Alerting" or each.get("cleared")
    ]
    for index, (each, at) in enumerate(told if report.new else ()):
        number = each["component"].get("evse", {}).get("id")
        variable, cleared = each["variable"]["name"], each.get("cleared", False)
        _stands(report, each, at)
        alarm: AlarmFact = {
            "pile_id": report.pile.id,
            "evse_number": number,
            "transaction_id": each.get("transactionId"),
            "code": each.get("techCode", variable),
            "value": each["actualValue"][:200],
            "cleared": cleared,
            "at": iso(at),
        }
        report.put("pile.alarm", alarm, source_id=f"{report.pile.id}:{report.key}:alarm:{index}")
    return {}


def _stands(report: Report, event: Payload, at: datetime) -> None:
    """An alarm of the pile stands from now on, or is over; one that names no socket (a door,
    smoke) is about the whole pile."""
    number, variable = event["component"].get("evse", {}).get("id"), event["variable"]["name"]
    evse = report.evse(number) if number else None
    if number and evse is None:
        return
    about, code = f"{event['component']['name']}.{variable}", event.get("techCode")
    at = min(at, report.received_at)
    if event.get("cleared", False):
        alarms.taken_back(
            report.work, report.pile, evse, code or variable, at=at, about="" if code else about
        )
    else:
        alarms.raised(
            report.work, report.pile, evse, code or variable, source="alarm", at=at, about=about,
            value=event["actualValue"],
        )  # fmt: skip


@_on("ReservationStatusUpdate")
def reservation_status_update(report: Report) -> Payload:
    if report.new:
        body = {
            "pile_id": report.pile.id,
            "reservation_id": report.payload["reservationId"],
            "status": report.payload["reservationUpdateStatus"],
            "at": iso(report.received_at),
        }
        report.put("pile.reservation", body)
    return {}


@_on("DataTransfer")
def data_transfer(report: Report) -> Payload:
    return {"status": "UnknownVendorId"}


@_on("LogStatusNotification")
def log_status(report: Report) -> Payload:
    return _remote_work(report, "pile.log")


@_on("FirmwareStatusNotification")
def firmware_status(report: Report) -> Payload:
    return _remote_work(report, "pile.firmware")


def _remote_work(report: Report, kind: str) -> Payload:
    """How far an upload or an installation is; one that nobody asked for carries no requestId."""
    fact: RemoteFact = {
        "pile_id": report.pile.id,
        "request_id": report.payload.get("requestId"),
        "status": report.payload["status"],
        "at": iso(report.received_at),
    }
    if report.new:
        report.put(kind, fact)
    return {}


@_on("SecurityEventNotification")
@_on("NotifyReport")
@_on("NotifyMonitoringReport")
def noted(report: Report) -> Payload:
    """Kept in pile_event for whoever looks into the pile; nothing else follows from it."""
    return {}


@_on("MeterValues")
def meter_values(report: Report) -> Payload:
    """Measured outside of a charge: kept, and judged by the limits; a repeat changes nothing."""
    report.sense(report.payload["evseId"], readings.samples(report.payload["meterValue"]))
    return {}


def _running(report: Report, transaction_id: str) -> Running:
    pile_id, number = report.pile.id, report.payload.get("evse", {}).get("id")
    running = report.memory.running(pile_id, transaction_id)
    if running is None:
        running = Running(evse_number=_evse_of(report, transaction_id))
        report.memory.remember(pile_id, transaction_id, running)
    running.evse_number = number or running.evse_number
    return running


def _evse_of(report: Report, transaction_id: str) -> int | None:
    # OCPP lets a pile name the EVSE only once in a transaction: in one of its first events. Whole
    # keys, since neither database finds the start of a text by the index on them.
    known = report.work.session.scalars(
        select(PileEvent.body)
        .where(
            PileEvent.pile_id == report.pile.id,
            PileEvent.key.in_([f"{transaction_id}:{seq}" for seq in range(_FIRST_EVENTS)]),
        )
        .order_by(PileEvent.id)
    )
    numbers = (body.get("evse", {}).get("id") for body in known)
    return next((number for number in numbers if number), None)


def _stop_if_unwanted(
    report: Report, transaction_id: str, running: Running, command: Command | None
) -> None:
    """A transaction whose start was given up must end, also when the first stop got lost."""
    if command is not None and command.late:
        running.unwanted_since = running.unwanted_since or report.received_at
    if running.unwanted_since is None or report.payload["eventType"] != "Updated":
        return
    if report.received_at - running.unwanted_since > timedelta(minutes=1):
        running.unwanted_since = report.received_at
        report.commands.stop_unwanted(
            report.work, report.pile.id, transaction_id, str(report.payload["seqNo"])
        )


def _transaction_fact(
    report: Report, running: Running, command: Command | None, at: datetime
) -> TransactionFact:
    payload, info = report.payload, report.payload["transactionInfo"]
    ended = payload["eventType"] == "Ended"
    meter_values = payload.get("meterValue", [])
    return {
        "pile_id": report.pile.id,
        "evse_number": running.evse_number,
        "transaction_id": info["transactionId"],
        "event": payload["eventType"],
        "seq": payload["seqNo"],
        "at": iso(at),
        "trigger": payload["triggerReason"],
        "charging_state": info.get("chargingState"),
        # Ours only: a number that another pile, or nobody, was given means nothing here.
        "remote_start_id": command.id if command is not None else None,
        "id_token": command.body.get("id_token") if command is not None else None,
        # OCPP: a reason that is left out means "Local".
        "stopped_reason": info.get("stoppedReason", "Local") if ended else None,
        "offline": payload.get("offline", False),
        "readings": readings.energy(meter_values),
        "power_w": readings.power_w(meter_values),
    }


def _may_charge(report: Report, id_token: Payload) -> bool:
    """Riders start from the chat, staff their tests; a pile may only present a token that we sent
    it ourselves."""
    token = id_token["idToken"]
    if id_token["type"] != "Central" or not _OURS.fullmatch(token):
        return False
    sent = report.work.session.scalars(
        select(Command.body)
        .where(
            Command.pile_id == report.pile.id,
            Command.kind.in_(("start", "reserve")),
            Command.created_at > report.received_at - _TOKEN_LASTS,
        )
        .order_by(Command.id.desc())
        .limit(50)
    )
    return any(body.get("id_token") == token for body in sent)
