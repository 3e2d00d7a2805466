"""Movements of wallets: once each, never below zero, ledger and rows and balance the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.pool import StaticPool

from bot.services import wallet, wallet_books
from bot.store.tables import Base
from bot.store.wallet import Wallet, WalletEntry, WalletMember
from tests.charging.world import World
from tests.wallet.world import EUR, eur, fill, join


def together(jobs: Sequence[Callable[[], object]]) -> list[object]:
    """Run all jobs at the same moment."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        barrier.wait(30)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def start(world: World, rider_id: int, number: int, amount: int) -> bool:
    """Reserve as a start does: ask who pays, then set aside."""
    with world.work() as work:
        payer = wallet.payer(work, rider_id, eur(amount))
        if payer is None:
            return False
        payer = wallet.payer(work, rider_id, eur(amount), by=payer.by)
        if payer is None:
            return False
        return wallet.reserve(
            work, payer.wallet_id, amount, source=f"start:{number}", spender_id=rider_id
        )


def faults(world: World) -> list[str]:
    with world.work() as work:
        return list(wallet_books.faults(work))


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def test_cash_first_then_bonus_and_the_rest_is_free_again(world: World) -> None:
    number = fill(world, world.rider(), 1000, 500)
    with world.work() as work:
        assert wallet.reserve(work, number, 1200, source="start:1", spender_id=1)
        assert wallet.reserve(work, number, 1200, source="start:1", spender_id=1)  # a repeat
        assert wallet.balance(work, 1, EUR) == wallet.Balance(0, 300, 1200, EUR)
        assert not wallet.reserve(work, number, 301, source="start:2", spender_id=1)
        taken = wallet.settle(work, "start:1", 1100, account="sold")
        assert (taken.cash_minor, taken.bonus_minor) == (1000, 100)
        assert wallet.settle(work, "start:1", 1100, account="sold") == taken
        wallet.release(work, "start:1")
        assert wallet.balance(work, 1, EUR) == wallet.Balance(0, 400, 0, EUR)
    assert faults(world) == []
    assert world.balance("sold") == -1100


def test_the_books_name_what_somebody_meddled_with(world: World) -> None:
    number = fill(world, world.rider(), 1000)
    with world.work() as work:
        work.session.get_one(Wallet, number).cash_minor = 999
    assert "999 is shown, 1000 by its movements, 1000 by the ledger" in faults(world)[0]
    with world.work() as work:
        work.session.get_one(Wallet, number).cash_minor = 1000
        work.session.scalars(select(WalletEntry)).one().cash_minor = 1001
    assert "1001 by its movements" in faults(world)[0]


def test_twenty_credits_of_one_cause_are_one(world: World) -> None:
    world.rider()

    def give(_: int) -> bool:
        with world.work() as work:
            return wallet.credit(work, 1, eur(500), bonus=False, source="topup:1", kind="paid")

    assert sum(bool(each) for each in together([partial(give, n) for n in range(20)])) == 1
    with world.work() as work:
        assert wallet.balance(work, 1, EUR).cash_minor == 500
        assert wallet.balance(work, 1, "USD").cash_minor == 0


def test_ten_starts_at_once_never_overspend(world: World) -> None:
    fill(world, world.rider(), 1000)
    results = together([partial(start, world, 1, number, 300) for number in range(10)])
    assert results.count(True) == 3
    with world.work() as work:
        assert wallet.balance(work, 1, EUR) == wallet.Balance(100, 0, 900, EUR)


def test_a_family_starting_at_once_keeps_within_balance_and_limits(world: World) -> None:
    number = fill(world, world.rider(1), 1000)
    for rider_id, limit in ((2, 500), (3, 5000)):
        join(world, number, world.rider(rider_id), limit)
    jobs = [
        partial(start, world, rider_id, 10 * rider_id + at, 200)
        for rider_id in (1, 2, 3)
        for at in range(3)
    ]
    results = together(jobs)
    assert results.count(True) == 5  # 1000 in all
    assert results[3:6].count(True) <= 2  # the limit of 500
    with world.work() as work:
        assert wallet.balance(work, 1, EUR).available == eur(0)
        for member in work.session.scalars(select(WalletMember)):
            assert wallet.spent(work, member) <= member.limit_minor


def test_a_limit_counts_by_the_month_of_the_reservation(world: World) -> None:
    number = fill(world, world.rider(1), 5000)
    join(world, number, world.rider(2), 500)
    world.now = world.now.replace(month=11, day=30, hour=21)  # 23:00 in Helsinki
    assert start(world, 2, 1, 400)
    assert not start(world, 2, 2, 200)
    world.now = world.now.replace(hour=22)  # December there
    assert start(world, 2, 3, 500)
    with world.work() as work:
        wallet.release(work, "start:1")  # of November: gives December nothing
        member = work.session.scalars(select(WalletMember)).one()
        assert wallet.spent(work, member) == 500
        wallet.settle(work, "start:3", 450, account="rider:2")
        assert wallet.spent(work, member) == 450


# --- any history, on a database in memory

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["give", "bonus", "start", "settle", "release", "draw"]),
        st.integers(1, 3),  # the rider, or the reservation
        st.integers(1, 900),
    ),
    max_size=25,
)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_no_history_overspends_or_loses_a_cent(steps: list[tuple[str, int, int]]) -> None:
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    Base.metadata.create_all(engine)
    world = World(engine, evses=1)
    number = fill(world, world.rider(1), 500, 100)
    for rider_id, limit in ((2, 300), (3, 2000)):
        join(world, number, world.rider(rider_id), limit)
    given_, reserved = 600, 0
    for at, (what, which, amount) in enumerate(steps):
        with world.work() as work:
            stands = wallet.balance(work, 1, EUR)
            if what in {"give", "bonus"}:
                bonus = what == "bonus"
                wallet.credit(work, 1, eur(amount), bonus=bonus, source=f"gift:x{at}", kind="given")
                given_ += amount
            elif what in {"settle", "release"} and reserved:
                source = f"start:{1 + amount % reserved}"
                entry = work.session.scalars(
                    select(WalletEntry).where(
                        WalletEntry.source == source, WalletEntry.kind == "reserved"
                    )
                ).one()
                done = work.session.scalars(
                    select(WalletEntry.id).where(
                        WalletEntry.source == source, WalletEntry.kind != "reserved"
                    )
                ).all()
                if what == "release":
                    wallet.release(work, source)
                elif not done:
                    most = entry.cash_held_minor + entry.bonus_held_minor
                    wallet.settle(work, source, min(amount, most), account="rider:9")
            elif what == "draw":
                if amount <= stands.cash_minor:
                    wallet.draw(work, number, amount, source=f"out:{at}", account="prepaid")
                else:
                    with pytest.raises(wallet.NotEnough):
                        wallet.draw(work, number, amount, source=f"out:{at}", account="prepaid")
        if what == "start" and start(world, which, reserved + 1, amount):
            reserved += 1
    with world.work() as work:
        end = wallet.balance(work, 1, EUR)
        left = end.cash_minor + end.bonus_minor + end.reserved_minor
        assert min(end.cash_minor, end.bonus_minor, end.reserved_minor) >= 0
        for member in work.session.scalars(select(WalletMember)):
            assert wallet.spent(work, member) <= member.limit_minor
        assert list(wallet_books.faults(work)) == []
    gone = -(world.balance("rider:9") + world.balance("prepaid"))
    assert left + gone == given_
    engine.dispose()
