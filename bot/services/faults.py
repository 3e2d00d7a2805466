"""A fault a pile reports sends somebody out: once, when it stays, and with a case behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bot.domain import faults as rules
from bot.domain import jobs as job_rules
from bot.domain.faults import Teller
from bot.services import alarms, cases, charging_facts, fault_words, jobs, prediction, safety, wear
from bot.services.fault_words import FAULTED
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Pile


def on_pile_status(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "pile.status": charges hear of it, and a fault is looked into a minute later."""
    charging_facts.on_pile_status(work, settings, body)
    pile_id, number = body["pile_id"], body["evse_number"]
    if body["status"] == FAULTED:
        _count(work, pile_id, number, "status")
        code = str(body.get("code") or FAULTED)
        noticed(work, settings, pile_id, number, code, str(body["at"]))
    else:
        _taken_back(work, pile_id, number, "status")


def on_alarm(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "pile.alarm": the same for what a pile calls an alarm."""
    safety.on_alarm(work, settings, body)
    pile_id, number = body["pile_id"], body.get("evse_number")
    if body.get("cleared"):
        _taken_back(work, pile_id, number, "alarm")
        return
    _count(work, pile_id, number, "alarm")
    code = str(body.get("code") or FAULTED)
    noticed(work, settings, pile_id, number, code, str(body["at"]))


def _count(work: UnitOfWork, pile_id: str, number: int | None, teller: Teller) -> None:
    """A fault is one, whether it is told by a status, an alarm, or both, and however often."""
    for evse in _evses(work, pile_id, number):
        known, new = rules.told(rules.load(evse.faults), teller, work.now)
        evse.faults = rules.dump(known)
        if new:
            wear.count(work, evse.id, trips=1)


def _taken_back(work: UnitOfWork, pile_id: str, number: int | None, teller: Teller) -> None:
    for evse in _evses(work, pile_id, number):
        if evse.faults.get("standing"):
            evse.faults = rules.dump(rules.taken_back(rules.load(evse.faults), teller))


def _evses(work: UnitOfWork, pile_id: str, number: int | None) -> Sequence[Evse]:
    """The sockets of a pile, or the one with a number."""
    query = select(Evse).where(Evse.pile_id == pile_id).order_by(Evse.id)
    if number is not None:
        query = query.where(Evse.number == number)
    return work.session.scalars(query).all()


def noticed(
    work: UnitOfWork, settings: Settings, pile_id: str, number: int | None, code: str, at: str
) -> None:
    """Look again when the fault has had time to go away; at most one look a socket is waiting."""
    after = timedelta(seconds=settings.fault_settle_s)
    alarms.look_at(work, pile_id, number, code, at, after=after)


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "fault.timer": a fault that stays, or comes back all day, calls somebody out."""
    pile = work.session.get(Pile, body["pile_id"])
    if pile is None:
        return
    number = body["evse_number"]
    evses = [each for each in pile.evses if number in (None, each.number)]
    code = _best(str(body["code"]), evses)
    evse = evses[0] if number is not None and evses else None
    times = max((rules.load(each.faults).lately(work.now) for each in evses), default=0)
    stays = any(each.status == FAULTED or each.fault_code for each in evses)
    if not job_rules.calls_out(still_faulted=stays, times_today=times):
        return
    case = _case(work, pile, evse, code, str(body["at"]))
    job = jobs.open_job(
        work, kind="repair", source="pile", pile=pile, evse=evse, case=case, fault_code=code,
        text=_told(code, times), key=f"fault:{pile.id}:{number or 0}:{body['at']}",
    )  # fmt: skip
    prediction.fault_confirmed(work, pile=pile, evse=evse, code=code, job=job)


def _best(code: str, evses: Sequence[Evse]) -> str:
    """The pile's own code, which may have come before or after its "Faulted"."""
    if code != FAULTED:
        return code
    known = (each.fault_code for each in evses)
    return next((each for each in known if each and each != FAULTED), code)


def _told(code: str, times: int) -> str:
    often = f" It came {times} times within a day." if times >= job_rules.FLAPS else ""
    return f"The pile reports {code}.{often}"


def _case(work: UnitOfWork, pile: Pile, evse: Evse | None, code: str, at: str) -> Case:
    """The open case of this pile that is about technical trouble, else one of the pile's own."""
    for case in cases.open_of_pile(work, pile.id):
        if case.kind == "fault" and case.status != "done":
            return case
    place, told = evse.code if evse else pile.number, fault_words.in_english(pile.model, code)
    return cases.open_case(
        work, kind="fault", code="broken", rider_id=None, pile_id=pile.id,
        text=f"Pile {place} reports {told}.", source="pile", contact_name=f"Pile {pile.number}",
        contact=f"pile {pile.number}", key=f"fault:{pile.id}:{evse.number if evse else 0}:{at}",
    )  # fmt: skip
