"""The live line: nothing lost, nothing twice, whatever happens to the connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import Engine, delete

from bot.console.stream import AT_ONCE, Cursor, Hub, after, frames, newest, replay
from bot.services import staff_sessions
from bot.store.changes import touched
from bot.store.database import Store
from bot.store.desk import ConsoleEvent
from tests.console.desk import Desk


def _happens(store: Store, *refs: str) -> None:
    for ref in refs:
        with store.begin() as work:
            touched(work, ref)


def _refs(lines: Iterator[str], until: str) -> list[str]:
    """The refs of a stream up to and with `until`."""
    seen = []
    for frame in lines:
        if "event: change" in frame:
            seen.append(frame.split("data: ")[1].strip())
            if seen[-1] == until:
                break
    return seen


def test_who_comes_back_hears_exactly_what_was_missed(engine: Engine) -> None:
    store = Store(engine)
    _happens(store, "pile:a")
    with store.read() as work:
        here = newest(work)
    _happens(store, "pile:b", "pile:c")
    with store.read() as work:
        assert [one.ref for one in replay(work, here)] == ["pile:b", "pile:c"]


def test_a_newcomer_starts_at_the_present(engine: Engine) -> None:
    store = Store(engine)
    _happens(store, "pile:a")
    with store.read() as work:
        told = replay(work, None)
        assert [one.ref for one in told] == ["hello"]
        assert told[0].cursor == newest(work)


@pytest.mark.parametrize("how", ["too many", "thrown away", "from the future"])
def test_who_was_away_too_long_fetches_everything(engine: Engine, how: str) -> None:
    store = Store(engine)
    _happens(store, "pile:a")
    with store.read() as work:
        seen = newest(work)
    if how == "too many":
        with store.begin() as work:
            touched(work, *(f"pile:{number}" for number in range(AT_ONCE + 1)))
    elif how == "thrown away":
        _happens(store, "pile:b", "pile:c")
        with store.begin() as work:
            work.session.execute(delete(ConsoleEvent).where(ConsoleEvent.ref != "pile:c"))
    else:
        seen = Cursor(seen.xact, seen.id + 1000)
    with store.read() as work:
        assert [one.ref for one in replay(work, seen)] == [""]


def test_two_streams_hear_everything_once_and_in_order(engine: Engine) -> None:
    store = Store(engine)
    hub = Hub(store, poll_s=0.02)
    wanted = [f"pile:{number}" for number in range(60)]
    heard: list[list[str]] = [[], []]

    def listen(number: int, ready: Callable[[], object]) -> None:
        lines = frames(hub, None, lambda: True, ping_s=5)
        next(lines)  # the retry line: the stream is open
        hello = next(lines)
        assert "hello" in hello
        ready()
        heard[number] = _refs(lines, wanted[-1])

    gate = threading.Barrier(3, timeout=10)
    threads = [threading.Thread(target=listen, args=(number, gate.wait)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    gate.wait()
    _happens(store, *wanted)
    for thread in threads:
        thread.join(20)
    hub.close()
    assert heard == [wanted, wanted]


def test_a_cut_stream_goes_on_where_it_ended(engine: Engine) -> None:
    store = Store(engine)
    hub = Hub(store, poll_s=0.02)
    lines = frames(hub, None, lambda: True, ping_s=5)
    next(lines)
    next(lines)
    _happens(store, "pile:a", "pile:b")
    frame = next(lines)
    assert "pile:a" in frame
    lines.close()  # type: ignore[attr-defined]  # a generator
    seen = Cursor.parse(frame.split("id: ")[1].split("\n")[0])
    _happens(store, "pile:c")
    again = frames(hub, seen, lambda: True, ping_s=5)
    assert _refs(again, "pile:c") == ["pile:b", "pile:c"]
    hub.close()


def test_nothing_is_read_past_the_limit(engine: Engine) -> None:
    store = Store(engine)
    _happens(store, "pile:a", "pile:b", "pile:c")
    with store.read() as work:
        assert [one.ref for one in after(work, Cursor(0, 0), 2)] == ["pile:a", "pile:b"]


def test_the_stream_over_http(desk: Desk) -> None:
    anna = desk.agent()
    with anna.http.stream("GET", "/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["X-Accel-Buffering"] == "no"
        lines = answer.iter_lines()
        assert any("hello" in line for line in lines)
        _happens(desk.world.store, "pile:P001023")
        assert any(line == "data: pile:P001023" for line in lines)


def test_polling_tells_the_same(desk: Desk) -> None:
    anna = desk.agent()
    cursor = anna.get("/events/poll").json()["cursor"]
    _happens(desk.world.store, "pile:P001023")
    told = anna.get("/events/poll", params={"since": cursor}).json()
    assert told["refs"] == ["pile:P001023"]
    assert not told["resync"]


def test_a_stranger_and_a_revoked_session_hear_nothing(desk: Desk) -> None:
    assert httpx.get(f"{desk.url}/events").status_code == 401
    anna = desk.agent()
    with desk.world.store.begin() as work:
        staff_sessions.revoke(work, staff_id=anna.staff_id)
    assert anna.get("/events").status_code == 401


def test_a_stream_ends_when_its_session_does(engine: Engine) -> None:
    store = Store(engine)
    hub = Hub(store, poll_s=0.02)
    lines = list(frames(hub, None, lambda: False, ping_s=0.05))
    assert "event: bye" in lines[-1]


def test_a_busy_stream_ends_with_its_session_too(engine: Engine) -> None:
    """Signs of life and sessions hang on the pings: news must not put them off."""
    store = Store(engine)
    hub = Hub(store, poll_s=0.01)
    lines = frames(hub, None, lambda: False, ping_s=0.3)
    told = [next(lines), next(lines)]
    for number in range(200):  # each comes well before the next ping would
        _happens(store, f"pile:{number}")
        told.append(next(lines, ""))
        if "event: bye" in told[-1]:
            break
    lines.close()  # type: ignore[attr-defined]  # a generator
    hub.close()
    assert "event: bye" in told[-1]
    assert any("event: change" in frame for frame in told)
