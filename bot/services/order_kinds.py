"""Orders that are no charges: reservations, plans that were bought, and wallet top-ups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from bot.domain.booking_facts import BookingFacts
from bot.domain.money import Money
from bot.domain.tariffs import load_tariff
from bot.replies import Amount, Rate
from bot.services import plans, wallet
from bot.services.booked import facts_of
from bot.services.tariffs import main_price
from bot.store.bookings import Booking
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.offers import Plan
from bot.store.stations import Evse
from bot.store.wallet import TopUp, Wallet

RUNNING, RESERVED, COMPLETED, REFUNDED = "running", "reserved", "completed", "refunded"
# A fulfilled booking is told of by its charge; one that was rejected never was any.
ENDED: Final = ("CANCELED", "NO_SHOW", "FAILED")
PLAN_STATES: Final = ("asked", "active", "used_up", "expired", "refunded")
TOP_UP_STATES: Final = ("open", "paid")


@dataclass(frozen=True, slots=True)
class Reservation:
    """One booking: `price` is the main one of its slot (None: free), `kept` what was taken of the
    deposit, `refunded` what of that went back."""

    booking_id: int
    group: str
    evse_code: str
    station_name: str
    tz: str
    ends_at: datetime
    facts: BookingFacts
    price: Rate | None
    deposit: Money
    kept: Money
    refunded: Money

    @property
    def at(self) -> datetime:
        """When its slot begins."""
        return self.facts.starts_at

    @property
    def seconds(self) -> int:
        """How long its slot is."""
        return int((self.ends_at - self.at).total_seconds())


@dataclass(frozen=True, slots=True)
class Purchase:
    """A plan ("plan") or a top-up ("topup") that was bought.

    `name` and `size` are the plan's; `left` is what is left of the plan, or the cash and bonus
    that the wallet now holds; `ends_at` is None for what does not end.
    """

    kind: str
    id: int
    group: str
    state: str
    tz: str
    at: datetime
    amount: Money
    refunded: Money
    name: str = ""
    size: Amount | None = None
    left: Amount | None = None
    ends_at: datetime | None = None
    bonus: Money | None = None
    cash_now: Money | None = None
    bonus_now: Money | None = None


def reservation(work: UnitOfWork, booking: Booking) -> Reservation:
    """A booking as an order."""
    evse = work.session.get_one(Evse, booking.evse_id)
    facts = facts_of(booking)
    terms = facts.terms
    fee = min(terms.fee_minor, terms.deposit_minor)
    kept = fee if facts.deposit in {"taking", "taken"} else 0
    back = max(given_back(work, f"booking:{booking.id}"), kept if facts.forgiven else 0)
    group = RESERVED if booking.live else REFUNDED if back else COMPLETED
    return Reservation(
        booking_id=booking.id,
        group=group,
        evse_code=evse.code,
        station_name=evse.pile.station.name,
        tz=evse.pile.station.tz,
        ends_at=booking.ends_at,
        facts=facts,
        price=main_price(load_tariff(booking.tariff), booking.starts_at),
        deposit=Money(terms.deposit_minor, terms.currency),
        kept=Money(kept, terms.currency),
        refunded=Money(back, terms.currency),
    )


def plan_bought(work: UnitOfWork, plan: Plan) -> Purchase:
    """A plan as an order."""
    price = Money(plan.price_minor, plan.currency)
    back = plan.state == "refunded"
    return Purchase(
        kind="plan",
        id=plan.id,
        group=RUNNING if plan.state == "asked" else REFUNDED if back else COMPLETED,
        state=plan.state,
        tz=plans.zone(work, plan.country),
        at=plan.bought_at or plan.asked_at,
        amount=price,
        refunded=price if back else Money(0, plan.currency),
        name=plans.shown(work, plan),
        size=Amount(plan.size, plan.unit),
        left=plans.left(plan),
        ends_at=plan.ends_at,
    )


def top_up_bought(work: UnitOfWork, row: TopUp) -> Purchase:
    """A top-up as an order."""
    mine = work.session.get_one(Wallet, row.wallet_id)
    stand = wallet.stand(mine)
    back = given_back(work, f"topup:{row.id}")
    return Purchase(
        kind="topup",
        id=row.id,
        group=RUNNING if row.state == "open" else REFUNDED if back else COMPLETED,
        state=row.state,
        tz=wallet.zone_of(work, mine.rider_id),
        at=row.created_at,
        amount=Money(row.amount_minor, mine.currency),
        refunded=Money(back, mine.currency),
        bonus=Money(row.bonus_minor, mine.currency),
        cash_now=stand.cash,
        bonus_now=stand.bonus,
    )


def given_back(work: UnitOfWork, subject: str) -> int:
    """What went back of the payments for a subject."""
    total = (
        select(func.sum(Refund.amount_minor))
        .join(Hold, Hold.id == Refund.hold_id)
        .where(Hold.subject == subject, Refund.state != "failed")
    )
    return int(work.session.scalar(total) or 0)


# --- one of the rider's own, None for any other


def own_reservation(work: UnitOfWork, rider_id: int, number: int) -> Reservation | None:
    """The reservation behind a line of the list."""
    row = work.session.get(Booking, number)
    return reservation(work, row) if row is not None and row.rider_id == rider_id else None


def own_plan(work: UnitOfWork, rider_id: int, number: int) -> Purchase | None:
    """The plan behind a line of the list."""
    row = work.session.get(Plan, number)
    known = row is not None and row.rider_id == rider_id and row.state in PLAN_STATES
    return plan_bought(work, row) if row is not None and known else None


def own_top_up(work: UnitOfWork, rider_id: int, number: int) -> Purchase | None:
    """The top-up behind a line of the list."""
    row = work.session.scalars(
        select(TopUp)
        .join(Wallet, Wallet.id == TopUp.wallet_id)
        .where(TopUp.id == number, Wallet.rider_id == rider_id, TopUp.state.in_(TOP_UP_STATES))
    ).first()
    return top_up_bought(work, row) if row is not None else None
