"""Prepaid money: every movement of a wallet, posted in the ledger and kept as a row, once.

A movement locks the wallet's row, so that who spends decides alone, and is unique by source and
kind, so that its repeat changes nothing. Nothing here asks the payment provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import func, select

from bot.domain.holds import about_one
from bot.domain.money import Money
from bot.domain.wallet import Parts, first_of, goes_back, month_of
from bot.errors import PilebotError
from bot.services.billing import post
from bot.store.charging import ChargingSession, Refund
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Pile, Station
from bot.store.upsert import insert
from bot.store.wallet import Wallet, WalletEntry, WalletMember

GOODWILL, BONUS = "goodwill", "bonus"  # what we give: money back of good will, and top-up bonuses
BANK = "bank"  # what staff send by hand
PREPAID = "prepaid"  # money between the payment provider and the wallets, either way
OWN, FAMILY = "wallet", "family"  # whose wallet pays; "card" is neither


class NotEnough(PilebotError):
    """More than is free in the wallet was to be moved; whoever asked must look before."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What is free to spend, cash and bonus apart, and what is reserved for running charges."""

    cash_minor: int
    bonus_minor: int
    reserved_minor: int
    currency: str

    @property
    def available(self) -> Money:
        """Cash and bonus together."""
        return Money(self.cash_minor + self.bonus_minor, self.currency)

    @property
    def cash(self) -> Money:
        return Money(self.cash_minor, self.currency)

    @property
    def bonus(self) -> Money:
        return Money(self.bonus_minor, self.currency)

    @property
    def reserved(self) -> Money:
        return Money(self.reserved_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Payer:
    """A wallet that can pay: the rider's own, or that of their family."""

    wallet_id: int
    owner_id: int
    by: str
    available: Money


def balance(work: UnitOfWork, rider_id: int, currency: str) -> Balance:
    """How a rider's own wallet stands; zeros when there is none."""
    wallet = find(work, rider_id, currency)
    return stand(wallet) if wallet is not None else Balance(0, 0, 0, currency)


def stand(wallet: Wallet) -> Balance:
    """How a wallet stands."""
    reserved = wallet.cash_held_minor + wallet.bonus_held_minor
    return Balance(wallet.cash_minor, wallet.bonus_minor, reserved, wallet.currency)


def find(work: UnitOfWork, rider_id: int, currency: str) -> Wallet | None:
    """The rider's wallet in a currency."""
    return work.session.scalars(
        select(Wallet).where(Wallet.rider_id == rider_id, Wallet.currency == currency)
    ).first()


def wallets_of(work: UnitOfWork, rider_id: int) -> Sequence[Wallet]:
    """All of a rider's wallets, the oldest first."""
    mine = select(Wallet).where(Wallet.rider_id == rider_id).order_by(Wallet.id)
    return work.session.scalars(mine).all()


def open_wallet(work: UnitOfWork, rider_id: int, currency: str) -> Wallet:
    """The rider's wallet in a currency, made when it is the first."""
    known = find(work, rider_id, currency)
    if known is not None:
        return known
    work.session.execute(
        insert(work, Wallet)
        .values(
            rider_id=rider_id, currency=currency, cash_minor=0, bonus_minor=0, cash_held_minor=0,
            bonus_held_minor=0, created_at=work.now,
        )
        .on_conflict_do_nothing(index_elements=["rider_id", "currency"])
    )  # fmt: skip
    made = find(work, rider_id, currency)
    assert made is not None
    return made


def lock(work: UnitOfWork, wallet_id: int) -> Wallet:
    """The wallet as it stands, for whoever is about to move money alone."""
    work.session.flush()
    return work.session.get_one(Wallet, wallet_id, with_for_update=True, populate_existing=True)


def currency_of(work: UnitOfWork, rider_id: int) -> str | None:
    """The currency a rider means by bare figures: of their last charge, else of the wallet that is
    worth most, else where the first pile stands."""
    if (charged := _charged_at(work, rider_id)) is not None:
        return charged.currency
    wallets = wallets_of(work, rider_id)
    if wallets:
        return max(wallets, key=lambda each: (_worth(each), -each.id)).currency
    station = _last_station(work, rider_id)
    return station.currency if station is not None else None


def _worth(each: Wallet) -> Decimal:
    """What is free in it, in "about one euro"."""
    return stand(each).available.major() / about_one(each.currency)


def currencies(work: UnitOfWork) -> frozenset[str]:
    """Every currency that some station charges in."""
    return frozenset(work.session.scalars(select(Station.currency).distinct()))


def zone_of(work: UnitOfWork, rider_id: int) -> str:
    """The zone whose months count for a rider: of the last charge, else of the first station."""
    station = _last_station(work, rider_id)
    return station.tz if station is not None else "UTC"


def _last_station(work: UnitOfWork, rider_id: int) -> Station | None:
    first = select(Station).order_by(Station.id).limit(1)
    return _charged_at(work, rider_id) or work.session.scalars(first).first()


def _charged_at(work: UnitOfWork, rider_id: int) -> Station | None:
    last = (
        select(Station)
        .join(Pile, Pile.station_id == Station.id)
        .join(Evse, Evse.pile_id == Pile.id)
        .join(ChargingSession, ChargingSession.evse_id == Evse.id)
        .where(ChargingSession.rider_id == rider_id)
        .order_by(ChargingSession.id.desc())
        .limit(1)
    )
    return work.session.scalars(last).first()


# --- who pays


def payer(work: UnitOfWork, rider_id: int, money: Money, *, by: str | None = None) -> Payer | None:
    """The wallet that can pay so much for a rider now: their own first, then the family's within
    the month's limit. `by` asks for one of them, and locks it: until the end of the transaction
    the answer stays true."""
    for found in (own_payer(work, rider_id, money), family_payer(work, rider_id, money)):
        if found is None or by not in {None, found.by}:
            continue
        if by is not None:
            lock(work, found.wallet_id)
            again = own_payer if by == OWN else family_payer
            return again(work, rider_id, money)
        return found
    return None


def own_payer(work: UnitOfWork, rider_id: int, money: Money) -> Payer | None:
    """The rider's own wallet, if it covers so much."""
    wallet = find(work, rider_id, money.currency)
    return _covers(wallet, OWN, money) if wallet is not None else None


def family_payer(work: UnitOfWork, rider_id: int, money: Money) -> Payer | None:
    """The wallet of the rider's family, if it covers so much within their limit."""
    member = membership(work, rider_id)
    if member is None:
        return None
    wallet = work.session.get_one(Wallet, member.wallet_id)
    found = _covers(wallet, FAMILY, money) if wallet.currency == money.currency else None
    left = member.limit_minor - spent(work, member)
    return found if money.amount_minor <= left else None


def _covers(wallet: Wallet, by: str, money: Money) -> Payer | None:
    available = stand(wallet).available
    covers = 0 < money.amount_minor <= available.amount_minor
    return Payer(wallet.id, wallet.rider_id, by, available) if covers else None


def membership(work: UnitOfWork, rider_id: int) -> WalletMember | None:
    """The family that a rider is in, as a member."""
    return work.session.scalars(
        select(WalletMember).where(
            WalletMember.rider_id == rider_id, WalletMember.state == "active"
        )
    ).first()


def spent(work: UnitOfWork, member: WalletMember) -> int:
    """What a member has used of this month's limit: taken and reserved. A charge counts for the
    month it was reserved in, of the owner's zone."""
    owner = work.session.get_one(Wallet, member.wallet_id).rider_id
    mine = select(WalletEntry.source).where(
        WalletEntry.wallet_id == member.wallet_id,
        WalletEntry.spender_id == member.rider_id,
        WalletEntry.kind == "reserved",
        WalletEntry.at >= month_of(work.now, zone_of(work, owner)),
    )
    total = select(func.sum(WalletEntry.cash_minor + WalletEntry.bonus_minor)).where(
        WalletEntry.wallet_id == member.wallet_id,
        WalletEntry.source.in_(mine),
        WalletEntry.kind.in_(("reserved", "released")),
    )
    return -int(work.session.scalar(total) or 0)


# --- movements


def credit(
    work: UnitOfWork,
    rider_id: int,
    money: Money,
    *,
    bonus: bool,
    source: str,
    kind: str,
    account: str | None = None,
) -> bool:
    """Put money into a rider's wallet, once for `source` and `kind`; False for a repeat.

    `account` is the ledger's other side; without one it is a gift of ours.
    """
    wallet = lock(work, open_wallet(work, rider_id, money.currency).id)
    amount = money.amount_minor
    parts = Parts(bonus_minor=amount) if bonus else Parts(cash_minor=amount)
    other = account or (BONUS if bonus else GOODWILL)
    return _move(work, wallet, source=source, kind=kind, free=parts, against={other: amount})


def reserve(
    work: UnitOfWork, wallet_id: int, amount_minor: int, *, source: str, spender_id: int
) -> bool:
    """Set money aside for a hold; False when not so much is free, and nothing is changed."""
    wallet = lock(work, wallet_id)
    if _entry(work, source, "reserved") is not None:
        return True
    if stand(wallet).available.amount_minor < amount_minor:
        return False
    parts = first_of(Parts(wallet.cash_minor, wallet.bonus_minor), amount_minor)
    return _move(
        work, wallet, source=source, kind="reserved", free=-parts, held=parts, spender=spender_id
    )


def settle(work: UnitOfWork, source: str, amount_minor: int, *, account: str) -> Parts:
    """Take this much of what `source` reserved, for the ledger's `account`, and free the rest."""
    reserved = _entry(work, source, "reserved")
    if reserved is None:
        raise NotEnough(f"{source} has nothing reserved")
    wallet = lock(work, reserved.wallet_id)
    if (known := _entry(work, source, "captured")) is not None:
        return Parts(-known.cash_held_minor, -known.bonus_held_minor)
    held = Parts(reserved.cash_held_minor, reserved.bonus_held_minor)
    if amount_minor > held.total:
        raise NotEnough(f"{source} has {held.total} reserved, not {amount_minor}")
    taken = first_of(held, amount_minor)
    _move(
        work, wallet, source=source, kind="captured", held=-taken, against={account: -taken.total},
        spender=reserved.spender_id,
    )  # fmt: skip
    if (rest := held - taken).total:
        _move(work, wallet, source=source, kind="released", free=rest, held=-rest)
    return taken


def release(work: UnitOfWork, source: str) -> None:
    """Free what `source` reserved; what is settled or free already stays so."""
    reserved = _entry(work, source, "reserved")
    if reserved is None:
        return
    wallet = lock(work, reserved.wallet_id)
    if _entry(work, source, "captured") is None:
        parts = Parts(reserved.cash_held_minor, reserved.bonus_held_minor)
        _move(work, wallet, source=source, kind="released", free=parts, held=-parts)


def give_back(work: UnitOfWork, source: str, refund: Refund, *, account: str) -> Parts:
    """Return part of what `source` took: cash first, bonus as bonus."""
    taken = _entry(work, source, "captured")
    if taken is None:
        raise NotEnough(f"{source} took nothing")
    wallet = lock(work, taken.wallet_id)
    paid = Parts(-taken.cash_held_minor, -taken.bonus_held_minor)
    parts = goes_back(paid, _given_back(work, refund.hold_id), refund.amount_minor)
    if parts.total != refund.amount_minor:
        raise NotEnough(f"refund {refund.id} is more than {source} took")
    _move(
        work, wallet, source=f"refund:{refund.id}", kind="refunded", free=parts,
        against={account: parts.total},
    )  # fmt: skip
    return parts


def draw(work: UnitOfWork, wallet_id: int, amount_minor: int, *, source: str, account: str) -> bool:
    """Take cash out of a wallet on its way back to where it came from; bonus is never drawn."""
    wallet = lock(work, wallet_id)
    if wallet.cash_minor < amount_minor:
        raise NotEnough(f"wallet {wallet_id} has {wallet.cash_minor} in cash, not {amount_minor}")
    parts = Parts(cash_minor=amount_minor)
    return _move(
        work, wallet, source=source, kind="drawn", free=-parts, against={account: -amount_minor}
    )


def wallet_behind(work: UnitOfWork, source: str) -> Wallet | None:
    """The wallet that `source` reserved money in."""
    entry = _entry(work, source, "reserved")
    return work.session.get(Wallet, entry.wallet_id) if entry is not None else None


def parts_taken(work: UnitOfWork, source: str) -> Parts:
    """What `source` took, as cash and bonus."""
    entry = _entry(work, source, "captured")
    return Parts(-entry.cash_held_minor, -entry.bonus_held_minor) if entry else Parts()


def parts_left(work: UnitOfWork, hold_id: int) -> Parts:
    """What a hold took and has not given back: what can return as cash, and what as bonus."""
    return parts_taken(work, f"hold:{hold_id}") - _given_back(work, hold_id)


def entries(work: UnitOfWork, wallet_id: int, *, limit: int) -> Sequence[WalletEntry]:
    """The last movements, newest first."""
    return work.session.scalars(
        select(WalletEntry)
        .where(WalletEntry.wallet_id == wallet_id)
        .order_by(WalletEntry.id.desc())
        .limit(limit)
    ).all()


def _given_back(work: UnitOfWork, hold_id: int) -> Parts:
    given = select(Refund.id).where(Refund.hold_id == hold_id)
    sources = [f"refund:{number}" for number in work.session.scalars(given)]
    row = work.session.execute(
        select(func.sum(WalletEntry.cash_minor), func.sum(WalletEntry.bonus_minor)).where(
            WalletEntry.source.in_(sources), WalletEntry.kind == "refunded"
        )
    ).one()
    return Parts(int(row[0] or 0), int(row[1] or 0))


def _entry(work: UnitOfWork, source: str, kind: str) -> WalletEntry | None:
    return work.session.scalars(
        select(WalletEntry).where(WalletEntry.source == source, WalletEntry.kind == kind)
    ).first()


_NONE: Final = Parts()


def _move(
    work: UnitOfWork,
    wallet: Wallet,
    *,
    source: str,
    kind: str,
    free: Parts = _NONE,
    held: Parts = _NONE,
    against: Mapping[str, int] | None = None,
    spender: int | None = None,
) -> bool:
    """One movement of a locked wallet: row, balance and ledger; False when it was made before."""
    statement = (
        insert(work, WalletEntry)
        .values(
            wallet_id=wallet.id, source=source, kind=kind, cash_minor=free.cash_minor,
            bonus_minor=free.bonus_minor, cash_held_minor=held.cash_minor,
            bonus_held_minor=held.bonus_minor, spender_id=spender, at=work.now,
        )
        .on_conflict_do_nothing(index_elements=["source", "kind"])
        .returning(WalletEntry.id)
    )  # fmt: skip
    if work.session.execute(statement).first() is None:
        return False
    wallet.cash_minor += free.cash_minor
    wallet.bonus_minor += free.bonus_minor
    wallet.cash_held_minor += held.cash_minor
    wallet.bonus_held_minor += held.bonus_minor
    left = (wallet.cash_minor, wallet.bonus_minor, wallet.cash_held_minor, wallet.bonus_held_minor)
    if min(left) < 0:
        raise NotEnough(f"{source} {kind} would leave wallet {wallet.id} with {left}")
    work.session.flush()
    account = f"wallet:{wallet.id}"
    amounts = {  # what we owe the rider stands on the credit side
        f"{account}:cash": -free.cash_minor,
        f"{account}:bonus": -free.bonus_minor,
        f"{account}:cash_held": -held.cash_minor,
        f"{account}:bonus_held": -held.bonus_minor,
        **(against or {}),
    }
    post(work, source=source, kind=kind, currency=wallet.currency, amounts=amounts)
    return True


def month_began(work: UnitOfWork, rider_id: int) -> datetime:
    """When this calendar month began for a rider."""
    return month_of(work.now, zone_of(work, rider_id))
