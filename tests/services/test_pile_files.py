"""What happens at one moment happens once: a log's address, a roll-out, its confirmation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from bot.domain.staff_actions import KINDS
from bot.errors import PilebotError
from bot.services import actions, pile_files, rollouts
from bot.services.audit import Actor
from bot.services.pile_files import Closed
from bot.services.plan_parts import Target
from bot.store.database import UnitOfWork
from bot.store.remote import FirmwareUpdate, PileLog, Rollout
from bot.store.riders import Media
from bot.store.staff import Staff
from bot.store.stations import Pile
from tests.charging.world import PILE, SETTINGS, World

MARIA = Actor(1, "manager", "Maria")


@pytest.fixture
def world(engine: Engine) -> World:
    made = World(engine)
    with made.work() as work:
        work.session.add(Staff(id=1, login="m", name="Maria", role="manager", created_at=made.now))
        work.session.get_one(Pile, PILE).model = "Katu"
    return made


def together(world: World, do: Callable[[UnitOfWork], object], times: int = 4) -> list[str]:
    """The same by several at once; "" for each that got it, else why not."""

    def one(_: int) -> str:
        try:
            with world.work() as work:
                do(work)
            return ""
        except PilebotError as error:
            return str(error)

    with ThreadPoolExecutor(times) as pool:
        return sorted(pool.map(one, range(times)))


def test_a_logs_address_opens_once_and_not_for_ever(world: World) -> None:
    with world.work() as work:
        actions.ask(
            work, SETTINGS, MARIA, KINDS["get_log"], Target(pile_id=PILE), reason="x", key="k"
        )
        log = work.session.scalars(select(PileLog)).one()
        token = pile_files.log_address(SETTINGS, log).rpartition("/")[2]
    told = together(world, lambda work: pile_files.keep_log(work, SETTINGS, token, b"a log"))
    assert told == ["", *["This address was used already."] * 3]
    with world.store.read() as work:
        assert work.session.scalar(select(func.count()).select_from(Media)) == 1
    world.now += timedelta(hours=1)
    with pytest.raises(Closed, match="expired"), world.store.read() as work:
        pile_files.expect_log(work, SETTINGS, token)
    with pytest.raises(Closed, match="not ours"), world.store.read() as work:
        pile_files.image_of(work, SETTINGS, token)  # another purpose


def test_one_roll_out_a_model_and_one_confirmation(world: World) -> None:
    with world.work() as work:
        image = rollouts.add(
            work, SETTINGS, MARIA, model="Katu", version="1.5.0", note="", data=b"x"
        ).id
    begun = together(
        world,
        lambda work: rollouts.start(
            work, SETTINGS, MARIA, image, PILE, reason="Try", key=str(id(work))
        ),
    )
    assert begun == ["", *["A firmware is on its way through this model already."] * 3]
    with world.work() as work:
        work.session.scalars(select(Rollout)).one().state = "tried"
        work.session.scalars(select(FirmwareUpdate)).one().state = "Installed"
    confirmed = together(world, lambda work: rollouts.confirm(work, MARIA, 1))
    assert confirmed == ["", *["That is decided already: look at how it stands."] * 3]
