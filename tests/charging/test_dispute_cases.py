"""A contested charge and its case: each request its own clock, each decision told and tied."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.money import Money
from bot.domain.staff_actions import KINDS
from bot.services import (
    action_results,
    actions,
    case_work,
    cases,
    clock_breach,
    disputes,
    refunds,
)
from bot.services.action_plans import Target
from bot.services.audit import Actor
from bot.services.outbound import conversation_of
from bot.store.cases import Case, Clock
from bot.store.charging import Refund
from bot.store.offers import RefundRequest
from bot.store.queues import Outbox
from bot.store.staff import Staff
from tests.charging.test_disputes import asked, clock, given, paid
from tests.charging.world import SETTINGS, World

FIA, MARIA = Actor(1, "finance", "Fia"), Actor(2, "manager", "Maria")


@pytest.fixture
def world(sqlite_world: World) -> World:
    sqlite_world.rider()
    with sqlite_world.work() as work:
        for who in (FIA, MARIA):
            work.session.add(
                Staff(id=who.staff_id, login=who.name.lower(), name=who.name, role=who.role,
                      created_at=work.now)
            )  # fmt: skip
    return sqlite_world


def the_case(world: World, number: int = 1) -> Case:
    with world.work() as work:
        return work.session.get_one(Case, number)


def promises(world: World) -> dict[str, str]:
    """The clocks of contested bills: subject and state or outcome."""
    with world.work() as work:
        rows = select(Clock).where(Clock.name == "dispute").order_by(Clock.id)
        return {each.subject: each.outcome or each.state for each in work.session.scalars(rows)}


def decline(world: World, request: RefundRequest, why: str = "The meter is right") -> None:
    with world.work() as work:
        row = work.session.get_one(RefundRequest, request.id)
        assert disputes.decline(work, FIA, row, explanation=why)
    world.drain()


def grant(world: World, request: RefundRequest, minor: int, key: str = "k") -> int | None:
    """The refund of a request that Fia grants."""
    with world.work() as work:
        row = work.session.get_one(RefundRequest, request.id)
        disputes.lock(work, row)
        target = Target(conversation_of(work, row.rider_id).id, row.session_id)
        action = actions.ask(
            work, SETTINGS, FIA, KINDS["refund"], target, reason="right", key=key,
            amount=Money(minor, "EUR"),
        )  # fmt: skip
        assert disputes.granted(work, FIA, row, action, explanation="You are right")
        refund_id = row.refund_id
    world.drain()
    return refund_id


def refunds_of(world: World, number: int = 1) -> set[str]:
    with world.work() as work:
        return {each.ref for each in cases.links(work, number) if each.kind == "refund"}


def test_declined_the_case_is_solved_with_the_reason(world: World) -> None:
    request = asked(world, paid(world))
    assert promises(world) == {"dispute:1": "running"}
    decline(world, request)
    case = the_case(world)
    assert (case.status, case.result) == ("done", "The meter is right")
    assert (case.cause, case.fix) == (
        "You contested a bill.", "A person looked at it: nothing is given back.",
    )  # fmt: skip
    assert promises(world) == {"dispute:1": "met"}
    for _ in range(2):
        world.passes(86_401)
    assert the_case(world).asked == 2
    with world.work() as work:  # no daily news about a bill that is decided
        daily = select(Outbox.key).where(Outbox.key.contains(":daily:"))
        assert work.session.scalars(daily).all() == []
        assert any("D-000001 declined" in each.text for each in cases.entries(work, 1))


def test_granted_the_money_is_tied_and_told(world: World) -> None:
    refund_id = grant(world, asked(world, paid(world)), 200)
    case = the_case(world)
    assert (case.status, case.result) == ("done", "You are right")
    assert refunds_of(world) == {str(refund_id)}
    assert any("Given back" in each for each in world.heard())


def test_decided_by_the_clock_the_case_ends_too(world: World) -> None:
    request = asked(world, paid(world))
    assert clock(world, request).state == "automatic"
    world.drain()
    case = the_case(world)
    assert (case.status, case.fix) == ("done", "Nobody had decided in time.")
    assert len(refunds_of(world)) == 1


def test_a_refund_that_fails_is_decided_again(world: World) -> None:
    request = asked(world, paid(world))
    refund_id = grant(world, request, 200)
    with world.work() as work:
        refund = work.session.get_one(Refund, refund_id)
        refund.state = "failed"
        action_results.refund_settled(work, refund, reason="closed account")
    world.drain()
    case = the_case(world)
    assert case.status == "new"
    assert promises(world)["case:1"] == "running"
    again = grant(world, request, 150, key="again")
    assert again != refund_id
    assert the_case(world).status == "done"
    assert set(promises(world).values()) == {"met"}


def complaint(world: World, session: int) -> int:
    with world.work() as work:
        return cases.open_case(
            work, kind="billing", code="bill_wrong", rider_id=1, session_id=session,
            text="My bill is wrong", source="whatsapp", key="m1",
        ).id  # fmt: skip


def test_a_request_that_joins_a_complaint_stops_its_clock_too(world: World) -> None:
    session = paid(world)
    number = complaint(world, session)
    request = asked(world, session)
    assert promises(world) == {f"case:{number}": "running", "dispute:1": "running"}
    decline(world, request)
    assert promises(world) == {f"case:{number}": "met", "dispute:1": "met"}
    world.passes(2 * 86_400)
    assert not any("We did not keep it" in each for each in world.heard())
    assert the_case(world, number).status == "done"


def test_two_charges_at_one_pile_have_a_clock_each_and_end_together(world: World) -> None:
    first = asked(world, paid(world))
    second = asked(world, paid(world, key="yes-2"))
    with world.work() as work:
        assert [each.id for each in work.session.scalars(select(Case))] == [1]
    assert promises(world) == {"dispute:1": "running", "dispute:2": "running"}
    with pytest.raises(case_work.NotPossible, match="Decide D-000001 first"), world.work() as work:
        case_work.solve(work, SETTINGS, FIA, 1, cause="a", fix="b", result="c")
    decline(world, first)
    assert promises(world) == {"dispute:1": "met", "dispute:2": "running"}
    assert the_case(world).status == "new"
    grant(world, second, 100)
    assert the_case(world).status == "done"


def test_the_clock_of_a_request_gives_nothing_else_back(world: World) -> None:
    """The bill of the complaint is another than that of the request, whose time is over."""
    doubted = paid(world)
    number = complaint(world, doubted)
    with world.work() as work:
        case_work.classify(work, SETTINGS, MARIA, number, "coupon_invalid")
    request = asked(world, paid(world, key="yes-2"))
    decline(world, request)
    with world.work() as work:  # as if it had run out before
        row = work.session.scalars(select(Clock).where(Clock.subject == "dispute:1")).one()
        row.state, row.outcome, row.breached_at, row.stopped_at = "running", "", None, None
        row.since = work.now - timedelta(days=2)
    with world.work() as work:
        clock_breach.on_timer(work, SETTINGS, {"clock_id": row.id, "name": "due"})
    assert given(world) == 0


def test_nobody_decides_a_doubted_bill_so_its_case_ends_for_the_rider(world: World) -> None:
    number = complaint(world, paid(world))
    world.drain()
    world.passes(86_401)
    assert given(world) == 300
    case = the_case(world, number)
    assert (case.status, case.result) == ("done", "It was decided for you.")
    assert len(refunds_of(world, number)) == 1


def test_money_that_goes_back_by_a_rule_is_tied_to_what_is_open(world: World) -> None:
    session = paid(world)
    number = complaint(world, session)
    with world.work() as work:
        refund = refunds.give_back(work, world.hold(session).id, 120, reason="twice")
        assert refund is not None
        kept = refund.id
    assert refunds_of(world, number) == {str(kept)}
    with world.work() as work:
        told = [each.text for each in cases.entries(work, number) if each.kind == "money"]
    assert told == ["1.20 EUR given back: twice"]
