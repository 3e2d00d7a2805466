"""What we can ask of a pile: one function an action, naming its OCPP message and its payload.

An action is retry-safe when a pile that does not remember message ids may get it twice without
harm: a second start is rejected while the first one runs, but a second unlock opens the lock again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bot.store.devices import Command

VENDOR: Final = "pilebot"

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """An OCPP message, how to fill it, and whether it may be repeated."""

    message: str
    retry_safe: bool
    build: Callable[[Command], Payload]


ACTIONS: Final[dict[str, Action]] = {}


def _action(
    kind: str, message: str, *, retry_safe: bool
) -> Callable[[Callable[[Command], Payload]], Callable[[Command], Payload]]:
    def register(build: Callable[[Command], Payload]) -> Callable[[Command], Payload]:
        assert kind not in ACTIONS, f"two actions are named {kind}"
        ACTIONS[kind] = Action(message, retry_safe, build)
        return build

    return register


def message_id(command_id: int) -> str:
    """OCPP's messageId of a command: the same on every try, so that a pile knows a repeat."""
    return f"c-{command_id:012d}"


def command_id(message_id_: str) -> int | None:
    """The command behind a messageId of ours; None for any other."""
    digits = message_id_[2:]
    ours = message_id_.startswith("c-") and len(digits) >= 12 and digits.isascii()
    return int(digits) if ours and digits.isdigit() else None


def payload(command: Command) -> Payload:
    """The whole OCPP payload of a command, with the moment after which it must not be acted on.

    Raises KeyError when the kind is unknown or its body lacks a key.
    """
    custom = {"vendorId": VENDOR, "expiresAt": _iso(command.expires_at)}
    return {**ACTIONS[command.kind].build(command), "customData": custom}


@_action("start", "RequestStartTransaction", retry_safe=True)
def start(command: Command) -> Payload:
    """Begin a transaction for a rider; the command id comes back as remoteStartId."""
    return {
        "remoteStartId": command.id,
        "evseId": _evse(command),
        "idToken": {"idToken": command.body["id_token"], "type": "Central"},
    }


@_action("stop", "RequestStopTransaction", retry_safe=True)
def stop(command: Command) -> Payload:
    """End a running transaction."""
    return {"transactionId": command.body["transaction_id"]}


@_action("unlock", "UnlockConnector", retry_safe=False)
def unlock(command: Command) -> Payload:
    """Open the connector's lock."""
    return {"evseId": _evse(command), "connectorId": 1}


@_action("reset", "Reset", retry_safe=False)
def reset(command: Command) -> Payload:
    """Restart the pile, at once or when it is idle."""
    return {"type": command.body["type"]}


@_action("change_availability", "ChangeAvailability", retry_safe=True)
def change_availability(command: Command) -> Payload:
    """Take an EVSE, or the whole pile, out of service or back in."""
    status = {"operationalStatus": command.body["status"]}
    if command.evse_number is None:
        return status
    return {**status, "evse": {"id": command.evse_number}}


@_action("get_transaction_status", "GetTransactionStatus", retry_safe=True)
def get_transaction_status(command: Command) -> Payload:
    """Ask whether a transaction still runs and whether events of it wait to be sent."""
    transaction_id = command.body.get("transaction_id")
    return {"transactionId": transaction_id} if transaction_id else {}


@_action("trigger", "TriggerMessage", retry_safe=True)
def trigger(command: Command) -> Payload:
    """Ask the pile to send a message now."""
    request: Payload = {"requestedMessage": command.body["message"]}
    if command.evse_number is None:
        return request
    evse: Payload = {"id": command.evse_number}
    if command.body["message"] == "StatusNotification":
        evse["connectorId"] = 1  # required for this message (OCPP 2.0.1 F06.FR.13)
    return {**request, "evse": evse}


@_action("reserve", "ReserveNow", retry_safe=True)
def reserve(command: Command) -> Payload:
    """Keep an EVSE for one rider until a moment; the command id is the reservation id, unless the
    body names an earlier reservation to be moved."""
    return {
        "id": command.body.get("reservation_id") or command.id,
        "expiryDateTime": command.body["until"],
        "evseId": _evse(command),
        "idToken": {"idToken": command.body["id_token"], "type": "Central"},
    }


@_action("cancel_reservation", "CancelReservation", retry_safe=True)
def cancel_reservation(command: Command) -> Payload:
    """Give a reservation up."""
    return {"reservationId": command.body["reservation_id"]}


@_action("set_profile", "SetChargingProfile", retry_safe=True)
def set_profile(command: Command) -> Payload:
    """Limit the power of one EVSE, or of the transaction on it."""
    transaction_id = command.body.get("transaction_id")
    profile: Payload = {
        "id": _evse(command),  # one profile an EVSE: a new limit replaces the old one
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile" if transaction_id else "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [
            {
                "id": 1,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": command.body["limit_w"]}],
            }
        ],
    }
    if transaction_id:
        profile["transactionId"] = transaction_id
    return {"evseId": _evse(command), "chargingProfile": profile}


@_action("get_log", "GetLog", retry_safe=True)
def get_log(command: Command) -> Payload:
    """Have the pile upload a log; its reports carry the command id as requestId."""
    return {
        "logType": command.body["log_type"],
        "requestId": command.id,
        "log": {"remoteLocation": command.body["location"]},
    }


@_action("get_variables", "GetVariables", retry_safe=True)
def get_variables(command: Command) -> Payload:
    """Read settings of the pile."""
    asked = [_variable(each) for each in command.body["variables"]]
    return {"getVariableData": asked}


@_action("set_variable", "SetVariables", retry_safe=True)
def set_variable(command: Command) -> Payload:
    """Change one setting of the pile."""
    wanted = {"attributeValue": command.body["value"], **_variable(command.body["variable"])}
    return {"setVariableData": [wanted]}


@_action("update_firmware", "UpdateFirmware", retry_safe=True)
def update_firmware(command: Command) -> Payload:
    """Have the pile fetch a firmware and install it when it is idle."""
    image: Payload = {
        "location": command.body["location"],
        "retrieveDateTime": command.body["at"],
        "customData": {"vendorId": VENDOR, "sha256": command.body["sha256"]},
    }
    return {"requestId": command.id, "retries": 2, "retryInterval": 30, "firmware": image}


def _variable(name: str) -> Payload:
    """ "TxCtrlr.EVConnectionTimeOut" as OCPP writes it."""
    component, _, variable = name.partition(".")
    return {"component": {"name": component}, "variable": {"name": variable}}


def _evse(command: Command) -> int:
    if command.evse_number is None:
        raise KeyError("evse_number")
    return command.evse_number


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
