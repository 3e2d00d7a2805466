"""Commands in the database, by a set clock: the lane, the waits, late answers, reconciliation."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.services import safety
from bot.store.database import Store
from bot.store.stations import Pile
from devices import actions, frames
from devices.commands import DOUBT_S, HOLD_S, Commands, Publishing
from tests.devices import world

TIMEOUT_S = 1
PILE = "P000001"


class Desk:
    """The gateway's command side without a broker: what it would publish comes back."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
        self.store = world.make_store(folder, [PILE, "P000002"])
        self.store.clock = lambda: self.now
        self.commands = Commands(world.settings_for("mqtt://x", "sqlite://"))
        world.put_online(self.store, PILE, "P000002")

    def passes(self, seconds: float) -> list[Publishing]:
        self.now += timedelta(seconds=seconds)
        return self.tick()

    def tick(self, *, connected: bool = True) -> list[Publishing]:
        with self.store.begin() as work:
            return self.commands.tick(work, connected=connected)

    def answers(self, command_id: int, payload: dict[str, Any], pile_id: str = PILE) -> list[Any]:
        result = frames.Result(actions.message_id(command_id), payload)
        with self.store.begin() as work:
            return self.commands.answered(work, pile_id, result)

    def fails(self, command_id: int, code: str) -> None:
        with self.store.begin() as work:
            error = frames.Error(actions.message_id(command_id), code)
            self.commands.answered(work, PILE, error)

    def transaction_starts(self, command_id: int, pile_id: str = PILE) -> None:
        with self.store.begin() as work:
            self.commands.started(work, pile_id, command_id, "tx-1")

    def pile_connects(self, conn: str) -> None:
        with self.store.begin() as work:
            self.commands.connected(work, PILE, conn)

    def outcomes(self, command_id: int) -> list[str]:
        return world.outcomes(self.store, command_id)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def calls(published: list[Publishing]) -> list[tuple[str, str]]:
    """(messageId, action) of what was published."""
    frames_ = [json.loads(each.payload) for each in published]
    return [(frame[1], frame[2]) for frame in frames_]


@pytest.fixture
def start(desk: Desk) -> Callable[..., int]:
    return lambda **named: world.start(desk.store, **named)


Start = Callable[..., int]


def test_a_start_is_sent_accepted_and_confirmed(desk: Desk, start: Start) -> None:
    command_id = start()
    [sent] = desk.tick()
    assert sent.topic == f"evcs/v1/{PILE}/dn/call"
    assert calls([sent]) == [(actions.message_id(command_id), "RequestStartTransaction")]
    desk.answers(command_id, {"status": "Accepted", "transactionId": "tx-1"})
    desk.transaction_starts(command_id)
    assert desk.outcomes(command_id) == ["accepted", "confirmed"]
    [accepted, _] = world.told(desk.store, "command.result")
    assert accepted == {
        "command_id": command_id, "session_id": 7, "kind": "start", "outcome": "accepted",
        "reason": None, "transaction_id": "tx-1", "late": False,
    }  # fmt: skip
    assert world.command(desk.store, command_id).state == "confirmed"


def test_the_same_key_is_one_command(desk: Desk, start: Start) -> None:
    assert start(key="yes:1") == start(key="yes:1")
    assert len(desk.tick()) == 1
    assert desk.tick() == []


def test_one_call_in_flight_per_pile(desk: Desk, start: Start) -> None:
    first, second = start(), start(evse_number=2)
    elsewhere = start(pile_id="P000002")
    assert [id_ for id_, _ in calls(desk.tick())] == [
        actions.message_id(first),
        actions.message_id(elsewhere),
    ]
    assert desk.tick() == []
    desk.answers(first, {"status": "Rejected"})
    assert [id_ for id_, _ in calls(desk.tick())] == [actions.message_id(second)]


def test_a_retry_carries_the_same_ids(desk: Desk, start: Start) -> None:
    start()
    first = desk.tick()
    assert desk.passes(TIMEOUT_S - 0.1) == []
    second = desk.passes(0.2)
    assert second == first


