"""What Stripe's events set off: a look at the truth, never a belief in the event."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import or_, select, update

from bot.gateways.stripe_client import hold_ref, refund_key
from bot.services import money_watch, payouts
from bot.settings import Settings
from bot.store.charging import Hold, Refund
from bot.store.database import Store, UnitOfWork
from bot.store.inbox import put
from bot.store.outbox import emit
from bot.store.riders import Rider

log = structlog.get_logger(__name__)

HOLD_EVENTS: Final = (
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "charge.captured",
    "charge.expired",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "setup_intent.succeeded",
)
REFUND_EVENTS: Final = ("refund.created", "refund.updated", "refund.failed")
DISPUTE_EVENTS: Final = ("charge.dispute.created", "charge.dispute.closed")
CARD_EVENTS: Final = ("payment_method.detached",)
# What the webhook endpoint at Stripe must be subscribed to.
EVENTS: Final = (*HOLD_EVENTS, *REFUND_EVENTS, *DISPUTE_EVENTS, *CARD_EVENTS)

_UNSETTLED: Final = ("creating", "waiting", "capturing", "voiding")
_SWEEP_AHEAD: Final = timedelta(hours=12)
_HELD_POLL: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_LAPSED: Final = timedelta(days=8)  # no card hold stands longer


def on_stripe_event(work: UnitOfWork, settings: Settings, body: dict[str, Any]) -> None:
    """Inbox kind "stripe.event": find whose payment `body["event"]` is about and look at it.

    Events of other installations on the same Stripe account, and of kinds we do not use, are
    ignored.
    """
    event = body["event"]
    kind, thing = str(event["type"]), event["data"]["object"]
    if kind in HOLD_EVENTS:
        hold = _hold_of(work, thing)
        if hold is not None and hold.state != "captured":
            _check(work, hold, f"check:{event['id']}", _intent_id(thing))
    elif kind in REFUND_EVENTS:
        refund = _refund_of(work, thing)
        if refund is not None:
            _look_at_refund(work, refund, f"refund:{event['id']}")
    elif kind in CARD_EVENTS:
        _forget_card(work, thing["id"])
    elif kind in DISPUTE_EVENTS:
        _disputed(work, kind, thing)


def poll_unsettled(store: Store, *, older_than: timedelta = timedelta(minutes=5)) -> int:
    """Look at payments no event has settled, for events get lost; the clock calls it.

    Holds and refunds in a state that should pass are looked at every `older_than`, later every
    hour, in the end every day; held ones every hour. A hold that lapses at Stripe within 12 hours
    is told to its service once (outcome "expiring"), which must capture what is owed. Returns how
    many effects were emitted.
    """
    with store.begin() as work:
        emitted = 0
        at_stripe = select(Hold).where(Hold.method == "card")
        passing = work.session.scalars(
            at_stripe.where(Hold.state.in_(_UNSETTLED), Hold.updated_at <= work.now - older_than)
        )
        for hold in passing:
            every = _patience(work.now - hold.updated_at, older_than)
            emitted += _check(work, hold, f"poll:hold:{hold.id}:{_slot(work.now, every)}")
        held = work.session.scalars(
            at_stripe.where(Hold.state == "held", Hold.updated_at <= work.now - _HELD_POLL)
        )
        for hold in held:
            emitted += _check(work, hold, f"poll:hold:{hold.id}:h{_slot(work.now, _HELD_POLL)}")
        stuck = work.session.scalars(
            at_stripe.where(
                Hold.state == "failed",
                Hold.reason == "void_refused",
                Hold.created_at > work.now - _LAPSED,
            )
        )
        for hold in stuck:
            emitted += _check(work, hold, f"poll:hold:{hold.id}:d{_slot(work.now, _DAY)}")
        waiting = work.session.scalars(
            select(Refund)
            .join(Hold, Hold.id == Refund.hold_id)
            .where(
                Hold.method == "card",
                Refund.state.in_(("open", "sent")),
                Refund.created_at <= work.now - older_than,
            )
        )
        for refund in waiting:
            old = work.now - refund.created_at > _DAY
            slot = _slot(work.now, _DAY if old else max(older_than, _HELD_POLL))
            emitted += _look_at_refund(work, refund, f"poll:refund:{refund.id}:{slot}")
        _tell_expiring(work)
    return emitted


def _patience(passed: timedelta, at_first: timedelta) -> timedelta:
    """How often to look at what does not settle: less often the longer it has not."""
    if passed > _DAY:
        return _DAY
    return max(at_first, _HELD_POLL) if passed > 12 * at_first else at_first


def check_hold(work: UnitOfWork, hold: Hold, cause: str) -> bool:
    """Ask for a look at a hold because of `cause` (a rider came back from the pay page)."""
    return _check(work, hold, f"check:{cause}:{hold.id}:{hold.attempt}")


def _tell_expiring(work: UnitOfWork) -> None:
    ending = work.session.scalars(
        select(Hold).where(
            Hold.method == "card",
            Hold.state == "held",
            Hold.capture_before <= work.now + _SWEEP_AHEAD,
        )
    )
    for hold in ending:
        assert hold.capture_before is not None
        put(
            work,
            source="payments",
            source_id=f"expiring:{hold.id}:{hold.attempt}",
            stream=hold.subject,
            kind="payment.result",
            body={
                "hold_id": hold.id,
                "outcome": "expiring",
                "amount_minor": hold.amount_minor,
                "capture_before": hold.capture_before.isoformat(),
            },
        )


def _check(work: UnitOfWork, hold: Hold, key: str, intent_id: str | None = None) -> bool:
    body: dict[str, Any] = {"hold_id": hold.id}
    if hold.state == "capturing":  # the try that is on its way: its amount belongs to its key
        body["attempt"] = max(1, hold.captures)
    if intent_id and intent_id != hold.payment_intent:
        body["payment_intent"] = intent_id
    return emit(
        work, key=key, lane="worker", stream=f"hold:{hold.id}", kind="payment.check", body=body
    )


def _look_at_refund(work: UnitOfWork, refund: Refund, key: str) -> bool:
    return emit(
        work, key=key, lane="worker", stream=f"hold:{refund.hold_id}", kind="payment.refund",
        body={"refund_id": refund.id},
    )  # fmt: skip


def _slot(now: datetime, every: timedelta) -> int:
    return int(now.timestamp() // every.total_seconds())


def _intent_id(thing: dict[str, Any]) -> str | None:
    found = thing["id"] if thing.get("object") == "payment_intent" else thing.get("payment_intent")
    return found if isinstance(found, str) else None


def _hold_of(work: UnitOfWork, thing: dict[str, Any]) -> Hold | None:
    """The hold by the provider's ids, else by our mark in the metadata."""
    known = select(Hold).where(
        or_(
            Hold.payment_intent == (_intent_id(thing) or ""),
            Hold.checkout_session == str(thing["id"]),
        )
    )
    hold = work.session.scalars(known.order_by(Hold.id.desc())).first()
    if hold is not None:
        return hold
    marked = thing.get("metadata") or {}
    hold_id = str(marked.get("hold_id", ""))
    hold = work.session.get(Hold, int(hold_id)) if _is_id(hold_id) else None
    return hold if hold is not None and marked.get("hold_ref") == hold_ref(hold) else None


