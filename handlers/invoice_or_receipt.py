"""The receipt of a charge, as often as it is asked for."""

from __future__ import annotations

from sqlalchemy import select

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Receipt, Replies, Say
from bot.services import charging
from bot.store.charging import Bill, ChargingSession


@intent("invoice_or_receipt", words=("receipt",))
def receipt(turn: Turn) -> Replies:
    """The one named by a button, else the latest."""
    query = (
        select(Bill.id)
        .join(ChargingSession, ChargingSession.id == Bill.session_id)
        .where(ChargingSession.rider_id == turn.rider.id)
        .order_by(Bill.id.desc())
        .limit(1)
    )
    named = turn.value("session")
    if named and named.isdigit():
        query = query.where(Bill.session_id == int(named))
    bill_id = turn.work.session.scalars(query).first()
    if bill_id is not None:
        return Receipt(bill_id)
    if charging.open_session(turn.work, turn.rider.id) is not None:
        return Say("Your charge is still running. The receipt comes by itself when it ends.")
    return Say("You have no receipt yet. It comes into this chat by itself after each charge.")
