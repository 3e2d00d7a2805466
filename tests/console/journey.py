"""Charges of riders for the console's tests: charge(world, PHONE) is one from start to captured."""

from __future__ import annotations

from sqlalchemy import select

from bot.services.riders import rider_for
from bot.store.charging import ChargingSession, Hold
from bot.store.riders import Conversation
from tests.world import World

PHONE, OTHER = "+358401234567", "+358409876543"


def charging(world: World, phone: str = PHONE, *, evse: int = 2, wh: int = 4000) -> int:
    """A charge that runs and has delivered `wh`; returns the session's id."""
    world.give_card(phone)
    code = world_code(world, evse)
    world.rider_says(phone, f"start {code}")
    world.bot_says(phone, "Start charging?")
    world.rider_taps(phone, "Yes, start")
    run(world, evse, wh)
    return newest(world, phone).id


def run(world: World, evse: int, wh: int) -> None:
    """The pile takes a start and delivers."""
    pile = world.pile("1023")
    pile.status(evse, "Occupied")
    pile.answers("RequestStartTransaction", status="Accepted")
    pile.transaction_event(evse, "Started", chargingState="Charging")
    pile.meter_wh += wh
    world.clock_passes(60)
    pile.transaction_event(evse, "Updated", chargingState="Charging")


def ends(world: World, reason: str = "Local") -> None:
    """The pile ends its transaction."""
    pile = world.pile("1023")
    pile.transaction_event(pile.evse, "Ended", stoppedReason=reason)
    pile.status(pile.evse, "Available")


def charge(world: World, phone: str = PHONE, *, evse: int = 2, wh: int = 10_000) -> int:
    """A charge of 0.30 EUR a kWh, ended and paid; returns the session's id."""
    session_id = charging(world, phone, evse=evse, wh=wh)
    ends(world)
    world.until(lambda: hold_of(world, session_id).captured_minor, "never captured", phone)
    return session_id


def hold_of(world: World, session_id: int) -> Hold:
    """The newest hold of a session."""
    with world.store.read() as work:
        holds = select(Hold).where(Hold.session_id == session_id).order_by(Hold.seq.desc())
        found = work.session.scalars(holds).first()
        assert found is not None
        return found


def newest(world: World, phone: str) -> ChargingSession:
    """The newest session of a rider."""
    with world.store.read() as work:
        rider = rider_for(work, "whatsapp", phone)
        mine = select(ChargingSession).where(ChargingSession.rider_id == rider.id)
        found = work.session.scalars(mine.order_by(ChargingSession.id.desc())).first()
        assert found is not None
        return found


def world_code(world: World, evse: int) -> str:
    """The code printed at an EVSE of pile 1023."""
    from bot.domain.codes import evse_code

    return evse_code("1023", evse)


def taken_over(world: World, phone: str, staff_id: int) -> int:
    """A person of the staff owns the rider's chat; returns the conversation's id."""
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", phone)
        chat = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider.id)
        ).one()
        chat.owner, chat.owner_id, chat.claimed_at = "human", staff_id, work.now
        chat.epoch += 1
        return chat.id
