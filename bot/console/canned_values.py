"""The live values behind a canned reply's {variables}, as the rider reads them."""

from __future__ import annotations

from sqlalchemy import select

from bot.console.guard import Me
from bot.domain.masking import mask_text
from bot.gateways.translate import show
from bot.replies import Amount, Moment
from bot.services import charging, safety
from bot.services.handoff import first_name
from bot.settings import Settings
from bot.store.charging import Bill
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider


def values_for(
    work: UnitOfWork, settings: Settings, me: Me, conversation: Conversation
) -> dict[str, str]:
    """What is known now; a variable without a value is absent."""
    rider = work.session.get_one(Rider, conversation.rider_id)
    values = {
        "rider": first_name(rider.name)
        if rider.name and mask_text(rider.name) == rider.name
        else "",
        "agent": first_name(me.name),
        "brand": settings.brand,
        "hours": settings.support_hours,
        "emergency": safety.number_for(work, settings, rider),
    }
    session = charging.last_session(work, rider.id)
    if session is not None:
        seen = charging.progress(work, session)
        values |= {
            "station": seen.station_name,
            "pile": seen.evse_code,
            "energy": show(rider.lang, Amount(seen.energy_wh, "wh")),
            "cost": show(rider.lang, seen.cost),
            "held": show(rider.lang, seen.hold),
        }
        if seen.started_at is not None:
            values["started"] = show(rider.lang, Moment(seen.started_at, seen.tz))
        number = select(Bill.number).where(Bill.session_id == session.id)
        values["receipt"] = work.session.scalars(number).first() or ""
    return {name: value for name, value in values.items() if value}
