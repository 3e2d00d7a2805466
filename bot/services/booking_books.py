"""What bookings say the ledger must hold: deposits that stand, and fees that were taken of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from sqlalchemy import select

from bot.services.booking_effects import DEPOSITS, FEES, was_held
from bot.store.charging import Hold
from bot.store.database import UnitOfWork

_STANDING: Final = ("held", "capturing", "voiding")


def earned(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """A fee for not coming is no sale; what it earns stands on an account of its own."""
    return {}


def side_of(account: str) -> str | None:
    """The side an account of the ledger counts to."""
    family, _, rider = account.partition(":")
    if family == DEPOSITS:
        return f"deposits of rider {rider}" if rider else "deposits"
    return "fees for not coming" if account == FEES else None


def open_sides(work: UnitOfWork) -> dict[tuple[str, str], int]:
    """Deposits that are held, on both of their accounts, and all fees so far."""
    sides: dict[tuple[str, str], int] = defaultdict(int)
    for hold in work.session.scalars(select(Hold).where(Hold.subject.startswith("booking:"))):
        at_once = hold.method == "wallet" and hold.state == "capturing"  # the payment hears next
        taken = hold.capture_minor if at_once else hold.captured_minor
        sides["fees for not coming", hold.currency] -= taken or 0
        if hold.purpose == "deposit" and hold.state in _STANDING and was_held(work, hold):
            sides["deposits", hold.currency] += hold.amount_minor
            sides[f"deposits of rider {hold.rider_id}", hold.currency] -= hold.amount_minor
    return sides
