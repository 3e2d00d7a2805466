"""The receipt of a charge, as often as it is asked for."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import select

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Receipt, Replies, Say
from bot.services import charging
from bot.store.charging import Bill, ChargingSession

# An invoice in so many words; anything else wants the receipt.
_INVOICE: Final = re.compile(
    r"(?i)\binvoice|\bfactura\b|\bfatura\b|nota fiscal|\bfacture\b|rechnung\b|发票|"
    r"\b(vat|iva|tva|mwst|ust|company|empresa|entreprise|firma)\b"
)


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
    if turn.heard.payload is None and _INVOICE.search(turn.heard.text):
        return Choose(
            Say(
                "An invoice names you or your company as the buyer; a receipt names nobody. Which "
                "one would you like?"
            ),
            [
                Option("invoice", Say("Make an invoice")),
                Option("invoice_or_receipt", Say("Last receipt")),
            ],
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
