"""What a simulated pile does when it is told to: one function an order of the CSMS, from the
payload to the answer's payload."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.simulator.evse import Evse, Payload, now

if TYPE_CHECKING:
    from devices.simulator.pile import Pile


class UnknownEvseError(LookupError):
    """No EVSE has this number."""


def refused(reason: str) -> Payload:
    """A no with OCPP's reasonCode."""
    return {"status": "Rejected", "statusInfo": {"reasonCode": reason[:20]}}


def _start(pile: Pile, order: Payload) -> Payload:
    evse, at = pile.evse(order.get("evseId", 0)), now()
    refusal = evse.refusal(order["idToken"]["idToken"], at)
    if refusal is None and evse.wear.refuses(at):
        refusal = "ContactorStuck"
    if refusal is not None:
        return refused(refusal)
    transaction_id = evse.begin(at, order, pile.plug_in_timeout_s)
    return {"status": "Accepted", "transactionId": transaction_id}


def _running(pile: Pile, transaction_id: str) -> Evse | None:
    for evse in pile.evses.values():
        if evse.transaction is not None and evse.transaction.id == transaction_id:
            return evse
    return None


def _stop(pile: Pile, order: Payload) -> Payload:
    evse = _running(pile, order["transactionId"])
    if evse is None:
        return refused("TxNotFound")
    evse.end(now(), "RemoteStop", "Remote")
    return {"status": "Accepted"}


def _unlock(pile: Pile, order: Payload) -> Payload:
    evse = pile.evses.get(order["evseId"])
    if evse is None:
        return {"status": "UnknownConnector"}
    if evse.transaction is not None:
        return {"status": "OngoingAuthorizedTransaction"}
    return {"status": "UnlockFailed" if "ConnectorLock" in evse.faults else "Unlocked"}


def _reset(pile: Pile, order: Payload) -> Payload:
    busy = [evse for evse in pile.evses.values() if evse.transaction is not None]
    if order["type"] == "OnIdle" and busy:
        pile.reset_waiting = True
        return {"status": "Scheduled"}
    for evse in busy:
        evse.end(now(), "ResetCommand", "ImmediateReset")
    pile.booted, pile.reset_asked, pile.boot_reason = False, True, "RemoteReset"
    return {"status": "Accepted"}


def _change_availability(pile: Pile, order: Payload) -> Payload:
    number = order.get("evse", {}).get("id")
    chosen = [pile.evse(number)] if number else list(pile.evses.values())
    operative = order["operationalStatus"] == "Operative"
    if not operative and any(evse.transaction is not None for evse in chosen):
        return refused("Occupied")
    for evse in chosen:
        evse.set_operative(now(), operative)
    return {"status": "Accepted"}


def _transaction_status(pile: Pile, order: Payload) -> Payload:
    transaction_id = order.get("transactionId")
    waiting = [each.payload["transactionInfo"]["transactionId"] for each in pile.outgoing
               if each.durable]  # fmt: skip
    if transaction_id is None:
        return {"messagesInQueue": bool(waiting)}
    return {
        "ongoingIndicator": _running(pile, transaction_id) is not None,
        "messagesInQueue": transaction_id in waiting,
    }


def _trigger(pile: Pile, order: Payload) -> Payload:
    wanted, number = order["requestedMessage"], order.get("evse", {}).get("id")
    if wanted == "StatusNotification":
        for evse in [pile.evse(number)] if number else list(pile.evses.values()):
            evse.tell_status(now(), always=True)
    elif wanted == "Heartbeat":
        pile.heartbeat()
    elif wanted == "FirmwareStatusNotification":
        pile.tell("FirmwareStatusNotification", {"status": "Idle"})
    else:
        return {"status": "NotImplemented"}
    return {"status": "Accepted"}


def _reserve(pile: Pile, order: Payload) -> Payload:
    evse, at = pile.evse(order.get("evseId", 0)), now()
    held = evse.held(at)
    if held is not None and held["id"] != order["id"]:
        return {"status": "Occupied"}
    refusals = {"Faulted": "Faulted", "Unavailable": "Unavailable", "Occupied": "Occupied"}
    token = order["idToken"]["idToken"]
    if (refusal := evse.refusal(token, at)) is not None and held is None:
        return {"status": refusals[refusal]}
    evse.reservation = {"id": order["id"], "id_token": token, "until": order["expiryDateTime"]}
    evse.tell_status(at)
    return {"status": "Accepted"}


def _cancel_reservation(pile: Pile, order: Payload) -> Payload:
    for evse in pile.evses.values():
        if evse.reservation is not None and evse.reservation["id"] == order["reservationId"]:
            evse.reservation = None
            evse.tell_status(now())
            return {"status": "Accepted"}
    return {"status": "Rejected"}


def _set_profile(pile: Pile, order: Payload) -> Payload:
    period = order["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]
    pile.evse(order["evseId"]).limit_w = float(period["limit"])
    return {"status": "Accepted"}


def _set_variables(pile: Pile, order: Payload) -> Payload:
    answer = pile.remote.set_variables(order)
    pile.apply_settings()
    return answer


def _data_transfer(pile: Pile, order: Payload) -> Payload:
    return {"status": "UnknownVendorId"}


ORDERS: Final[dict[str, Callable[[Pile, Payload], Payload]]] = {
    "RequestStartTransaction": _start,
    "RequestStopTransaction": _stop,
    "UnlockConnector": _unlock,
    "Reset": _reset,
    "ChangeAvailability": _change_availability,
    "GetTransactionStatus": _transaction_status,
    "TriggerMessage": _trigger,
    "ReserveNow": _reserve,
    "CancelReservation": _cancel_reservation,
    "SetChargingProfile": _set_profile,
    "GetLog": lambda pile, order: pile.remote.get_log(order),
    "GetVariables": lambda pile, order: pile.remote.get_variables(order),
    "SetVariables": _set_variables,
    "UpdateFirmware": lambda pile, order: pile.remote.update_firmware(order),
    "DataTransfer": _data_transfer,
}
