"""What follows a missed promise, by features.md's column: over the worker's own routes, with
restarts, kills and policies changed in mid-run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.replies import Say
from bot.services import (
    case_work,
    cases,
    clock_results,
    clocks,
    jobs,
    prediction,
    receipt_watch,
    threads,
    watches,
)
from bot.services.audit import Actor
from bot.services.clock_results import Kept
from bot.store.cases import CaseRoute, Clock, ClockEvent, ClockPolicy
from bot.store.charging import Bill
from bot.store.database import Store, make_engine
from bot.store.desk import ConversationMark
from bot.store.jobs import Job
from bot.store.offers import Coupon
from bot.store.prediction import EvseDay, SocketWatch
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Conversation
from bot.store.staff import Staff
from tests.charging.world import SETTINGS
from tests.databases import with_tables
from tests.offers import add_template
from tests.services.clock_process import routes_of, serve
from tests.services.test_cases import ANNA, CHEF, TEO, Office, doing

HOUR = 3_600
ROOT = Path(__file__).parents[2]


class Desk(Office):
    """People at their pages; the inbox is served by the worker's own routes."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(with_tables(make_engine(url)))
        with self.work() as work:
            work.session.get_one(Staff, CHEF.staff_id).page_address = "whatsapp:+358400000003"

    def drain(self) -> None:
        serve(self.store, routes_of(self.store))
        with self.store.read() as work:
            failed = select(Inbox.kind, Inbox.error).where(Inbox.attempts > 1)
            assert work.session.execute(failed).all() == []

    def restarts(self) -> None:
        """Another process on the same database: nothing of the old one is left."""
        self.store.engine.dispose()
        self.store = Store(make_engine(self.url), clock=lambda: self.now)

    def pages(self) -> list[tuple[str, str]]:
        with self.store.read() as work:
            rows = work.session.scalars(select(Outbox.body).where(Outbox.kind == "page"))
            return [(body["to"], body["text"]) for body in rows]

    def mentions(self) -> list[tuple[int | None, str]]:
        with self.store.read() as work:
            rows = select(ConversationMark).where(ConversationMark.kind == "mention")
            return [(each.staff_id, each.text) for each in work.session.scalars(rows)]

    def marks(self) -> list[str]:
        with self.store.read() as work:
            rows = select(ConversationMark.text).where(ConversationMark.kind == "clock")
            return list(work.session.scalars(rows))


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    made = Desk(sqlite_url)
    yield made
    made.store.engine.dispose()


def test_a_late_first_reply_calls_a_supervisor_and_warns_at_its_target(desk: Desk) -> None:
    number = desk.report(code="bill_wrong")
    told = desk.clocks(number)["first_reply"]
    assert (told.target_s, told.policy["limit_s"]) == (HOUR, 2 * HOUR)
    desk.passes(HOUR)
    assert "First reply: not within the target of 60 min" in desk.file(number, "clock")
    assert desk.clocks(number)["first_reply"].warned_at == desk.now
    desk.restarts()
    desk.passes(HOUR - 1)
    assert desk.case(number).level == 1  # by a goal of the desk
    before = desk.mentions()
    desk.passes(1)
    assert desk.mentions() == [*before, (CHEF.staff_id, late_reply(number))]
    assert desk.file(number, "level")[-1] == "Goes to a supervisor. Deadline missed: First reply."
    assert sum("We did not keep it" in text for text in desk.said()) == 1
    desk.passes(HOUR)
    assert [text for _, text in desk.mentions()].count(late_reply(number)) == 1


def late_reply(number: int) -> str:
    return f"Case {number} needs a supervisor. Deadline missed: First reply."


