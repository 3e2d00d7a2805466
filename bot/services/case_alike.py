"""Cases that are likely about the same: of one pile, or of one person by whatever door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from bot.domain.cases import OPEN
from bot.domain.contacts import points_in
from bot.services.audit import Actor
from bot.services.reach import case_visible
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.riders import Rider, RiderAddress

DAYS: Final = timedelta(days=7)  # older reports are of another matter
MOST: Final = 5
_LOOKED_AT: Final = 300


@dataclass(frozen=True, slots=True)
class Alike:
    """Another case, and what it has in common."""

    case: Case
    why: str


def of_case(work: UnitOfWork, actor: Actor, case: Case) -> Sequence[Alike]:
    """What else is open and may be the same, as far as `actor` may read it: those with most in
    common first."""
    if case.merged_into is not None or case.status == "closed":
        return ()
    rows = work.session.scalars(
        select(Case)
        .where(Case.id != case.id, Case.status.in_((*OPEN, "done")), Case.merged_into.is_(None))
        .where(Case.created_at.between(case.created_at - DAYS, case.created_at + DAYS))
        .where(case_visible(actor))
        .order_by(Case.id.desc())
        .limit(_LOOKED_AT)
    ).all()
    points = _points(work, [case, *rows])
    found = []
    for each in rows:
        same = []
        if case.pile_id is not None and each.pile_id == case.pile_id:
            same.append("the same pile")
        if points[case.id] & points[each.id]:
            same.append("the same person")
        if same:
            found.append(Alike(each, " and ".join(same)))
    return sorted(found, key=lambda one: (-len(one.why), -one.case.id))[:MOST]


def _points(work: UnitOfWork, cases: Sequence[Case]) -> dict[int, set[str]]:
    """By what the person behind each case can be told: rider, name, numbers, addresses; a rider's
    letter often names the number that their chat has, and a chat the address."""
    ids = {each.rider_id for each in cases if each.rider_id is not None}
    addresses: dict[int, set[str]] = defaultdict(set)
    rows = select(RiderAddress.rider_id, RiderAddress.value).where(RiderAddress.rider_id.in_(ids))
    for rider_id, value in work.session.execute(rows):
        addresses[rider_id].add(value.casefold())
    riders = work.session.scalars(select(Rider).where(Rider.id.in_(ids)))
    names = {rider.id: rider.name for rider in riders}
    found = {}
    for each in cases:
        told = points_in(f"{each.contact}\n{each.text}")
        if each.rider_id is not None:
            told |= {f"rider:{each.rider_id}"} | addresses[each.rider_id]
        name = " ".join((names.get(each.rider_id or 0) or each.contact_name).casefold().split())
        if " " in name and each.source != "pile":  # a first name alone says nothing
            told.add(f"name:{name}")
        found[each.id] = told
    return found
