"""The cases of bookings: a bay that somebody stands in, a fee that the rider contests."""

from __future__ import annotations

from sqlalchemy import select

from bot.services import cases
from bot.services.audit import Actor
from bot.store.bookings import Booking
from bot.store.cases import Case, CaseLink
from bot.store.database import UnitOfWork
from bot.store.stations import Evse

LINK = "booking"


def blocked(work: UnitOfWork, booking: Booking, *, channel: str, key: str) -> Case:
    """The booker found somebody in the bay. A photo that comes next is evidence of this case by
    itself (bot/services/case_intake.py)."""
    evse = work.session.get_one(Evse, booking.evse_id)
    case = cases.open_case(
        work, kind="blocked_bay", rider_id=booking.rider_id, pile_id=evse.pile_id,
        text=f"Has booked {evse.code} (booking {booking.id}) and found the bay taken.",
        source=channel, key=f"booking:{booking.id}:blocked:{key}",
    )  # fmt: skip
    cases.link(work, case, LINK, str(booking.id))
    return case


def appealed(work: UnitOfWork, booking: Booking, *, channel: str) -> Case:
    """The booker contests the fee, once for a booking."""
    evse = work.session.get_one(Evse, booking.evse_id)
    case = cases.open_case(
        work, kind="billing", rider_id=booking.rider_id, pile_id=evse.pile_id,
        text=f"Contests the fee of booking {booking.id} at {evse.code}.",
        source=channel, key=f"booking:{booking.id}:appeal",
    )  # fmt: skip
    cases.link(work, case, LINK, str(booking.id))
    return case


def given_back(work: UnitOfWork, actor: Actor, booking: Booking, *, reason: str, key: str) -> None:
    """Staff gave the fee back: whoever opens a case about that booking sees it."""
    about = (
        select(Case)
        .join(CaseLink, CaseLink.case_id == Case.id)
        .where(CaseLink.kind == LINK, CaseLink.ref == str(booking.id))
        .order_by(Case.id)
    )
    for case in work.session.scalars(about):
        cases.entry(
            work, case, "money", f"The fee of booking {booking.id} is given back. Reason: {reason}",
            actor=actor, key=f"booking:{booking.id}:forgiven:{case.id}:{key}",
        )  # fmt: skip
        case.updated_at = work.now
