"""The shapes of inbox bodies that carry what piles report; devices/ writes them, charging reads.

Times are ISO 8601 with an offset, as the pile gave them; every key is present unless marked.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class TransactionFact(TypedDict):
    """Kind "pile.transaction": one OCPP TransactionEvent with what charging needs of it."""

    pile_id: str
    evse_number: int | None
    transaction_id: str
    event: str  # "Started" | "Updated" | "Ended"
    seq: int
    at: str  # the device's time of the event
    trigger: str  # OCPP triggerReason
    charging_state: str | None  # "Charging" | "EVConnected" | "SuspendedEV" | "SuspendedEVSE" | …
    remote_start_id: int | None  # our command id, when the pile tells
    stopped_reason: str | None  # OCPP stoppedReason of an Ended
    id_token: NotRequired[str | None]  # "rider:<id>" of a remote start
    offline: NotRequired[bool]
    readings: list[ReadingFact]  # ascending; may be empty
    power_w: int | None  # the latest Power.Active.Import, when reported
    heard_at: NotRequired[str]  # our time of its arrival, from its inbox row


class ReadingFact(TypedDict):
    """Energy.Active.Import.Register (outlet) at a moment, whole Wh; `ma` is Current.Import over
    all phases, when reported."""

    at: str
    wh: int
    ma: NotRequired[int]


class StatusFact(TypedDict):
    """Kind "pile.status": a StatusNotification; `at` is the device's time."""

    pile_id: str
    evse_number: int
    status: str  # OCPP ConnectorStatus: Available, Occupied, Reserved, Unavailable, Faulted
    at: str
    code: NotRequired[str]  # of a fault: the pile's own


class PresenceFact(TypedDict):
    """Kind "pile.presence": the pile came or went."""

    pile_id: str
    online: bool
    at: str


class AlarmFact(TypedDict):
    """Kind "pile.alarm": a NotifyEvent that concerns safety or a running charge."""

    pile_id: str
    evse_number: int | None
    transaction_id: str | None
    code: str  # techCode, "OVER_TEMP"
    value: str
    cleared: bool
    at: str


class RemoteFact(TypedDict):
    """Kinds "pile.log" and "pile.firmware": OCPP's status of an upload or an installation."""

    pile_id: str
    request_id: int | None  # our command id
    status: str
    at: str  # when we heard it
