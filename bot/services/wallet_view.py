"""Movements of a wallet as people read them, in the chat and in the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from bot.domain.money import Money
from bot.replies import Moment, Say, Value
from bot.services.family import name_of
from bot.store.charging import ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse
from bot.store.wallet import Wallet, WalletEntry

# What moved money into or out of the wallet; a reservation only moves it aside.
WHAT: Final = {
    "paid": Say("Top-up"),
    "bonus": Say("Top-up bonus"),
    "captured": Say("Charge {about}"),
    "refunded": Say("Refund"),
    "drawn": Say("Paid out"),
    "returned": Say("Pay-out came back"),
    "given": Say("From us"),
}


@dataclass(frozen=True, slots=True)
class Movement:
    """One line: what came in or went out; `about` is the EVSE of a charge, `who` a member of the
    family who charged."""

    at: datetime
    kind: str
    cash: Money
    bonus: Money
    about: str
    who: str | Say

    @property
    def total(self) -> Money:
        return Money(self.cash.amount_minor + self.bonus.amount_minor, self.cash.currency)


def movements(work: UnitOfWork, wallet_ids: Sequence[int], *, limit: int) -> list[Movement]:
    """The last movements of wallets, newest first."""
    rows = work.session.execute(
        select(WalletEntry, Wallet)
        .join(Wallet, Wallet.id == WalletEntry.wallet_id)
        .where(
            WalletEntry.wallet_id.in_(wallet_ids),
            WalletEntry.kind.not_in(("reserved", "released")),
        )
        .order_by(WalletEntry.id.desc())
        .limit(limit)
    ).all()
    return [_movement(work, entry, owned) for entry, owned in rows]


def _movement(work: UnitOfWork, entry: WalletEntry, owned: Wallet) -> Movement:
    about, who = "", ""
    if entry.kind == "captured":
        about = _place(work, entry.source)
    spender: str | Say = who
    if entry.spender_id not in {None, owned.rider_id}:
        spender = name_of(work.session.get_one(Rider, entry.spender_id))
    return Movement(
        at=entry.at,
        kind=entry.kind,
        cash=Money(entry.cash_minor + entry.cash_held_minor, owned.currency),
        bonus=Money(entry.bonus_minor + entry.bonus_held_minor, owned.currency),
        about=about,
        who=spender,
    )


def _place(work: UnitOfWork, source: str) -> str:
    """The EVSE a hold paid a charge at."""
    kind, _, number = source.partition(":")
    code = (
        select(Evse.code)
        .join(ChargingSession, ChargingSession.evse_id == Evse.id)
        .join(Hold, Hold.session_id == ChargingSession.id)
        .where(Hold.id == int(number) if kind == "hold" and number.isdigit() else Hold.id.is_(None))
    )
    return work.session.scalars(code).first() or ""


def named(movement: Movement) -> Say:
    """What moved the money."""
    source = WHAT.get(movement.kind, WHAT["given"])
    return Say(source.text, {"about": movement.about})


def line(movement: Movement, tz: str) -> Say:
    """One movement as a line of the chat."""
    values: dict[str, Value] = {
        "time": Moment(movement.at, tz, "date_time"),
        "what": named(movement),
        "amount": movement.total,
        "who": movement.who,
    }
    if movement.who:
        return Say("{time}: {what} ({who}) {amount}", values)
    return Say("{time}: {what} {amount}", values)
