"""A rider's photo of a broken pile, seen by a person: the pile goes out, the rider is thanked."""

from __future__ import annotations

from sqlalchemy import update

from bot.services import audit, booking_trouble, case_work, cases, compensation, piles
from bot.services.audit import Actor
from bot.services.case_work import NotPossible
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.stations import Pile

_PAID = {True: "Coupon for the photo", False: "No coupon is left to give"}
COMMAND_TTL_S = 600  # as in bot/services/safety.py: told when the pile is back


def confirm(
    work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, entry_id: int
) -> Case:
    """The photo shows a fault: the pile goes out of service, and who was first to show it gets the
    coupon, once for the fault. Raises NotPossible."""
    case = _reviewed(work, actor, case_id, entry_id, "The photo shows a fault")
    if case.pile_id is None:
        raise NotPossible("Say which pile it is first.")
    flipped = work.session.scalars(
        update(Pile)
        .where(Pile.id == case.pile_id, Pile.in_service)
        .values(in_service=False)
        .returning(Pile.id)
        .execution_options(synchronize_session="fetch")
    ).first()
    audit.record(
        work, actor, "case_photo", f"case:{case.id}", after={"pile": case.pile_id, "fault": True}
    )
    if flipped is None:
        cases.entry(work, case, "status", "The pile was out of service already: no coupon")
        return case
    touched(work, f"pile:{case.pile_id}")
    piles.command(
        work, key=f"case:{case.id}:out:{entry_id}", pile_id=case.pile_id,
        kind="change_availability", body={"status": "Inoperative"}, ttl_s=COMMAND_TTL_S,
    )  # fmt: skip
    booking_trouble.rehome(work, pile_id=case.pile_id, reason="out_of_service")
    paid = compensation.for_photo(work, case)
    cases.entry(
        work, case, "money", "Coupon for the photo" if paid else "No coupon is left to give"
    )
    return case


def reject(work: UnitOfWork, actor: Actor, case_id: int, entry_id: int) -> Case:
    """The photo shows no fault. Raises NotPossible."""
    case = _reviewed(work, actor, case_id, entry_id, "The photo shows no fault")
    audit.record(work, actor, "case_photo", f"case:{case.id}", after={"fault": False})
    return case


def _reviewed(work: UnitOfWork, actor: Actor, case_id: int, entry_id: int, text: str) -> Case:
    case = case_work.locked(work, case_id)
    photo = work.session.get(CaseEntry, entry_id)
    if photo is None or photo.case_id != case_id or photo.kind != "photo":
        raise NotPossible("There is no such photo.")
    if photo.body.get("reviewed"):
        raise NotPossible("Somebody has looked at this photo already.")
    photo.body = {**photo.body, "reviewed": text}
    cases.entry(work, case, "reviewed", text, actor=actor)
    return case
