"""Who outside reads a case, and what they read: the site's partner, nothing of the rider.

The link of kind "partner" is what opens a case to them: a key's number for the API, "station:<id>"
for e-mail. bot/services/case_partner.py makes and ends it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from bot.domain.masking import mask_text
from bot.services import cases, site_partners
from bot.store.cases import Case, CaseEntry, CaseLink, PartnerKey, SitePartner
from bot.store.database import UnitOfWork
from bot.store.riders import Rider

KIND: Final = "partner"
FLAG: Final = "partner"  # in an entry's body: the partner reads it
_NAME_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class Reader:
    """Who a case is shared with."""

    ref: str
    name: str
    email: str  # "" where the API is the way

    @property
    def way(self) -> str:
        """How they read it, for staff."""
        return "by e-mail" if self.email else "by the case API"


def readers(work: UnitOfWork, case: Case) -> list[Reader]:
    """Everybody outside who reads this case."""
    found = []
    for link in cases.links(work, case.id):
        if link.kind != KIND:
            continue
        scope, _, number = link.ref.rpartition(":")
        if scope:
            partner = site_partners.of_station(work, int(number))
            found.append(
                Reader(link.ref, partner.name if partner else "partner of the site",
                       partner.email if partner else "")
            )  # fmt: skip
        else:
            key = work.session.get(PartnerKey, int(number))
            found.append(Reader(link.ref, key.name if key else f"Partner {number}", ""))
    return found


def partner_of(work: UnitOfWork, case: Case) -> SitePartner | None:
    """The partner of the site that a case is at; None where none is named."""
    station = cases.station_of(work, case)
    return site_partners.of_station(work, station.id) if station else None


def for_outside(work: UnitOfWork, case: Case, text: str) -> str:
    """Words without what tells who the rider is: numbers, addresses, their name."""
    text = mask_text(text)
    rider = work.session.get(Rider, case.rider_id) if case.rider_id else None
    for name in filter(None, (rider.name if rider else "", case.contact_name)):
        if len(name) >= _NAME_LEAST:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "the rider", text, flags=re.I)
    return text


def reported(case: Case, key: PartnerKey) -> bool:
    """Whether this partner opened the case, whose answers to its call-back then count."""
    return case.source == "partner" and case.key.startswith(f"partner:{key.id}:")


def notes(work: UnitOfWork, case: Case) -> Sequence[dict[str, Any]]:
    """What was written for the partner and by them, oldest first."""
    rows = cases.entries(work, case.id)
    return [
        {"at": each.at.isoformat(), "by": "partner" if theirs else "us", "text": each.text}
        for each in rows
        if (theirs := each.kind == KIND or _reporter_wrote(each)) or each.body.get(FLAG)
    ]


def _reporter_wrote(each: CaseEntry) -> bool:
    return each.kind == "again" and each.body.get("source") == "partner"


def of_key(work: UnitOfWork, key: PartnerKey, *, limit: int = 100) -> Sequence[Case]:
    """The cases that a partner reads by the API: open ones first, then the newest."""
    rows = (
        select(Case)
        .join(CaseLink, CaseLink.case_id == Case.id)
        .where(CaseLink.kind == KIND, CaseLink.ref == str(key.id), Case.merged_into.is_(None))
        .order_by(Case.status == "closed", Case.id.desc())
        .limit(limit)
    )
    return work.session.scalars(rows).all()


def wrote(work: UnitOfWork, case: Case, name: str, text: str, *, key: str) -> None:
    """The partner's word becomes a line of the file; a repeat of `key` adds nothing."""
    case = work.session.get_one(Case, case.id, with_for_update=True, populate_existing=True)
    new = cases.entry(work, case, KIND, text, body={"from": name}, key=key)
    case.updated_at = work.now
    if new and case.status in ("done", "closed"):
        cases.take_up(work, case, f"{name} wrote after it was done")


def by_mail(work: UnitOfWork, sender: str, case_id: int) -> tuple[Case, str] | None:
    """The case that a letter of the site's partner answers, with their name; None: it is none."""
    case = work.session.get(Case, case_id)
    if case is not None and case.merged_into is not None:
        case = work.session.get(Case, case.merged_into)
    if case is None:
        return None
    for reader in readers(work, case):
        if reader.email and reader.email == sender:
            return case, reader.name
    return None
