"""What piles say becomes rows once: readings, statuses, alarms, presence, broken messages."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.store.database import Store
from bot.store.devices import PileEvent
from devices.commands import Commands
from devices.ingest import Ingest, Message
from devices.presence import Presence
from tests.devices import world

PILE = "P000001"


class Gate:
    """The gateway's writing side without a broker."""

    def __init__(self, store: Store) -> None:
        self.now = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
        self.store = store
        self.store.clock = lambda: self.now
        self.settings = world.settings_for("mqtt://x", "sqlite://")
        self.presence = Presence(self.settings)
        self.restart()

    def restart(self) -> None:
        self.commands = Commands(self.settings)
        self.ingest = Ingest(self.settings, self.commands, self.presence)

    def hears(self, *messages: Message) -> list[Any]:
        """Frames that are published in answer."""
        with self.store.begin() as work:
            out = self.ingest.process(work, messages)
        return [json.loads(each.payload) for each in out]

    def message(
        self, frame: Any, channel: str = "call", pile_id: str = PILE, *, retained: bool = False
    ) -> Message:
        raw = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        return Message(f"evcs/v1/{pile_id}/up/{channel}", raw, retained, self.now)

    def call(self, action: str, payload: Any, *, id_: str = "", pile_id: str = PILE) -> Message:
        return self.message([2, id_ or str(uuid.uuid4()), action, payload], pile_id=pile_id)

    def conn(self, state: str, conn: str, *, retained: bool = False) -> Message:
        return self.message({"state": state, "conn": conn}, "conn", retained=retained)

    def raw_events(self) -> list[PileEvent]:
        with self.store.read() as work:
            return list(work.session.scalars(select(PileEvent).order_by(PileEvent.id)))


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(world.make_store(tmp_path, [PILE, "P000002"]))


