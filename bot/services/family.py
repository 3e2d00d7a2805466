"""A family on one wallet: the owner invites, members charge within a limit, the owner is told.

The owner sees of a member's charge the name, amount, place and time, and nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from bot.domain.money import Money
from bot.domain.wallet import Parts, least_top_up, most_limit
from bot.errors import Refused
from bot.replies import Choose, Moment, Option, Say
from bot.services import wallet
from bot.services.outbound import tell_rider
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.riders import Rider, RiderAddress
from bot.store.stations import Evse
from bot.store.wallet import Wallet, WalletMember

LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that looks like another
CODE_LENGTH: Final = 8
INVITATION_LIFE: Final = timedelta(days=7)
MOST_MEMBERS: Final = 8  # a list of the chat has ten rows


def invite(
    work: UnitOfWork, owner: Rider, currency: str, limit: Money, *, number: str = ""
) -> WalletMember:
    """An invitation by code; with a number only that number may accept it, and is asked when we
    know it. Whether we do is not told."""
    refuse_limit(work, owner, limit)
    mine = wallet.lock(work, wallet.open_wallet(work, owner.id, currency).id)
    if len(members(work, mine.id)) >= MOST_MEMBERS:
        raise Refused(
            "Your family has {count} members and open invitations already. Remove one first.",
            {"count": MOST_MEMBERS},
        )
    member = WalletMember(
        wallet_id=mine.id,
        code="".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH)),
        invited=number,
        limit_minor=limit.amount_minor,
        created_at=work.now,
    )
    work.session.add(member)
    work.session.flush()
    asked = _rider_of(work, number) if number else None
    if asked is not None and asked != owner.id:
        tell_rider(work, asked, asking(owner, member, limit), key=f"family:{member.id}:asked")
    return member


def asking(owner: Rider, member: WalletMember, limit: Money) -> Choose:
    """The question to whoever is invited."""
    return Choose(
        Say(
            "{name} invites you to charge on their wallet, up to {limit} a month. They see when, "
            "where and for how much you charge on it. Do you accept?",
            {"name": owner.name or Say("A rider"), "limit": limit},
        ),
        [
            Option(f"family?do=join&code={member.code}", Say("Accept")),
            Option(f"family?do=decline&code={member.code}", Say("Decline")),
        ],
    )


def _rider_of(work: UnitOfWork, number: str) -> int | None:
    return work.session.scalars(
        select(RiderAddress.rider_id).where(
            RiderAddress.kind == "whatsapp", RiderAddress.value == number
        )
    ).first()


def _is_theirs(work: UnitOfWork, rider_id: int, number: str) -> bool:
    return not number or _rider_of(work, number) == rider_id


def find_invitation(work: UnitOfWork, rider: Rider, code: str) -> WalletMember:
    """The open invitation with a code, for this rider. Refused with one answer for every code that
    is not: nobody learns by trying."""
    member = work.session.scalars(
        select(WalletMember).where(WalletMember.code == code.strip().upper())
    ).first()
    open_ = member is not None and member.state == "invited"
    if (
        member is None
        or not open_
        or work.now - member.created_at > INVITATION_LIFE
        or not _is_theirs(work, rider.id, member.invited)
    ):
        raise Refused(
            "This invitation is not valid (any more). Please ask whoever sent it for a new one."
        )
    if owner_of(work, member).id == rider.id:
        raise Refused("This is your own invitation. Forward it to the person you want to invite.")
    return member


def accept(work: UnitOfWork, rider: Rider, code: str) -> WalletMember:
    """Join a family. One of several who are quick with a forwarded code wins; nobody is in two."""
    member = find_invitation(work, rider, code)
    if wallet.membership(work, rider.id) is not None:
        raise Refused(
            "You are in a family already. Write “leave family” first.",
            {},
            [Option("family?do=leave", Say("Leave family"))],
        )
    wallet.lock(work, member.wallet_id)
    try:
        with work.session.begin_nested():
            won = work.session.execute(
                update(WalletMember)
                .where(WalletMember.id == member.id, WalletMember.state == "invited")
                .values(state="active", rider_id=rider.id, accepted_at=work.now)
                .returning(WalletMember.id)
                .execution_options(synchronize_session=False)
            ).first()
    except IntegrityError:  # they have joined another family at this moment
        won = None
    work.session.refresh(member)
    if won is None:
        raise Refused("This invitation was just used. Please ask for a new one.")
    owner = owner_of(work, member)
    text = Say(
        "{name} has joined your family and may charge on your wallet, up to {limit} a month.",
        {"name": name_of(rider), "limit": limit_of(work, member)},
    )
    options = [Option("family", Say("Family"))]
    tell_rider(work, owner.id, Choose(text, options), key=f"family:{member.id}:joined")
    return member


def decline(work: UnitOfWork, rider: Rider, code: str) -> None:
    """No, thank you: the invitation is gone."""
    member = find_invitation(work, rider, code)
    member.state, member.ended_at = "declined", work.now
    text = Say("Your invitation to the family wallet was declined.")
    tell_rider(work, owner_of(work, member).id, text, key=f"family:{member.id}:declined")


def leave(work: UnitOfWork, rider: Rider) -> bool:
    """A member goes; what runs is still paid as agreed. False when they were in none."""
    member = wallet.membership(work, rider.id)
    if member is None:
        return False
    wallet.lock(work, member.wallet_id)
    member.state, member.ended_at = "left", work.now
    text = Say("{name} has left your family wallet.", {"name": name_of(rider)})
    tell_rider(work, owner_of(work, member).id, text, key=f"family:{member.id}:left")
    return True


def remove(work: UnitOfWork, owner: Rider, member_id: int) -> WalletMember | None:
    """The owner removes a member or takes an invitation back; None when it is no longer theirs."""
    member = find(work, owner, member_id)
    if member is None:
        return None
    wallet.lock(work, member.wallet_id)
    work.session.refresh(member)
    was_active, member.state, member.ended_at = member.state == "active", "removed", work.now
    if was_active and member.rider_id is not None:
        text = Say(
            "{name} has ended your share in their wallet. A charge that runs is still paid by it; "
            "the next one is paid by you.",
            {"name": name_of(owner)},
        )
        tell_rider(work, member.rider_id, text, key=f"family:{member.id}:removed")
    return member


def refuse_limit(work: UnitOfWork, owner: Rider, limit: Money) -> None:
    """Raises Refused for a month's limit that cannot be one."""
    if limit.currency not in wallet.currencies(work):
        raise Refused(
            "No pile of ours charges in {currency}. Please write the limit in {ours}.",
            {"currency": limit.currency, "ours": wallet.currency_of(work, owner.id) or ""},
            again="limit",
        )
    least, most = least_top_up(limit.currency), most_limit(limit.currency)
    if not least <= limit <= most:
        raise Refused(
            "A limit is between {least} and {most} a month. Please write another one.",
            {"least": least, "most": most},
            again="limit",
        )


