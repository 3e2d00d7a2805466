"""Technicians and a fault that sends one: what the tests of jobs share."""

from __future__ import annotations

from sqlalchemy import select

from bot.store.cases import Clock
from bot.store.jobs import Job
from tests.world import World

OTTO, LIISA, RIDER = "+358405550001", "+358405550002", "+358401234567"


def greeted(world: World, *phones: str) -> None:
    """They have written to us today, so free words reach them."""
    for phone in phones:
        world.rider_says(phone, "hello")
        world.bot_says(phone, "")


def faulted(world: World, socket: int = 2) -> None:
    """A fault that stays for a minute."""
    world.pile("1023").status(socket, "Faulted")
    world.settle()
    world.clock_passes(61)
    world.settle()


def job(world: World) -> Job:
    with world.store.read() as work:
        return work.session.scalars(select(Job)).one()


def clock(world: World, name: str) -> Clock:
    with world.store.read() as work:
        return work.session.scalars(select(Clock).where(Clock.name == name)).one()