def at(minutes: float) -> str:
    moment = datetime(2026, 11, 20, 8, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    return moment.isoformat().replace("+00:00", "Z")


def status(value: str, minutes: float = 0, evse: int = 1) -> dict[str, Any]:
    return {"timestamp": at(minutes), "connectorStatus": value, "evseId": evse, "connectorId": 1}


def sample(value: float, unit: str | None = "Wh", **more: Any) -> dict[str, Any]:
    named = {"unitOfMeasure": {"unit": unit}} if unit else {}
    return {"value": value, **named, **more}


def event(kind: str, seq: int, *samples: dict[str, Any], **more: Any) -> dict[str, Any]:
    info = {"transactionId": "tx-1", **more.pop("info", {})}
    payload = {
        "eventType": kind,
        "timestamp": at(seq),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq,
        "transactionInfo": info,
        **more,
    }
    if samples:
        payload["meterValue"] = [{"timestamp": at(seq), "sampledValue": list(samples)}]
    return payload


EVSE = {"evse": {"id": 1, "connectorId": 1}}


# -- transactions


def test_a_transaction_event_becomes_a_fact(gate: Gate) -> None:
    started = event(
        "Started", 0, sample(10234.4), **EVSE, triggerReason="Authorized",
        info={"chargingState": "Charging"},
    )  # fmt: skip
    [answer] = gate.hears(gate.call("TransactionEvent", started, id_="p-1"))
    assert answer == [3, "p-1", {}]
    assert world.events(gate.store) == [
        {
            "pile_id": PILE, "evse_number": 1, "transaction_id": "tx-1", "event": "Started",
            "seq": 0, "at": "2026-11-20T08:00:00.000Z", "trigger": "Authorized",
            "charging_state": "Charging", "remote_start_id": None, "id_token": None,
            "stopped_reason": None, "offline": False,
            "readings": [{"at": "2026-11-20T08:00:00.000Z", "wh": 10234}], "power_w": None,
        }
    ]  # fmt: skip


def test_a_start_of_ours_is_named(gate: Gate) -> None:
    world.put_online(gate.store, PILE)
    command_id = world.start(gate.store)
    with gate.store.begin() as work:
        gate.commands.tick(work, connected=True)
    started = event("Started", 0, **EVSE, info={"remoteStartId": command_id})
    gate.hears(gate.call("TransactionEvent", started))
    [fact] = world.events(gate.store)
    assert (fact["remote_start_id"], fact["id_token"]) == (command_id, "rider:7")
    assert world.outcomes(gate.store, command_id) == ["confirmed"]


@pytest.mark.parametrize("remote_start_id", [1, 99, 0, -1, 2**70])
def test_a_start_of_another_pile_is_not(gate: Gate, remote_start_id: int) -> None:
    world.put_online(gate.store, PILE)
    assert world.start(gate.store) == 1
    started = event("Started", 0, **EVSE, info={"remoteStartId": remote_start_id})
    gate.hears(gate.call("TransactionEvent", started, pile_id="P000002"))
    [fact] = world.events(gate.store, pile_id="P000002")
    assert fact["remote_start_id"] is None
    assert world.outcomes(gate.store, 1) == []


@pytest.mark.parametrize(
    ("samples", "wh"),
    [
        ([sample(1500, "Wh")], 1500),
        ([sample(1.5, "kWh")], 1500),
        ([sample(15, "Wh", unitOfMeasure={"unit": "Wh", "multiplier": 2})], 1500),
        ([sample(1500, None)], 1500),  # OCPP: Wh is the default unit, energy the default measurand
        ([sample(700, phase="L1"), sample(800, phase="L2")], 1500),
        ([sample(1500), sample(99, measurand="Voltage", unitOfMeasure={"unit": "V"})], 1500),
        ([sample(9999, location="Inlet"), sample(1500)], 1500),
        ([sample(3, "kW", measurand="Power.Active.Import")], None),
        ([sample(10**300)], None),
        ([sample(1, unitOfMeasure={"unit": "Wh", "multiplier": 10**9})], None),
    ],
)
def test_energy_is_read_in_wh(gate: Gate, samples: list[dict[str, Any]], wh: int | None) -> None:
    gate.hears(gate.call("TransactionEvent", event("Started", 0, *samples, **EVSE)))
    [fact] = world.events(gate.store)
    assert [each["wh"] for each in fact["readings"]] == ([] if wh is None else [wh])


def test_power_is_read_in_w(gate: Gate) -> None:
    power = sample(7.36, "kW", measurand="Power.Active.Import")
    gate.hears(gate.call("TransactionEvent", event("Started", 0, power, **EVSE)))
    assert world.events(gate.store)[0]["power_w"] == 7360


def test_a_repeat_is_answered_again_and_counted_once(gate: Gate) -> None:
    ended = gate.call("TransactionEvent", event("Ended", 3, sample(5), **EVSE), id_="p-9")
    again = gate.call("TransactionEvent", event("Ended", 3, sample(5), **EVSE), id_="p-10")
    answers = gate.hears(ended, ended, again) + gate.hears(ended)
    assert [answer[:2] for answer in answers] == [[3, "p-9"], [3, "p-9"], [3, "p-10"], [3, "p-9"]]
    assert len(world.events(gate.store)) == len(gate.raw_events()) == 1


def test_meter_readings_keep_only_the_latest_but_changes_stay(gate: Gate) -> None:
    charging, paused = {"chargingState": "Charging"}, {"chargingState": "SuspendedEV"}
    gate.hears(
        gate.call("TransactionEvent", event("Started", 0, **EVSE, info=charging)),
        gate.call("TransactionEvent", event("Updated", 1, sample(10), info=charging)),
        gate.call("TransactionEvent", event("Updated", 2, sample(20))),
        gate.call("TransactionEvent", event("Updated", 3, sample(25), info=paused)),
        gate.call("TransactionEvent", event("Updated", 5, sample(40), info=paused)),
        gate.call("TransactionEvent", event("Updated", 4, sample(30), info=paused)),
        gate.call("TransactionEvent", event("Ended", 6, sample(50), info=paused)),
    )
    facts = [(each["event"], each["seq"]) for each in world.events(gate.store)]
    assert sorted(facts) == [("Ended", 6), ("Started", 0), ("Updated", 3), ("Updated", 5)]
    assert len(gate.raw_events()) == 7


def test_the_evse_is_remembered_even_by_another_process(gate: Gate) -> None:
    gate.hears(gate.call("TransactionEvent", event("Started", 0, evse={"id": 2, "connectorId": 1})))
    gate.restart()
    gate.hears(gate.call("TransactionEvent", event("Ended", 1)))
    assert [each["evse_number"] for each in world.events(gate.store)] == [2, 2]


def test_an_ended_without_a_reason_was_local(gate: Gate) -> None:
    gate.hears(gate.call("TransactionEvent", event("Ended", 1, **EVSE)))
    assert world.events(gate.store)[0]["stopped_reason"] == "Local"


@pytest.mark.parametrize(
    ("token", "known"),
    [
        ({"idToken": "rider:7", "type": "Central"}, True),
        ({"idToken": "rider:8", "type": "Central"}, False),
        ({"idToken": "rider:7", "type": "ISO14443"}, False),
        ({"idToken": "04A2B1", "type": "ISO14443"}, False),
    ],
)
def test_a_pile_may_only_use_tokens_we_sent_it(
    gate: Gate, token: dict[str, str], known: bool
) -> None:
    world.put_online(gate.store, PILE)
    world.start(gate.store)
    [[_, _, answer]] = gate.hears(gate.call("Authorize", {"idToken": token}))
    assert answer == {"idTokenInfo": {"status": "Accepted" if known else "Unknown"}}
    started = event("Started", 0, **EVSE, idToken=token)
    [[_, _, answer]] = gate.hears(gate.call("TransactionEvent", started))
    assert answer == {"idTokenInfo": {"status": "Accepted" if known else "Invalid"}}


# -- statuses, faults, boot


def test_a_status_is_kept_and_told_when_it_changes(gate: Gate) -> None:
    gate.hears(gate.call("StatusNotification", status("Available")))
    gate.hears(gate.call("StatusNotification", status("Available", 0.1)))
    assert [each["status"] for each in world.told(gate.store, "pile.status")] == ["Available"]
    gate.now += timedelta(minutes=1)
    gate.hears(gate.call("StatusNotification", status("Faulted", 0.3)))
    facts = world.told(gate.store, "pile.status")
    assert [each["status"] for each in facts] == ["Available", "Faulted"]
    assert world.evse(gate.store).fault_code == "Faulted"


def test_an_older_status_changes_nothing(gate: Gate) -> None:
    gate.now += timedelta(minutes=10)
    gate.hears(gate.call("StatusNotification", status("Occupied", 5)))
    gate.hears(gate.call("StatusNotification", status("Available", 4)))
    assert world.evse(gate.store).status == "Occupied"


def test_a_clock_that_runs_ahead_does_not_outrank_what_follows(gate: Gate) -> None:
    gate.hears(gate.call("StatusNotification", status("Occupied", 9999)))
    gate.now += timedelta(minutes=1)
    gate.hears(gate.call("StatusNotification", status("Available", 1)))
    assert world.evse(gate.store).status == "Available"


def boot(**more: Any) -> dict[str, Any]:
    station = {"model": "M1", "vendorName": "V", "firmwareVersion": "2.0", **more}
    return {"reason": "PowerUp", "chargingStation": station}


def test_after_a_boot_the_next_status_counts_whatever_its_clock_says(gate: Gate) -> None:
    gate.hears(gate.call("StatusNotification", status("Occupied", 0)))
    [[_, _, answer]] = gate.hears(gate.call("BootNotification", boot()))
    assert answer == {
        "currentTime": "2026-11-20T08:00:00.000Z", "interval": 60, "status": "Accepted",
    }  # fmt: skip
    gate.hears(gate.call("StatusNotification", status("Available", -9999)))
    assert world.evse(gate.store).status == "Available"
    assert world.pile(gate.store).firmware == "2.0"


def test_a_pile_nobody_knows_is_turned_away(gate: Gate) -> None:
    [rejected, refused] = gate.hears(
        gate.call("BootNotification", boot(), pile_id="P999999"),
        gate.call("Heartbeat", {}, id_="h-1", pile_id="P999999"),
    )
    assert rejected[2]["status"] == "Rejected"
    assert refused[:3] == [4, "h-1", "SecurityError"]
    assert gate.raw_events() == []


def alarm(**more: Any) -> dict[str, Any]:
    data = {
        "eventId": 1, "timestamp": at(0), "trigger": "Alerting", "actualValue": "86.5",
        "eventNotificationType": "HardWiredMonitor", "variable": {"name": "Temperature"},
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "techCode": "OVER_TEMP", "transactionId": "tx-1", **more,
    }  # fmt: skip
    return {"generatedAt": at(0), "seqNo": 0, "eventData": [data]}


def test_an_alarm_is_told_and_marks_the_evse_until_it_is_cleared(gate: Gate) -> None:
    gate.hears(gate.call("NotifyEvent", alarm()))
    assert world.told(gate.store, "pile.alarm") == [
        {
            "pile_id": PILE, "evse_number": 1, "transaction_id": "tx-1", "code": "OVER_TEMP",
            "value": "86.5", "cleared": False, "at": "2026-11-20T08:00:00.000Z",
        }
    ]  # fmt: skip
    assert world.evse(gate.store).fault_code == "OVER_TEMP"
    gate.hears(gate.call("NotifyEvent", alarm(cleared=True)))
    assert world.evse(gate.store).fault_code is None


def test_the_makers_own_code_stands_beside_the_status(gate: Gate) -> None:
    own = {"customData": {"vendorId": "pilebot", "vendorErrorCode": "E14"}}
    gate.hears(gate.call("StatusNotification", {**status("Faulted"), **own}))
    assert world.evse(gate.store).fault_code == "E14"
    assert world.told(gate.store, "pile.status")[0]["code"] == "E14"


def test_an_alarm_outlives_the_cable(gate: Gate) -> None:
    gate.hears(gate.call("StatusNotification", status("Occupied")))
    gate.hears(gate.call("NotifyEvent", alarm()))
    gate.hears(gate.call("StatusNotification", status("Available")))
    assert world.evse(gate.store).fault_code == "OVER_TEMP"


def test_an_event_that_is_no_alarm_is_only_kept(gate: Gate) -> None:
    gate.hears(gate.call("NotifyEvent", alarm(trigger="Periodic")))
    assert world.told(gate.store, "pile.alarm") == []
    assert [each.action for each in gate.raw_events()] == ["NotifyEvent"]


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("Heartbeat", {}, {"currentTime": "2026-11-20T08:00:00.000Z"}),
        ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
        ("LogStatusNotification", {"status": "Uploaded"}, {}),
        ("FirmwareStatusNotification", {"status": "Installed"}, {}),
        ("SecurityEventNotification", {"type": "Tamper", "timestamp": at(0)}, {}),
        ("NotifyReport", {"requestId": 1, "generatedAt": at(0), "seqNo": 0}, {}),
        ("MeterValues", {"evseId": 1, "meterValue": [
            {"timestamp": at(0), "sampledValue": [sample(1)]}]}, {}),
        ("ReservationStatusUpdate",
         {"reservationId": 3, "reservationUpdateStatus": "Expired"}, {}),
    ],
)  # fmt: skip
def test_every_message_is_answered(
    gate: Gate, action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    assert gate.hears(gate.call(action, payload, id_="p-1")) == [[3, "p-1", answer]]


def test_firmware_that_counts_its_messages_anew_is_not_taken_for_repeating(gate: Gate) -> None:
    gate.hears(gate.call("StatusNotification", status("Occupied", 0), id_="1"))
    gate.now += timedelta(minutes=5)
    gate.hears(gate.call("StatusNotification", status("Available", 5), id_="1"))
    assert world.evse(gate.store).status == "Available"


# -- presence


def presence(gate: Gate) -> list[bool]:
    return [each["online"] for each in world.told(gate.store, "pile.presence")]


def test_presence_follows_the_connection(gate: Gate) -> None:
    gate.hears(gate.conn("online", "a"))
    assert world.pile(gate.store).online
    gate.hears(gate.conn("offline", "a"))
    assert not world.pile(gate.store).online
    assert presence(gate) == [True, False]


def test_a_will_of_an_earlier_connection_is_ignored(gate: Gate) -> None:
    gate.hears(gate.conn("online", "a"), gate.conn("online", "b"), gate.conn("offline", "a"))
    assert world.pile(gate.store).online
    assert world.pile(gate.store).conn == "b"


def test_a_remembered_online_is_no_sign_of_life(gate: Gate) -> None:
    gate.hears(gate.conn("online", "a"), gate.conn("offline", "a"))
    gate.hears(gate.conn("online", "a", retained=True))
    assert not world.pile(gate.store).online
    gate.hears(gate.call("Heartbeat", {}))
    assert world.pile(gate.store).online


def test_a_remembered_offline_is_the_last_word(gate: Gate) -> None:
    gate.hears(gate.conn("online", "a"))
    gate.hears(gate.conn("offline", "b", retained=True))
    assert not world.pile(gate.store).online


def test_silence_is_noticed_only_while_we_listen(gate: Gate) -> None:
    gate.hears(gate.conn("online", "a"))
    gate.now += timedelta(seconds=gate.settings.silent_after_s + 1)
    with gate.store.begin() as work:
        gate.presence.find_silent(work, listening_since=gate.now - timedelta(seconds=5))
    assert world.pile(gate.store).online
    with gate.store.begin() as work:
        gate.presence.find_silent(work, listening_since=gate.now - timedelta(hours=1))
    assert not world.pile(gate.store).online
    assert presence(gate) == [True, False]


@pytest.mark.parametrize("raw", [b"", b"online", b"[]", b'{"state":"here"}', b'{"state":3}'])
def test_availability_that_makes_no_sense_is_ignored(gate: Gate, raw: bytes) -> None:
    assert gate.hears(gate.message(raw, "conn")) == []
    assert not world.pile(gate.store).online


# -- what is broken


@pytest.mark.parametrize(
    ("frame", "channel", "answer"),
    [
        (b"\xff\x00garbage", "call", None),
        ([2, "p-1", "Heartbeat"], "call", "RpcFrameworkError"),
        ([2, "p-1", "FlyToTheMoon", {}], "call", "NotImplemented"),
        ([2, "p-1", "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}], "call",
         "NotSupported"),
        ([2, "p-1", "StatusNotification", {}], "call", "OccurrenceConstraintViolation"),
        ([2, "p-1", "StatusNotification", {**status("Available"),
                                           "timestamp": "2026-02-30T00:00:00Z"}], "call",
         "PropertyConstraintViolation"),
        ([2, "p-1", "TransactionEvent", event("Started", -1)], "call",
         "PropertyConstraintViolation"),
        ([2, "p-1", "TransactionEvent", {**event("Started", 1), "seqNo": 10**30}], "call",
         "PropertyConstraintViolation"),
        ([3, "c-000000000001", {}], "call", None),
        ([2, "p-1", "Heartbeat", {}], "result", None),
        ([4, "c-000000000001", 7, {}], "result", None),
    ],
)  # fmt: skip
def test_a_broken_message_is_kept_and_refused(
    gate: Gate, frame: Any, channel: str, answer: str | None
) -> None:
    answers = gate.hears(gate.message(frame, channel), gate.call("Heartbeat", {}, id_="ok"))
    assert [each[:3] for each in answers[:-1]] == ([[4, "p-1", answer]] if answer else [])
    assert answers[-1][:2] == [3, "ok"]
    assert [each.action for each in gate.raw_events()] == ["broken"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200), st.sampled_from(["call", "result", "send", "conn"]))
def test_no_bytes_stop_the_gateway(gate: Gate, raw: bytes, channel: str) -> None:
    gate.hears(gate.message(raw, channel))


def test_a_topic_that_is_not_ours_is_ignored(gate: Gate) -> None:
    raw = b'[2,"p-1","Heartbeat",{}]'
    for topic in ("evcs/v1/P000001/dn/call", "evcs/v1/a b/up/call", "x", "evcs/v2/P000001/up/call"):
        assert gate.hears(Message(topic, raw, False, gate.now)) == []


def test_a_message_that_cannot_be_stored_is_set_aside(gate: Gate) -> None:
    message = gate.call("StatusNotification", status("Available"), id_="p-1")
    with gate.store.begin() as work:
        [answer] = gate.ingest.set_aside(work, message, RuntimeError("out of luck"))
    assert json.loads(answer.payload)[:3] == [4, "p-1", "InternalError"]
    assert [each.action for each in gate.raw_events()] == ["broken"]
