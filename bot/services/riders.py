"""Finding the rider behind an address, or making one, safely when two messages arrive at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider, RiderAddress
from bot.store.upsert import insert

Address = tuple[str, str]  # (kind, value): ("whatsapp", "+358…"), ("bsuid", "FI.…"), ("web", "…")


def rider_for(work: UnitOfWork, kind: str, value: str, *, name: str = "") -> Rider:
    """The rider reached at this address, made with a conversation when first heard.

    Race-safe on both databases: of two transactions that hear a new address one makes the rider,
    the other waits for it and finds that rider. A later name replaces an empty one only.
    """
    known = find_rider(work, kind, value)
    if known is not None:
        if name and not known.name:
            known.name = clean_name(name)
        return known
    with work.session.begin_nested() as attempt:
        rider = Rider(created_at=work.now, name=clean_name(name))
        work.session.add(rider)
        work.session.flush()
        if add_address(work, rider.id, kind, value):
            work.session.add(Conversation(rider_id=rider.id, created_at=work.now, dialog={}))
            work.session.flush()
            return rider
        attempt.rollback()
    winner = find_rider(work, kind, value)
    assert winner is not None, "the address exists, so its rider does"
    return winner


def rider_for_any(work: UnitOfWork, addresses: Sequence[Address], *, name: str = "") -> Rider:
    """The rider reached at one of several addresses of the same sender; all become known.

    The first known address decides; an address that belongs to somebody else stays there.
    """
    owners = {address: find_rider(work, *address) for address in addresses}
    known = next((owner for owner in owners.values() if owner), None)
    rider = known or rider_for(work, *addresses[0], name=name)
    if name and not rider.name:
        rider.name = clean_name(name)
    for address, owner in owners.items():
        if owner is None:
            add_address(work, rider.id, *address)
    return rider


def find_rider(work: UnitOfWork, kind: str, value: str) -> Rider | None:
    """The rider reached at this address, or None."""
    return work.session.scalars(
        select(Rider)
        .join(RiderAddress, RiderAddress.rider_id == Rider.id)
        .where(RiderAddress.kind == kind, RiderAddress.value == value)
    ).first()


def add_address(work: UnitOfWork, rider_id: int, kind: str, value: str) -> bool:
    """Record an address; False when it is known already, be it this rider's or another's."""
    statement = (
        insert(work, RiderAddress)
        .values(rider_id=rider_id, kind=kind, value=value, created_at=work.now)
        .on_conflict_do_nothing(index_elements=["kind", "value"])
        .returning(RiderAddress.id)
    )
    return work.session.execute(statement).first() is not None


def note_inbound(work: UnitOfWork, rider_id: int, channel: str, *, sid: str | None = None) -> None:
    """The rider was heard on a channel just now; WhatsApp's 24-hour window opens with it."""
    changes: dict[str, object] = {"last_channel": channel, "last_inbound_at": work.now}
    if channel == "whatsapp":
        changes |= {"last_whatsapp_at": work.now, "last_whatsapp_sid": sid}
    work.session.execute(
        update(Conversation).where(Conversation.rider_id == rider_id).values(changes)
    )


def clean_name(name: str) -> str:
    """A profile name fit for the database and the screen: printable, at most 120 characters."""
    return "".join(char if char.isprintable() else " " for char in name).strip()[:120]
