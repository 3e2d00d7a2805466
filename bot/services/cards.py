"""The card that the payment provider keeps for a rider."""

from __future__ import annotations

from bot.store import outbox
from bot.store.database import UnitOfWork
from bot.store.riders import Rider


def remove(work: UnitOfWork, rider: Rider, payment_method: str) -> bool:
    """Forget this card, here at once and at the provider; False when it is not theirs (any more).
    What is held on it already stays held."""
    if not payment_method or rider.stripe_payment_method != payment_method:
        return False
    rider.stripe_payment_method = rider.card_label = None
    forget(work, rider.id, payment_method)
    return True


def forget(work: UnitOfWork, rider_id: int, payment_method: str) -> None:
    """The provider keeps this card no longer."""
    outbox.emit(
        work,
        key=f"forget:{payment_method}",
        lane="worker",
        stream=f"card:{rider_id}",
        kind="payment.forget_card",
        body={"payment_method": payment_method},
    )
