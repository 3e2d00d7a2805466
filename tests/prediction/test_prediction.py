"""A socket that wears is foretold once, with one job and its reasons; outcomes are kept."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from bot.services import faults, jobs, prediction, risk_fitting, wear_news
from bot.services.jobs import NotPossible
from bot.store.cases import Clock
from bot.store.database import make_engine
from bot.store.devices import Command
from bot.store.jobs import Job
from bot.store.prediction import FaultSeen, Prediction
from tests.databases import with_tables
from tests.prediction.world import DAY, NOW, PILE, SETTINGS, World


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    engine = with_tables(make_engine(sqlite_url))
    yield World(engine)
    engine.dispose()


def failing(world: World, evse_id: int = 1) -> None:
    world.days(evse_id, 20, since=8, cycles=5)
    world.days(evse_id, 3, cycles=3, failed_starts=2)


def test_events_are_counted_where_they_happen(world: World) -> None:
    world.rider()
    session = world.says_yes()
    world.charges(session)
    world.says_stop(session)
    world.answers("stop", "accepted")
    world.reports("Ended", 3000, reason="Remote")
    assert world.day().cycles == 1
    with world.work() as work:
        body = {"pile_id": PILE, "evse_number": 2, "status": "Faulted", "at": NOW.isoformat()}
        faults.on_pile_status(work, SETTINGS, body)
        alarm = {**body, "code": "OVER_VOLTAGE", "value": "280 V", "cleared": False,
                 "transaction_id": None, "evse_number": None}  # fmt: skip
        faults.on_alarm(work, SETTINGS, alarm)
        faults.on_alarm(work, SETTINGS, {**alarm, "cleared": True})
        for online in (False, True, False):
            wear_news.on_presence(
                work, SETTINGS, {"pile_id": PILE, "online": online, "at": NOW.isoformat()}
            )
    assert (world.day(1).trips, world.day(2).trips) == (1, 1)  # told twice, one fault
    assert world.day(6).offline == 2


def test_orders_that_are_repeated_or_fail_are_counted_once(world: World) -> None:
    with world.work() as work:
        command = Command(
            key="c", pile_id=PILE, evse_number=3, kind="unlock", body={}, state="sent", attempts=3,
            late=False, created_at=NOW, expires_at=NOW,
        )  # fmt: skip
        work.session.add(command)
        work.session.flush()
        said = {"command_id": command.id, "session_id": None, "kind": "unlock", "reason": None,
                "transaction_id": None}  # fmt: skip
        for outcome, late in (("unknown", False), ("timeout", False), ("accepted", True)):
            wear_news.on_command_result(work, SETTINGS, {**said, "outcome": outcome, "late": late})
    assert (world.day(3).retries, world.day(3).command_failures) == (2, 1)


def test_a_start_that_fails_is_counted(world: World) -> None:
    world.rider()
    session = world.says_yes()
    world.pays(session, "held")
    world.answers("start", "rejected", reason="Faulted")
    assert world.day().failed_starts == 1


def test_heat_is_brought_to_full_load_and_held_against_the_days_coolest(world: World) -> None:
    world.warms(1, 18, load=0.75)
    world.warms(2, 25)
    world.warms(3, 25, load=0.3)  # too little load tells nothing
    for _ in range(2):  # as often as it likes
        world.runs()
    assert (world.day(1).heat_min, world.day(1).rise_mk) == (12, 24_000)
    assert (world.day(2).heat_min, world.day(2).rise_mk) == (12, 25_000)
    with world.work() as work:
        facts = prediction.facts_of_all(work, NOW.date())
    assert facts[3].rise_mk is None


def test_a_worn_socket_gets_one_job_a_day_before_with_reasons_in_words(world: World) -> None:
    failing(world)
    world.days(1, 14, since=10, cycles=5, heat_min=30, rise_mk=24_000)
    world.warms(1, 41)
    for _ in range(3):
        world.runs()
    (made,) = world.predictions()
    (job,) = world.jobs("preventive")
    assert made.risk > 900
    assert made.from_at - NOW == 2 * DAY
    assert job.planned_at is not None
    assert made.from_at - job.planned_at >= DAY
    assert "6 of 15 starts failed within 7 days" in job.text
    assert "warms by 41 K at full load, its own usual: 24 K" in job.text
    with world.work() as work:
        assert work.session.scalars(select(Clock).where(Clock.name == "preventive")).one()
    world.now += 3 * DAY
    world.runs()
    assert len(world.predictions()) == 1  # still open


def test_wear_that_was_found_is_a_hit_and_starts_the_count_anew(world: World) -> None:
    failing(world)
    world.runs()
    (job,) = world.jobs("preventive")
    with pytest.raises(NotPossible, match="found wear"):
        world.visits(job.id)
    world.visits(job.id, wear=True)
    with world.work() as work:
        clock = work.session.scalars(select(Clock).where(Clock.name == "preventive")).one()
        assert clock.outcome == "met"
    world.now += timedelta(minutes=15)
    world.runs()
    (made,) = world.predictions()
    assert (made.outcome, made.open_key) == ("hit", None)
    assert made.told == "Wear found: pins are burnt"
    assert world.risk().risk < 30  # what was before the repair counts no more


def test_nothing_found_is_a_false_alarm_only_when_nothing_failed_either(world: World) -> None:
    failing(world)
    world.runs()
    world.visits(world.jobs("preventive")[0].id, wear=False)
    world.now += DAY
    world.runs()
    assert world.predictions()[0].outcome == ""
    world.now += 14 * DAY
    world.runs()
    (made,) = world.predictions()
    assert made.outcome == "false_alarm"
    failing(world)
    world.runs()
    assert len(world.predictions()) == 1  # cools down
    world.now += 14 * DAY
    failing(world)
    world.runs()
    assert len(world.predictions()) == 2


def test_nobody_looked_counts_for_nothing(world: World) -> None:
    failing(world)
    world.runs()
    world.now += 15 * DAY
    world.runs()
    assert world.predictions()[0].outcome == "unchecked"
    with world.work() as work:
        found = prediction.results(work)
    assert (found.hits, found.false_alarms, found.unchecked) == (0, 0, 1)


def test_faults_are_hits_with_their_lead_or_misses(world: World) -> None:
    failing(world)
    world.runs()
    world.now += 3 * DAY
    world.breaks(2, "LOCK_FAILED")  # of another socket: nobody said so
    world.visits(world.jobs("repair")[0].id)
    world.now += DAY
    world.breaks(1)
    world.breaks(1)  # the same job: counted once
    world.runs()
    assert world.predictions()[0].outcome == "hit"
    assert [(each.evse_id, each.lead_s) for each in world.faults()] == [
        (2, None), (1, 4 * 86_400),
    ]  # fmt: skip
    with world.work() as work:
        found = prediction.results(work)
        assert [each.code for each, _ in prediction.missed(work)] == ["LOCK_FAILED"]
    assert (found.hits, found.foretold, found.misses, found.in_time) == (1, 1, 1, 1)
    assert (found.precision, found.recall, found.lead_s) == (None, None, 4 * 86_400)


def test_a_fault_that_was_none_is_no_miss(world: World) -> None:
    world.breaks(2)
    with world.work() as work:
        jobs.cancel(work, None, world.jobs("repair")[0].id, "the pile was only restarted")
        assert prediction.results(work).misses == 0


def test_no_more_than_a_day_has_room_for(world: World) -> None:
    for evse_id in range(1, 7):
        failing(world, evse_id)
    world.days(4, 3, failed_starts=3, trips=3)
    world.runs(predict_per_day=2)
    world.runs(predict_per_day=2)
    assert [each.evse_id for each in world.predictions()] == [4, 1]
    assert len(world.jobs("preventive")) == 1  # one errand to the pile
    world.now += DAY
    world.runs(predict_per_day=2)
    assert [each.evse_id for each in world.predictions()] == [4, 1, 2, 3]


def test_what_is_broken_already_is_not_foretold(world: World) -> None:
    failing(world)
    world.breaks(1)
    world.runs()
    assert world.predictions() == []


def test_weights_are_fitted_to_what_was_recorded(world: World) -> None:
    """A year in which sockets fail after hot days, and never after failed starts."""
    with world.work() as work, pytest.raises(risk_fitting.TooFew, match="Only 0 of the 20"):
        risk_fitting.fit_now(work, SETTINGS)
    for week in range(3, 40):
        since, hot = week * 7, week % 3 == 0
        world.days(1, 7, since=since, cycles=5, heat_min=9, rise_mk=45_000 if hot else 25_000)
        world.days(2, 7, since=since, cycles=5, failed_starts=1)
        if hot:
            _failed(world, 1, days_ago=since - 8)
    with world.work() as work:
        found = risk_fitting.fit_now(work, SETTINGS)
        assert found.failures == 25
        assert found.loss_after < found.loss_before
        assert found.weights["failed_starts"] < 0.4 < 0.9 < found.weights["heat"]
        risk_fitting.use(work, found)
    with world.work() as work:
        assert prediction.weights(work)["heat"] == round(found.weights["heat"], 4)
    world.runs()
    assert len(world.predictions()) <= 1


def _failed(world: World, evse_id: int, *, days_ago: int) -> None:
    with world.work() as work:
        at = world.now - days_ago * DAY
        number = work.session.scalar(select(func.count()).select_from(Job)) or 0
        job = Job(key=f"old:{number}", kind="repair", state="done", pile_id=PILE, evse_id=3,
                  created_at=at, done_at=at)  # fmt: skip
        work.session.add(job)
        work.session.flush()
        work.session.add(
            FaultSeen(job_id=job.id, pile_id=PILE, evse_id=evse_id, at=at, code="GroundFault")
        )


def test_many_clocks_make_one_prediction(engine: Engine) -> None:
    world = World(engine)
    for evse_id in (1, 2, 3):
        failing(world, evse_id)
    with world.work() as work:
        prediction.score(work)

    def clock(_: int) -> int:
        with world.store.begin() as work:
            return len(prediction.predict(work, SETTINGS))

    with ThreadPoolExecutor(4) as pool:
        made = sum(pool.map(clock, range(4)))
    with world.work() as work:
        assert work.session.scalar(select(func.count()).select_from(Prediction)) == made == 3
        assert work.session.scalar(select(func.count()).select_from(FaultSeen)) == 0
    assert len(world.jobs("preventive")) == 1
