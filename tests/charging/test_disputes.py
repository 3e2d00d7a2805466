"""Contested charges: rules give back once and never too much; the clock decides within a cap."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Engine, func, select

from bot.domain.disputes import ChargeMoney, Decision, Reason, decide
from bot.replies import Say
from bot.services import (
    alarms,
    cases,
    clocks,
    coupons,
    disputes,
    jobs,
    meter_cases,
    meter_checks,
    meter_rechecks,
    refunds,
)
from bot.services.audit import Actor
from bot.store.cases import Case
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import make_engine
from bot.store.jobs import Job
from bot.store.offers import Coupon, MeterCheck, RefundRequest
from bot.store.queues import Inbox
from bot.store.staff import Staff
from bot.store.stations import Evse
from tests.charging.test_coupons import charge
from tests.charging.test_parallel import together
from tests.charging.world import SETTINGS, World
from tests.databases import with_tables
from tests.offers import add_template


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def paid(world: World, *, rider: int = 1, key: str = "yes-1") -> int:
    """A charge of 3.00 that is paid."""
    session = charge(world, rider=rider, key=key)
    world.pays(session, "captured")
    world.status("Available")
    return session


def check(world: World, session: int, reason: Reason) -> int:
    """What a rule gives back."""
    with world.work() as work:
        found = disputes.look(work, work.session.get_one(ChargingSession, session))
        assert found is not None
        return disputes.check(work, found, reason)[0].amount_minor


def given(world: World) -> int:
    with world.work() as work:
        return int(work.session.scalar(select(func.sum(Refund.amount_minor))) or 0)


def asked(world: World, session: int, reason: Reason = "overcharged") -> RefundRequest:
    with world.work() as work:
        found = disputes.look(work, work.session.get_one(ChargingSession, session))
        assert found is not None
        return disputes.open_request(work, SETTINGS, found, reason, text="too dear")


def clock(world: World, request: RefundRequest, cap: int = 20) -> RefundRequest:
    with world.work() as work:
        settings = replace(SETTINGS, dispute_refund_max=cap)
        disputes.on_timer(work, settings, {"request_id": request.id})
        return work.session.get_one(RefundRequest, request.id)


def test_a_coupon_that_did_not_count_is_made_good_once(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    add_template(world.store)
    with world.work() as work:
        assert coupons.issue(work, 1, "sorry", cause="c", key="c", country="FI")
        work.session.scalars(select(Coupon)).one().state = "used"  # out of the way of the offer
    session = paid(world)
    assert check(world, session, "coupon") == 0
    with world.work() as work:
        work.session.scalars(select(Coupon)).one().state = "open"
    assert check(world, session, "coupon") == 100
    assert check(world, session, "coupon") == 0
    with world.work() as work:
        row = work.session.scalars(select(Coupon)).one()
        assert (row.state, row.used_minor, row.session_id) == ("used", 100, session)


def test_a_coupon_that_another_charge_took_meanwhile_is_not_counted(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = with_tables(make_engine(postgres_url))
    world = World(engine)
    world.rider()
    world.rider(2)
    other = paid(world, rider=2, key="other")
    add_template(world.store)
    with world.work() as work:
        assert coupons.issue(work, 1, "sorry", cause="c", key="c", country="FI")
        work.session.scalars(select(Coupon)).one().state = "used"
    session = paid(world)
    with world.work() as work:
        work.session.scalars(select(Coupon)).one().state = "open"

    def meanwhile(reason: Reason, money: ChargeMoney) -> Decision:
        with world.work() as work:
            assert coupons.take(work, 1, 1, other)
        return decide(reason, money)

    monkeypatch.setattr(disputes, "decide", meanwhile)
    assert check(world, session, "coupon") == 0
    assert given(world) == 0
    with world.work() as work:
        row = work.session.scalars(select(Coupon)).one()
        assert (row.state, row.session_id) == ("reserved", other)
    engine.dispose()


def test_what_was_taken_too_much_goes_back_once_by_many_at_once(world: World) -> None:
    world.rider()
    session = paid(world)
    hold = world.hold(session)
    with world.work() as work:  # as if the provider had taken more
        work.session.get_one(Hold, hold.id).captured_minor = 450
    found = together([partial(check, world, session, "twice") for _ in range(8)])
    assert sum(int(str(each)) for each in found) == given(world) == 150


def test_no_more_than_was_taken_goes_back_whoever_asks(world: World) -> None:
    world.rider()
    session = paid(world)
    hold, request = world.hold(session), asked(world, session)

    def staff() -> object:
        with world.work() as work:
            try:
                return refunds.give_back(work, hold.id, 200, reason="staff")
            except refunds.TooMuch:
                return None

    together([staff, staff, staff, lambda: clock(world, request)])
    assert given(world) <= 300


def test_nobody_decided_so_the_clock_does_within_the_cap(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    request = asked(world, paid(world))
    with world.work() as work:
        timer = work.session.scalars(select(Inbox).where(Inbox.kind == "dispute.timer")).one()
        assert timer.available_at == request.deadline_at
    assert asked(world, request.session_id).id == request.id, "one request for each reason"
    done = clock(world, request, cap=2)
    assert (done.state, done.amount_minor, given(world)) == ("automatic", 200, 200)
    clock(world, request, cap=2)
    assert given(world) == 200
    told = [each for each in world.told() if isinstance(each, Say)]
    assert any({"amount", "method", "reference", "date", "why"} <= set(x.values) for x in told)


def test_nothing_to_give_calls_people(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    session = charge(world)  # billed, not paid yet
    request = asked(world, session)
    assert clock(world, request).state == "open"
    assert given(world) == 0


def test_declined_once_with_an_explanation(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    request = asked(world, paid(world))
    with world.work() as work:
        work.session.add(
            Staff(id=1, login="fia", name="Fia", role="finance", created_at=work.now,
                  password_hash="")
        )  # fmt: skip
        work.session.flush()
        actor, row = Actor(1, "finance"), work.session.get_one(RefundRequest, request.id)
        assert disputes.decline(work, actor, row, explanation="The meter is right")
        assert not disputes.decline(work, actor, row, explanation="Again")
    assert clock(world, request).state == "declined"
    assert any("The meter is right" in each for each in world.heard())


# --- meters --------------------------------------------------------------------------------------

TESS, MARIA = Actor(1, "technician", "Tess"), Actor(2, "manager", "Maria")


def people(world: World) -> None:
    with world.work() as work:
        for who in (TESS, MARIA):
            work.session.add(
                Staff(id=who.staff_id, login=who.name.lower(), name=who.name, role=who.role,
                      created_at=work.now, password_hash="")
            )  # fmt: skip


def doubted(world: World, session: int) -> tuple[int, int]:
    """The check and the case of a charge whose meter is doubted."""
    with world.work() as work:
        made = meter_checks.ask(work, work.session.get_one(ChargingSession, session))
        case = meter_cases.of_check(work, made)
        assert case is not None
        return made.id, case.id


def after_test(world: World, check_id: int, shown: int) -> str:
    """The state of a check after a test against 10 kWh and a second person's yes."""
    with world.work() as work:
        row = meter_checks.record(
            work, SETTINGS, TESS, check_id, shown_wh=shown, true_wh=10_000, note="Reference 7"
        )
        if row.state != "tested":
            return row.state
    with world.work() as work:
        return meter_checks.approve(work, SETTINGS, MARIA, check_id).state


