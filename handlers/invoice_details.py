"""What is kept for the rider's invoices: shown, changed, erased."""

from __future__ import annotations

from bot.dialog import buyer
from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.replies import Choose, Option, Replies, Say
from bot.services import buyers


@intent("invoice_details", words=("invoice details", "billing details", "my invoice details"))
def details(turn: Turn) -> Replies:
    """Erasing leaves the invoices themselves, which the law wants kept."""
    if turn.value("do") == "erase":
        gone = buyers.forget(turn.work, turn.rider.id)
        if not gone:
            return Say("I keep no details for invoices of you.")
        return Say(
            "Your details for invoices are erased. Invoices made with them stay, as the law wants."
        )
    known = buyers.kept(turn.work, turn.rider.id)
    if known is None:
        return Choose(
            Say("I keep no details for invoices of you. They are asked with your first one."),
            [Option("invoice", Say("Make an invoice"))],
        )
    return Choose(
        Say(
            "Your invoices are made out to:\n{buyer}",
            {"buyer": buyer.lines(known.name, known.tax_id, known.address)},
        ),
        [
            Option("invoice?change=1", Say("Other details")),
            Option("invoice_details?do=erase", Say("Erase them")),
        ],
    )
