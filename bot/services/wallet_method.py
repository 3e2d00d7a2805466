"""The payment method "wallet": reserved, taken and given back in our own ledger, at once.

A session hears of it in the same transaction (bot/services/session_effects.py); every other
subject by a "payment.result", like that of any payment.
"""

from __future__ import annotations

from typing import Any, Final

from bot.domain.money import Money
from bot.services import auto_top_ups, billing, family, payments, wallet
from bot.store import inbox
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork

NAME: Final = "wallet"
AT_ONCE: Final = frozenset({"debt", "sale"})  # taken as soon as it is there


class WalletMethod:
    """See bot.services.payments.Method. `about["methods"]` may name whose wallet: "wallet" is the
    rider's own, "family" the owner's; without it whichever covers the amount."""

    def place(self, work: UnitOfWork, hold: Hold) -> None:
        """Set aside, or take at once."""
        wanted = next(iter(hold.about.get("methods") or ()), None)
        if not _reserve(work, hold, wanted):
            _told(work, hold, "failed", reason="wallet")
        elif hold.purpose in AT_ONCE:
            hold.capture_minor = hold.amount_minor
            self.capture(work, hold)
        else:
            _told(work, hold, "held")

    def check(self, work: UnitOfWork, hold: Hold, key: str) -> None:
        """It stands as its row says."""

    def capture(self, work: UnitOfWork, hold: Hold) -> None:
        """Take it; the rest is free again."""
        source, amount = f"hold:{hold.id}", hold.capture_minor or 0
        taken = wallet.settle(work, source, amount, account=_account(work, hold))
        owned = wallet.wallet_behind(work, source)
        assert owned is not None
        auto_top_ups.look_after(work, owned, source=source)
        if hold.session_id is not None:
            session = work.session.get_one(ChargingSession, hold.session_id)
            family.tell_owner(work, session, owned, taken)
        _told(work, hold, "captured", amount_minor=taken.total)

    def release(self, work: UnitOfWork, hold: Hold, attempt: int) -> None:
        """Free again."""
        wallet.release(work, f"hold:{hold.id}")
        _told(work, hold, "void")

    def refund(self, work: UnitOfWork, hold: Hold, refund: Refund) -> None:
        """Back into the wallet: cash first, bonus as bonus."""
        owed = refund.reason in billing.OWED_BACK
        account = _account(work, hold) if owed else billing.REFUNDS
        wallet.give_back(work, f"hold:{hold.id}", refund, account=account)
        body = {"hold_id": hold.id, "refund_id": refund.id, "outcome": "refunded"}
        _put(work, hold, f"refunded:{refund.id}", body)


def _reserve(work: UnitOfWork, hold: Hold, wanted: str | None) -> bool:
    money = Money(hold.amount_minor, hold.currency)
    found = wallet.payer(work, hold.rider_id, money, by=wanted)
    if found is not None and wanted is None:
        found = wallet.payer(work, hold.rider_id, money, by=found.by)
    return found is not None and wallet.reserve(
        work, found.wallet_id, hold.amount_minor, source=f"hold:{hold.id}",
        spender_id=hold.rider_id,
    )  # fmt: skip


def _account(work: UnitOfWork, hold: Hold) -> str:
    """Whose money it is once taken, in the ledger."""
    from bot.services.payment_results import account_of  # it knows the sessions, which know us

    return account_of(work, hold)


def _told(
    work: UnitOfWork, hold: Hold, outcome: str, *, amount_minor: int | None = None, reason: str = ""
) -> None:
    """A session's payment changes at once, any other by the inbox."""
    if hold.session_id is None:
        body = {"hold_id": hold.id, "outcome": outcome, "reason": reason}
        amount = {} if amount_minor is None else {"amount_minor": amount_minor}
        _put(work, hold, f"{outcome}:{hold.id}", body | amount)
        return
    hold.state, hold.updated_at = outcome, work.now
    hold.captured_minor = amount_minor if outcome == "captured" else hold.captured_minor
    hold.reason = reason or hold.reason
    work.session.flush()


def _put(work: UnitOfWork, hold: Hold, what: str, body: dict[str, Any]) -> None:
    inbox.put(
        work,
        source="payments",
        source_id=f"wallet:{what}",
        stream=hold.subject,
        kind="payment.result",
        body=body,
    )


payments.add_method(NAME, WalletMethod())
