"""A fault a pile reports sends somebody out: once, when it stays, and with a case behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from bot.domain import jobs as rules
from bot.services import alarms, cases, charging_facts, fault_words, jobs, prediction, safety, wear
from bot.services.fault_words import FAULTED
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.devices import PileEvent
from bot.store.stations import Evse, Pile


def on_pile_status(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "pile.status": charges hear of it, and a fault is looked into a minute later."""
    charging_facts.on_pile_status(work, settings, body)
    if body["status"] == FAULTED:
        wear.tripped(work, body["pile_id"], body["evse_number"])
        code = str(body.get("code") or FAULTED)
        noticed(work, settings, body["pile_id"], body["evse_number"], code, str(body["at"]))


def on_alarm(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "pile.alarm": the same for what a pile calls an alarm."""
    safety.on_alarm(work, settings, body)
    if not body.get("cleared"):
        code, number = str(body.get("code") or FAULTED), body.get("evse_number")
        wear.tripped(work, body["pile_id"], number)
        noticed(work, settings, body["pile_id"], number, code, str(body["at"]))


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
    times = _times_today(work, pile.id)
    stays = any(each.status == FAULTED or each.fault_code for each in evses)
    if not rules.calls_out(still_faulted=stays, times_today=times):
        return
    case = _case(work, pile, evse, code, str(body["at"]))
    job = jobs.open_job(
        work, kind="repair", pile=pile, evse=evse, case=case, fault_code=code,
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
    often = f" It came {times} times within a day." if times >= rules.FLAPS else ""
    return f"The pile reports {code}.{often}"


def _times_today(work: UnitOfWork, pile_id: str) -> int:
    """How often the pile said that it is faulted, within a day."""
    since: datetime = work.now - timedelta(days=1)
    status = PileEvent.body["connectorStatus"].as_string()
    counted = select(func.count()).where(
        PileEvent.pile_id == pile_id, PileEvent.received_at >= since,
        PileEvent.action == "StatusNotification", status == FAULTED,
    )  # fmt: skip
    return int(work.session.scalar(counted) or 0)


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
