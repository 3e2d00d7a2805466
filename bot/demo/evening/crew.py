"""Those who work that evening: technicians in their own chats, the desk at its tickets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import exists, select

from bot.demo.evening.facts import Facts
from bot.demo.evening.hands import Hands
from bot.demo.evening.lot import Socket
from bot.demo.evening.phones import Heard, NotHeard, Phones
from bot.demo.evening.plan import ON_CALL
from bot.domain.cases import OPEN
from bot.replies import Say, Written
from bot.services import case_work, clocks, handoff, incidents, safety, threads, wording
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.cases import Case, Clock
from bot.store.database import Store, UnitOfWork
from bot.store.desk import Incident
from bot.store.jobs import Job
from bot.store.staff import Staff
from bot.store.stations import Pile, Station

log = structlog.get_logger()

LOOK_S: Final = 0.5
STEP_S: Final = 60.0
OFFER: Final = "job?do=accept&id="


@dataclass(slots=True)
class Technician:
    """Follows their own chat: takes what is offered, drives there, repairs, says what it was.

    A `sleepy` one does not answer their first offer, so that the next one is asked and the promise
    of its clock is broken.
    """

    phone: str
    phones: Phones
    hands: Hands
    facts: Facts
    sockets: Sequence[Socket]
    place_of: Callable[[int], tuple[str, float, float]]  # of a job: its pile and where it is
    sleepy: bool = False
    done: set[str] = field(default_factory=set)

    def follow(self, stop: threading.Event) -> None:
        """Until the evening is over."""
        while not stop.is_set():
            for heard in self.phones.of(self.phone):
                taken = heard.option(OFFER)
                if taken is None or taken in self.done:
                    continue
                self.done.add(taken)
                try:
                    self._work(heard, taken)
                except NotHeard as silence:
                    self.facts.problem(f"technician {self.phone}: {silence}")
            stop.wait(LOOK_S)

    def _work(self, offer: Heard, taken: str) -> None:
        if self.sleepy:
            self.sleepy = False
            return
        number = int(taken.removeprefix(OFFER))
        sent = self.phones.send(self.phone, payload=taken)
        card = self._next(sent, f"job?do=way&id={number}", f"Job {number} is ")
        if card.option("job?do=way") is None:  # somebody else was faster
            return
        sent = self.phones.send(self.phone, payload=f"job?do=way&id={number}")
        self._next(sent, f"Job {number}, on the way")
        sent = self.phones.send(self.phone, payload=f"job_check_in?id={number}")
        self._next(sent, "Share your location")
        pile_id, lat, lng = self.place_of(number)
        sent = self.phones.send(self.phone, lat=lat, lng=lng)
        self._next(sent, f"job_done?id={number}")
        for each in self.sockets:
            if each.pile_id == pile_id:
                self.hands.at(each, "clear")
        sent = self.phones.send(self.phone, payload=f"job_done?id={number}")
        self._next(sent, "What was it?")
        sent = self.phones.send(self.phone, text="A worn contactor.")
        self._next(sent, "What did you do?")
        sent = self.phones.send(self.phone, text="Changed it and tested the socket.")
        self._next(sent, "Thank you. Job")

    def _next(self, since: float, *parts: str) -> Heard:
        """The next message with one of these words or buttons."""

        def fits(heard: Heard) -> bool:
            return any(part in heard.text or heard.option(part) for part in parts)

        return self.phones.wait(self.phone, since, fits, STEP_S)


@dataclass(slots=True)
class Desk:
    """Anna calls riders whose power was lost; Mia takes incidents on and closes them.

    They do what the console's buttons do (the same services). One urgent call is left until its
    promise is broken.
    """

    store: Store
    settings: Settings
    facts: Facts
    phones: Phones
    urgent_s: int
    left: set[str] = field(default_factory=set)

    def follow(self, stop: threading.Event) -> None:
        """Until the evening is over."""
        while not stop.is_set():
            for step in (self._call, self._answer_danger):
                try:
                    step()
                except Exception as error:
                    log.exception("desk_fell_over")
                    self.facts.problem(f"the desk: {error!r}")
            stop.wait(LOOK_S)

    def _call(self) -> None:
        with self.store.read() as work:
            waiting = list(
                work.session.scalars(
                    select(Clock).where(Clock.name == "urgent", Clock.state == "running")
                )
            )
        for clock in waiting:
            if clock.case_id is None or self._leaves("urgent", clock, self.urgent_s + 4):
                continue
            with self.store.begin() as work:
                anna = actor(work, "anna")
                case_work.contacted(work, anna, clock.case_id, "Called: the rider is well.")

    def _leaves(self, what: str, clock: Clock, seconds: int) -> bool:
        """Whether this one is the one that nobody takes in time."""
        if what not in self.left:
            self.left |= {what, f"{what}:{clock.id}"}
        late = f"{what}:{clock.id}" in self.left
        spent = (self.store.clock() - clock.started_at).total_seconds()
        return late and spent < seconds

    def _answer_danger(self) -> None:
        with self.store.read() as work:
            found = [
                (each.id, each.state, each.pile_id, self._age(each))
                for each in work.session.scalars(select(Incident).where(Incident.state != "closed"))
            ]
        for id_, state, pile_id, age_s in found:
            with self.store.begin() as work:
                mia = actor(work, "mia")
                if state == "open" and self._was_paged(id_):
                    incidents.acknowledge(work, mia, id_)
                elif state == "acknowledged" and age_s > 5 and self._looked_at(work, pile_id):
                    incidents.close(
                        work, mia, id_, cause="A worn contact", fix="Looked at on the spot"
                    )
                    self._put_back(work, pile_id)
                    self._speak(work, id_)
                    self._end_case(work, mia, id_)

    def _was_paged(self, incident_id: int) -> bool:
        """Mia takes it on when her phone has rung, not before."""
        link = f"/incidents/{incident_id}"
        return any(link in heard.text for heard in self.phones.of(ON_CALL))

    def _age(self, incident: Incident) -> float:
        return (self.store.clock() - incident.at).total_seconds()

    def _looked_at(self, work: UnitOfWork, pile_id: str | None) -> bool:
        """Nobody is sent out to it any more."""
        live = select(Job.id).where(Job.pile_id == pile_id, Job.state.not_in(("done", "cancelled")))
        pile = work.session.get(Pile, pile_id) if pile_id else None
        broken = pile is not None and any(each.fault_code for each in pile.evses)
        return not broken and work.session.scalars(live).first() is None

    @staticmethod
    def _speak(work: UnitOfWork, incident_id: int) -> None:
        """Anna takes the rider's chat from the queue, says that it is over, gives it back."""
        chat_id = work.session.get_one(Incident, incident_id).conversation_id
        if chat_id is None:
            return
        anna = actor(work, "anna")
        chat = handoff.claim(work, anna, chat_id)
        words = [Say("{text}", {"text": Written("It is safe again. Thank you for telling us.")})]
        if wording.lock_of(work, chat) is not None:  # more danger at the same station
            words = [wording.TEXTS["looking"]]
        threads.say(work, anna, chat, words, key=f"incident:{incident_id}")
        handoff.hand_back(work, anna, chat_id, epoch=chat.epoch, settled=["It is safe again"])

    @staticmethod
    def _put_back(work: UnitOfWork, pile_id: str | None) -> None:
        pile = work.session.get(Pile, pile_id) if pile_id else None
        if pile is not None and not pile.in_service:
            safety.put_back(work, pile)

    def _end_case(self, work: UnitOfWork, mia: Actor, incident_id: int) -> None:
        """The cases of danger there, and those that technicians left to a manager meanwhile."""
        pile_id = work.session.get_one(Incident, incident_id).pile_id
        left = exists().where(Job.case_id == Case.id, Job.state == "done")
        waiting = select(Case).where(
            Case.pile_id == pile_id, Case.status.in_(OPEN), (Case.code == "hazard") | left
        )
        for case in work.session.scalars(waiting).all():
            case_work.solve(
                work, self.settings, mia, case.id, cause="A worn contact",
                fix="Looked at on the spot", result="The pile is safe again.",
            )  # fmt: skip


def actor(work: UnitOfWork, login: str) -> Actor:
    """Somebody of the staff."""
    staff = work.session.scalars(select(Staff).where(Staff.login == login)).one()
    return Actor(staff.id, staff.role, staff.name)


def set_policies(store: Store, policies: dict[str, int], why: str) -> None:
    """Shorter promises for tonight, as a manager sets them in the console."""
    with store.begin() as work:
        mia = actor(work, "mia")
        for name, limit_s in policies.items():
            seen = clocks.policy(work, name).version
            clocks.set_policy(
                work, mia, name, limit_s=limit_s, counting="calendar", seen=seen, reason=why
            )


def place_of(store: Store, job_id: int) -> tuple[str, float, float]:
    """The pile of a job, and where it stands."""
    with store.read() as work:
        pile = work.session.get_one(Pile, work.session.get_one(Job, job_id).pile_id)
        station = work.session.get_one(Station, pile.station_id)
        return pile.id, station.lat, station.lng
