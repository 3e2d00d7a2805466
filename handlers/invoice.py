"""An invoice the rider makes: which charges, plans and top-ups, made out to whom, yes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bot.dialog import buyer
from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, KEPT, tapped
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.errors import Refused
from bot.replies import Amount, Choose, InvoicePaper, Moment, Option, Replies, Say, Value
from bot.services import billables, invoices
from bot.services.billables import Billable
from bot.services.offers import stack

SHOWN: Final = 7  # of ten rows: three are for all of them, last month and those chosen
TOGETHER: Final = 12  # chosen one by one: their numbers have to fit a button
ALL, MONTH = "all", "month"
WORDS: Final = (
    "invoice", "vat invoice", "tax invoice", "make an invoice", "factura", "hacer factura",
    "fatura", "nota fiscal", "发票", "开发票", "facture", "rechnung",
)  # fmt: skip


class OrdersKind:
    """Orders by their names, "12.p3.t4", or "all" or "month"; typed: the same words."""

    def hear(self, turn: Turn, name: str, *, asked: bool) -> str | None:
        """None for anything that names no orders."""
        raw = tapped(turn, name)
        return raw if raw and (raw in (ALL, MONTH) or _subjects(raw)) else None

    def dump(self, value: str) -> str:
        """As it is."""
        return value

    def load(self, turn: Turn, raw: str) -> str | None:
        """As it is."""
        return raw


_SHORT: Final = {"": "session", "p": "plan", "t": "topup"}  # a button holds few characters
_NAME: Final = re.compile(r"([pt]?)(\d{1,18})", re.ASCII)


def _subjects(raw: str) -> list[str]:
    """The orders that a button names; none where it names anything else."""
    found = [_NAME.fullmatch(each) for each in raw.split(".")]
    return [f"{_SHORT[each[1]]}:{int(each[2])}" for each in found if each] if all(found) else []


def _names(subjects: Sequence[str]) -> str:
    """Orders as a button names them."""
    long = {kind: short for short, kind in _SHORT.items()}
    split = (each.partition(":") for each in subjects)
    return ".".join(f"{long[kind]}{number}" for kind, _, number in split)


# --- which orders


def ask_which(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """The orders that are on no invoice; each tap adds one, "done" goes on."""
    found = billables.billable(turn.work, turn.settings, turn.rider.id)
    if not found:
        raise Refused(
            "There is nothing you paid that is not on an invoice yet. Write MY INVOICES to see "
            "those you have.",
            options=[Option("my_invoices", Say("My invoices"))],
        )
    known = {each.entry.subject for each in found}
    chosen = [each for each in _subjects(turn.value("chosen") or "") if each in known]
    if chosen:
        return _more(found, chosen)
    month = billables.last_month(turn.work, found)
    options = [_row(each, [each.entry.subject]) for each in found[:SHOWN]]
    if month:
        options.append(_many(MONTH, Say("All of last month"), month))
    if len(found) > 1:
        options.append(_many(ALL, Say("All of them"), found))
    return Choose(
        Say(
            "What should the invoice be for? Tap one; you can add more to it. Everything is on one "
            "invoice at most."
        ),
        options,
        list_button=Say("Choose orders"),
    )


def _more(found: Sequence[Billable], chosen: list[str]) -> Replies:
    members = [each for each in found if each.entry.subject in chosen]
    rest = [each for each in found if each.entry.subject not in chosen]
    options = [Option(f"invoice?orders={_names(chosen)}", Say("That is all"))]
    if len(chosen) < TOGETHER:
        options += [_row(each, [*chosen, each.entry.subject]) for each in rest[: SHOWN + 1]]
    options.append(Option("invoice", Say("Choose anew")))
    return Choose(
        Say(
            "Chosen: {total} (orders: {number}). Add more, or go on.",
            {"number": len(members), "total": _total(members)},
        ),
        options,
        list_button=Say("Choose orders"),
    )


def _row(each: Billable, chosen: list[str]) -> Option:
    entry = each.entry
    values: dict[str, Value] = {
        "code": entry.code,
        "amount": each.amount,
        "time": Moment(datetime.fromisoformat(entry.at), entry.tz, "date_time"),
        "energy": Amount(entry.energy_wh, "wh"),
        "name": entry.place,
    }
    payload = f"invoice?chosen={_names(chosen)}"
    if entry.what == "plan":
        return Option(payload, Say("Plan, {amount}", values), Say("{time}, {name}", values))
    if entry.what == "topup":
        return Option(payload, Say("Top-up, {amount}", values), Say("{time}, {name}", values))
    return Option(payload, Say("{code}, {amount}", values), Say("{time}, {energy}", values))


def _many(which: str, title: Say, members: Sequence[Billable]) -> Option:
    detail = Say("{total} (orders: {number})", {"number": len(members), "total": _total(members)})
    return Option(f"invoice?orders={which}", title, detail)


def _total(members: Sequence[Billable]) -> Say:
    """Sums by currency, since they cannot be added."""
    sums: dict[str, int] = {}
    for each in members:
        sums[each.currency] = sums.get(each.currency, 0) + each.entry.gross_minor
    return stack([Say("{amount}", {"amount": Money(sums[each], each)}) for each in sorted(sums)])


def _chosen(turn: Turn, raw: str) -> list[Billable]:
    """The orders named, those of them that still can be invoiced."""
    if raw in (ALL, MONTH):
        found = billables.billable(turn.work, turn.settings, turn.rider.id)
        return billables.last_month(turn.work, found) if raw == MONTH else found
    named = _subjects(raw)
    return billables.billable(turn.work, turn.settings, turn.rider.id, subjects=named)


# --- yes


def confirm(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """What will be made, of what, for whom; the last word before it is final."""
    orders = _chosen(turn, slots["orders"])
    if not orders:
        raise Refused("That is on an invoice already. Write MY INVOICES to get it again.")
    groups = billables.groups(orders)
    documents = [
        Say(
            "{seller}: {total} (orders: {number})",
            {"seller": each.seller.name, "number": len(each.orders), "total": each.total},
        )
        for each in groups
    ]
    if len(groups) > 1:
        documents.append(
            Say(
                "These are separate documents: one for each company and currency, and for top-ups "
                "a receipt of their own."
            )
        )
    if any(each.is_credit for each in orders):
        documents.append(
            Say("A top-up bears no VAT: the VAT is on the invoice of each charge it pays for.")
        )
    turn.keep["orders"] = _names([each.entry.subject for each in orders])
    return Choose(
        Say(
            "{documents}\nTo: {buyer}\n\nAn invoice cannot be changed afterwards, only credited. "
            "Shall I make it?",
            {"documents": stack(documents), "buyer": _buyer_lines(turn, slots)},
        ),
        [
            Option("=yes", Say("Make the invoice")),
            Option(f"invoice?change=1&orders={slots['orders']}", Say("Other details")),
            Option("deny", Say("Not now")),
        ],
    )


def _buyer_lines(turn: Turn, slots: Mapping[str, Any]) -> Say:
    known = buyer.kept(turn, slots)
    if known is not None:
        return buyer.lines(known.name, known.tax_id, known.address)
    return buyer.lines(slots["name"], slots["number"], slots["address"])


@wish
class MakeInvoice:
    """Which orders, and to whom; what is kept of the buyer is not asked again."""

    change: str | None = maybe(KEPT)  # the rider wants other details than those kept
    orders: str = ask(ask_which, OrdersKind())
    who: str = ask(buyer.ask_who, buyer.WHO)
    name: str = ask(buyer.ask_name, buyer.NAME)
    number: str = ask(buyer.ask_number, buyer.NUMBER)
    address: str = ask(buyer.ask_address, buyer.ADDRESS)
    agreed: bool = ask(confirm, AGREED)


@intent("invoice", words=WORDS)
def invoice(turn: Turn, want: MakeInvoice) -> Replies:
    """The yes: details are kept, documents made, numbers given out."""
    if want.name:
        buyer.keep(turn, who=want.who, name=want.name, number=want.number, address=want.address)
    subjects = _subjects(want.orders)
    key = f"{turn.heard.key}:invoice"
    made = invoices.make(turn.work, turn.settings, turn.rider, subjects, key=key)
    return [InvoicePaper(each.id) for each in made]
