"""Paging people about danger: everybody on call each minute until one of them acknowledges.

It needs nobody to be logged in: each page is an outbox row, each next round a timer of the inbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import select

from bot.domain.masking import mask_text
from bot.domain.paging import (
    ESCALATE_AFTER,
    EVERY,
    REPORTED_BY,
    Address,
    Channel,
    WrongAddress,
    read_address,
)
from bot.domain.rights import RIGHTS
from bot.settings import Settings
from bot.store import inbox
from bot.store.database import UnitOfWork
from bot.store.desk import Incident, IncidentEntry
from bot.store.outbox import emit
from bot.store.staff import Staff
from bot.store.stations import Pile

log = structlog.get_logger()

LANE: Final = "pages"  # of their own: pages never wait behind other messages
WORDS_MAX: Final = 160  # of what was reported


def page_round(work: UnitOfWork, settings: Settings, incident: Incident) -> None:
    """Page everybody on call once, managers too when it has been open for long, and set the
    timer for the next round."""
    incident.rounds += 1
    late = work.now - incident.at >= ESCALATE_AFTER
    addresses, wrong = on_call(work, settings, managers=late)
    if late and incident.escalated_at is None:
        incident.escalated_at = work.now
        _enter(work, incident, "escalated", "Nobody has acknowledged: managers are paged too.")
    for address in addresses:
        digest = hashlib.sha256(f"{address.channel}:{address.to}".encode()).hexdigest()[:16]
        key = f"page:{incident.id}:{incident.rounds}:{digest}"
        body = {"incident_id": incident.id, "channel": address.channel, "to": address.to}
        emit(work, key=key, lane=LANE, stream=key, kind="page", body=body)
    if incident.rounds == 1 or (late and incident.escalated_at == work.now):
        for text in wrong:
            _enter(work, incident, "page_failed", text)
    if addresses:
        shown = ", ".join(address.shown for address in addresses)
        _enter(work, incident, "page", f"Page {incident.rounds} to {shown}")
    elif incident.rounds == 1:
        told = "Nobody is set to be paged: only open consoles ring. See PAGE_ON_CALL and Team."
        _enter(work, incident, "page_failed", told)
        log.error("nobody_to_page", incident_id=incident.id)
    inbox.put(
        work,
        source="timer",
        source_id=f"incident:{incident.id}:page:{incident.rounds + 1}",
        stream=f"incident:{incident.id}",
        kind="incident.timer",
        body={"incident_id": incident.id},
        available_at=work.now + EVERY,
    )


def page_once(
    work: UnitOfWork, settings: Settings, *, key: str, text: str, path: str,
    managers_only: bool = False,
) -> None:  # fmt: skip
    """Page people on call and managers, once, about what is no danger but cannot wait."""
    addresses, _ = on_call(work, settings, managers=True)
    if managers_only:
        bosses, _ = _reached(settings, settings.page_managers, _of_staff(work, manager=True))
        addresses = bosses or addresses
    _page_these(work, addresses, key=key, text=text, path=path)


def page_people(
    work: UnitOfWork, settings: Settings, people: Sequence[Staff], *, key: str, text: str, path: str
) -> int:
    """Page these people once, managers of the settings where none of them can be; how many were."""
    addresses, _ = _reached(settings, "", [each.page_address for each in people])
    if not addresses:
        addresses, _ = _reached(settings, settings.page_managers, ())
    _page_these(work, addresses, key=key, text=text, path=path)
    return len(addresses)


def _page_these(
    work: UnitOfWork, addresses: Sequence[Address], *, key: str, text: str, path: str
) -> None:
    if not addresses:
        log.error("nobody_to_page", key=key)
    for address in addresses:
        digest = hashlib.sha256(f"{address.channel}:{address.to}".encode()).hexdigest()[:16]
        once = f"page:{key}:{digest}"
        body = {"channel": address.channel, "to": address.to, "text": text, "path": path}
        emit(work, key=once, lane=LANE, stream=once, kind="page", body=body)


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "incident.timer": a minute is over; page again unless somebody is on it."""
    incident = work.session.get(Incident, int(body["incident_id"]), with_for_update=True)
    if incident is not None and incident.state == "open":
        page_round(work, settings, incident)


