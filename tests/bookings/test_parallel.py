"""Many at once, on both databases: no slot twice, no deposit lost, in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from bot.domain.booking_rules import cells
from bot.errors import Refused
from bot.services import bookings
from bot.store.bookings import Booking, BookingCell
from bot.store.charging import Hold
from bot.store.riders import Conversation, Rider
from tests.bookings.world import MIN, NOW, World

RIDERS, SOCKETS = 200, 5
START = NOW + timedelta(hours=2)


def crowd(world: World, count: int) -> None:
    with world.work() as work:
        work.session.add_all(
            Rider(id=number, created_at=NOW, name=f"R{number}") for number in range(1, count + 1)
        )
        work.session.flush()
        work.session.add_all(
            Conversation(rider_id=number, created_at=NOW, dialog={}, status="open")
            for number in range(1, count + 1)
        )


def at_once(jobs: Sequence[Callable[[], Any]], threads: int) -> list[Any]:
    def run(job: Callable[[], Any]) -> Any:
        try:
            return job()
        except Refused as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, jobs))


def test_two_hundred_riders_and_ten_slots(engine: Engine) -> None:
    """Five sockets at two times; each rider wants one of the ten."""
    world = World(engine, evses=SOCKETS)
    crowd(world, RIDERS)
    slots = [(evse, START + timedelta(hours=later)) for evse in range(1, 6) for later in (0, 1)]
    bodies = {slot: world.proposes(slot[1], evse_id=slot[0], rider_id=1) for slot in slots}

    def wants(rider: int) -> Callable[[], int]:
        slot = slots[rider % len(slots)]
        return lambda: world.books(slot[1], rider_id=rider, body=bodies[slot], key=f"yes-{rider}")

    results = at_once([wants(rider) for rider in range(1, RIDERS + 1)], 16)
    won = [each for each in results if isinstance(each, int)]
    assert len(won) == len(set(won)) == 10
    assert sum(isinstance(each, Refused) for each in results) == RIDERS - 10
    with world.work() as work:
        rows = work.session.scalars(select(Booking)).all()
        assert {(row.evse_id, row.starts_at) for row in rows} == set(slots)
        assert work.session.scalar(select(func.count()).select_from(BookingCell)) == 10 * 12
        holds = work.session.scalars(select(Hold)).all()
        assert sorted(hold.subject for hold in holds) == sorted(f"booking:{row.id}" for row in rows)
        assert all(hold.amount_minor == row.facts["terms"]["deposit_minor"]
                   for hold, row in zip(holds, rows, strict=True))  # fmt: skip


def test_one_rider_at_five_bays_and_one_yes_five_times(engine: Engine) -> None:
    world = World(engine, evses=SOCKETS)
    world.rider()
    bodies = {evse: world.proposes(START, evse_id=evse) for evse in range(1, 6)}
    results = at_once(
        [lambda evse=evse: world.books(START, body=bodies[evse], key=f"y{evse}")  # type: ignore[misc]
         for evse in bodies], 5,
    )  # fmt: skip
    assert sum(isinstance(each, int) for each in results) == 1
    booking = next(each for each in results if isinstance(each, int))
    again = at_once([lambda: world.deposit(booking, "held") for _ in range(5)], 5)
    with world.work() as work:
        amount = world.hold_of(work, booking).amount_minor
    assert again == [None] * 5 and world.posted("held") == amount
    starts = at_once(
        [lambda: world.moves(booking, START + timedelta(hours=1), evse_id=world.booking(
            booking).evse_id, key="same tap") for _ in range(5)], 5,
    )  # fmt: skip
    assert starts == [None] * 5 and world.cells() == 12


def test_two_moves_into_the_same_time(engine: Engine) -> None:
    world = World(engine, evses=2)
    crowd(world, 2)
    first = world.booked(START, rider_id=1)
    second = world.booked(START, rider_id=2, evse_id=2)
    new = START + timedelta(hours=5)
    results = at_once(
        [
            lambda: world.moves(first, new, evse_id=1, key="a"),
            lambda: world.moves(second, new, evse_id=1, key="b"),
        ],
        2,
    )
    assert sum(isinstance(each, Refused) for each in results) == 1
    assert world.cells() == 24
    for booking in (first, second):  # whoever lost kept what they had
        row = world.booking(booking)
        with world.work() as work:
            mine = select(BookingCell.number).where(BookingCell.booking_id == booking)
            assert set(work.session.scalars(mine)) == set(cells(row.starts_at, row.ends_at))


STEPS = ("held", "void", "captured", "failed", "expired", "needs_rider", "cancel", "move", "late",
         "pass", "pass", "hour", "start", "fault", "free", "forgive", "staff")  # fmt: skip


def live(world: World, booking: int, steps: Sequence[str]) -> None:
    """One history: each step may be refused, none may break."""
    for number, step in enumerate(steps):
        key = f"{booking}-{number}"
        try:
            if step in {"held", "void", "captured", "failed", "expired", "needs_rider"}:
                _money(world, booking, step)
            elif step == "cancel":
                world.cancels(booking, key=key)
            elif step == "staff":
                world.cancels(booking, by="staff:1", key=key)
            elif step in {"move", "late"}:
                later = timedelta(hours=3 if step == "move" else 30)
                world.moves(booking, world.booking(booking).starts_at + later, key=key)
            elif step == "start":
                world.says_yes(world.booking(booking).evse_id, world.rider_now, key=key)
            elif step in {"fault", "free"}:
                world.status("Faulted" if step == "fault" else "Available")
            elif step == "forgive":
                with world.work() as work:
                    row = work.session.get_one(Booking, booking)
                    bookings.forgive(work, row, by="staff:1", reason="x", key=key)
            else:
                world.passes(300 if step == "pass" else 3600)
        except Refused:
            pass


def _money(world: World, booking: int, outcome: str) -> None:
    """What the provider may truly say of the newest deposit as it stands."""
    possible = {
        "creating": {"held", "failed", "needs_rider"}, "waiting": {"held", "expired"},
        "held": {"expired"}, "capturing": {"captured"}, "voiding": {"void"},
    }  # fmt: skip
    with world.work() as work:
        hold = world.hold_of(work, booking)
        if hold is None or outcome not in possible.get(hold.state, set()):
            return
    world.deposit(booking, outcome)


def settle(world: World) -> None:
    """Let the provider finish what it was asked, and every clock run out."""
    world.passes(40 * 86_400)
    for _ in range(3):
        with world.work() as work:
            ends = {"capturing": "captured", "voiding": "void", "creating": "failed",
                    "waiting": "expired"}  # fmt: skip
            rows = work.session.scalars(select(Hold).where(Hold.subject.like("booking:%"))).all()
            due = [(int(r.subject[8:]), r.seq, ends[r.state]) for r in rows if r.state in ends]
        for booking, number, outcome in due:
            world.deposit_of(booking, number, outcome)
        world.passes(60)


@settings(
    max_examples=15, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(history=st.lists(st.sampled_from(STEPS), max_size=12))
def test_deposits_held_are_returned_applied_or_taken(engine: Engine, history: list[str]) -> None:
    """For any history of one booking: held = returned + applied + taken, to the cent."""
    world = _one_world(engine)
    world.now += timedelta(days=60)
    world.status("Available")
    with world.work() as work:
        rider = Rider(created_at=world.now, name="R")
        work.session.add(rider)
        work.session.flush()
        work.session.add(
            Conversation(rider_id=rider.id, created_at=world.now, dialog={}, status="open")
        )
        rider_id = rider.id
    world.passes(1)
    start = world.now.replace(second=0, microsecond=0) + 40 * MIN
    before = {kind: world.posted(kind) for kind in ("held", "returned", "applied", "taken")}
    booking = world.books(start, rider_id=rider_id, key=f"b-{rider_id}")
    world.rider_now = rider_id
    live(world, booking, history)
    world.status("Available")
    settle(world)
    moved = {kind: world.posted(kind) - before[kind] for kind in before}
    assert moved["held"] == moved["returned"] + moved["applied"] + moved["taken"]
    assert world.balance("deposits") == 0
    with world.work() as work:
        rows = work.session.scalars(select(Booking)).all()
        assert not any(row.live for row in rows)


_WORLDS: dict[str, World] = {}


def _one_world(engine: Engine) -> World:
    """One world for all histories on a database."""
    key = str(engine.url)
    if key not in _WORLDS:
        _WORLDS[key] = World(engine, evses=2)
    return _WORLDS[key]