def test_no_answer_at_all_is_unknown_then_timeout(desk: Desk, start: Start) -> None:
    command_id = start()
    tries = desk.tick() + desk.passes(TIMEOUT_S) + desk.passes(TIMEOUT_S)
    assert len(tries) == 3
    assert desk.passes(TIMEOUT_S) == []
    assert desk.outcomes(command_id) == ["unknown"]
    assert desk.passes(HOLD_S) == []
    assert desk.outcomes(command_id) == ["unknown", "timeout"]


def test_an_unknown_command_frees_the_lane(desk: Desk) -> None:
    unlock = world.ask(desk.store, "unlock", {})
    later = world.start(desk.store)
    assert [id_ for id_, _ in calls(desk.tick())] == [actions.message_id(unlock)]
    assert [id_ for id_, _ in calls(desk.passes(TIMEOUT_S))] == [actions.message_id(later)]


def test_unlock_is_never_sent_twice(desk: Desk) -> None:
    command_id = world.ask(desk.store, "unlock", {})
    assert len(desk.tick()) == 1
    assert desk.passes(TIMEOUT_S) == desk.passes(HOLD_S) == []
    assert desk.outcomes(command_id) == ["unknown", "timeout"]


def test_an_offline_pile_is_refused_in_the_same_transaction(desk: Desk, start: Start) -> None:
    with desk.store.begin() as work:
        work.session.get_one(Pile, PILE).online = False
    command_id = start()
    assert desk.outcomes(command_id) == ["offline"]
    assert desk.tick() == []


def test_a_command_expires_while_the_broker_is_away(desk: Desk, start: Start) -> None:
    command_id = start(ttl_s=30)
    assert desk.tick(connected=False) == []
    assert desk.outcomes(command_id) == []
    desk.now += timedelta(seconds=30)
    assert desk.tick(connected=False) == []
    assert desk.outcomes(command_id) == ["expired"]


def test_tries_wait_for_the_broker(desk: Desk, start: Start) -> None:
    start()
    desk.tick()
    desk.now += timedelta(seconds=10)
    assert desk.tick(connected=False) == []
    assert len(desk.tick()) == 1


def test_a_started_transaction_stands_for_a_lost_answer(desk: Desk, start: Start) -> None:
    command_id = start()
    desk.tick()
    desk.transaction_starts(command_id)
    desk.answers(command_id, {"status": "Accepted", "transactionId": "tx-1"})
    assert desk.outcomes(command_id) == ["confirmed"]


def test_a_refused_second_try_waits_for_the_first(desk: Desk, start: Start) -> None:
    command_id = start()
    desk.tick()
    desk.passes(TIMEOUT_S)
    desk.answers(command_id, {"status": "Rejected", "statusInfo": {"reasonCode": "Occupied"}})
    assert desk.outcomes(command_id) == ["unknown"]
    desk.passes(DOUBT_S)
    assert desk.outcomes(command_id) == ["unknown", "rejected"]
    assert world.command(desk.store, command_id).reason == "Occupied"


@pytest.mark.parametrize("with_id", [True, False])
def test_a_start_that_comes_true_too_late_is_stopped_again(
    desk: Desk, start: Start, with_id: bool
) -> None:
    command_id = start()
    desk.tick()
    for _ in range(3):
        desk.passes(TIMEOUT_S)
    desk.passes(HOLD_S)
    answer = {"status": "Accepted", **({"transactionId": "tx-1"} if with_id else {})}
    desk.answers(command_id, answer)
    assert world.told(desk.store, "command.result")[-1]["late"] is True
    desk.transaction_starts(command_id)
    [(_, action)] = calls(desk.tick())
    assert action == "RequestStopTransaction"
    assert desk.outcomes(command_id) == ["unknown", "timeout", "accepted", "confirmed"]


def test_a_call_error_ends_a_command(desk: Desk, start: Start) -> None:
    command_id = start()
    desk.tick()
    desk.fails(command_id, "InternalError")
    assert desk.outcomes(command_id) == ["error"]


def test_an_answer_that_breaks_the_schema_is_an_error(desk: Desk, start: Start) -> None:
    command_id = start()
    desk.tick()
    desk.answers(command_id, {"status": "Sure"})
    assert desk.outcomes(command_id) == ["error"]


