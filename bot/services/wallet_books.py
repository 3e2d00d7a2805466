"""Wallets against their movements, and both against the ledger: what differs, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from sqlalchemy import func, select

from bot.services import wallet
from bot.store.charging import Hold, LedgerEntry
from bot.store.database import UnitOfWork
from bot.store.wallet import Payout, TopUp, Wallet, WalletEntry

PARTS: Final = ("cash", "bonus", "cash_held", "bonus_held")
# Movements that have their other side elsewhere; all others are gifts of ours.
_PAID: Final = (
    "reserved", "captured", "released", "refunded", "paid", "drawn", "returned",
)  # fmt: skip
_SIDES: Final = {
    wallet.GOODWILL: "gifts", wallet.BONUS: "gifts", wallet.PREPAID: "prepaid",
    wallet.BANK: "sent by hand",
}  # fmt: skip


def earned(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """Prepaid money is no sale."""
    return {}


def side_of(account: str) -> str | None:
    """Each part of each wallet is a side: "wallet 7 cash"."""
    if account.startswith("wallet:"):
        return account.replace(":", " ")
    return _SIDES.get(account)


def open_sides(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """What wallets hold (we owe it), what was given, what is on its way out, what staff sent."""
    sides: dict[tuple[str, str], int] = defaultdict(int)
    for owned in work.session.scalars(select(Wallet)):
        for part in PARTS:
            sides[f"wallet {owned.id} {part}", owned.currency] -= getattr(owned, f"{part}_minor")
    amount = func.sum(WalletEntry.cash_minor + WalletEntry.bonus_minor)
    gifts = (
        select(Wallet.currency, amount)
        .join(Wallet, Wallet.id == WalletEntry.wallet_id)
        .where(WalletEntry.kind.not_in(_PAID))
        .group_by(Wallet.currency)
    )
    for currency, total in work.session.execute(gifts):
        sides["gifts", currency] += int(total)
    payouts = select(Payout, Wallet.currency).join(Wallet, Wallet.id == Payout.wallet_id)
    for payout, currency in work.session.execute(payouts):
        if payout.state in {"open", "staff"}:
            sides["prepaid", currency] -= payout.amount_minor
        elif payout.state == "done" and payout.refund_id is None:
            sides["sent by hand", currency] -= payout.amount_minor
    return sides


def faults(work: UnitOfWork) -> Iterator[str]:
    """Every fault, a line each."""
    yield from _balances(work)
    yield from _reservations(work)
    yield from _top_ups(work)
    yield from _payouts(work)


def _balances(work: UnitOfWork) -> Iterator[str]:
    """A wallet holds what its movements come to, what the ledger says, and nothing below zero."""
    moved: dict[tuple[int, str], int] = defaultdict(int)
    sums = [func.sum(getattr(WalletEntry, f"{part}_minor")) for part in PARTS]
    rows = select(WalletEntry.wallet_id, *sums).group_by(WalletEntry.wallet_id)
    for wallet_id, *totals in work.session.execute(rows):
        for part, total in zip(PARTS, totals, strict=True):
            moved[wallet_id, part] = int(total)
    posted: dict[tuple[int, str, str], int] = defaultdict(int)
    ledger = (
        select(LedgerEntry.account, LedgerEntry.currency, func.sum(LedgerEntry.amount_minor))
        .where(LedgerEntry.account.startswith("wallet:"))
        .group_by(LedgerEntry.account, LedgerEntry.currency)
    )
    for account, currency, total in work.session.execute(ledger):
        _, number, part = account.split(":")
        posted[int(number), part, currency] = -int(total)
    for owned in work.session.scalars(select(Wallet).order_by(Wallet.id)):
        for part in PARTS:
            shown = getattr(owned, f"{part}_minor")
            by_rows = moved.pop((owned.id, part), 0)
            by_ledger = posted.pop((owned.id, part, owned.currency), 0)
            if not shown == by_rows == by_ledger:
                yield (
                    f"wallet {owned.id} {part}: {shown} is shown, {by_rows} by its movements, "
                    f"{by_ledger} by the ledger"
                )
            if shown < 0:
                yield f"wallet {owned.id} {part}: {shown} is below zero"
    for key, total in [*moved.items(), *posted.items()]:
        if total:
            yield f"wallet {key[0]} {key[1]}: {total} is posted to no such wallet"


def _reservations(work: UnitOfWork) -> Iterator[str]:
    """What a wallet reserves for a hold is free or taken again when the hold is over, and only
    then; what was taken is what the hold says."""
    reserved: dict[str, int] = defaultdict(int)
    taken: dict[str, int] = defaultdict(int)
    for entry in work.session.scalars(
        select(WalletEntry).where(WalletEntry.kind.in_(("reserved", "captured", "released")))
    ):
        reserved[entry.source] += entry.cash_held_minor + entry.bonus_held_minor
        if entry.kind == "captured":
            taken[entry.source] -= entry.cash_held_minor + entry.bonus_held_minor
    holds = select(Hold).where(Hold.method == "wallet")
    for hold in work.session.scalars(holds):
        source = f"hold:{hold.id}"
        still, took = reserved.pop(source, 0), taken.pop(source, 0)
        if hold.session_id is None and hold.state in {"creating", "capturing", "voiding"}:
            continue  # moved already, and the payment hears of it next
        wanted = hold.amount_minor if hold.state in {"held", "capturing", "voiding"} else 0
        if still != wanted:
            yield f"{source}: {still} is reserved in the wallet, {wanted} should be"
        if took != (hold.captured_minor or 0):
            yield f"{source}: {took} left the wallet, {hold.captured_minor or 0} was taken"
    for source, amount in reserved.items():
        if amount and source.startswith("hold:"):
            yield f"{source}: {amount} is reserved in a wallet for no such hold"


def _top_ups(work: UnitOfWork) -> Iterator[str]:
    """Each top-up that was paid, and no other, is in its wallet, with its bonus."""
    got: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    moves = select(WalletEntry).where(WalletEntry.source.startswith("topup:"))
    for entry in work.session.scalars(moves):
        got[entry.source][0] += entry.cash_minor
        got[entry.source][1] += entry.bonus_minor
    for top_up in work.session.scalars(select(TopUp)):
        paid = top_up.state == "paid"
        wanted = [top_up.amount_minor, top_up.bonus_minor] if paid else [0, 0]
        found = got.pop(f"topup:{top_up.id}", [0, 0])
        if found != wanted:
            yield f"topup:{top_up.id}: {found} came into the wallet, {wanted} should have"
    for source in got:
        yield f"{source}: came into a wallet, but there is no such top-up"


def _payouts(work: UnitOfWork) -> Iterator[str]:
    """Each pay-out left its wallet once, and came back where it could not be sent."""
    left: dict[str, int] = defaultdict(int)
    moves = select(WalletEntry).where(WalletEntry.source.startswith("payout:"))
    for entry in work.session.scalars(moves):
        left[entry.source] -= entry.cash_minor
    for payout in work.session.scalars(select(Payout)):
        wanted = 0 if payout.state == "returned" else payout.amount_minor
        found = left.pop(f"payout:{payout.id}", 0)
        if found != wanted:
            yield f"payout:{payout.id}: {found} left the wallet, {wanted} should have"
    for source in left:
        yield f"{source}: left a wallet, but there is no such pay-out"
