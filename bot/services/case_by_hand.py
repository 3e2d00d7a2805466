"""Tickets that staff enter for who called, wrote or stood before them without a chat of ours.

A rider is known by their phone number and tied; who is none keeps a contact. What is open already
for the same person or pile is shown before anything is saved, so that it is joined, not doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select

from bot.domain import cases as rules
from bot.domain import codes
from bot.domain.cases import BY_HAND, TOPICS
from bot.domain.contacts import email_address, phone_number
from bot.replies import Say
from bot.services import (
    audit,
    case_intake,
    case_mail,
    case_talk,
    case_work,
    cases,
    safety,
)
from bot.services.audit import Actor
from bot.services.case_work import NotPossible
from bot.services.outbound import conversation_of
from bot.services.reach import case_visible
from bot.services.riders import find_rider
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Pile

MOST_ALIKE: Final = 6


@dataclass(frozen=True, slots=True)
class Heard:
    """What was told by phone, letter or on the spot, checked."""

    code: str
    text: str
    source: str
    name: str
    contact: str  # +E.164, an e-mail address, or "": they gave none
    lang: str
    place: str
    pile: Pile | None
    rider: Rider | None
    happened_at: datetime | None = None  # None: just now


def hear(
    work: UnitOfWork, *, code: str, text: str, source: str, name: str = "", contact: str = "",
    lang: str = "", pile: str = "", place: str = "",
) -> Heard:  # fmt: skip
    """What the form says, with the pile and the rider that it names. Raises NotPossible."""
    if code not in TOPICS:
        raise NotPossible("Choose what it is about.")
    if not text.strip():
        raise NotPossible("Say in a sentence what happened.")
    if source not in BY_HAND:
        raise NotPossible("Say how they told you: by phone, in person or by e-mail.")
    reached = phone_number(contact) or email_address(contact) or ""
    if contact.strip() and not reached:
        raise NotPossible(
            "The contact is a phone number with its country code (+358 40 1234567) or an e-mail "
            "address."
        )
    return Heard(
        code=code, text=text.strip(), source=source, name=" ".join(name.split())[:120],
        contact=reached, lang=lang[:8], place=" ".join(place.split())[:200],
        pile=_pile(work, pile),
        rider=find_rider(work, "whatsapp", reached) if reached.startswith("+") else None,
    )  # fmt: skip


def since(heard: Heard, at: datetime, *, now: datetime) -> Heard:
    """The same with when it happened. Raises NotPossible."""
    if at > now:
        raise NotPossible("It cannot have happened later than now.")
    return replace(heard, happened_at=at)


def _pile(work: UnitOfWork, typed: str) -> Pile | None:
    if not typed.strip():
        return None
    code = codes.parse(typed)
    number = code.pile_number if code else typed.strip()
    pile = work.session.scalars(select(Pile).where(Pile.number == number)).first()
    if pile is None:
        raise NotPossible(f"There is no pile {typed.strip()[:12]}.")
    return pile


def alike(work: UnitOfWork, actor: Actor, heard: Heard) -> Sequence[Case]:
    """What is open for the same person or at the same pile, as far as `actor` may read it."""
    same = []
    if heard.rider is not None:
        same.append(Case.rider_id == heard.rider.id)
    if heard.contact:
        same.append(Case.contact == heard.contact)
    if heard.pile is not None:
        same.append(Case.pile_id == heard.pile.id)
    if not same:
        return ()
    rows = (
        select(Case)
        .where(or_(*same), Case.merged_into.is_(None), case_visible(actor))
        .where(Case.status.in_((*rules.OPEN, "done")))
        .order_by(Case.priority, Case.id.desc())
        .limit(MOST_ALIKE)
    )
    return work.session.scalars(rows).all()


def enter(
    work: UnitOfWork, settings: Settings, actor: Actor, heard: Heard, *, key: str
) -> tuple[Case, bool]:
    """Open the ticket; False beside it when the same matter was open already and took this up."""
    key = f"{actor.staff_id}:{key}"
    danger = heard.code in rules.DANGER
    case = _danger(work, settings, heard, key) if danger else None
    session = None
    if heard.rider is not None:
        session = case_intake.meant_session(work, heard.rider.id, heard.code, heard.pile)
    if case is None:
        case = cases.open_case(
            work, kind=TOPICS[heard.code].kind, code=heard.code,
            rider_id=heard.rider.id if heard.rider else None,
            pile_id=heard.pile.id if heard.pile else None,
            session_id=session.id if session else None, text=heard.text, source=heard.source,
            key=key, place=heard.place, contact_name=heard.name, contact=heard.contact,
            happened_at=heard.happened_at,
        )  # fmt: skip
        if danger:
            safety.from_case(work, settings, case, key=f"told:{key}", text=heard.text)
    new = case.created_at == work.now
    case.lang = case.lang or heard.lang
    audit.record(
        work, actor, "case_open", f"case:{case.id}",
        after={"source": heard.source, "rider": case.rider_id, "joined": not new},
    )  # fmt: skip
    _confirm(work, settings, case, key)
    return case, new


def _danger(work: UnitOfWork, settings: Settings, heard: Heard, key: str) -> Case | None:
    """A rider's danger told to a person is what danger told to the bot is: stop, lock out, page."""
    if heard.rider is None:
        return None
    safety.raise_alarm(
        work, settings, heard.rider, conversation_of(work, heard.rider.id), named=heard.pile,
        key=f"told:{key}", text=heard.text, code=heard.code,
    )  # fmt: skip
    found = select(Case).where(Case.rider_id == heard.rider.id, Case.kind == "incident")
    return work.session.scalars(found.order_by(Case.id.desc())).first()