@pytest.mark.parametrize(("named", "to"), [("", "3"), ("FI", "4"), ("station", "5")])
def test_nobody_on_site_pages_the_regional_head(desk: Desk, named: str, to: str) -> None:
    with desk.work() as work:
        for number in (4, 5):
            work.session.add(
                Staff(id=number, login=str(number), name=f"Head {number}", role="manager",
                      created_at=desk.now, page_address=f"whatsapp:+35840000000{number}")
            )  # fmt: skip
        work.session.get_one(Staff, 5).active = named == "station"
        work.session.get_one(Staff, 4).active = bool(named)
        work.session.flush()
        if named:
            work.session.add(CaseRoute(class_="", country="FI", team="technical", owner_id=4))
        if named == "station":
            work.session.add(
                CaseRoute(class_="", country="", station_id=1, team="technical", owner_id=5)
            )
    number = desk.report()
    desk.passes(24 * HOUR - 1)
    desk.restarts()
    assert desk.case(number).level == 1
    assert not [text for _, text in desk.pages() if "NOBODY" in text]
    desk.passes(1)
    assert (desk.case(number).level, desk.case(number).level_reason) == (
        2, "Deadline missed: On site.",
    )  # fmt: skip
    assert "Goes to the regional head. Deadline missed: On site." in desk.file(number, "level")
    late = [page for page in desk.pages() if "NOBODY CAME" in page[1]]
    assert late == [(f"+35840000000{to}", "NOBODY CAME: pile 1023, Kamppi, promised within 24 h.")]
    with doing(desk) as work:
        cases.missed_deadline(work, cases.of_rider(work, 1)[0], "P9 first answer")
    assert desk.case(number).level == 2
    assert desk.file(number, "level")[-1] == (
        "Goes to a supervisor. Deadline missed: P9 first answer."
    )


def test_a_late_bill_is_an_alarm_until_the_receipt_is_taken(desk: Desk) -> None:
    charge = desk.says_yes()
    desk.charges(charge)
    desk.says_stop(charge)
    desk.answers("stop", "accepted")
    desk.reports("Ended", 3000, reason="Remote")
    with desk.store.read() as work:
        bill = work.session.scalars(select(Bill)).one().id
        assert receipt_watch.alarms(work) == 0
    desk.restarts()
    desk.passes(31)
    assert desk.marks() == ["Bill is late: more than 30 s"]
    with desk.store.read() as work:
        assert receipt_watch.alarms(work) == 1
        assert clock_results.lately(work)["bill"] == Kept(0, 1)
    with desk.work() as work:
        receipt_watch.accepted(work, bill)
        clocks.bill_sent(work, bill)
    desk.drain()
    with desk.store.read() as work:
        assert receipt_watch.alarms(work) == 0
    assert len(desk.marks()) == 1


def foretold(desk: Desk) -> int:
    """A socket that is likely to fail; the job of the visit."""
    with desk.work() as work:
        for number in range(20):
            day = (desk.now - timedelta(days=8 + number)).date()
            work.session.merge(EvseDay(evse_id=1, day=day, cycles=5))
        for number in range(3):
            day = (desk.now - timedelta(days=number)).date()
            work.session.merge(EvseDay(evse_id=1, day=day, cycles=3, failed_starts=2))
    prediction.run(desk.store, replace(SETTINGS))
    with desk.store.read() as work:
        return work.session.scalars(select(Job.id).where(Job.kind == "preventive")).one()


def watched(desk: Desk) -> list[tuple[int, str, str]]:
    with desk.store.read() as work:
        rows = work.session.scalars(select(SocketWatch).order_by(SocketWatch.id))
        return [(each.evse_id, each.why if each.open_key else "", each.end_reason) for each in rows]


