"""What managers must hear of at once although nobody is in danger: threats with press, lawyers or
authorities, and several riders of one station who complain within an hour.

Each is a case that only managers end; its file is the log of the crisis.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import exists, select

from bot.services import cases, paging
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation
from bot.store.stations import Pile

GROUP_WITHIN: Final = timedelta(hours=1)
GROUP_AT: Final = 3  # people
_COMPLAINTS: Final = ("complaint", "billing", "incident")  # a broken pile is an outage's matter
_BY_ITSELF: Final = ("pile", "system")


def threat(
    work: UnitOfWork, settings: Settings, conversation: Conversation, text: str, *, key: str
) -> Case:
    """A rider threatens: managers are paged once, and what they write on joins the file."""
    case = cases.open_case(
        work, kind="crisis", code="threat", rider_id=conversation.rider_id, text=text,
        source=conversation.last_channel, key=f"threat:{key}",
    )  # fmt: skip
    _page(work, settings, case, f"THREAT: case {case.id}, a rider speaks of press, lawyers or "
          "authorities.")  # fmt: skip
    return case


def look(work: UnitOfWork, settings: Settings, case: Case) -> Case | None:
    """Whether a new case makes a group of those at its station; the group's case, where it does."""
    station = cases.station_of(work, case)
    if station is None or not _counts(case):
        return None
    told = exists().where(
        CaseEntry.kind.in_(("opened", "again")), CaseEntry.at > work.now - GROUP_WITHIN
    )
    rows = (
        select(Case)
        .join(Pile, Pile.id == Case.pile_id)
        .where(Pile.station_id == station.id, told.where(CaseEntry.case_id == Case.id))
        .where(Case.kind.in_(_COMPLAINTS), Case.merged_into.is_(None))
        .order_by(Case.id)
    )
    members = [each for each in work.session.scalars(rows) if _counts(each)]
    people = {each.rider_id or each.contact.casefold() or f"case {each.id}" for each in members}
    if len(people) < GROUP_AT:
        return None
    group = cases.open_case(
        work, kind="crisis", code="group", rider_id=None, place=station.name, source="system",
        text=f"{len(people)} people complain about {station.name} within an hour.",
        contact_name=station.name, contact=f"station {station.id}",
        key=f"group:{station.id}:{case.id}",
    )  # fmt: skip
    for each in members:
        cases.link(work, group, "case", str(each.id))
    _page(work, settings, group, f"GROUP: case {group.id}, several riders complain about "
          f"{station.name} within an hour.")  # fmt: skip
    return group


def _counts(case: Case) -> bool:
    """Somebody's own complaint, or danger that somebody reported."""
    own = case.source not in _BY_ITSELF
    return own and case.kind in _COMPLAINTS and case.code != "outage"


def _page(work: UnitOfWork, settings: Settings, case: Case, text: str) -> None:
    key = f"crisis:{case.id}:{case.rounds}"  # each time that it is taken up
    if cases.entry(work, case, "clock", "Managers were paged", key=f"{key}:paged"):
        paging.page_once(work, settings, key=key, text=text, path=f"/tickets/{case.id}")