@pytest.mark.parametrize(
    ("shown", "refunded", "state", "owed", "words"),
    [
        (10_000, 0, "fair", 0, "Your bill stands"), (10_100, 0, "fair", 0, "Your bill stands"),
        (9_900, 0, "fair", 0, "Your bill stands"), (10_101, 0, "paid", 20, "% too much. You get"),
        (12_000, 0, "paid", 300, "% too much. You get"),
        (12_000, 100, "paid", 200, "% too much. You get"),
        (12_000, 300, "failed", 0, "% too much. Of this charge nothing is left"),
        (9_899, 0, "failed", 0, "% too little"), (9_500, 300, "failed", 0, "% too little"),
    ],
)  # fmt: skip
def test_a_meter_is_fair_by_its_error_and_not_by_what_is_owed(
    sqlite_world: World, shown: int, refunded: int, state: str, owed: int, words: str
) -> None:
    world = sqlite_world
    world.rider()
    people(world)
    session = paid(world)
    if refunded:
        with world.work() as work:
            refunds.give_back(work, world.hold(session).id, refunded, reason="goodwill")
    check_id, case_id = doubted(world, session)
    assert after_test(world, check_id, shown) == state
    with world.work() as work:
        row = work.session.get_one(MeterCheck, check_id)
        assert row.owed_minor == owed
        case = work.session.get_one(Case, case_id)
        assert (case.code, case.kind, case.status) == ("meter", "billing", "done")
        assert "by the reference" in case.cause
        stopped = {each.name: each.outcome for each in clocks.of_subject(work, f"case:{case_id}")}
        assert stopped["dispute"] == "met"
        sent = [job.evse_id for job in work.session.scalars(select(Job))]
        assert sent == ([] if state == "fair" else [1])  # nobody is to pay by such a meter
        if state == "fair" or shown < 10_000:
            with pytest.raises(meter_checks.NotPossible):
                meter_rechecks.look(work, SETTINGS, MARIA, check_id)
        else:
            assert meter_rechecks.look(work, SETTINGS, MARIA, check_id).check.id == check_id
    assert any(words in each for each in world.heard())


def test_a_bad_meter_of_a_refunded_charge_is_no_good_test_of_others(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    world.rider(2)
    people(world)
    first = paid(world)
    with world.work() as work:
        refunds.give_back(work, world.hold(first).id, 300, reason="goodwill")
    check_id, _ = doubted(world, first)
    assert after_test(world, check_id, 12_000) == "failed"
    world.passes(3_600)
    with world.work() as work:  # somebody has been there
        jobs.cancel(work, None, work.session.scalars(select(Job.id)).one(), "Put right")
        evse = work.session.get_one(Evse, 1)
        assert evse.fault_code == meter_checks.WRONG  # not offered by time alone
        alarms.looked_at(work, evse.pile, evse)
    other = paid(world, rider=2, key="other")
    with world.work() as work:
        found = meter_rechecks.look(work, SETTINGS, MARIA, check_id)
        assert [each.session.id for each in found.owed] == [other]
        assert found.since is None


def test_the_readings_are_in_the_case_and_a_wider_doubt_stays_open(sqlite_world: World) -> None:
    world = sqlite_world
    world.rider()
    people(world)
    session = paid(world)
    request = asked(world, session)
    check_id, case_id = doubted(world, session)
    with world.work() as work:
        told = [each.text for each in cases.entries(work, case_id) if each.kind == "again"]
        row = work.session.get_one(MeterCheck, check_id)
        assert f"{row.start_wh} Wh before and {row.end_wh} Wh after" in told[0]
    assert after_test(world, check_id, 10_000) == "fair"
    with world.work() as work:
        assert work.session.get_one(Case, case_id).status == "new"
        assert work.session.get_one(RefundRequest, request.id).state == "open"
        assert any("Meter tested" in each.text for each in cases.entries(work, case_id))