def test_a_socket_that_nobody_visited_in_time_is_watched_until_the_visit_is_done(
    desk: Desk,
) -> None:
    job = foretold(desk)
    with doing(desk) as work:
        jobs.accept(work, SETTINGS, TEO, job)
        jobs.arrive(work, TEO, job, distance_m=10)  # being there is not having looked
    desk.passes(24 * HOUR - 1)
    assert watched(desk) == []
    desk.restarts()
    desk.passes(1)
    ((evse, why, _),) = watched(desk)
    assert (evse, why) == (1, f"Nobody was done within 24 h after it was foretold (job {job})")
    assert desk.pages() == [
        ("+358400000003", f"WATCH: 1023-10 is likely to fail and nobody has looked: job {job}.")
    ]
    desk.drain()
    with desk.store.read() as work:
        assert watches.count(work) == 1
        clock = work.session.scalars(select(Clock).where(Clock.name == "preventive")).one()
        assert clock.state == "running"
    with doing(desk) as work:
        jobs.done(work, SETTINGS, TEO, job, cause="Burnt pins", fix="New plug", found_wear=True)
    assert watched(desk) == [(1, "", f"Job {job} done")]
    with desk.store.read() as work:
        clock = work.session.scalars(select(Clock).where(Clock.name == "preventive")).one()
        assert (clock.outcome, clock.stop_event) == ("missed", "Teo is done")


def test_staff_take_a_socket_off_the_list_with_a_reason_once(desk: Desk) -> None:
    foretold(desk)
    desk.passes(24 * HOUR)
    with desk.store.read() as work:
        ((row, _),) = watches.current(work)
    for reason, why in ((" ", "Say why"), ("It is new", ""), ("Again", "not on the list")):
        if not why:
            with desk.work() as work:
                watches.take_off(work, TEO, row.id, reason)
            continue
        with pytest.raises(watches.NotPossible, match=why), desk.work() as work:
            watches.take_off(work, TEO, row.id, reason)
    assert watched(desk) == [(1, "", "It is new")]


def test_a_policy_changed_in_mid_run_counts_for_the_next(desk: Desk) -> None:
    first = desk.report(code="bill_wrong")
    with doing(desk) as work:
        clocks.set_policy(
            work, CHEF, "first_reply", limit_s=600, counting="calendar", seen=1, reason="faster",
            target_s=300,
        )  # fmt: skip
        for target in (600, 5):
            with pytest.raises(clocks.NotPossible, match="target"):
                clocks.check_policy(
                    "first_reply", limit_s=600, counting="calendar", target_s=target
                )
    second = desk.report("m2", code="broken", pile_id=None)
    desk.restarts()
    desk.passes(300)
    assert desk.clocks(second)["first_reply"].warned_at == desk.now
    desk.passes(300)
    assert late_reply(second) in [text for _, text in desk.mentions()]
    assert desk.clocks(first)["first_reply"].breached_at is None
    desk.passes(2 * HOUR - 600)
    assert desk.clocks(first)["first_reply"].breached_at == desk.now


def test_versions_from_before_there_were_targets_and_alarms_go_on(desk: Desk) -> None:
    with desk.work() as work:
        for name in ("first_reply", "bill"):
            work.session.add(
                ClockPolicy(name=name, version=2, limit_s=40, counting="calendar", actions=[],
                            warn_percent=75, at=desk.now, reason="x")
            )  # fmt: skip
    with desk.work() as work:
        reply, bill = clocks.policy(work, "first_reply"), clocks.policy(work, "bill")
        assert (reply.target_s, reply.warn_s, reply.actions) == (None, 30, ("escalate",))
        assert bill.actions == ("alarm",)
        old = clocks.start(work, "bill", "session:9")
        old.policy = {  # one that began before, too
            "limit_s": 40, "counting": "calendar", "actions": [], "warn_percent": 75, "version": 1
        }  # fmt: skip
    desk.passes(60)
    with desk.store.read() as work:
        row = work.session.scalars(select(Clock).where(Clock.name == "bill")).one()
        assert row.breached_at is not None


