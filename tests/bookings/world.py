"""The world of the charging tests, with bookings: deposits, reservations of piles, timers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

import tests.charging.world as charging_world
from bot.domain.booking_facts import BookingFacts
from bot.services import (
    booked,
    booking_news,
    booking_trouble,
    bookings,
    charging_facts,
    later,
    payment_results,
    site,
    site_news,
)
from bot.store.bookings import Booking, BookingCell
from bot.store.charging import Hold, LedgerEntry
from bot.store.queues import Inbox
from bot.store.riders import Rider
from bot.store.stations import Evse

NOW = charging_world.NOW
SETTINGS = replace(charging_world.SETTINGS)
MIN = timedelta(minutes=1)
SERVED: dict[str, Any] = {
    "session.timer": charging_facts.on_timer,
    "command.result": charging_facts.on_command_result,
    "booking.timer": booking_news.on_timer,
    "session.over": booking_trouble.on_session_over,
    "pile.reservation": booking_news.on_reservation,
    "payment.timer": payment_results.on_timer,
    later.TIMER: later.on_timer,
    site_news.KIND: site.on_look,
}


class World(charging_world.World):
    """Time stands still until `passes`; `drain` serves what is due, oldest row first."""

    rider_now = 1  # whose history it is

    def drain(self) -> None:
        while True:
            with self.work() as work:
                row = work.session.scalars(
                    select(Inbox)
                    .where(
                        Inbox.state == "open",
                        Inbox.available_at <= self.now,
                        Inbox.kind.in_(SERVED),
                    )
                    .order_by(Inbox.id)
                    .limit(1)
                ).first()
                if row is None:
                    return
                row.state = "done"
                work.session.flush()
                SERVED[row.kind](work, SETTINGS, row.body)

    def minutes(self, count: float) -> None:
        """Let time pass minute by minute, as the clock does."""
        for _ in range(int(count)):
            self.passes(60)

    # --- the rider

    def proposes(
        self, start: datetime, *, evse_id: int = 1, rider_id: int = 1, length: int = 60
    ) -> dict[str, Any]:
        with self.work() as work:
            proposal = bookings.propose(
                work, SETTINGS, rider=work.session.get_one(Rider, rider_id),
                evse=work.session.get_one(Evse, evse_id), starts_at=start,
                ends_at=start + length * MIN,
            )  # fmt: skip
            body: dict[str, Any] = json.loads(json.dumps(proposal.body))
            return body

    def books(
        self, start: datetime, *, evse_id: int = 1, rider_id: int = 1, length: int = 60,
        key: str | None = None, body: dict[str, Any] | None = None,
    ) -> int:  # fmt: skip
        body = body or self.proposes(start, evse_id=evse_id, rider_id=rider_id, length=length)
        with self.work() as work:
            booking = bookings.book(
                work, SETTINGS, rider=work.session.get_one(Rider, rider_id), body=body,
                key=key or f"book-{rider_id}-{start.isoformat()}",
            )  # fmt: skip
            return booking.id

    def booked(self, start: datetime, **more: Any) -> int:
        """Booked and the deposit held."""
        booking_id = self.books(start, **more)
        self.deposit(booking_id, "held")
        return booking_id

    def deposit(self, booking_id: int, outcome: str, **more: Any) -> None:
        """The newest deposit of a booking gets somewhere."""
        with self.work() as work:
            hold = self.hold_of(work, booking_id)
            if outcome == "captured":
                more.setdefault("amount_minor", hold.capture_minor)
            body = {"hold_id": hold.id, "outcome": outcome, **more}
            payment_results.on_payment_result(work, SETTINGS, body)
        self.drain()

    @staticmethod
    def hold_of(work: Any, booking_id: int) -> Hold:
        hold: Hold = work.session.scalars(
            select(Hold).where(Hold.subject == f"booking:{booking_id}").order_by(Hold.seq.desc())
        ).first()
        return hold

    def deposit_of(self, booking_id: int, number: int, outcome: str) -> None:
        """A deposit of a booking gets somewhere, by its number."""
        with self.work() as work:
            hold = work.session.scalars(
                select(Hold).where(Hold.subject == f"booking:{booking_id}", Hold.seq == number)
            ).one()
            body = {"hold_id": hold.id, "outcome": outcome, "amount_minor": hold.capture_minor}
            payment_results.on_payment_result(work, SETTINGS, body)
        self.drain()

    def charges_after_adoption(self, session_id: int) -> None:
        """From an adopted deposit to a moving meter."""
        assert self.session(session_id).state == "starting"
        self.answers("start", "accepted")
        self.reports("Started", 1000)
        self.passes(60)
        self.reports("Updated", 2000)

    def deposit_state(self, booking_id: int) -> str:
        with self.work() as work:
            return self.hold_of(work, booking_id).state

    def moves(
        self, booking_id: int, start: datetime, *, evse_id: int = 1, length: int = 60,
        key: str = "move", by: str = "rider",
    ) -> None:  # fmt: skip
        with self.work() as work:
            bookings.move(
                work, SETTINGS, work.session.get_one(Booking, booking_id),
                evse=work.session.get_one(Evse, evse_id), starts_at=start,
                ends_at=start + length * MIN, by=by, key=key,
            )  # fmt: skip
        self.drain()

    def cancels(self, booking_id: int, *, by: str = "rider", key: str = "cancel") -> None:
        with self.work() as work:
            bookings.cancel(work, work.session.get_one(Booking, booking_id), by=by, key=key)
        self.drain()

    # --- what a test may ask

    def booking(self, booking_id: int = 1) -> Booking:
        with self.work() as work:
            return work.session.get_one(Booking, booking_id)

    def facts(self, booking_id: int = 1) -> BookingFacts:
        return booked.facts_of(self.booking(booking_id))

    def cells(self) -> int:
        with self.work() as work:
            return work.session.scalar(select(func.count()).select_from(BookingCell)) or 0

    def posted(self, *kinds: str) -> int:
        """What was posted of deposits, by kind, in minor units."""
        with self.work() as work:
            total = work.session.scalar(
                select(func.sum(func.abs(LedgerEntry.amount_minor))).where(
                    LedgerEntry.account == "deposits", LedgerEntry.kind.in_(kinds)
                )
            )
            return int(total or 0)

    def said(self, part: str) -> bool:
        """Whether somebody was told a sentence with this part."""
        return any(part in each for each in self.heard())


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
