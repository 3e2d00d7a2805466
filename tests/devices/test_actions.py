"""Every action makes a payload that OCPP's own schema accepts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.store.devices import Command
from devices import actions, frames

BODIES: dict[str, list[dict[str, Any]]] = {
    "start": [{"id_token": "rider:7"}],
    "stop": [{"transaction_id": "9f1c4c1e-7f0a-4b6e-9d41-1f6f1b1b0c77"}],
    "unlock": [{}],
    "reset": [{"type": "OnIdle"}, {"type": "Immediate"}],
    "change_availability": [{"status": "Inoperative"}],
    "get_transaction_status": [{"transaction_id": None}, {"transaction_id": "t-1"}],
    "trigger": [{"message": "StatusNotification"}, {"message": "Heartbeat"}],
    "reserve": [{"id_token": "rider:7", "until": "2026-11-20T10:00:00Z"}],
    "cancel_reservation": [{"reservation_id": 12}],
    "get_log": [{"log_type": "DiagnosticsLog", "location": "https://x.example/pile-files/a.b"}],
    "get_variables": [{"variables": ["TxCtrlr.EVConnectionTimeOut"]}],
    "set_variable": [{"variable": "TxCtrlr.EVConnectionTimeOut", "value": "90"}],
    "update_firmware": [
        {"location": "https://x.example/f", "sha256": "ab", "at": "2026-11-20T10:00:00Z"}
    ],
    "set_profile": [
        {"limit_w": 3700, "transaction_id": None},
        {"limit_w": 0, "transaction_id": "t"},
    ],
}


def command(kind: str, body: dict[str, Any]) -> Command:
    expires_at = datetime(2026, 11, 20, 8, 21, 1, tzinfo=UTC)
    return Command(id=4711, kind=kind, evse_number=2, body=body, expires_at=expires_at)


def test_every_action_is_tried_here() -> None:
    assert set(BODIES) == set(actions.ACTIONS)


@pytest.mark.parametrize(
    ("kind", "body"), [(kind, body) for kind, bodies in BODIES.items() for body in bodies]
)
def test_the_payload_is_valid_and_says_when_it_expires(kind: str, body: dict[str, Any]) -> None:
    payload = actions.payload(command(kind, body))
    frames.check_request(actions.ACTIONS[kind].message, payload)
    assert payload["customData"]["expiresAt"] == "2026-11-20T08:21:01.000Z"


def test_a_start_carries_the_command_id_twice() -> None:
    assert actions.payload(command("start", {"id_token": "rider:7"}))["remoteStartId"] == 4711
    assert actions.message_id(4711) == "c-000000004711"


@pytest.mark.parametrize(
    ("text", "number"),
    [("c-000000004711", 4711), ("p-000000004711", None), ("c-47", None), ("c-00000000471²", None),
     ("c-", None), ("", None)],
)  # fmt: skip
def test_only_our_message_ids_are_read(text: str, number: int | None) -> None:
    assert actions.command_id(text) == number


def test_what_must_not_happen_twice_is_not_repeated() -> None:
    careful = {kind for kind, action in actions.ACTIONS.items() if not action.retry_safe}
    assert careful == {"unlock", "reset"}
