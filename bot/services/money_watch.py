"""What must not happen with money and still does: paid twice, not given back, contested.

The rider is told what happens next, staff get a line in the conversation and the conversation.
"""

from __future__ import annotations

from sqlalchemy import select, update

from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.replies import Say
from bot.services import billing, dispute_evidence, handoff, marks, refund_words, refunds
from bot.services.outbound import tell_rider
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Rider


def call_staff(work: UnitOfWork, rider_id: int, text: str, *, reason: str, key: str) -> None:
    """A line in the rider's conversation, which goes to the queue; a repeat of `key` does nothing
    more. `reason` is one of bot/domain/handoff_reasons.py."""
    conversation = work.session.scalars(
        select(Conversation).where(Conversation.rider_id == rider_id).with_for_update()
    ).first()
    if conversation is None or marks.known(work, key):
        return
    marks.mark(work, conversation.id, "money", text, key=key)
    handoff.to_queue(work, conversation, reason=reason)


def return_excess(work: UnitOfWork, session: ChargingSession, hold: Hold) -> None:
    """Give back what a session's payments come to above what is due for it: a page paid twice, a
    hold that was captured after all, a payment nobody was asked for any more."""
    work.session.flush()
    holds = list(work.session.scalars(select(Hold).where(Hold.session_id == session.id)))
    kept = sum(
        each.captured_minor - each.refunded_minor for each in refunds.balances(work, holds).values()
    )
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    due = bill.total_minor - billing.credited_minor(work, bill.id) if bill else 0
    # What staff gave back of their own will lowers `kept`, never below what is due by this.
    if kept <= due:
        return
    refund = refunds.give_back(work, hold.id, kept - due, reason="duplicate", at_most=True)
    if refund is None:
        return
    why = Say("More was taken than you owe.")
    said = refund_words.told(work, refund, why)
    tell_rider(work, hold.rider_id, said, key=f"excess:{refund.id}")


def refund_failed(work: UnitOfWork, refund: Refund, why: str, *, in_wallet: bool = False) -> None:
    """The provider could not give the money back: it is in the wallet now, or a person finds
    another way. Of a pay-out the rider hears from bot/services/payouts.py."""
    hold = work.session.get_one(Hold, refund.hold_id)
    amount = Money(refund.amount_minor, refund.currency)
    next_step = "It is in the rider's wallet instead." if in_wallet else "Find another way."
    text = f"Refund of {plain(amount)} failed: {why or 'no reason given'}. {next_step}"
    call_staff(work, hold.rider_id, text, reason="refund", key=f"refund:{refund.id}:failed")
    if in_wallet or refund.reason == "payout":
        return
    told = Say(
        "Your bank did not accept the {amount} we sent back to {method} (reference {reference}). "
        "It is still yours: a person of our team looks for another way and writes to you here.",
        {
            "amount": amount, "method": refund_words.method(work, hold),
            "reference": refund_words.reference(refund),
        },
    )  # fmt: skip
    tell_rider(work, hold.rider_id, told, key=f"refund:{refund.id}:bounced")


def hold_stuck(work: UnitOfWork, hold: Hold, why: str) -> None:
    """The provider refuses to release a hold; it lapses by itself at the latest."""
    amount = Money(hold.amount_minor, hold.currency)
    text = f"The hold of {plain(amount)} was not released: {why}. It lapses by itself in days."
    call_staff(work, hold.rider_id, text, reason="refund", key=f"hold:{hold.id}:stuck")


def disputed(work: UnitOfWork, hold: Hold, *, dispute: str, status: str, why: str) -> None:
    """A cardholder contests a charge: the card is used no more until a person has looked."""
    hold.reason = f"dispute {dispute} {status}: {why}"[:120]
    work.session.execute(
        update(Rider)
        .where(Rider.id == hold.rider_id)
        .values(stripe_payment_method=None, card_label=None)
    )
    amount = Money(hold.captured_minor or hold.amount_minor, hold.currency)
    what = hold.subject.replace(":", " ")
    text = (
        f"The bank disputes {plain(amount)} of {what} ({why or 'no reason given'}). "
        f"The card and payouts are blocked. The evidence stands in the next line."
    )
    call_staff(work, hold.rider_id, text, reason="dispute", key=f"dispute:{dispute}")
    chat = select(Conversation.id).where(Conversation.rider_id == hold.rider_id)
    conversation_id = work.session.scalars(chat).first()
    if conversation_id is not None:
        evidence = dispute_evidence.text(work, hold, conversation_id)
        marks.mark(work, conversation_id, "money", evidence, key=f"dispute:{dispute}:evidence")


def dispute_closed(work: UnitOfWork, hold: Hold, *, dispute: str, status: str, why: str) -> None:
    """The bank has decided."""
    hold.reason = f"dispute {dispute} {status}: {why}"[:120]
    text = f"The dispute is closed: {status or 'no result given'}."
    call_staff(work, hold.rider_id, text, reason="dispute", key=f"dispute:{dispute}:closed")
