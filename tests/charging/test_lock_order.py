"""Deciding on a charge's money: locks are taken in one order, so nobody waits in a circle."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sqlalchemy import Engine, event, func, select

from bot.domain.money import Money
from bot.domain.staff_actions import KINDS
from bot.services import actions, disputes, payment_results
from bot.services.action_plans import NotPossible, Target
from bot.services.audit import Actor
from bot.services.outbound import conversation_of
from bot.store.charging import Refund
from bot.store.database import make_engine
from bot.store.desk import StaffAction
from bot.store.offers import RefundRequest
from bot.store.staff import Staff
from tests.charging.test_disputes import asked, clock, given, paid
from tests.charging.test_parallel import together
from tests.charging.world import SETTINGS, World
from tests.databases import with_tables

ORDER: Final = ("charging_session", "hold", "refund", "staff_action", "refund_request")
_LOCKS: Final = re.compile(r"^UPDATE (\w+)|^SELECT .*\sFROM (\w+).*\sFOR (?:NO KEY )?UPDATE", re.S)
FIA, MIA = Actor(1, "finance"), Actor(2, "manager")
LOW: Final = replace(SETTINGS, refund_limits="finance:1")


def staffed(world: World) -> tuple[int, int]:
    """A contested charge of 3.00 whose refund waits for a second person: request and action."""
    world.rider()
    with world.work() as work:
        for id_, role in ((1, "finance"), (2, "manager")):
            work.session.add(
                Staff(id=id_, login=role, name=role, role=role, created_at=work.now,
                      password_hash="")
            )  # fmt: skip
    request = asked(world, paid(world))
    return request.id, grant(world, request.id)


def grant(world: World, request_id: int, *, key: str = "first") -> int:
    """Finance asks for all of it, which is more than one person may give."""
    with world.work() as work:
        request = work.session.get_one(RefundRequest, request_id)
        disputes.lock(work, request)
        target = Target(conversation_of(work, 1).id, request.session_id)
        action = actions.ask(
            work, LOW, FIA, KINDS["refund"], target, reason="D", key=key,
            amount=Money(300, "EUR"),
        )  # fmt: skip
        assert action.state == "waiting"
        assert disputes.granted(work, FIA, request, action, explanation="Sorry")
        return action.id


def approve(world: World, action_id: int) -> str:
    with world.work() as work:
        try:
            return actions.approve(work, MIA, action_id).state
        except NotPossible:
            return "too late"


def reject(world: World, action_id: int) -> None:
    with world.work() as work:
        actions.reject(work, MIA, action_id, reason="No")


def settled(world: World, outcome: str) -> None:
    """The provider tells what became of the refund."""
    with world.work() as work:
        refund_id = work.session.scalars(select(Refund.id)).one()
        body = {"refund_id": refund_id, "outcome": outcome}
        payment_results.on_payment_result(work, SETTINGS, body)


@contextmanager
def locks(engine: Engine) -> Iterator[list[str]]:
    """The tables whose rows are locked, in the order of their first lock in each transaction."""
    taken: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if (found := _LOCKS.match(statement)) is not None:
            table = found[1] or found[2]
            if table in ORDER and table not in taken:
                taken.append(table)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield taken
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_locks_are_taken_in_one_order(postgres_url: str) -> None:
    engine = with_tables(make_engine(postgres_url))
    world = World(engine)
    request, action = staffed(world)
    seen: list[list[str]] = []

    def follow(do: Callable[[], object]) -> None:
        with locks(engine) as taken:
            do()
        seen.append(taken)

    follow(lambda: reject(world, action))
    again: list[int] = []
    follow(lambda: again.append(grant(world, request, key="again")))
    follow(lambda: approve(world, again[0]))
    follow(partial(settled, world, "refunded"))
    follow(partial(settled, world, "refund_failed"))
    follow(lambda: clock(world, world_request(world)))
    for taken in seen:
        assert taken == sorted(taken, key=ORDER.index)
    assert [len(taken) for taken in seen] == [2, 3, 4, 5, 5, 3], seen
    engine.dispose()


def world_request(world: World) -> RefundRequest:
    with world.work() as work:
        return work.session.scalars(select(RefundRequest)).one()


def test_the_clock_and_the_second_person_at_once_give_back_once(engine: Engine) -> None:
    world = World(engine)
    request, action = staffed(world)
    row = world_request(world)
    together([lambda: clock(world, row), partial(approve, world, action)])
    state = world_request(world).state
    with world.work() as work:
        done = work.session.get_one(StaffAction, action).state
        count = work.session.scalar(select(func.count()).select_from(Refund))
    assert (count, given(world)) == (1, 300)
    assert (state, done) in {("automatic", "refused"), ("granted", "running")}
    assert request == row.id
