"""The simulated pile by itself: curves, its journal, what it refuses, its HTTP control."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import frames
from devices.frames import Call
from devices.simulator import EvseSpec, PileSpec, specs_of
from devices.simulator.control import Control, RequestError
from devices.simulator.curves import power_w
from devices.simulator.line import Line
from devices.simulator.pile import RING, Pile
from tests.coroutines import run
from tests.devices import world

SPEC = PileSpec("P000001", "secret", (EvseSpec(1, "ac", 11_000), EvseSpec(2, "dc", 150_000)))


def make(folder: Path | None = None) -> Pile:
    pile = Pile(SPEC, folder / "P000001.json" if folder else None, meter_every_s=10)
    pile.connected()
    return pile


def order(action: str, payload: dict[str, Any], message_id: str = "c-1", **custom: Any) -> Call:
    if custom:
        payload = {**payload, "customData": {"vendorId": "pilebot", **custom}}
    return Call(message_id, action, payload)


def start(message_id: str = "c-1", evse: int = 1, **custom: Any) -> Call:
    token = {"idToken": "rider:7", "type": "Central"}
    payload = {"remoteStartId": 5, "evseId": evse, "idToken": token}
    return order("RequestStartTransaction", payload, message_id, **custom)


def answer_all(pile: Pile) -> list[dict[str, Any]]:
    """Answer everything that waits; returns the transaction events among it."""
    told = []
    while pile.outgoing:
        head = pile.outgoing[0]
        if head.action == "TransactionEvent":
            told.append(head.payload)
        answer = {"currentTime": "x", "interval": 60, "status": "Accepted"}
        pile.answered(frames.Result(head.message_id, answer))
    return told


@pytest.mark.parametrize(
    ("kind", "top_w", "soc", "charging_s", "low_w", "high_w"),
    [
        ("ebike", 500, 0.3, 60, 500, 500),
        ("ebike", 500, 0.99, 60, 100, 200),
        ("ac", 22_000, 0.3, 0, 1_000, 3_000),
        ("ac", 22_000, 0.3, 60, 22_000, 22_000),
        ("dc", 150_000, 0.3, 60, 140_000, 150_000),
        ("dc", 150_000, 0.8, 60, 60_000, 70_000),
        ("dc", 150_000, 1.0, 60, 0, 0),
    ],
)
def test_the_curve_of(
    kind: str, top_w: int, soc: float, charging_s: float, low_w: float, high_w: float
) -> None:
    assert low_w <= power_w(kind, top_w, soc, charging_s) <= high_w


@settings(deadline=None)  # the first schema takes its time to compile
@given(
    st.sampled_from(["ebike", "ac", "dc"]),
    st.integers(100, 350_000),
    st.floats(0, 1.2),
    st.floats(0, 1e6),
)
def test_no_curve_leaves_its_limits(kind: str, top_w: int, soc: float, charging_s: float) -> None:
    assert 0 <= power_w(kind, top_w, soc, charging_s) <= top_w


@settings(deadline=None)  # the first schema takes its time to compile
@given(st.lists(st.floats(0.1, 5_000), min_size=1, max_size=30))
def test_the_meter_counts_what_the_vehicle_takes_and_never_goes_back(ticks: list[float]) -> None:
    pile = make()
    evse = pile.evse(2)
    evse.plug(datetime.now(UTC), {"capacity_wh": 10_000, "soc": 0.5})
    pile.take(start(evse=2))
    last_wh = 0.0
    for seconds in ticks:
        pile.tick(seconds)
        assert last_wh <= evse.register_wh <= 5_000.001
        last_wh = evse.register_wh
    assert evse.vehicle is not None
    assert evse.vehicle.charge_wh == pytest.approx(5_000 + evse.register_wh)


def test_a_repeated_order_gets_the_stored_answer(tmp_path: Path) -> None:
    pile = make(tmp_path)
    first = pile.take(start())
    assert pile.take(start()) == first
    again = Pile(SPEC, tmp_path / "P000001.json", meter_every_s=10)
    assert again.take(start()) == first
    assert [each["eventType"] for each in answer_all(again)] == ["Started"]


def test_only_so_many_answers_are_remembered() -> None:
    pile = make()
    for number in range(RING + 5):
        pile.take(order("TriggerMessage", {"requestedMessage": "Heartbeat"}, f"c-{number}"))
    assert len(pile._answers) == RING


def test_an_order_past_its_time_is_not_carried_out() -> None:
    pile = make()
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    answer = pile.take(start(expiresAt=past))
    assert isinstance(answer, frames.Error)
    assert pile.evse(1).transaction is None


@pytest.mark.parametrize(
    "call",
    [
        order("FlyToTheMoon", {}),
        order("RequestStartTransaction", {"remoteStartId": "x"}),
    ],
)
def test_an_order_that_is_none_is_an_error(call: Call) -> None:
    assert isinstance(make().take(call), frames.Error)


def test_an_unknown_evse_is_refused() -> None:
    answer = make().take(start(evse=9))
    assert isinstance(answer, frames.Result)
    assert answer.payload["statusInfo"] == {"reasonCode": "UnknownEvse"}


def test_a_killed_process_goes_on_where_it_was(tmp_path: Path) -> None:
    pile = make(tmp_path)
    pile.evse(1).plug(datetime.now(UTC), {})
    pile.take(start())
    pile.tick(3600)
    metered = pile.evse(1).register_wh
    again = Pile(SPEC, tmp_path / "P000001.json", meter_every_s=10)
    assert again.evse(1).transaction == pile.evse(1).transaction
    assert 0 < again.evse(1).register_wh <= metered
    again.connected()
    again.evse(1).unplug(datetime.now(UTC))
    told = answer_all(again)
    assert [each["seqNo"] for each in told] == list(range(len(told)))
    assert (told[0]["eventType"], told[-1]["eventType"]) == ("Started", "Ended")


def test_events_wait_for_their_answer_and_the_rest_is_dropped_when_the_line_breaks() -> None:
    pile = make()
    pile.take(start())
    pile.heartbeat()
    pile.disconnected()
    assert {each.action for each in pile.outgoing} == {"TransactionEvent"}
    pile.connected()
    assert pile.outgoing[-1].action == "TransactionEvent"


def test_what_the_csms_could_not_store_is_told_again() -> None:
    pile = make()
    answer_all(pile)
    pile.take(start())
    head = pile.outgoing[0]
    pile.answered(frames.Error(head.message_id, "InternalError"))
    assert pile.outgoing[0] is head
    pile.answered(frames.Error(head.message_id, "FormatViolation"))
    assert head not in pile.outgoing


def test_a_city_from_the_database(tmp_path: Path) -> None:
    store = world.make_store(tmp_path, ["P000001", "P000002"])
    with store.read() as work:
        specs = specs_of(work, lambda pile_id: f"secret of {pile_id}")
    assert [(spec.pile_id, spec.secret) for spec in specs] == [
        ("P000001", "secret of P000001"),
        ("P000002", "secret of P000002"),
    ]
    assert specs[0].evses == (EvseSpec(1, "ac", 22_000), EvseSpec(2, "ac", 22_000))


# -- control


@pytest.fixture
def control() -> Control:
    return Control({"P000001": Line(make(), "mqtt://127.0.0.1:1")})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", {}, 404),
        ("GET", "/piles/P9", {}, 404),
        ("DELETE", "/piles", {}, 405),
        ("POST", "/piles/P000001/evses/9/plug", {}, 404),
        ("POST", "/piles/P000001/evses/x/plug", {}, 404),
        ("POST", "/piles/P000001/evses/1/kick", {}, 404),
        ("POST", "/piles/P000001/kick", {}, 404),
        ("POST", "/piles/P000001/evses/1/fault", {"kind": "Tired"}, 400),
        ("POST", "/piles/P000001/evses/1/plug", {"soc": "much"}, 400),
        ("POST", "/piles/P000001/misbehave", {"replies": "sometimes"}, 400),
        ("POST", "/piles", {"pile_id": "P000002", "kind": "steam"}, 400),
    ],
)
def test_a_request_that_makes_no_sense(
    control: Control, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    with pytest.raises(RequestError) as caught:
        control.handle(method, path, body)
    assert caught.value.status == status


def test_plugging_over_http_shows_in_the_list(control: Control) -> None:
    async def talk(raw: bytes) -> tuple[bytes, Any]:
        server = await asyncio.start_server(control.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        server.close()
        return head.split(b"\r\n")[0], json.loads(body)

    body = b'{"soc": 0.5}'
    plug = b"POST /piles/P000001/evses/1/plug HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    status, _ = run(talk(plug + body))
    assert status == b"HTTP/1.1 200 OK"
    _, said = run(talk(b"GET /piles HTTP/1.1\r\n\r\n"))
    first = said["piles"][0]["evses"][0]
    assert (first["plugged"], first["soc"], first["status"]) == (True, 0.5, "Occupied")
    status, _ = run(talk(b"GET /nowhere HTTP/1.1\r\n\r\n"))
    assert status == b"HTTP/1.1 404 Not Found"
    status, _ = run(talk(b"POST /piles HTTP/1.1\r\nContent-Length: x\r\n\r\n"))
    assert status == b"HTTP/1.1 400 Bad Request"
