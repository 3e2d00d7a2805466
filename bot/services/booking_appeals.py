"""When a rider does not find a booking's fee right: a person looks at it, and may give it back."""

from __future__ import annotations

from bot.replies import Reply, Say
from bot.services import booking_cases, bookings, handoff
from bot.services.marks import mark
from bot.settings import Settings
from bot.store.bookings import Booking
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation
from bot.store.stations import Evse


def ask(
    work: UnitOfWork,
    settings: Settings,
    booking: Booking,
    conversation: Conversation,
    *,
    key: str,
) -> Reply:
    """Bring a fee before a person, once; answers what the rider is told."""
    if not bookings.appeal(work, booking, key=key):
        if booking.forgiven:
            return Say("That fee was given back already.")
        return Say("A person looks at this already and will answer here.")
    evse = work.session.get_one(Evse, booking.evse_id)
    mark(
        work,
        conversation.id,
        "action",
        f"Says that the fee of booking {booking.id} at {evse.code} is not right",
        key=f"appeal:{booking.id}",
    )
    case = booking_cases.appealed(work, booking, channel=conversation.last_channel)
    handoff.to_queue(work, conversation, reason="dispute")
    return Say(
        "Thank you. A person looks at your booking and what the pile reported, and answers here: "
        "this is case {case}. If the bay was blocked, please send a photo of it.",
        {"case": case.id},
    )