def _refund_of(work: UnitOfWork, thing: dict[str, Any]) -> Refund | None:
    known = select(Refund).where(Refund.provider_id == str(thing["id"]))
    refund = work.session.scalars(known).first()
    if refund is not None:
        return refund
    marked = thing.get("metadata") or {}
    refund_id = str(marked.get("refund_id", ""))
    refund = work.session.get(Refund, int(refund_id)) if _is_id(refund_id) else None
    return refund if refund is not None and marked.get("refund_ref") == refund_key(refund) else None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _forget_card(work: UnitOfWork, payment_method: str) -> None:
    """The card is no longer ours to charge: the next hold asks for one."""
    work.session.execute(
        update(Rider)
        .where(Rider.stripe_payment_method == payment_method)
        .values(stripe_payment_method=None, card_label=None)
    )


def _disputed(work: UnitOfWork, kind: str, thing: dict[str, Any]) -> None:
    """A cardholder contests a charge: no more off-session holds on that card, and staff know."""
    hold = _hold_of(work, thing)
    if hold is None:
        return
    log.warning("payment_disputed", hold_id=hold.id, type=kind, dispute=thing["id"])
    note = {"status": str(thing.get("status", "")), "why": str(thing.get("reason", ""))}
    if note["status"] == "lost":  # before the hold is written to: the wallet is locked first
        payouts.lost(work, hold, dispute=str(thing["id"]))
    tell = money_watch.disputed if kind == "charge.dispute.created" else money_watch.dispute_closed
    tell(work, hold, dispute=str(thing["id"]), **note)