def test_a_result_keeps_what_it_answers_and_drops_what_was_not_put_to_the_test(
    desk: Desk,
) -> None:
    number = desk.report()
    with doing(desk) as work:
        case = desk.case(number)
        for name in ("dispute", "on_site", "urgent"):
            cases.start_clock(work, case, name, at=desk.now)
        case_work.solve(work, SETTINGS, ANNA, number, cause="None", fix="Looked", result="It works")
    ends = {each.name: each.outcome for each in desk.clocks(number).values()}
    assert ends == {
        "first_reply": "met", "dispute": "met", "p4_first": "met", "p4_resolve": "met",
        "fault_response": "dropped", "on_site": "dropped", "urgent": "dropped", "call_back": "",
    }  # fmt: skip
    with desk.store.read() as work:
        counted = clock_results.lately(work)
        assert "fault_response" not in counted
        assert counted["first_reply"] == Kept(1, 1, 1)


def test_what_was_late_when_the_result_came_stays_missed(desk: Desk) -> None:
    add_template(desk.store, "late", fixed_minor=500)
    number = desk.report()
    desk.now += timedelta(minutes=31)  # no worker was there
    with doing(desk) as work:
        case_work.solve(work, SETTINGS, ANNA, number, cause="None", fix="Looked", result="Works")
    assert desk.clocks(number)["fault_response"].outcome == "missed"
    with desk.store.read() as work:
        assert len(work.session.scalars(select(Coupon)).all()) == 1


@pytest.mark.parametrize(("who", "stops"), [(CHEF, False), (ANNA, False), (TEO, True)])
def test_only_who_goes_takes_a_fault_on(desk: Desk, who: Actor, stops: bool) -> None:
    number = desk.report()
    with doing(desk) as work:
        work.session.get_one(Staff, ANNA.staff_id).skills = ["technical"]
        case_work.assign(work, SETTINGS, who, number, owner_id=who.staff_id)
    assert (desk.clocks(number)["fault_response"].outcome == "met") is stops


def test_a_reply_is_counted_within_its_target_or_its_limit(desk: Desk) -> None:
    for key, after in (("a", HOUR), ("b", 1)):  # the second an hour and a second after it began
        desk.report(key, code="bill_wrong" if key == "a" else "broken")
        desk.passes(after)
    with doing(desk) as work:
        chat = work.session.scalars(select(Conversation)).one()
        chat.owner, chat.owner_id = "human", ANNA.staff_id
        threads.say(work, ANNA, chat, [Say("Hello")], key="k")
    with desk.store.read() as work:
        assert clock_results.lately(work)["first_reply"] == Kept(2, 2, 1)


def test_a_worker_killed_in_the_middle_of_a_breach_leaves_one_of_everything(desk: Desk) -> None:
    add_template(desk.store, "late", fixed_minor=500)
    number = desk.report()
    desk.now += timedelta(minutes=31)
    program = [sys.executable, "-m", "tests.services.clock_process", desk.url]
    child = subprocess.Popen(
        [*program, desk.now.isoformat()], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        while "done, not committed" not in (line := child.stdout.readline()):
            assert line, "it ended by itself"
    finally:
        child.kill()  # SIGKILL
        child.communicate()
    assert desk.clocks(number)["fault_response"].breached_at is None
    desk.now += timedelta(minutes=5)  # its lease is over
    desk.restarts()
    with desk.store.read() as work:
        (row,) = work.session.scalars(select(Inbox).where(Inbox.leased_until.is_not(None))).all()
        assert (row.state, row.attempts) == ("open", 1)
    serve(desk.store, routes_of(desk.store))
    serve(desk.store, routes_of(desk.store))
    told = desk.clocks(number)["fault_response"]
    assert told.breached_at == desk.now
    with desk.store.read() as work:
        breaches = select(func.count()).where(
            ClockEvent.clock_id == told.id, ClockEvent.kind == "breached"
        )
        assert work.session.scalar(breaches) == 1
        assert len(work.session.scalars(select(Coupon)).all()) == 1
    assert sum("We did not keep it" in text for text in desk.said()) == 1
    late = "Goes to a supervisor. Deadline missed: Fault response."
    assert desk.file(number, "level").count(late) == 1
