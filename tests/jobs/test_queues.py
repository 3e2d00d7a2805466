"""Inbox and outbox: once, in order, and never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.errors import GiveUp, TryAgain
from bot.jobs import clock, leases
from bot.jobs.drain import MAX_ATTEMPTS, Route, drain
from bot.jobs.relay import MAX_ATTEMPTS as MOST_TRIES
from bot.jobs.relay import PATIENCE, relay
from bot.store import inbox, outbox
from bot.store.database import Store, UnitOfWork, make_engine
from bot.store.queues import Inbox, Outbox
from tests.databases import with_tables


@dataclass
class Office:
    """A store with a clock of its own, and what was done there."""

    store: Store
    now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    done: list[str] = field(default_factory=list)

    def arrives(self, id_: str, stream: str = "s", **more: Any) -> bool:
        body = {"id": id_} | more.pop("body", {})
        with self.store.begin() as work:
            return inbox.put(
                work, source="t", source_id=id_, stream=stream, kind="k", body=body, **more
            )

    def serve(self, stream: str = "s", **route: Any) -> int:
        return drain(self.store, {"k": Route(**{"apply": self._apply, **route})}, stream)

    def _apply(self, work: UnitOfWork, row: Inbox, prepared: Any) -> None:
        self.done.append(row.body["id"])

    def states(self) -> dict[str, str]:
        with self.store.read() as work:
            return {row.source_id: row.state for row in work.session.scalars(select(Inbox))}

    def calls_for(self, *keys: str, stream: str = "s") -> None:
        with self.store.begin() as work:
            for key in keys:
                outbox.emit(work, key=key, lane="worker", stream=stream, kind="k", body={"id": key})

    def relays(self, deliver: Callable[[str, Mapping[str, Any]], str]) -> int:
        return relay(self.store, {"k": deliver}, "worker")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path}/office.db"))
    office = Office(Store(engine))
    office.store.clock = lambda: office.now
    yield office
    engine.dispose()


def test_the_same_fact_is_served_once(office: Office) -> None:
    assert [office.arrives("a") for _ in range(5)] == [True, False, False, False, False]
    assert office.serve() == 1
    assert office.done == ["a"]


def test_a_stream_is_served_in_order_of_arrival(office: Office) -> None:
    for id_ in "abc":
        office.arrives(id_)
    office.serve()
    assert office.done == ["a", "b", "c"]


def test_what_a_failed_row_did_is_rolled_back_and_tried_again(office: Office) -> None:
    tries: list[int] = []

    def fail_once(work: UnitOfWork, row: Inbox, prepared: Any) -> None:
        outbox.emit(work, key=f"try{len(tries)}", lane="x", stream="x", kind="k", body={})
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("boom")

    office.arrives("a")
    office.serve(apply=fail_once)
    office.now += timedelta(seconds=5)
    office.serve(apply=fail_once)
    with office.store.read() as work:
        assert work.session.scalars(select(Outbox.key)).all() == ["try1"]
    assert office.states() == {"a": "done"}


def test_a_failing_row_does_not_hold_up_the_stop_behind_it(office: Office) -> None:
    def stuck(work: UnitOfWork, row: Inbox, prepared: Any) -> None:
        if row.body["id"] == "photo":
            raise TryAgain("media away", after_s=30)
        office.done.append(row.body["id"])

    office.arrives("photo")
    office.serve(apply=stuck)
    office.arrives("stop")
    office.serve(apply=stuck)
    assert office.done == ["stop"]


def test_a_row_is_given_up_after_its_tries_and_whom_it_concerns_is_told(office: Office) -> None:
    def boom(work: UnitOfWork, row: Inbox, prepared: Any) -> None:
        raise RuntimeError("boom")

    office.arrives("a")
    for _ in range(MAX_ATTEMPTS + 2):
        office.serve(apply=boom, lost=lambda work, row: office.done.append("told"))
        office.now += timedelta(minutes=2)
    assert office.states() == {"a": "failed"}
    assert office.done == ["told"]


def test_give_up_closes_at_once(office: Office) -> None:
    def never(work: UnitOfWork, row: Inbox, prepared: Any) -> None:
        raise GiveUp("no use")

    office.arrives("a")
    office.serve(apply=never)
    assert office.states() == {"a": "failed"}


def test_a_kind_without_a_route_is_kept_and_shown_as_failed(office: Office) -> None:
    office.arrives("a")
    for _ in range(MAX_ATTEMPTS + 1):
        drain(office.store, {}, "s")
        office.now += timedelta(minutes=2)
    assert office.states() == {"a": "failed"}


def test_a_worker_that_died_loses_its_row_to_another_after_the_lease(office: Office) -> None:
    office.arrives("a")
    with office.store.begin() as work:
        assert inbox.claim(work, "s") is not None  # and then the process is killed
    assert office.serve() == 0
    office.now += inbox.LEASE + timedelta(seconds=1)
    assert office.serve() == 1


def test_a_row_that_kills_every_worker_is_given_up(office: Office) -> None:
    office.arrives("poison")
    for _ in range(MAX_ATTEMPTS):
        with office.store.begin() as work:
            assert inbox.claim(work, "s") is not None  # and then the process is killed
        office.now += inbox.LEASE + timedelta(seconds=1)
    office.serve(lost=lambda work, row: office.done.append("told"))
    assert office.states() == {"poison": "failed"}
    assert office.done == ["told"]


def test_a_worker_that_slept_through_its_lease_changes_nothing(office: Office) -> None:
    def oversleep(row: Inbox) -> None:
        office.now += inbox.LEASE + timedelta(seconds=1)
        assert office.serve() == 1, "another worker serves the row meanwhile"

    office.arrives("a")
    office.serve(prepare=oversleep)
    assert office.done == ["a"]


def test_a_worker_that_fails_after_its_lease_leaves_the_served_row_alone(office: Office) -> None:
    def oversleep(row: Inbox) -> None:
        office.now += inbox.LEASE + timedelta(seconds=1)
        office.serve()
        raise GiveUp("too late to say so")

    office.arrives("a")
    office.serve(prepare=oversleep, lost=lambda work, row: office.done.append("told"))
    assert office.done == ["a"]
    assert office.states() == {"a": "done"}


def test_a_timer_that_sets_itself_again_keeps_its_tries(office: Office) -> None:
    def again(work: UnitOfWork, row: Inbox, prepared: Any) -> None:
        at = work.now + timedelta(seconds=30)
        inbox.put(
            work, source="t", source_id="tick", stream="s", kind="k", body={}, available_at=at,
            coalesce=True,
        )  # fmt: skip

    def boom(work: UnitOfWork, row: Inbox, prepared: Any) -> None:
        raise RuntimeError("a deadlock, say")

    office.arrives("tick", coalesce=True)
    for _ in range(MAX_ATTEMPTS + 2):
        office.serve(apply=again)
        office.now += timedelta(seconds=30)
    office.serve(apply=boom)
    assert office.states() == {"tick": "open"}


def test_a_timer_waits_for_its_time_and_can_be_taken_back(office: Office) -> None:
    office.arrives("later", available_at=office.now + timedelta(minutes=10))
    office.arrives("never", available_at=office.now + timedelta(minutes=10))
    with office.store.begin() as work:
        inbox.cancel(work, source="t", source_id="never")
    assert office.serve() == 0
    office.now += timedelta(minutes=10)
    office.serve()
    assert office.done == ["later"]


def test_readings_coalesce_to_the_latest(office: Office) -> None:
    seen: list[int] = []

    def read(work: UnitOfWork, row: Inbox, prepared: Any) -> None:
        seen.append(row.body["wh"])

    for wh in (1, 2, 3):
        office.arrives("meter", body={"wh": wh}, coalesce=True)
    office.serve(apply=read)
    office.arrives("meter", body={"wh": 4}, coalesce=True)
    office.serve(apply=read)
    assert seen == [3, 4]


def test_a_reading_that_comes_while_one_is_served_is_served_too(office: Office) -> None:
    seen: list[int] = []

    def during(row: Inbox) -> None:
        if row.body["wh"] == 1:
            office.arrives("meter", body={"wh": 2}, coalesce=True)

    office.arrives("meter", body={"wh": 1}, coalesce=True)
    office.serve(prepare=during, apply=lambda work, row, _: seen.append(row.body["wh"]))
    assert seen[-1] == 2


def test_one_stream_is_never_served_twice_at_a_time(office: Office) -> None:
    inside, most = [0], [0]
    gate = threading.Lock()

    def busy(row: Inbox) -> None:
        with gate:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        threading.Event().wait(0.01)
        with gate:
            inside[0] -= 1

    for number in range(12):
        office.arrives(str(number))
    threads = [threading.Thread(target=office.serve, kwargs={"prepare": busy}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    office.serve(prepare=busy)
    assert most[0] == 1
    assert office.done == [str(number) for number in range(12)]


def test_an_effect_is_delivered_once_per_key(office: Office) -> None:
    sent: list[str] = []
    office.calls_for("a", "a", "b")

    def deliver(key: str, body: Mapping[str, Any]) -> str:
        sent.append(key)
        return "done"

    office.relays(deliver)
    office.relays(deliver)
    assert sent == ["a", "b"]


def test_effects_of_a_stream_wait_for_each_other_and_other_streams_go_on(office: Office) -> None:
    sent: list[str] = []
    office.calls_for("a1", "a2", stream="a")
    office.calls_for("b1", stream="b")

    def deliver(key: str, body: Mapping[str, Any]) -> str:
        if key == "a1" and "a1-failed" not in sent:
            sent.append("a1-failed")
            raise TryAgain("away", after_s=5)
        sent.append(key)
        return "done"

    office.relays(deliver)
    assert sent == ["a1-failed", "b1"]
    office.now += timedelta(seconds=6)
    office.relays(deliver)
    assert sent == ["a1-failed", "b1", "a1", "a2"]


def test_an_effect_waits_out_a_provider_that_is_away_for_hours(office: Office) -> None:
    ends = office.now + timedelta(hours=5)

    def deliver(key: str, body: Mapping[str, Any]) -> str:
        if office.now < ends:
            raise TryAgain("no network", after_s=5)
        return "done"

    office.calls_for("receipt")
    tries = 0
    while office.relays(deliver) == 0:
        tries += 1
        assert tries < 400, "tried too often for five hours"
        office.now += timedelta(minutes=1)
    with office.store.read() as work:
        assert work.session.scalars(select(Outbox.state)).all() == ["done"]


def test_a_provider_that_hangs_does_not_keep_the_worker(office: Office) -> None:
    tried: list[str] = []

    def hang(key: str, body: Mapping[str, Any]) -> str:
        tried.append(key)
        threading.Event().wait(0.2)
        raise TryAgain("timed out")

    for number in range(8):
        office.calls_for(str(number), stream=str(number))
    assert relay(office.store, {"k": hang}, "worker", turn_s=0.1) == 0
    assert tried == ["0"]


def test_an_effect_is_not_tried_for_ever(office: Office) -> None:
    def away(key: str, body: Mapping[str, Any]) -> str:
        raise TryAgain("gone for good")

    office.calls_for("receipt")
    for _ in range(MOST_TRIES):
        office.relays(away)
        office.now += timedelta(minutes=1)
    office.now += PATIENCE
    office.relays(away)
    with office.store.read() as work:
        assert work.session.scalars(select(Outbox.state)).all() == ["failed"]


def test_an_effect_that_breaks_us_is_given_up_after_its_tries(office: Office) -> None:
    def boom(key: str, body: Mapping[str, Any]) -> str:
        raise RuntimeError("boom")

    office.calls_for("receipt")
    for _ in range(MOST_TRIES):
        office.relays(boom)
        office.now += timedelta(minutes=1)
    with office.store.read() as work:
        assert work.session.scalars(select(Outbox.state)).all() == ["failed"]


def test_the_clock_finds_what_redis_forgot(office: Office) -> None:
    woken: list[tuple[set[str], set[str]]] = []

    class Waker:
        def wake(self, streams: set[str], lanes: set[str]) -> None:
            woken.append((streams, lanes))

    office.arrives("a", stream="rider:1")
    office.calls_for("x")
    clock.tick(office.store, Waker())  # type: ignore[arg-type]  # only `wake` is asked of it
    assert woken == [({"rider:1"}, {"worker"})]


def test_a_lease_is_renewed_while_its_row_is_served(office: Office) -> None:
    """Leases are short, so that a crash costs a rider seconds; the network may take longer."""
    office.arrives("a")
    with office.store.begin() as work:
        row = inbox.claim(work, "s")
    assert row is not None
    office.now += inbox.LEASE - timedelta(seconds=1)
    renewed = threading.Event()

    def renew(work: UnitOfWork) -> bool:
        held = inbox.renew(work, row)
        renewed.set()
        return held

    with leases.kept(office.store, renew, every_s=0.01):
        assert renewed.wait(10)
    office.now += timedelta(seconds=2)  # past the first lease
    assert office.serve() == 0, "still in service"
    with office.store.begin() as work:
        assert inbox.still_claimed(work, row)


def test_a_lease_that_another_worker_has_is_not_renewed(office: Office) -> None:
    office.arrives("a")
    with office.store.begin() as work:
        row = inbox.claim(work, "s")
    office.now += inbox.LEASE + timedelta(seconds=1)
    with office.store.begin() as work:
        assert inbox.claim(work, "s") is not None
    with office.store.begin() as work:
        assert row is not None
        assert not inbox.renew(work, row)


def test_an_effect_in_delivery_is_renewed_and_one_that_was_delivered_is_not(office: Office) -> None:
    office.calls_for("a")
    with office.store.begin() as work:
        row = outbox.claim(work, "worker")
    assert row is not None
    office.now += outbox.LEASE - timedelta(seconds=1)
    with office.store.begin() as work:
        assert outbox.renew(work, row)
    office.now += timedelta(seconds=2)
    with office.store.begin() as work:
        assert outbox.claim(work, "worker") is None
        outbox.finish(work, row)
    with office.store.begin() as work:
        assert not outbox.renew(work, row)