def on_call(
    work: UnitOfWork, settings: Settings, *, managers: bool
) -> tuple[list[Address], list[str]]:
    """Whom to page, each once, and what is wrong with the addresses that cannot be used.

    Managers come later; at once where nobody else is set.
    """
    first, wrong_first = _reached(settings, settings.page_on_call, _of_staff(work, manager=False))
    bosses, wrong_bosses = _reached(settings, settings.page_managers, _of_staff(work, manager=True))
    if managers or not first:
        return list(dict.fromkeys(first + bosses)), wrong_first + wrong_bosses
    return first, wrong_first


def _of_staff(work: UnitOfWork, *, manager: bool) -> Sequence[str]:
    roles = {"manager"} if manager else set(RIGHTS["incident.acknowledge"]) - {"manager"}
    return work.session.scalars(
        select(Staff.page_address)
        .where(Staff.active, Staff.page_address != "", Staff.role.in_(sorted(roles)))
        .order_by(Staff.id)
    ).all()


def _reached(
    settings: Settings, of_settings: str, of_staff: Sequence[str]
) -> tuple[list[Address], list[str]]:
    phone: Channel = "sms" if settings.sms_from else "whatsapp"
    found: list[Address] = []
    wrong: list[str] = []
    for text in [*of_settings.split(","), *of_staff]:
        if not text.strip():
            continue
        try:
            found.append(read_address(text, phone=phone))
        except WrongAddress as error:
            wrong.append(f"An address for emergencies cannot be used: {error}.")
    return list(dict.fromkeys(found)), wrong


def page_text(work: UnitOfWork, settings: Settings, incident: Incident) -> str:
    """What a page says, in one line."""
    pile = work.session.get(Pile, incident.pile_id) if incident.pile_id else None
    where = f"pile {pile.number}, {pile.station.address}" if pile else "a pile not known yet"
    who = REPORTED_BY.get(incident.source, "somebody").rpartition(" ")[2].capitalize()
    words = " ".join(mask_text(incident.text).split())[:WORDS_MAX]
    trouble = not_obeyed(work, incident)
    parts = [f"DANGER at {where}.", f"{who}: {words or 'no words'}."]
    parts += [f"NOT SWITCHED OFF: {trouble}"] if trouble else []
    parts.append(f"Acknowledge: {incident_url(settings, incident.id)}")
    return " ".join(parts)


def not_obeyed(work: UnitOfWork, incident: Incident) -> str:
    """What the pile did not do when it was last told to, "" when it did all."""
    entries = work.session.execute(
        select(IncidentEntry.kind, IncidentEntry.text)
        .where(
            IncidentEntry.incident_id == incident.id,
            IncidentEntry.kind.in_(("order_failed", "order_done")),
        )
        .order_by(IncidentEntry.id)
    )
    newest = {text.partition(":")[0]: (kind, text) for kind, text in entries}
    return " ".join(text for kind, text in newest.values() if kind == "order_failed")


def incident_url(settings: Settings, incident_id: int) -> str:
    """Where an incident is acknowledged."""
    return f"{settings.console_url.rstrip('/')}/incidents/{incident_id}"


def delivered(
    work: UnitOfWork, incident: Incident, address: Address, *, error: str = "", trouble: str = ""
) -> None:
    """A page left the building, or did not (`error`); `trouble` is with the one before. The first
    of each address is told in the log."""
    shown = f"{address.shown[0].upper()}{address.shown[1:]}"
    if error or trouble:
        told = f"{shown}: {trouble}" if trouble else f"Page to {address.shown} failed: {error}"
        _enter(work, incident, "page_failed", told)
        return
    text = f"{shown} was paged."
    first = select(IncidentEntry.id).where(
        IncidentEntry.incident_id == incident.id,
        IncidentEntry.kind == "page_sent",
        IncidentEntry.text == text,
    )
    if work.session.scalars(first).first() is None:
        _enter(work, incident, "page_sent", text)


def _enter(work: UnitOfWork, incident: Incident, kind: str, text: str) -> None:
    work.session.add(
        IncidentEntry(incident_id=incident.id, at=work.now, kind=kind, staff_id=None, text=text)
    )
