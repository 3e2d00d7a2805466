"""Payments of every kind: asking a rider for money, taking it, letting it go.

What comes of it is told to the service of the payment's subject (bot/services/payment_results.py).
A method other than "card" registers itself with `add_method`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from sqlalchemy import func, select

from bot.domain.money import Money
from bot.domain.payment import OPEN, Purpose
from bot.replies import Say, dump
from bot.store import outbox
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.riders import Rider


class Method(Protocol):
    """A way money moves. Each call only writes rows; the result comes as "payment.result"."""

    def place(self, work: UnitOfWork, hold: Hold) -> None:
        """Hold the money, or take it at once, as the purpose says."""

    def check(self, work: UnitOfWork, hold: Hold, key: str) -> None:
        """Tell how it stands."""

    def capture(self, work: UnitOfWork, hold: Hold) -> None:
        """Take `capture_minor`; the rest is let go. `captures` numbers the tries."""

    def release(self, work: UnitOfWork, hold: Hold, attempt: int) -> None:
        """Let all of it go."""

    def refund(self, work: UnitOfWork, hold: Hold, refund: Refund) -> None:
        """Give back part of what was taken."""


class _AtTheProvider:
    """By effects of the outbox, which bot/gateways/payments.py delivers."""

    def place(self, work: UnitOfWork, hold: Hold) -> None:
        self._ask(work, hold, "hold", f"hold:{hold.id}:1")

    def check(self, work: UnitOfWork, hold: Hold, key: str) -> None:
        self._ask(work, hold, "check", key)

    def capture(self, work: UnitOfWork, hold: Hold) -> None:
        key = f"capture:{hold.id}:{hold.captures}"
        self._ask(work, hold, "capture", key, attempt=hold.captures)

    def release(self, work: UnitOfWork, hold: Hold, attempt: int) -> None:
        self._ask(work, hold, "void", f"void:{hold.id}:{attempt}", attempt=attempt)

    def refund(self, work: UnitOfWork, hold: Hold, refund: Refund) -> None:
        outbox.emit(
            work,
            key=f"refund:{refund.id}",
            lane="worker",
            stream=f"hold:{hold.id}",
            kind="payment.refund",
            body={"refund_id": refund.id},
        )

    def _ask(self, work: UnitOfWork, hold: Hold, verb: str, key: str, **more: Any) -> None:
        work.session.flush()
        outbox.emit(
            work,
            key=key,
            lane="worker",
            stream=f"hold:{hold.id}",
            kind=f"payment.{verb}",
            body={"hold_id": hold.id, **more},
        )


_METHODS: Final[dict[str, Method]] = {"card": _AtTheProvider()}


def add_method(name: str, method: Method) -> None:
    """Money of this name moves by `method` from now on."""
    _METHODS[name] = method


def way(hold: Hold) -> Method:
    """How the money of a payment moves."""
    return _METHODS[hold.method]


def ask(
    work: UnitOfWork,
    *,
    rider_id: int,
    subject: str,
    purpose: Purpose,
    amount: Money,
    title: Say,
    note: Say,
    method: str = "card",
    methods: Sequence[str] = (),
    saved_card: bool = True,
    session_id: int | None = None,
) -> Hold:
    """Ask a rider for money: by their saved card without them, else by a page they get a link to.

    `title` and `note` stand on that page. `methods` narrows what the page offers (Stripe's names;
    empty: all that the settings allow for this purpose); `saved_card` False always opens a page.
    Each call is a payment of its own: who may ask twice guards that with a row of theirs.
    """
    newest = select(func.max(Hold.seq)).where(Hold.subject == subject)
    hold = Hold(
        subject=subject,
        session_id=session_id,
        rider_id=rider_id,
        seq=(work.session.scalar(newest) or 0) + 1,
        method=method,
        purpose=purpose,
        about={
            "title": dump(title),
            "note": dump(note),
            "methods": list(methods),
            "saved_card": saved_card,
            # Pinned: a replay after a crash must ask for the same thing, or it asks twice.
            "card": _card(work, rider_id) if saved_card else None,
        },
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        state="creating",
        captures=0,
        attempt=1,
        created_at=work.now,
        updated_at=work.now,
    )
    work.session.add(hold)
    work.session.flush()
    way(hold).place(work, hold)
    return hold


def _card(work: UnitOfWork, rider_id: int) -> dict[str, str] | None:
    rider = work.session.get_one(Rider, rider_id)
    if not rider.stripe_customer or not rider.stripe_payment_method:
        return None
    return {"customer": rider.stripe_customer, "payment_method": rider.stripe_payment_method}


def capture(work: UnitOfWork, hold: Hold, amount_minor: int) -> None:
    """Take this much of what is held; the rest is let go with it. A refused capture is tried again
    by itself before its service hears "failed". Raises ValueError when nothing is held."""
    _lock(work, hold)
    if hold.state != "held" or not 0 <= amount_minor <= hold.amount_minor:
        raise ValueError(f"hold {hold.id} is {hold.state}: cannot capture {amount_minor}")
    take(work, hold, amount_minor, hold.captures + 1)


def release(work: UnitOfWork, hold: Hold) -> bool:
    """Let all of a payment go, in whatever state it is asked for; False when it is over already.
    A page that is paid all the same is given back by itself."""
    _lock(work, hold)
    if hold.state not in OPEN:
        return False
    let_go(work, hold, 1)
    return True


def take(work: UnitOfWork, hold: Hold, amount_minor: int, attempt: int) -> None:
    """What `capture` does for a caller that knows the state and numbers the tries itself."""
    hold.capture_minor, hold.captures = amount_minor, attempt
    hold.state, hold.updated_at = "capturing", work.now
    way(hold).capture(work, hold)


def let_go(work: UnitOfWork, hold: Hold, attempt: int) -> None:
    """What `release` does for a caller that knows the state and numbers the tries itself."""
    hold.state, hold.updated_at = "voiding", work.now
    way(hold).release(work, hold, attempt)


def adoptable(work: UnitOfWork, deposit: Hold, *, rider_id: int, least: Money) -> bool:
    """Whether a deposit that is held can pay for a charge of this rider; it is locked then."""
    _lock(work, deposit)
    return (
        (deposit.state, deposit.purpose) == ("held", "deposit")
        and (deposit.rider_id, deposit.currency) == (rider_id, least.currency)
        and deposit.amount_minor >= least.amount_minor
    )


def adopt(work: UnitOfWork, deposit: Hold, session_id: int) -> None:
    """A booking's deposit is the first hold of a charge from now on, and no longer a deposit."""
    deposit.subject, deposit.session_id, deposit.seq = f"session:{session_id}", session_id, 1
    deposit.purpose, deposit.updated_at = "hold", work.now
    work.session.flush()


def of(work: UnitOfWork, subject: str) -> Hold | None:
    """The newest payment of a subject."""
    return work.session.scalars(
        select(Hold).where(Hold.subject == subject).order_by(Hold.seq.desc()).limit(1)
    ).first()


def _lock(work: UnitOfWork, hold: Hold) -> None:
    work.session.flush()
    work.session.refresh(hold, with_for_update=True)
