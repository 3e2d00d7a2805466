"""What runs all the time finds its rows by an index, however long the tables have grown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import IntegrityError

from bot.gateways import stripe_events
from bot.services import housekeeping
from bot.store import inbox, outbox
from bot.store.database import Store, UnitOfWork, make_engine
from bot.store.devices import PileEvent
from bot.store.queues import Inbox, Outbox
from bot.web.health import Figures
from tests.databases import with_tables

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path}/rows.db"))
    yield Store(engine, clock=lambda: NOW)
    engine.dispose()


def scans(store: Store, run: Callable[[UnitOfWork], object]) -> list[str]:
    """The tables that the statements of `run` read from end to end."""
    seen: list[tuple[str, Any]] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def note(connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "EXPLAIN")):
            seen.append((statement, parameters))

    with store.read() as work:
        run(work)
        event.remove(store.engine, "before_cursor_execute", note)
        assert seen
        return [
            row.detail
            for statement, parameters in seen
            for row in work.session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", parameters
            )
            if row.detail.startswith("SCAN") and "CONSTANT" not in row.detail
        ]


@pytest.mark.parametrize(
    "run",
    [
        inbox.due_streams,
        outbox.due_lanes,
        lambda work: inbox.claim(work, "rider:1"),
        lambda work: outbox.claim(work, "worker"),
    ],
    ids=["due streams", "due lanes", "claim a row", "claim an effect"],
)
def test_what_the_clock_and_the_workers_ask_needs_no_scan(
    store: Store, run: Callable[[UnitOfWork], object]
) -> None:
    assert scans(store, run) == []


def test_looking_after_payments_reads_only_what_is_not_over(store: Store) -> None:
    found = scans(store, lambda work: stripe_events.poll_unsettled(store))
    assert not [each for each in found if "hold" in each]


def test_metrics_read_only_what_is_not_over(store: Store) -> None:
    found = scans(store, lambda work: list(Figures(store).collect()))
    assert {each.split()[1] for each in found} == {"conversation", "pile"}


def test_old_rows_go_and_failed_ones_stay(store: Store) -> None:
    old = NOW - timedelta(days=31)
    with store.begin() as work:
        for name, state, at in (
            ("old", "done", old), ("failed", "failed", old), ("open", "open", old),
            ("new", "done", NOW - timedelta(days=29)),
        ):  # fmt: skip
            queued: dict[str, Any] = {"stream": "s", "kind": "k", "body": {}, "state": state}
            work.session.add(
                Inbox(
                    source="t", source_id=name, created_at=at, available_at=at, done_at=at, **queued
                )
            )
            work.session.add(
                Outbox(key=name, lane="worker", created_at=at, due_at=at, done_at=at, **queued)
            )
        for name, days in (("disputed", 399), ("past", 401)):
            work.session.add(
                PileEvent(
                    pile_id="P001023", key=name, action="Heartbeat", body={},
                    received_at=NOW - timedelta(days=days),
                )
            )  # fmt: skip
    housekeeping.tidy(store)
    with store.read() as work:
        ask = work.session.scalars
        assert sorted(ask(select(Inbox.source_id))) == ["failed", "new", "open"]
        assert sorted(ask(select(Outbox.key))) == ["failed", "new", "open"]
        assert ask(select(PileEvent.key)).all() == ["disputed"]


def test_errors_of_the_database_do_not_show_what_riders_wrote(store: Store) -> None:
    def put() -> Inbox:
        return Inbox(
            source="t", source_id="same", stream="s", kind="k", body={"text": "my secret"},
            created_at=NOW, available_at=NOW,
        )  # fmt: skip

    with pytest.raises(IntegrityError) as caught, store.begin() as work:
        work.session.add(put())
        work.session.flush()
        work.session.add(put())
    assert "secret" not in str(caught.value)