def test_a_pile_answers_only_for_itself(desk: Desk, start: Start) -> None:
    command_id = start()
    desk.tick()
    desk.answers(command_id, {"status": "Accepted"}, pile_id="P000002")
    desk.transaction_starts(command_id, pile_id="P000002")
    assert desk.outcomes(command_id) == []


def test_a_doubled_answer_is_one(desk: Desk, start: Start) -> None:
    command_id = start()
    desk.tick()
    for _ in range(2):
        desk.answers(command_id, {"status": "Accepted", "transactionId": "tx-1"})
    assert desk.outcomes(command_id) == ["accepted"]


def test_a_command_that_cannot_be_built_is_an_error_at_once(desk: Desk) -> None:
    unknown = world.ask(desk.store, "fly", {})
    empty = world.ask(desk.store, "stop", {})
    assert desk.tick() == []
    assert desk.outcomes(unknown) == desk.outcomes(empty) == ["error"]


def unknown_stop(desk: Desk) -> int:
    command_id = world.ask(desk.store, "stop", {"transaction_id": "tx-1"}, ttl_s=600)
    desk.tick()
    for _ in range(3):
        desk.passes(TIMEOUT_S)
    desk.pile_connects("conn-2")
    return command_id


def reconcile(desk: Desk, **answer: bool) -> list[tuple[str, str]]:
    [(message_id, action)] = calls(desk.tick())
    assert action == "GetTransactionStatus"
    asked = actions.command_id(message_id)
    assert asked is not None
    return calls(desk.answers(asked, dict(answer)))


def test_a_stop_nobody_answered_is_asked_about_on_reconnect(desk: Desk) -> None:
    command_id = unknown_stop(desk)
    assert reconcile(desk, ongoingIndicator=False, messagesInQueue=True) == []
    assert desk.outcomes(command_id) == ["unknown", "accepted"]


def test_a_stop_that_never_arrived_is_sent_again(desk: Desk) -> None:
    command_id = unknown_stop(desk)
    again = reconcile(desk, ongoingIndicator=True, messagesInQueue=False)
    assert again == [(actions.message_id(command_id), "RequestStopTransaction")]


def test_a_start_whose_events_still_wait_stays_open(desk: Desk, start: Start) -> None:
    command_id = start()
    desk.tick()
    for _ in range(3):
        desk.passes(TIMEOUT_S)
    desk.pile_connects("conn-2")
    assert reconcile(desk, messagesInQueue=True) == []
    desk.transaction_starts(command_id)
    assert desk.outcomes(command_id) == ["unknown", "confirmed"]


def test_an_idle_gateway_only_reads(desk: Desk, start: Start) -> None:
    def due(store: Store) -> bool:
        with store.read() as work:
            return desk.commands.is_due(work)

    assert not due(desk.store)
    start()
    assert due(desk.store)
    desk.tick()
    assert not due(desk.store)
    desk.now += timedelta(seconds=TIMEOUT_S)
    assert due(desk.store)


def test_a_pile_locked_out_while_it_was_away_is_told_when_it_is_back(desk: Desk) -> None:
    with desk.store.begin() as work:
        pile = work.session.get_one(Pile, PILE)
        pile.online = False
        work.session.flush()
        safety.lock_out(work, world.settings_for("mqtt://x", "sqlite://"), pile, key="fire")
    assert desk.tick() == []
    world.put_online(desk.store, PILE)
    desk.pile_connects("conn-2")
    [call] = desk.tick()
    action, payload = json.loads(call.payload)[2:]
    assert (action, payload["operationalStatus"]) == ("ChangeAvailability", "Inoperative")


def test_a_pile_put_back_is_told_so_and_not_locked_out_again(desk: Desk) -> None:
    with desk.store.begin() as work:
        pile = work.session.get_one(Pile, PILE)
        pile.in_service = False
        safety.put_back(work, pile)
    [call] = desk.tick()
    message_id, action, payload = json.loads(call.payload)[1:]
    assert (action, payload["operationalStatus"]) == ("ChangeAvailability", "Operative")
    command_id = actions.command_id(message_id)
    assert command_id is not None
    desk.answers(command_id, {"status": "Accepted"})
    desk.pile_connects("conn-2")
    assert desk.tick() == []
