"""The rider's invoices and credit notes: to get again, and to have put right."""

from __future__ import annotations

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.replies import Choose, InvoicePaper, Moment, Option, Replies, Say, Value
from bot.services import credit_notes, invoices
from bot.store.invoices import Invoice


@intent("my_invoices", words=("my invoices", "invoices", "mis facturas", "minhas faturas",
                              "我的发票", "mes factures", "meine rechnungen"))  # fmt: skip
def mine(turn: Turn) -> Replies:
    """Newest first; a tap shows what can be done with one."""
    named = _number(turn, "invoice")
    if named is not None and (found := invoices.own(turn.work, turn.rider.id, named)) is not None:
        return InvoicePaper(found.id) if turn.value("again") else _one(turn, found)
    rows = invoices.of_rider(turn.work, turn.rider.id)
    if not rows:
        return Choose(
            Say("You have no invoices yet. An invoice can be made of each charge you paid."),
            [Option("invoice", Say("Make an invoice"))],
        )
    options = [_row(each) for each in rows]
    options.append(Option("invoice", Say("Make an invoice")))
    return Choose(
        Say("Your invoices. Tap one to get it again, or to have it put right."),
        options,
        list_button=Say("Choose an invoice"),
    )


def _number(turn: Turn, name: str) -> int | None:
    raw = turn.value(name) or ""
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 18 else None


def _row(each: Invoice) -> Option:
    amount = Money(each.gross_minor, each.currency)
    values: dict[str, Value] = {
        "amount": amount, "time": Moment(each.created_at, each.body["tz"], "date")
    }  # fmt: skip
    detail = Say("Invoice, {amount}, {time}", values)
    if each.kind == "credit_note":
        detail = Say("Credit note, {amount}, {time}", values)
    return Option(
        f"my_invoices?invoice={each.id}", Say("{number}", {"number": each.number}), detail
    )


def _one(turn: Turn, found: Invoice) -> Replies:
    text = Say(
        "{number} to {buyer}: {amount}",
        {
            "number": found.number,
            "buyer": found.buyer,
            "amount": Money(found.gross_minor, found.currency),
        },
    )
    options = [Option(f"my_invoices?invoice={found.id}&again=1", Say("Send it again"))]
    if found.kind == "invoice" and not credit_notes.is_credited(turn.work, found):
        options.append(Option(f"correct_invoice?invoice={found.id}", Say("Something is wrong")))
    return Choose(text, options)
