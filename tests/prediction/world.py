"""Piles with a past: counters, samples, faults and visits of technicians, by a clock of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, select

import tests.charging.world as charging_world
from bot.services import faults, jobs, prediction, sensing
from bot.services.audit import Actor
from bot.services.sensing import Sample, Seen
from bot.store.jobs import Job
from bot.store.prediction import EvseDay, EvseRisk, FaultSeen, Prediction
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile

NOW, PILE, SETTINGS = charging_world.NOW, charging_world.PILE, charging_world.SETTINGS
DAY = timedelta(days=1)


class World(charging_world.World):
    """One pile with six sockets, a manager and a technician."""

    def __init__(self, engine: Engine, evses: int = 6) -> None:
        super().__init__(engine, evses=evses)
        with self.work() as work:
            for number, role in enumerate(("manager", "technician"), start=1):
                work.session.add(
                    Staff(
                        id=number, login=f"{role}@x", name=role.title(), role=role,
                        created_at=self.now, page_address=f"whatsapp:+35840000000{number}",
                    )
                )  # fmt: skip
        self.manager, self.otto = Actor(1, "manager", "Mari"), Actor(2, "technician", "Otto")

    def days(self, evse_id: int, count: int, *, since: int = 0, **counted: int) -> None:
        """The same counters for days up to `since` days ago."""
        with self.work() as work:
            for number in range(since, since + count):
                work.session.merge(
                    EvseDay(evse_id=evse_id, day=(self.now - number * DAY).date(), **counted)
                )

    def warms(self, evse_id: int, kelvin: float, minutes: int = 12, *, load: float = 1.0) -> None:
        """A charge of today: it warms by so much above 20 °C."""
        with self.work() as work:
            evse, pile = work.session.get_one(Evse, evse_id), work.session.get_one(Pile, PILE)
            begun = self.now.replace(hour=3, minute=0)
            watts = round(evse.max_power_w * load * 1000)
            for number in range(minutes + 1):
                at = begun + timedelta(minutes=number)
                heat = 20_000 + (round(kelvin * 1000) if number else 0)
                found = [Sample("temperature", heat, at),
                         Sample("power", watts if number else 0, at)]  # fmt: skip
                sensing.note(work, Seen(), pile, evse, found)

    def runs(self, **changed: Any) -> None:
        """The clock's chore."""
        prediction.run(self.store, replace(SETTINGS, **changed))

    def breaks(self, evse: int | None, code: str = "GroundFault") -> None:
        """A fault that stays until it calls somebody out."""
        with self.work() as work:
            for row in work.session.scalars(select(Evse).where(Evse.number == (evse or 1))):
                row.status = "Faulted"
            body = {"pile_id": PILE, "evse_number": evse, "code": code, "at": self.now.isoformat()}
            faults.on_timer(work, SETTINGS, body)

    def visits(self, job_id: int, *, wear: bool | None = None) -> None:
        """The technician takes the job, comes, and is done."""
        with self.work() as work:
            jobs.accept(work, SETTINGS, self.otto, job_id)
            jobs.arrive(work, self.otto, job_id, distance_m=10)
            jobs.done(
                work, SETTINGS, self.otto, job_id, cause="pins are burnt", fix="new plug",
                found_wear=wear,
            )  # fmt: skip

    # --- what a test may ask

    def predictions(self) -> list[Prediction]:
        with self.work() as work:
            return list(work.session.scalars(select(Prediction).order_by(Prediction.id)))

    def jobs(self, kind: str) -> list[Job]:
        with self.work() as work:
            return list(work.session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id)))

    def faults(self) -> list[FaultSeen]:
        with self.work() as work:
            return list(work.session.scalars(select(FaultSeen).order_by(FaultSeen.id)))

    def day(self, evse_id: int = 1) -> EvseDay:
        with self.work() as work:
            return work.session.get_one(EvseDay, (evse_id, self.now.date()))

    def risk(self, evse_id: int = 1) -> EvseRisk:
        with self.work() as work:
            return work.session.get_one(EvseRisk, evse_id)


__all__ = ["DAY", "NOW", "PILE", "SETTINGS", "World"]
