"""The rider's orders in groups; a tap explains one bill line by line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.domain.money import Money, exponent
from bot.domain.pricing import Line
from bot.replies import Amount, Choose, Moment, Option, Rate, Replies, Say, Value
from bot.services import orders
from bot.services.billing import BillView
from bot.services.offers import stack
from bot.services.order_kinds import COMPLETED, REFUNDED, RESERVED, RUNNING, Purchase, Reservation
from bot.services.orders import AnyOrder, Order, read_place
from bot.services.tariffs import conditions
from handlers import order_details

GROUPS: Final = {
    RUNNING: Say("In progress"),
    RESERVED: Say("Reservations"),
    COMPLETED: Say("Completed"),
    REFUNDED: Say("Refunded"),
}
_WHAT: Final = {
    "energy": Say("Energy"), "time": Say("Charging time"), "idle": Say("Staying plugged in"),
    "flat": Say("Start fee"), "minimum": Say("Up to the minimum price"),
    "maximum": Say("Above the maximum price, not charged"),
    "plan": Say("Plan"), "coupon": Say("Coupon"),
    "paid_before": Say("Minimum price already paid"),
    "over_hold": Say("Above the hold, not charged"), "waived": Say("Waived"),
    "rounding": Say("Rounded down for payment"),
}  # fmt: skip


@intent("order_history", digression=True, words=("orders", "my orders", "order history"))
def history(turn: Turn) -> Replies:
    """Nine at a time: a list has ten rows."""
    named = _number(turn, "order")
    if named is not None:
        return _explain(turn, named)
    before = read_place(turn.value("before") or "")
    found, more = orders.orders(turn.work, turn.rider.id, before=before)
    if not found:
        return Choose(
            Say(
                "You have no orders yet. Your charges, reservations, plans and top-ups will stand "
                "here."
            ),
            [Option("start_charge", Say("Start a charge"))],
        )
    lines: list[Say] = []
    options: list[Option] = []
    for group, title in GROUPS.items():
        members = [each for each in found if each.group == group]
        if not members:
            continue
        lines.append(Say("*{group}*", {"group": title}))
        lines += [_line(turn, each) for each in members]
        options += [_option(each, title) for each in members]
    if more is not None:
        options.append(Option(f"order_history?before={more}", Say("Older orders")))
    text = Say("{orders}\n\nTap one to see it explained.", {"orders": stack(lines)})
    return Choose(text, options, list_button=Say("Choose an order"))


def _number(turn: Turn, name: str) -> int | None:
    raw = turn.value(name) or ""
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 18 else None


def _values(order: Order) -> dict[str, Value]:
    return {
        "time": Moment(order.at, order.tz, "date_time"),
        "evse": order.evse_code,
        "energy": Amount(order.energy_wh, "wh"),
        "duration": Amount(order.seconds, "s"),
        "amount": order.amount,
        "refunded": order.refunded,
        "price": Rate(order.unit_price or "0", order.amount.currency, "kwh"),
    }


def _line(turn: Turn, order: AnyOrder) -> Say:
    """When, where, unit price, energy, minutes, amount."""
    match order:
        case Reservation():
            return order_details.reservation_line(order, turn.now)
        case Purchase():
            return order_details.purchase_line(order)
        case Order():
            return _charge_line(order)


def _charge_line(order: Order) -> Say:
    values = _values(order)
    rest = Say("{energy} in {duration} at {price} = {amount}", values)
    if not order.unit_price:
        rest = Say("{energy} in {duration} = {amount}", values)
    values = {**values, "rest": rest}
    if order.owed:
        return Say("{time}, {evse}: {rest}, not paid yet", values)
    if order.refunded.amount_minor:
        return Say("{time}, {evse}: {rest}, {refunded} given back", values)
    return Say("{time}, {evse}: {rest}", values)


def _option(order: AnyOrder, group: Say) -> Option:
    if isinstance(order, Reservation | Purchase):
        return order_details.option(order, group)
    values = {**_values(order), "group": group}
    title = Say("{evse}, {amount}", values)
    return Option(f"order_history?order={order.session_id}", title, Say("{group}, {time}", values))


# --- one bill


def _explain(turn: Turn, session_id: int) -> Replies:
    view = orders.explained(turn.work, turn.rider.id, session_id)
    if view is None:
        return Choose(
            Say("There is no bill for this charge yet. It comes when the charge ends."),
            [Option("charge_status", Say("Status"))],
        )
    receipt = Option(f"invoice_or_receipt?session={session_id}", Say("Receipt"))
    options = [receipt, Option("order_history", Say("All orders")), *_ways(view)]
    return Choose(explained(view), options)


def explained(view: BillView) -> Say:
    """A bill with the arithmetic of each line."""
    bill = view.bill
    lines = [_arithmetic(view, each) for each in bill.lines]
    lines += [
        Say(
            "VAT {percent} %: {net} + {tax} = {gross}",
            {
                "percent": Amount(int(Decimal(tax.percent) * 1000), "milli"),
                "net": Money(tax.net_minor, bill.currency),
                "tax": Money(tax.tax_minor, bill.currency),
                "gross": Money(tax.gross_minor, bill.currency),
            },
        )
        for tax in bill.taxes
    ]
    return Say(
        "Bill {number}, {evse}, {station}\n{started} to {ended}\n"
        "Meter at the end {to} – at the start {from} = {energy}\n"
        "Prices: {tariff}, version {version}, as shown to you before the start\n"
        "{lines}\nTotal: {total}\n{paid}",
        {
            "number": view.number,
            "evse": view.evse_code,
            "station": view.station_name,
            "started": Moment(view.started_at, view.tz, "date_time"),
            "ended": Moment(view.ended_at, view.tz),
            "from": Amount(view.meter_start_wh, "wh"),
            "to": Amount(view.meter_end_wh, "wh"),
            "energy": Amount(view.energy_wh, "wh"),
            "tariff": view.tariff.name or Say("tariff"),
            "version": bill.tariff_version or "1",
            "lines": stack(lines),
            "total": bill.total,
            "paid": _paid(view),
        },
    )


def _ways(view: BillView) -> Sequence[Option]:
    if view.owed:
        return [Option("top_up_or_payment", Say("Pay"))]
    return [Option(f"refund?order={view.session_id}", Say("Something is wrong"))]


def _paid(view: BillView) -> Say:
    if view.owed:
        return Say("Not paid yet.")
    if view.refunded.amount_minor:
        return Say("Paid; {refunded} was given back.", {"refunded": view.refunded})
    return Say("Paid.")


def _arithmetic(view: BillView, line: Line) -> Say:
    """ "Energy: 3 kWh × €0.30/kWh = €0.90", with the exact figure where it was rounded."""
    currency = view.bill.currency
    amount = Money(line.gross_minor if view.bill.includes_tax else line.net_minor, currency)
    what: Value = _WHAT.get(line.what, Say(line.what))
    values: dict[str, Value] = {"what": what, "amount": amount, "window": line.window}
    if line.unit not in {"kwh", "s"}:
        if line.window:
            values["what"] = Say("{what} {window}", {"what": what, "window": line.window})
        return Say("{what}: {amount}", values)
    values["price"] = Rate(line.unit_price, currency, line.per)
    unit, number = ("wh", Decimal(line.quantity) * 1000) if line.unit == "kwh" else (
        "s", Decimal(line.quantity)
    )  # fmt: skip
    values["quantity"] = Amount(int(number), unit)
    if line.days or line.window:
        where = conditions(line.days, line.window)
        values["what"] = Say("{what} {window}", {"what": what, "window": where})
    exact = _exact(line)
    if exact is not None and exact != amount.major():
        digits = exponent(currency) + 3
        values["exact"] = f"{exact:.{digits}f}".rstrip("0")
        return Say("{what}: {quantity} × {price} = {exact}, rounded {amount}", values)
    return Say("{what}: {quantity} × {price} = {amount}", values)


def _exact(line: Line) -> Decimal | None:
    """The product before rounding; None where it is none, as of an idle fee with a cap."""
    per = {"kwh": Decimal(1), "h": Decimal(3600), "min": Decimal(60)}.get(line.per)
    if per is None or line.what not in {"energy", "time"}:
        return None
    return Decimal(line.quantity) * Decimal(line.unit_price) / per