def _confirm(work: UnitOfWork, settings: Settings, case: Case, key: str) -> None:
    """The number, where they can read it: in their chat, else by e-mail."""
    if case.rider_id is not None:
        case_talk.tell(work, case, case_talk.opened(work, settings, case), key=f"told:{key}")
        return
    case_mail.send(
        work, settings, case, key=f"told:{key}",
        text=Say(
            "We noted what you told us. This is case {case}. A person looks into it and answers "
            "here. Please keep the number in the subject when you write.",
            {"case": case.id},
        ),
    )  # fmt: skip


def join(
    work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, heard: Heard, *, key: str
) -> Case:
    """It is about a ticket that is open: the words join its file, whoever told them."""
    case = case_work.locked(work, case_id)
    if case.merged_into is not None or case.status == "closed":
        raise NotPossible("That ticket is closed.")
    elsewhere = heard.pile is not None and case.pile_id not in (None, heard.pile.id)
    if heard.code in rules.DANGER and elsewhere:  # what is locked is the ticket's pile
        raise NotPossible("That ticket is about another pile. Enter the danger as a new one.")
    key = f"told:{actor.staff_id}:{key}"
    own = (heard.rider is not None and case.rider_id == heard.rider.id) or (
        bool(heard.contact) and case.contact == heard.contact
    )
    if own:
        cases.wrote_again(work, case, heard.text, source=heard.source, key=key)
    else:
        who = heard.name or (f"rider {heard.rider.id}" if heard.rider else "somebody")
        told = " · ".join(filter(None, (who, heard.contact)))
        cases.entry(
            work, case, "again", f"{heard.text} ({rules.SOURCES[heard.source]}: {told})",
            actor=actor, body={"source": heard.source}, key=f"re:{key}",
        )  # fmt: skip
        if case.status == "done":
            cases.take_up(work, case, "Reported again after it was done", actor=actor)
    case.pile_id = case.pile_id or (heard.pile.id if heard.pile else None)
    case.updated_at = work.now
    if heard.code in rules.DANGER:
        safety.from_case(work, settings, case, key=key, text=heard.text)
    audit.record(work, actor, "case_join", f"case:{case.id}", after={"source": heard.source})
    return case