def find(work: UnitOfWork, owner: Rider, member_id: int) -> WalletMember | None:
    """A member or an open invitation of the owner's; None when it is no longer theirs."""
    member = work.session.get(WalletMember, member_id)
    if member is None or member.state not in {"invited", "active"}:
        return None
    return member if owner_of(work, member).id == owner.id else None


def set_limit(
    work: UnitOfWork, owner: Rider, member_id: int, limit: Money, *, key: str
) -> WalletMember | None:
    """Another limit from now on; the member is told. None when they are no longer the owner's."""
    member = find(work, owner, member_id)
    if member is None:
        return None
    refuse_limit(work, owner, limit)
    wallet.lock(work, member.wallet_id)
    work.session.refresh(member)
    if member.state not in {"invited", "active"}:  # they left at this moment
        return None
    if limit.currency != limit_of(work, member).currency:
        raise Refused(
            "That wallet is in {currency}. Please write the limit in {currency}.",
            {"currency": limit_of(work, member).currency},
            again="limit",
        )
    member.limit_minor = limit.amount_minor
    if member.state == "active" and member.rider_id is not None:
        text = Say(
            "{name} has changed how much you may charge on their wallet: up to {limit} a month "
            "from now on.",
            {"name": name_of(owner), "limit": limit},
        )
        tell_rider(work, member.rider_id, text, key=f"family:{member.id}:limit:{key}")
    return member


def members(work: UnitOfWork, wallet_id: int) -> Sequence[WalletMember]:
    """Members and open invitations of a wallet."""
    rows = work.session.scalars(
        select(WalletMember)
        .where(WalletMember.wallet_id == wallet_id, WalletMember.state.in_(("invited", "active")))
        .order_by(WalletMember.id)
    )
    return [
        each
        for each in rows
        if each.state == "active" or work.now - each.created_at <= INVITATION_LIFE
    ]


def owner_of(work: UnitOfWork, member: WalletMember) -> Rider:
    """Whose wallet it is."""
    owned = work.session.get_one(Wallet, member.wallet_id)
    return work.session.get_one(Rider, owned.rider_id)


def limit_of(work: UnitOfWork, member: WalletMember) -> Money:
    """What the member may use in a calendar month."""
    return Money(member.limit_minor, work.session.get_one(Wallet, member.wallet_id).currency)


def name_of(rider: Rider) -> str | Say:
    """What others see of a rider: the name, never the number."""
    return rider.name or Say("A rider")


def shown(work: UnitOfWork, member: WalletMember) -> str | Say:
    """What the owner sees of somebody: their name, else the number or code they were invited by."""
    if member.rider_id is None:
        return member.invited or member.code
    rider = work.session.get_one(Rider, member.rider_id)
    return rider.name or member.invited or Say("A rider")


def tell_owner(work: UnitOfWork, session: ChargingSession, owned: Wallet, taken: Parts) -> None:
    """A member's charge was paid from the owner's wallet: name, amount, place, time."""
    if owned.rider_id == session.rider_id:
        return
    evse = work.session.get_one(Evse, session.evse_id)
    station = evse.pile.station
    spender = work.session.get_one(Rider, session.rider_id)
    text = Say(
        "{name} has charged at {station} for {amount} ({time}), paid from your wallet. It has "
        "{available} left.",
        {
            "name": name_of(spender),
            "station": station.name,
            "amount": Money(taken.total, owned.currency),
            "time": Moment(session.ended_at or work.now, station.tz, "date_time"),
            "available": wallet.stand(owned).available,
        },
    )
    options = [Option("wallet", Say("Wallet")), Option("family", Say("Family"))]
    tell_rider(work, owned.rider_id, Choose(text, options), key=f"family:spent:{session.id}")
