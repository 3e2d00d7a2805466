"""Putting an invoice right: credited in full and made anew to other details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.dialog import buyer
from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, KEPT, Digits
from bot.dialog.turn import Turn
from bot.domain.invoices import load_paper
from bot.errors import Refused
from bot.replies import Choose, InvoicePaper, Option, Replies, Say
from bot.services import credit_notes, invoices
from bot.store.invoices import Invoice


def ask_which(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """It comes by the button of one invoice."""
    raise Refused(
        "Which invoice is it? Write MY INVOICES and tap it.",
        options=[Option("my_invoices", Say("My invoices"))],
    )


def always(turn: Turn, slots: Mapping[str, Any]) -> Mapping[str, Any]:
    """The details are asked anew: those kept are on the wrong invoice."""
    return {**slots, "change": "yes"}


def ask_who(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """What is wrong is told first: charges cannot be changed, only the buyer."""
    _mine(turn, slots)
    return buyer.ask_who(turn, always(turn, slots))


def ask_name(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """As for a first invoice."""
    return buyer.ask_name(turn, always(turn, slots))


def ask_number(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """As for a first invoice."""
    return buyer.ask_number(turn, always(turn, slots))


def ask_address(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """As for a first invoice."""
    return buyer.ask_address(turn, always(turn, slots))


def confirm(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """Old and new, side by side."""
    found = _mine(turn, slots)
    old = load_paper(found.body).buyer
    return Choose(
        Say(
            "{number} was made out to:\n{old}\n\nI credit it in full and make a new one to:\n{new}"
            "\n\nNo money moves. Shall I?",
            {
                "number": found.number,
                "old": buyer.lines(old.name, old.tax_id, old.address),
                "new": buyer.lines(slots["name"], slots["number"], slots["address"]),
            },
        ),
        [Option("=yes", Say("Yes, put it right")), Option("deny", Say("Leave it as it is"))],
    )


def _mine(turn: Turn, slots: Mapping[str, Any]) -> Invoice:
    found = invoices.own(turn.work, turn.rider.id, int(slots["invoice"]))
    if found is None or found.kind != "invoice" or credit_notes.is_credited(turn.work, found):
        raise Refused("That invoice was credited already. Write MY INVOICES to see them all.")
    return found


@wish
class Correct:
    """One invoice, and the buyer it should have named."""

    change: str | None = maybe(KEPT)
    invoice: str = ask(ask_which, Digits())
    who: str = ask(ask_who, buyer.WHO)
    name: str = ask(ask_name, buyer.NAME)
    number: str = ask(ask_number, buyer.NUMBER)
    address: str = ask(ask_address, buyer.ADDRESS)
    agreed: bool = ask(confirm, AGREED)


@intent("correct_invoice")
def correct(turn: Turn, want: Correct) -> Replies:
    """The yes: a credit note and a new invoice, both in the chat."""
    buyer.keep(turn, who=want.who, name=want.name, number=want.number, address=want.address)
    made = credit_notes.correct(
        turn.work, turn.settings, turn.rider, int(want.invoice), key=f"{turn.heard.key}:correct"
    )
    return [InvoicePaper(each.id) for each in made]
