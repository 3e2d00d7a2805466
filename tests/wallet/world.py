"""What tests of prepaid money do to the charging world, and ask of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from bot.domain.money import Money
from bot.services import payment_results, topups, wallet
from bot.services.books import audit
from bot.services.wallet import Balance
from bot.store.charging import Hold
from bot.store.riders import Rider
from bot.store.wallet import WalletMember
from tests.charging.world import SETTINGS, World

EUR = "EUR"


def eur(minor: int) -> Money:
    return Money(minor, EUR)


def fill(world: World, rider_id: int, cash: int, bonus: int = 0) -> int:
    """A wallet with so much in it; its number."""
    with world.work() as work:
        wallet.credit(
            work, rider_id, eur(cash), bonus=False, source=f"gift:{rider_id}", kind="cash"
        )
        if bonus:
            wallet.credit(
                work, rider_id, eur(bonus), bonus=True, source=f"gift:{rider_id}", kind="bonus"
            )
        return wallet.open_wallet(work, rider_id, EUR).id


def join(world: World, wallet_id: int, rider_id: int, limit: int) -> None:
    """One more in the family."""
    with world.work() as work:
        work.session.add(
            WalletMember(
                wallet_id=wallet_id, rider_id=rider_id, code=f"C{rider_id}", limit_minor=limit,
                state="active", created_at=world.now, accepted_at=world.now,
            )
        )  # fmt: skip


def stands(world: World, rider_id: int = 1) -> Balance:
    with world.work() as work:
        return wallet.balance(work, rider_id, EUR)


def faults(world: World) -> list[str]:
    """Of the whole books."""
    with world.work() as work:
        return audit(work)


def top_up(world: World, amount: int, *, key: str = "top-1", settings: Any = SETTINGS) -> str:
    """A yes to a top-up; the subject of its payment."""
    with world.work() as work:
        rider = work.session.get_one(Rider, 1)
        row = topups.start(work, settings, rider, eur(amount), key=key)
        assert row is not None
        return f"topup:{row.id}"


def answers(world: World, subject: str, outcome: str, **more: Any) -> None:
    """The provider tells how the newest payment of a subject went."""
    with world.work() as work:
        hold = work.session.scalars(
            select(Hold).where(Hold.subject == subject).order_by(Hold.id.desc())
        ).first()
        assert hold is not None
        if outcome == "captured":
            hold.payment_intent = f"pi_{hold.id}"
            more.setdefault("amount_minor", hold.amount_minor)
        body = {"hold_id": hold.id, "outcome": outcome, **more}
        payment_results.on_payment_result(work, SETTINGS, body)
    world.drain()


def paid(world: World, amount: int, *, key: str = "top-1", settings: Any = SETTINGS) -> str:
    """A top-up that was paid."""
    subject = top_up(world, amount, key=key, settings=settings)
    answers(world, subject, "captured")
    return subject


def give_card(world: World, rider_id: int = 1) -> None:
    with world.work() as work:
        rider = work.session.get_one(Rider, rider_id)
        rider.stripe_customer, rider.stripe_payment_method = "cus_1", "pm_1"
        rider.card_label = "Visa 4242"
