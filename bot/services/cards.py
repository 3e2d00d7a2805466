"""The card that the payment provider keeps for a rider: entered, replaced, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from bot.domain.money import Money
from bot.replies import Choose, Link, Option, Say
from bot.services import payments
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store import outbox
from bot.store.charging import Hold
from bot.store.database import ALONE, UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Station

ENTER = Say("Enter your card on the secure page. Nothing is charged; it is kept for your charges.")
PAGE = Say("Open secure page")


def add(work: UnitOfWork, rider: Rider) -> str | None:
    """Ask for a card on a page of the provider: the page where one is open already, else None: the
    rider is told as soon as there is one."""
    subject = f"card:{rider.id}"
    work.session.get_one(Rider, rider.id, with_for_update=ALONE)
    known = payments.of(work, subject)
    if known is not None and known.state == "creating":
        return None
    if known is not None and known.state == "waiting":
        return known.checkout_url
    payments.ask(
        work,
        rider_id=rider.id,
        subject=subject,
        purpose="card",
        amount=Money(0, _currency(work, rider)),
        title=Say("Your card"),
        note=ENTER,
    )
    return None


def _currency(work: UnitOfWork, rider: Rider) -> str:
    """What the rider paid in last, else what stations charge in: it decides which cards the page
    takes."""
    last = select(Hold.currency).where(Hold.rider_id == rider.id).order_by(Hold.id.desc()).limit(1)
    first = select(Station.currency).order_by(Station.id).limit(1)
    return work.session.scalars(last).first() or work.session.scalars(first).first() or "EUR"


def on_payment_result(
    work: UnitOfWork, _settings: Settings, hold: Hold, outcome: str, body: Mapping[str, Any]
) -> None:
    """What became of a page for a card."""
    rider = work.session.get_one(Rider, hold.rider_id)
    key = f"card:{hold.id}:{outcome}"
    if outcome == "needs_rider":
        tell_rider(work, rider.id, Link(ENTER, PAGE, str(body.get("url") or "")), key=key)
    elif outcome == "saved":
        text = Say(
            "{card} is saved. Your charges are paid with it from now on.",
            {"card": rider.card_label or ""},
        )
        tell_rider(work, rider.id, text, key=key)
    elif outcome in {"failed", "expired"}:
        text = Say("No card was saved: the page ran out or did not work. Nothing was charged.")
        again = [Option("top_up_or_payment?do=add", Say("Add a card"))]
        tell_rider(work, rider.id, Choose(text, again), key=key)


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
