"""A refund that the bank sent back: the money goes into the rider's wallet instead, and counts as
given."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, String, cast, exists, literal

from bot.domain.money import Money
from bot.replies import Say
from bot.services import wallet
from bot.services.billing import OWED_BACK, tell_invoices
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.wallet import WalletEntry

# What was owed has its other side with the rider's account, the rest is a gift of ours.
OWED, GIVEN = "returned", "refund_failed"
_KINDS: Final = (OWED, GIVEN)


def in_wallet() -> ColumnElement[bool]:
    """A condition on Refund: it failed and was put into the wallet instead."""
    source = literal("refund:") + cast(Refund.id, String)
    return exists().where(WalletEntry.source == source, WalletEntry.kind.in_(_KINDS))


def to_wallet(
    work: UnitOfWork, settings: Settings, hold: Hold, refund: Refund, account: str
) -> bool:
    """Put a failed refund into the rider's wallet; False where that cannot be. Pay-outs of top-ups
    have their own way back (bot/services/payouts.py)."""
    pay_out = hold.subject.startswith("topup:")
    if settings.wallet == "off" or hold.method != "card" or pay_out:
        return False
    owed = refund.reason in OWED_BACK
    amount = Money(refund.amount_minor, refund.currency)
    if not wallet.credit(
        work,
        hold.rider_id,
        amount,
        bonus=False,
        source=f"refund:{refund.id}",
        kind=OWED if owed else GIVEN,
        account=account if owed else None,
    ):
        return False
    tell_invoices(work, refund)  # it went back after all
    text = Say(
        "Your bank did not accept the {amount} we sent back to your card. I have put it into your "
        "wallet; your next charge uses it, or write “payout” to have it paid out.",
        {"amount": amount},
    )
    tell_rider(work, hold.rider_id, text, key=f"refund:{refund.id}:wallet")
    return True
