"""Frames: what is taken, what is refused and with which of OCPP's codes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import frames
from devices.frames import Call, Error, FrameError, Result, Send

HEARTBEAT = Call("p-1", "Heartbeat", {})


@pytest.mark.parametrize(
    "frame",
    [
        HEARTBEAT,
        Result("c-1", {"status": "Accepted"}),
        Error("c-1", "NotImplemented", "what?", {"a": 1}),
        Send("s-1", "NotifyPeriodicEventStream", {"id": 1}),
    ],
)
def test_a_frame_survives_the_wire(frame: frames.Frame) -> None:
    assert frames.parse(frames.write(frame)) == frame


@pytest.mark.parametrize(
    ("raw", "code", "answerable"),
    [
        (b"", "RpcFrameworkError", None),
        (b"\xff\xfe", "RpcFrameworkError", None),
        (b"{}", "RpcFrameworkError", None),
        (b"[2]", "RpcFrameworkError", None),
        (b'[2,7,"Heartbeat",{}]', "RpcFrameworkError", None),
        (b'[2,"","Heartbeat",{}]', "RpcFrameworkError", None),
        (json.dumps([2, "x" * 37, "Heartbeat", {}]).encode(), "RpcFrameworkError", None),
        (b'[2,"p-1","Heartbeat"]', "RpcFrameworkError", "p-1"),
        (b'[2,"p-1","Heartbeat",[]]', "RpcFrameworkError", "p-1"),
        (b'[3,"p-1","Heartbeat",{}]', "RpcFrameworkError", None),
        (b'[9,"p-1","Heartbeat",{}]', "MessageTypeNotSupported", None),
        (b'[true,"p-1","Heartbeat",{}]', "RpcFrameworkError", None),
        (b'[2,"p-1","Heartbeat",{"a":NaN}]', "RpcFrameworkError", None),
        (rb'[2,"p-1","Heartbeat",{"a":"\u0000"}]', "RpcFrameworkError", None),
        (rb'[2,"\uD800","Heartbeat",{}]', "RpcFrameworkError", None),
        (b'[2,"p-1","Heartbeat",{"a":1e999}]', "RpcFrameworkError", None),
        (b"[" * 50_000, "RpcFrameworkError", None),
        (b'[2,"p-1","DataTransfer",{"vendorId":"' + b"x" * 60_000 + b'"}]', "RpcFrameworkError",
         None),
    ],
)  # fmt: skip
def test_a_broken_frame_is_refused(raw: bytes, code: str, answerable: str | None) -> None:
    with pytest.raises(FrameError) as caught:
        frames.parse(raw)
    assert (caught.value.code, caught.value.message_id) == (code, answerable)


@settings(deadline=None)  # the first schema takes its time to compile
@given(st.binary(max_size=300))
def test_no_bytes_do_worse_than_a_frame_error(raw: bytes) -> None:
    try:
        frames.parse(raw)
    except FrameError:
        return


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


kinds = st.sampled_from([2, 3, 4, 6, "2", None, 2.0])


@settings(deadline=None)  # the first schema takes its time to compile
@given(kinds, st.text(max_size=40), json_values, json_values)
def test_no_json_does_worse_than_a_frame_error(
    kind: Any, message_id: str, third: Any, fourth: Any
) -> None:
    try:
        frame = frames.parse(json.dumps([kind, message_id, third, fourth]).encode())
        if isinstance(frame, Call):
            frames.check_request(frame.action, frame.payload)
    except FrameError:
        return


STATUS = {
    "timestamp": "2026-11-20T08:20:31Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}


def test_a_valid_payload_passes() -> None:
    frames.check_request("StatusNotification", STATUS)
    frames.check_response("StatusNotification", {})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"evseId": "1"}, "TypeConstraintViolation"),
        ({"connectorStatus": "Charging"}, "PropertyConstraintViolation"),
        ({"timestamp": "not a time"}, "PropertyConstraintViolation"),
        ({"surprise": 1}, "FormatViolation"),
        ({"evseId": None}, "OccurrenceConstraintViolation"),
    ],
)
def test_a_payload_that_breaks_the_schema_is_named(change: dict[str, Any], code: str) -> None:
    payload = {**STATUS, **change}
    payload = {name: value for name, value in payload.items() if value is not None}
    with pytest.raises(FrameError) as caught:
        frames.check_request("StatusNotification", payload, "p-1")
    assert (caught.value.code, caught.value.message_id) == (code, "p-1")


@pytest.mark.parametrize("action", ["Charge", "../../secrets", "", "HeartbeatRequest\0"])
def test_an_unknown_message_is_not_implemented(action: str) -> None:
    with pytest.raises(FrameError, match="NotImplemented"):
        frames.check_request(action, {})


def test_what_we_send_is_held_to_the_limit_too() -> None:
    with pytest.raises(FrameError, match="too large"):
        frames.write(Call("c-1", "DataTransfer", {"data": "x" * frames.MAX_FRAME_BYTES}))
