"""A receipt as riders get it: a text with every line, and the same as a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.invoices import receipt_is_invoice
from bot.domain.money import Money
from bot.domain.pricing import Line
from bot.gateways.receipt_pdf import LINES, ReceiptView, receipt_pdf
from bot.replies import Amount, Moment, Rate, Say, Value
from bot.services import entities
from bot.services.billing import BillView, WalletPart, bill_view
from bot.services.offers import stack
from bot.services.tariffs import conditions
from bot.settings import Settings
from bot.store.charging import ChargingSession
from bot.store.database import Store
from bot.store.stations import Evse


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes receipts when a message with one is rendered."""

    store: Store
    settings: Settings

    def __call__(self, bill_id: int, lang: str) -> tuple[bytes, str, Say]:
        """The PDF, its file name, and the text that goes with it."""
        with self.store.read() as work:
            bill = bill_view(work, bill_id)
            session = work.session.get_one(ChargingSession, bill.session_id)
            station = work.session.get_one(Evse, session.evse_id).pile.station
            seller, limit = entities.seller_of(work, self.settings, station)
        by_law = receipt_is_invoice(seller, bill.total.currency, bill.total.amount_minor, limit)
        view = ReceiptView(bill, self.settings.brand, seller, by_law)
        return receipt_pdf(view, lang), f"{bill.number}.pdf", summary(bill)


def summary(bill: BillView) -> Say:
    """The receipt as a text."""
    lines = [_line(bill, line) for line in bill.bill.lines]
    lines += [
        Say(
            "VAT {percent} % on {net}: {tax}",
            {
                "percent": Amount(int(Decimal(tax.percent) * 1000), "milli"),
                "net": Money(tax.net_minor, bill.bill.currency),
                "tax": Money(tax.tax_minor, bill.bill.currency),
            },
        )
        for tax in bill.bill.taxes
    ]
    return Say(
        "Receipt {number}\n{evse}, {station}\n{started} to {ended}\n"
        "Meter {from} to {to}: {energy}\n{lines}\nTotal: {total}\n{paid}",
        {
            "number": bill.number,
            "evse": bill.evse_code,
            "station": bill.station_name,
            "started": Moment(bill.started_at, bill.tz, "date_time"),
            "ended": Moment(bill.ended_at, bill.tz),
            "from": Amount(bill.meter_start_wh, "wh"),
            "to": Amount(bill.meter_end_wh, "wh"),
            "energy": Amount(bill.energy_wh, "wh"),
            "lines": stack(lines),
            "total": bill.total,
            "paid": _paid(bill),
        },
    )


def _paid(bill: BillView) -> Say:
    """What happened to the hold; a receipt must not say "released" of money that never came."""
    if bill.owed or bill.payment_state in ("failed", "expired"):
        return Say("Not paid yet: {total} is due.", {"total": bill.total})
    if bill.wallet is not None:
        return _by_wallet(bill, bill.wallet)
    if bill.by_payment:
        return Say("Paid: {total}.", {"total": bill.captured})
    rest = Money(bill.hold.amount_minor - bill.total.amount_minor, bill.total.currency)
    values: dict[str, Value] = {"hold": bill.hold, "rest": rest, "card": bill.card_label}
    if bill.card_label:
        return Say("Of the {hold} held on {card}, {rest} is released.", values)
    return Say("Of the {hold} held, {rest} is released.", values)


def _by_wallet(bill: BillView, part: WalletPart) -> Say:
    values: dict[str, Value] = {
        "cash": part.cash, "bonus": part.bonus, "hold": bill.hold, "rest": bill.released,
        "name": part.owner,
    }  # fmt: skip
    paid = Say("Paid from your wallet: {cash} cash, {bonus} bonus.", values)
    if part.owner:  # what kinds of money the owner has is not the member's business
        values["amount"] = bill.captured
        paid = Say("Paid from the wallet of {name}: {amount}.", values)
    if bill.by_payment:
        return paid
    return Say("{paid} Of the {hold} reserved, {rest} is free again.", {**values, "paid": paid})


def _line(bill: BillView, line: Line) -> Say:
    """ "Energy: 4.9 kWh at 0.30 EUR/kWh = 1.47 EUR"."""
    includes = bill.bill.includes_tax
    amount = Money(line.gross_minor if includes else line.net_minor, bill.bill.currency)
    what: Value = LINES.get(line.what, line.what)
    where = conditions(line.days, line.window) if line.days or line.window else None
    values: dict[str, Value] = {"what": what, "window": where or "", "amount": amount}
    if not line.unit_price:
        if where is not None:
            values["what"] = Say("{what} {window}", dict(values))
        return Say("{what}: {amount}", values)
    values["price"] = Rate(line.unit_price, bill.bill.currency, line.per)
    if line.unit == "kwh":
        values["quantity"] = Amount(int(Decimal(line.quantity) * 1000), "wh")
    elif line.unit == "s":
        values["quantity"] = Amount(int(line.quantity), "s")
    else:
        return Say("{what}: {amount}", values)
    if where is not None:
        return Say("{what} {window}: {quantity} at {price} = {amount}", values)
    return Say("{what}: {quantity} at {price} = {amount}", values)
