"""Cases and clocks on real databases: repeats join, timers survive, misses are made good once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import Engine, func, select

from bot.domain.cases import TOPICS
from bot.replies import Say, load
from bot.services import (
    case_intake,
    case_jobs,
    case_timers,
    case_work,
    cases,
    clock_breach,
    clock_results,
    clocks,
    coupon_templates,
    handoff,
    threads,
)
from bot.services.audit import Actor
from bot.services.clock_results import Kept
from bot.settings import Settings
from bot.store.cases import Case, CaseLink, Clock, ClockEvent
from bot.store.charging import ChargingSession
from bot.store.database import Store, UnitOfWork, make_engine
from bot.store.desk import OpeningHours
from bot.store.offers import Coupon
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Conversation
from bot.store.staff import Staff
from bot.store.stations import Evse
from tests.charging.world import PILE, SETTINGS, World
from tests.databases import with_tables
from tests.offers import add_template

TEO, ANNA, CHEF = (Actor(1, "technician", "Teo"), Actor(2, "agent", "Anna"),
                   Actor(3, "manager", "Chef"))  # fmt: skip


Route = Callable[[UnitOfWork, Settings, Mapping[str, Any]], None]


class Office(World):
    """A world with people, that serves the timers of cases and clocks."""

    routes: ClassVar[Mapping[str, Route]] = {}  # what else it serves

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        with self.work() as work:
            for who in (TEO, ANNA, CHEF):
                work.session.add(
                    Staff(
                        id=who.staff_id, login=who.name.lower(), name=who.name, role=who.role,
                        created_at=self.now,
                    )
                )  # fmt: skip
        self.rider(1)

    def drain(self) -> None:
        routes = {**self.routes, "case.timer": case_timers.on_timer,
                  "clock.timer": clock_breach.on_timer,
                  cases.JOB_AGAIN: case_jobs.on_taken_up}  # fmt: skip
        while True:
            with self.work() as work:
                due = select(Inbox).where(
                    Inbox.state == "open", Inbox.available_at <= self.now,
                    Inbox.kind.in_(list(routes)),
                )  # fmt: skip
                row = work.session.scalars(due.order_by(Inbox.id)).first()
                if row is None:
                    return
                row.state = "done"
                work.session.flush()
                routes[row.kind](work, SETTINGS, row.body)

    def report(self, key: str = "m1", code: str = "broken", **more: Any) -> int:
        kind = TOPICS[code].kind
        with self.work() as work:
            values: dict[str, Any] = {
                "pile_id": PILE, "text": "It is broken", "source": "whatsapp", "rider_id": 1,
            }  # fmt: skip
            case = cases.open_case(work, kind=kind, code=code, key=key, **{**values, **more})
            number = case.id
        self.drain()
        return number

    def case(self, number: int) -> Case:
        with self.store.read() as work:
            return work.session.get_one(Case, number)

    def clocks(self, number: int) -> dict[str, Clock]:
        with self.store.read() as work:
            return {each.name: each for each in clocks.of_subject(work, f"case:{number}")}

    def said(self) -> list[str]:
        """What the rider was told, as English sources."""

        def words(value: Any) -> str:
            if isinstance(value, Say):
                inner = [words(each) for each in value.values.values()]
                return " ".join([value.text, *filter(None, inner)])
            return words(value.prompt) if hasattr(value, "prompt") else ""

        with self.store.read() as work:
            rows = select(Outbox.body).where(Outbox.kind == "message").order_by(Outbox.id)
            return [words(load(body["reply"])) for body in work.session.scalars(rows)]

    def file(self, number: int, *kinds: str) -> list[str]:
        with self.store.read() as work:
            return [
                each.text for each in cases.entries(work, number) if each.kind in kinds or not kinds
            ]


@pytest.fixture
def office(sqlite_url: str) -> Iterator[Office]:
    engine = with_tables(make_engine(sqlite_url))
    yield Office(engine)
    engine.dispose()


@contextmanager
def doing(office: Office) -> Iterator[UnitOfWork]:
    with office.work() as work:
        yield work
    office.drain()


# --- intake --------------------------------------------------------------------------------------


def test_the_same_message_and_the_same_matter_are_one_case(office: Office) -> None:
    number = office.report("m1")
    assert office.report("m1") == number
    assert office.report("m2") == number
    assert office.report("m2") == number  # the second message twice
    case = office.case(number)
    assert (case.contacts, case.level, case.team) == (2, 0, "technical")
    assert office.report("m3") == number
    assert office.case(number).level_reason == "The rider wrote about it 3 times."
    assert office.report("m4", code="bill_wrong") != number


def test_twenty_reports_at_once_open_one_case(engine: Engine) -> None:
    office = Office(engine)

    def tell(number: int) -> int:
        with office.work() as work:
            return cases.open_case(
                work, kind="fault", rider_id=1, pile_id=PILE, text="broken", source="whatsapp",
                key=f"m{number}",
            ).id  # fmt: skip

    with ThreadPoolExecutor(8) as pool:
        numbers = set(pool.map(tell, range(20)))
    assert len(numbers) == 1
    with office.store.read() as work:
        assert work.session.scalar(select(func.count()).select_from(Case)) == 1
        started = select(func.count()).select_from(Clock).where(Clock.name == "fault_response")
        assert work.session.scalar(started) == 1
        assert work.session.scalars(select(Case.contacts)).one() == 20


def test_what_cannot_be_routed_waits_for_its_facts(office: Office) -> None:
    number = office.report(pile_id=None)
    assert office.case(number).team == "support"
    assert "pile or place not known" in office.file(number, "status")[0]
    with pytest.raises(case_work.NotPossible, match="pile or place"), office.work() as work:
        case_work.assign(work, SETTINGS, ANNA, number, owner_id=None, team="technical")
    with doing(office) as work:
        case_work.complete(work, SETTINGS, ANNA, number, pile="1023")
    assert office.case(number).team == "technical"


# --- clocks --------------------------------------------------------------------------------------


def test_the_bots_own_words_and_a_claim_do_not_answer_a_person_does(office: Office) -> None:
    number = office.report()
    with doing(office) as work:
        chat = work.session.scalars(select(Conversation)).one()
        handoff.to_queue(work, chat, reason="fault")
        handoff.claim(work, ANNA, chat.id)
    assert office.clocks(number)["first_reply"].state == "running"
    office.passes(600)
    with doing(office) as work:
        chat = work.session.scalars(select(Conversation)).one()
        threads.say(work, ANNA, chat, [Say("Hello")], key="k")
    told = office.clocks(number)
    assert (told["first_reply"].outcome, told["p4_first"].outcome) == ("met", "met")
    assert told["first_reply"].spent_s == 600
    assert told["fault_response"].state == "running"
    with doing(office) as work:
        case_work.assign(work, SETTINGS, ANNA, number, owner_id=2)
    assert office.clocks(number)["fault_response"].state == "running"  # Anna mends nothing
    with doing(office) as work:
        case_work.assign(work, SETTINGS, TEO, number, owner_id=1)
    assert office.clocks(number)["fault_response"].stop_event == "accepted by Teo"


def test_a_missed_promise_is_made_good_once_whenever_it_is_seen(office: Office) -> None:
    add_template(office.store, "late", fixed_minor=500)
    number = office.report()
    office.now += timedelta(minutes=40)  # every worker is down; then the technician comes
    with office.work() as work:
        case_work.assign(work, SETTINGS, TEO, number, owner_id=1)
    assert office.clocks(number)["fault_response"].outcome == "missed"
    office.drain()
    office.drain()
    assert office.case(number).level_reason == "Deadline missed: Fault response."
    assert office.file(number, "money") == ["A coupon for the missed promise"]
    sorry = [text for text in office.said() if "We did not keep it" in text]
    assert len(sorry) == 1
    assert "You get" in sorry[0]
    with office.store.read() as work:
        assert [each.worth_minor for each in work.session.scalars(select(Coupon))] == [500]
    with office.store.read() as work:
        assert clock_results.lately(work)["fault_response"] == Kept(0, 1)


def test_a_promise_that_no_coupon_makes_good_says_why(office: Office) -> None:
    with office.store.read() as work:
        assert len(coupon_templates.lacking(work)) == 2
        assert "FI: the coupon “late” is missing" in coupon_templates.lacking(work)[0]
    number = office.report()
    office.passes(1_801)
    assert office.file(number, "money") == ["No coupon: no template “late” is active in FI"]
    add_template(office.store, "late", fixed_minor=500)
    add_template(office.store, "fault_photo", fixed_minor=300)
    with office.store.read() as work:
        assert coupon_templates.lacking(work) == []


def test_what_is_solved_before_it_was_routed_starts_no_clocks_any_more(office: Office) -> None:
    with office.work() as work:
        number = cases.open_case(
            work, kind="fault", rider_id=1, pile_id=PILE, text="broken", source="whatsapp", key="m",
        ).id  # fmt: skip
        case_work.solve(work, SETTINGS, ANNA, number, cause="Dust", fix="Wiped", result="Works")
    office.drain()
    running = [name for name, each in office.clocks(number).items() if each.state == "running"]
    assert running == ["call_back"]


def test_warning_and_end_survive_a_restart(office: Office, sqlite_url: str) -> None:
    number = office.report()
    office.now += timedelta(minutes=23)
    again = Store(make_engine(sqlite_url), clock=lambda: office.now)  # another process
    office.store = again
    office.drain()
    told = office.clocks(number)["fault_response"]
    assert told.warned_at is not None
    assert told.breached_at is None
    office.passes(8 * 60)
    assert office.clocks(number)["fault_response"].breached_at == office.now
    assert "We promised" in "".join(office.said())
    again.engine.dispose()


def test_waiting_for_the_rider_stops_the_time_and_says_so(office: Office) -> None:
    number = office.report(code="bill_wrong")
    office.passes(3_600)
    with doing(office) as work:
        case_work.move(work, SETTINGS, ANNA, number, "waiting_rider")
    assert "stands still" in office.said()[-1]
    office.passes(3 * 86_400)
    assert office.clocks(number)["dispute"].breached_at is None
    with doing(office) as work:
        chat = work.session.scalars(select(Conversation)).one()
        handoff.to_queue(work, chat, reason="refund")
        threads.heard(work, chat, for_bot=False)
    told = office.clocks(number)["dispute"]
    assert told.due_at == office.now + timedelta(hours=23)
    with office.store.read() as work:
        kinds = (
            select(ClockEvent.kind).where(ClockEvent.clock_id == told.id).order_by(ClockEvent.id)
        )
        assert list(work.session.scalars(kinds)) == ["started", "paused", "resumed"]


def test_a_running_clock_keeps_its_policy(office: Office) -> None:
    first = office.report()
    with doing(office) as work:
        clocks.set_policy(
            work, CHEF, "fault_response", limit_s=600, counting="calendar", seen=1, reason="faster"
        )
        with pytest.raises(clocks.NotPossible, match="meanwhile"):
            clocks.set_policy(
                work, CHEF, "fault_response", limit_s=900, counting="calendar", seen=1, reason="x"
            )
    second = office.report("m9", code="bill_wrong")
    with doing(office) as work:
        cases.start_clock(work, office.case(second), "fault_response", at=office.now)
    office.passes(700)
    assert office.clocks(first)["fault_response"].breached_at is None
    assert office.clocks(second)["fault_response"].policy["version"] == 2
    assert office.clocks(second)["fault_response"].breached_at is not None


@pytest.mark.parametrize(
    ("change", "why"),
    [({"limit_s": 5}, "10 seconds"), ({"counting": "office"}, "around the clock"),
     ({"reason": " "}, "Say why")],
)  # fmt: skip
def test_policies_that_cannot_be(office: Office, change: dict[str, Any], why: str) -> None:
    values: dict[str, Any] = {"limit_s": 600, "counting": "calendar", "seen": 1, "reason": "x"}
    with pytest.raises(clocks.NotPossible, match=why), office.work() as work:
        clocks.set_policy(work, CHEF, "fault_response", **{**values, **change})


def test_the_desks_own_goals_count_opening_hours(office: Office) -> None:
    with doing(office) as work:  # 10:00 UTC on a Friday is 12:00 in Helsinki: four hours are left
        for day in range(5):
            work.session.add(OpeningHours(weekday=day, opens_min=480, closes_min=960))
    number = office.report(code="bill_wrong")
    told = office.clocks(number)
    assert told["p3_first"].due_at == office.now + timedelta(minutes=30)
    resolve = told["p3_resolve"].due_at
    assert resolve == office.now + timedelta(days=5)  # 4 h, 8 h, 8 h, and 4 h on Wednesday
    assert told["dispute"].due_at == office.now + timedelta(days=1)


# --- to the end ----------------------------------------------------------------------------------


def solve(office: Office, number: int, actor: Actor = TEO) -> None:
    with doing(office) as work:
        case_work.solve(work, SETTINGS, actor, number, cause="Rust", fix="New part", result="Works")


def test_solving_needs_cause_fix_and_result(office: Office) -> None:
    number = office.report()
    with pytest.raises(case_work.NotPossible, match="the fix, the result"), office.work() as work:
        case_work.solve(work, SETTINGS, TEO, number, cause="Rust", fix=" ", result="")
    danger = office.report("d", code="hazard")
    with pytest.raises(case_work.NotPossible, match="manager"):
        solve(office, danger)
    solve(office, danger, CHEF)
    assert office.case(danger).status == "done"


def test_silence_to_two_call_backs_closes_and_counts_for_nothing(office: Office) -> None:
    number = office.report()
    solve(office, number)
    for _ in range(2):
        office.passes(86_401)
        assert office.case(number).status == "done"
    assert [text for text in office.said() if "Is it solved?" in text][1:]
    office.passes(86_401)
    case = office.case(number)
    assert (case.status, case.close_reason, case.asked) == ("closed", "silence", 2)
    assert office.clocks(number)["call_back"].outcome == "lapsed"
    assert office.report("again") != number  # a new matter


def test_no_reopens_with_fresh_clocks_and_a_supervisor(office: Office) -> None:
    number = office.report()
    with doing(office) as work:
        case_work.assign(work, SETTINGS, TEO, number, owner_id=1)
    solve(office, number)
    office.passes(86_401)
    with doing(office) as work:
        assert case_work.answered(work, SETTINGS, office.case(number), "no")
        assert not case_work.answered(work, SETTINGS, office.case(number), "yes")
    case = office.case(number)
    assert (case.status, case.level) == ("assigned", 1)
    assert office.clocks(number)["call_back"].outcome == "met"
    office.drain()
    fresh = office.clocks(number)["p4_first"]  # counted from now, not from the first report
    assert (fresh.state, fresh.started_at) == ("running", office.now)
    rounds = [each.key for each in office.clocks(number).values() if each.name == "first_reply"]
    assert rounds == [f"first_reply:case:{number}:2"]


def test_reported_again_after_it_was_done_it_is_taken_up(office: Office) -> None:
    number = office.report()
    solve(office, number)
    office.passes(3_600)
    assert office.report("later") == number
    assert office.case(number).status == "new"
    assert office.clocks(number)["first_reply"].started_at == office.now
    office.passes(86_401)
    assert office.case(number).asked == 0  # nobody asks whether it is solved


def test_news_at_least_daily_and_not_twice(office: Office) -> None:
    office.report()
    before = len(office.said())
    office.passes(86_400)
    daily = [text for text in office.said()[before:] if "State:" in text]
    assert len(daily) == 1
    office.drain()
    assert len(office.said()) == before + 1 + len(
        [text for text in office.said()[before:] if "We promised" in text]
    )


def test_merging_keeps_every_link_and_ends_the_clocks(office: Office) -> None:
    first, second = office.report(), office.report("b", code="bill_wrong")
    with doing(office) as work:
        case_work.tie(work, ANNA, second, "refund", "7")
        case_work.merge(work, SETTINGS, ANNA, second, first)
    with office.store.read() as work:
        kept = select(CaseLink.kind, CaseLink.ref).where(CaseLink.case_id == first)
        assert ("refund", "7") in [tuple(row) for row in work.session.execute(kept)]
    assert office.case(second).merged_into == first
    assert {each.outcome for each in office.clocks(second).values()} == {"dropped"}
    assert office.clocks(first)["first_reply"].state == "running"
    with pytest.raises(case_work.NotPossible, match="merged"), office.work() as work:
        case_work.merge(work, SETTINGS, ANNA, first, second)


@pytest.mark.parametrize("answered", [False, True])
def test_power_lost_calls_for_a_person_within_a_minute(office: Office, *, answered: bool) -> None:
    charge = office.says_yes()
    with office.work() as work:
        work.session.get_one(Staff, CHEF.staff_id).page_address = "mailto:chef@call.fi"
        session = work.session.get_one(ChargingSession, charge)
        evse = work.session.get_one(Evse, session.evse_id)
        number = case_intake.power_lost(work, session, evse).id
    office.drain()
    assert office.case(number).priority == 2
    office.passes(59)
    if answered:
        with doing(office) as work:
            case_work.contacted(work, ANNA, number, "We spoke on the phone")
    office.passes(2)
    late = "" if answered else "Deadline missed: Urgent call-back."
    assert office.case(number).level_reason == late
    office.passes(600)
    with office.store.read() as work:
        pages = work.session.scalars(select(Outbox.body).where(Outbox.kind == "page")).all()
    told = [(each["to"], each["path"], each["text"]) for each in pages]
    text = f"CALL BACK NOW: case {number}, nobody has spoken with the rider for 60 s."
    assert told == ([] if answered else [("chef@call.fi", f"/tickets/{number}", text)])
