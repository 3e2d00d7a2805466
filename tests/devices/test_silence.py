"""A pile that falls silent while it charges is known within a minute, one that is there is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.store.charging import ChargingSession
from bot.store.devices import Command
from bot.store.riders import Rider
from bot.store.stations import Evse
from devices.commands import sign_of_life
from tests.devices import world
from tests.devices.test_ingest import PILE, Gate

Answer = Callable[[str], Any]  # to a CALL's messageId; None: silence


class Watch:
    """The gateway's look at silence on a clock of its own, at the default settings."""

    def __init__(self, folder: Path, *, charging: bool = True) -> None:
        self.gate = Gate(world.make_store(folder, [PILE, "P000002"]))
        self.since = self.gate.now - timedelta(hours=1)
        self.asked: list[str] = []
        self.gate.hears(self.gate.conn("online", "a"))
        if charging:
            self._charge()

    def _charge(self) -> None:
        with self.gate.store.begin() as work:
            evse = work.session.scalars(select(Evse).where(Evse.pile_id == PILE)).first()
            rider = Rider(created_at=work.now)
            assert evse is not None
            work.session.add(rider)
            work.session.flush()
            work.session.add(
                ChargingSession(
                    key="s", rider_id=rider.id, evse_id=evse.id, state="charging", facts={},
                    tariff={}, open=True, created_at=work.now, transaction_id="T1",
                )
            )  # fmt: skip

    @property
    def online(self) -> bool:
        return world.pile(self.gate.store, PILE).online

    def look(self) -> list[str]:
        """One look; the messageIds of what was asked of the pile."""
        with self.gate.store.begin() as work:
            self.gate.presence.find_silent(work, listening_since=self.since)
            quiet = self.gate.presence.find_quiet(work, listening_since=self.since)
        asked = [json.loads(sign_of_life(each).payload)[1] for each in quiet]
        self.asked += asked
        return asked

    def lasts(
        self, seconds: float, *, answer: Answer = lambda _: None, heartbeat_s: float = 9_999
    ) -> datetime | None:
        """Time passes; when the pile was found silent, or None."""
        until, beat = self.gate.now + timedelta(seconds=seconds), self.gate.now
        while self.gate.now < until:
            self.gate.now += timedelta(seconds=self.gate.presence.look_every_s)
            if self.gate.now - beat >= timedelta(seconds=heartbeat_s):
                beat = self.gate.now
                self.gate.hears(self.gate.call("Heartbeat", {}))
            for message_id in self.look():
                if (frame := answer(message_id)) is not None:
                    self.gate.hears(self.gate.message(frame, "result"))
            if not self.online:
                return self.gate.now
        return None


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


@pytest.mark.parametrize("said_s", [0, 1.5, 3, 4.9])
def test_a_charging_pile_that_falls_silent_is_known_in_time_for_the_promise(
    watch: Watch, said_s: float
) -> None:
    """Whenever its last word came: `seen_at` is kept to five seconds."""
    watch.gate.now += timedelta(seconds=said_s)
    watch.gate.hears(watch.gate.call("Heartbeat", {}))
    last = watch.gate.now
    found = watch.lasts(120)
    assert found is not None
    assert timedelta(seconds=40) < found - last <= timedelta(seconds=51)
    assert len(watch.asked) >= 3
    assert world.pile(watch.gate.store, "P000002").online is False  # was never there
    watch.gate.now += timedelta(seconds=30)
    watch.look()
    assert len(watch.asked) <= 5  # and is left alone then


@pytest.mark.parametrize(
    "answer",
    [
        lambda id_: [3, id_, {"status": "Accepted"}],
        lambda id_: [3, id_, {"status": "NotImplemented"}],
        lambda id_: [4, id_, "NotSupported", "", {}],
    ],
    ids=["accepted", "not implemented", "error"],
)
def test_a_pile_that_answers_is_there_however_long_its_interval(
    watch: Watch, answer: Answer
) -> None:
    assert watch.lasts(600, answer=answer, heartbeat_s=300) is None
    assert 600 / 25 < len(watch.asked) < 600 / 14


def test_a_pile_that_speaks_often_is_never_asked(watch: Watch) -> None:
    assert watch.lasts(300, heartbeat_s=10) is None
    assert watch.asked == []


def test_an_idle_pile_has_its_five_minutes_and_is_not_asked(tmp_path: Path) -> None:
    watch = Watch(tmp_path, charging=False)
    assert watch.lasts(295) is None
    assert watch.lasts(15) is not None
    assert watch.asked == []


def test_nobody_is_silent_to_who_has_just_begun_to_listen(watch: Watch) -> None:
    watch.gate.now += timedelta(seconds=60)
    watch.since = watch.gate.now
    assert watch.lasts(10) is None
    assert watch.asked == []
    assert watch.lasts(30) is None  # asked by now, and given its time
    assert watch.asked
    assert watch.lasts(10) is not None


def test_a_pile_that_owes_an_answer_is_asked_nothing_else(watch: Watch) -> None:
    with watch.gate.store.begin() as work:
        work.session.add(
            Command(
                key="c", pile_id=PILE, kind="unlock", body={}, state="sent", attempts=1,
                created_at=work.now, expires_at=work.now + timedelta(minutes=5),
            )
        )  # fmt: skip
    watch.lasts(40)
    assert watch.asked == []
    assert watch.lasts(15) is not None
