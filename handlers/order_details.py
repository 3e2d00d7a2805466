"""Orders that are no charges: their lines in the list, and one of them explained at a tap."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from bot.dialog.intents import intent
from bot.dialog.turn import Turn
from bot.errors import Refused
from bot.replies import Amount, Choose, Moment, Option, Replies, Say, Value
from bot.services import order_kinds
from bot.services.booking_notices import appeal_button, cancel_button, change_button
from bot.services.order_kinds import Purchase, Reservation
from handlers.my_bookings import STATES

ALL_ORDERS: Final = Option("order_history", Say("All orders"))
_PLAN_STATES: Final = {
    "asked": Say("Waiting for the payment."),
    "active": Say("Left: {left} of {size}, until {until}."),
    "used_up": Say("All of it is used."),
    "expired": Say("It is over; {left} of {size} were left."),
    "refunded": Say("Returned unused; {refunded} was given back."),
}


@intent("order_details", digression=True)
def details(turn: Turn) -> Replies:
    """What a tap in the list names: ?booking=5, ?plan=7 or ?topup=9."""
    rider_id = turn.rider.id
    for name, own in (
        ("booking", order_kinds.own_reservation),
        ("plan", order_kinds.own_plan),
        ("topup", order_kinds.own_top_up),
    ):
        number = turn.value(name) or ""
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            continue
        order = own(turn.work, rider_id, int(number))
        match order:
            case Reservation():
                return _reservation(turn, order)
            case Purchase(kind="plan"):
                return _plan(order)
            case Purchase():
                return _top_up(order)
    raise Refused("I do not know that order.", {}, [ALL_ORDERS])


# --- in the list


def reservation_line(order: Reservation, now: datetime) -> Say:
    """When, where, energy, minutes, unit price, deposit or what was kept of it."""
    values = {**_slot(order), "state": _state(order, now), "energy": Amount(0, "wh")}
    if order.facts.live:
        slot = Say("{energy} so far, {duration} at {price}", values)
        values = {**values, "slot": slot}
        return Say("{start}, {evse}: {slot}, deposit {deposit}, {state}", values)
    values = {**values, "slot": Say("{energy} of {duration} at {price}", values)}
    if order.refunded.amount_minor:
        return Say("{start}, {evse}: {slot}, {state}, {refunded} given back", values)
    if order.kept.amount_minor:
        return Say("{start}, {evse}: {slot}, {state}, {kept} of the deposit kept", values)
    return Say("{start}, {evse}: {slot}, {state}, nothing to pay", values)


def purchase_line(order: Purchase) -> Say:
    """When, what, amount, what is left."""
    values = {**_bought(order), "what": _what(order)}
    if order.refunded.amount_minor:
        return Say("{time}, {what}: {amount}, {refunded} given back", values)
    if order.group == order_kinds.RUNNING:
        return Say("{time}, {what}: {amount}, not paid yet", values)
    return Say("{time}, {what}: {amount}", values)


def _what(order: Purchase) -> Value:
    if order.kind == "plan":
        left = order.state in {"active", "expired"}
        return Say("{plan}, {left} of {size} left", _bought(order)) if left else order.name
    if order.bonus is not None and order.bonus.amount_minor:
        return Say("top-up with {bonus} bonus", _bought(order))
    return Say("top-up")


def option(order: Reservation | Purchase, group: Say) -> Option:
    """The row to tap."""
    if isinstance(order, Reservation):
        values = {**_slot(order), "group": group}
        # What it came to, once it is over.
        amount = order.deposit if order.group == order_kinds.RESERVED else order.kept
        title = Say("{evse}, {amount}", {**values, "amount": amount})
        about = Say("{group}, {start}", values)
        return Option(f"order_details?booking={order.booking_id}", title, about)
    values = {**_bought(order), "group": group}
    title = Say("Top-up, {amount}", values)
    if order.kind == "plan":
        title = Say("Plan, {amount}", values)
    return Option(f"order_details?{order.kind}={order.id}", title, Say("{group}, {time}", values))


def _slot(order: Reservation) -> dict[str, Value]:
    return {
        "evse": order.evse_code,
        "station": order.station_name,
        "start": Moment(order.at, order.tz, "date_time"),
        "end": Moment(order.ends_at, order.tz),
        "duration": Amount(order.seconds, "s"),
        "price": order.price or Say("no charge"),
        "deposit": order.deposit,
        "kept": order.kept,
        "refunded": order.refunded,
        "late": Moment(order.facts.late_at, order.tz),
        "free": Moment(order.facts.free_until, order.tz, "date_time"),
    }


def _state(order: Reservation, now: datetime) -> Say:
    """As in "my bookings"; in the grace until when the bay is kept."""
    if order.facts.state == "RESERVED" and now >= order.at:
        return Say("your bay is kept until {late}", _slot(order))
    return STATES[order.facts.state]


def _bought(order: Purchase) -> dict[str, Value]:
    values: dict[str, Value] = {
        "time": Moment(order.at, order.tz, "date_time"),
        "plan": order.name,
        "amount": order.amount,
        "refunded": order.refunded,
    }
    if order.ends_at is not None:
        values["until"] = Moment(order.ends_at, order.tz, "date")
    more = {"left": order.left, "size": order.size, "bonus": order.bonus}
    return values | {name: each for name, each in more.items() if each is not None}


# --- one explained


def _reservation(turn: Turn, order: Reservation) -> Replies:
    values = {**_slot(order), "state": _state(order, turn.now), "money": _money(order, turn.now)}
    text = Say(
        "Reservation of {evse}, {station}\n{start} to {end} ({duration})\nPrice then: {price}\n"
        "Deposit: {deposit}\nState: {state}\n{money}",
        values,
    )
    if order.facts.live:
        buttons = [change_button(order.booking_id), cancel_button(order.booking_id)]
        return Choose(text, [*buttons, ALL_ORDERS])
    if order.facts.session_id is not None:
        bill = f"order_history?order={order.facts.session_id}"
        return Choose(text, [Option(bill, Say("Its bill")), ALL_ORDERS])
    contest = order.kept.amount_minor and not order.facts.forgiven
    if contest and order.facts.appealed_at is None:
        return Choose(text, [appeal_button(order.booking_id), ALL_ORDERS])
    return Choose(text, [ALL_ORDERS])


def _money(order: Reservation, now: datetime) -> Say:
    """What became of the deposit, or may become of it."""
    values = _slot(order)
    if order.facts.live and now <= order.facts.free_until:
        return Say("Change or cancel by {free} at no cost.", values)
    if order.facts.live:
        return Say("The bay is kept until {late}.", values)
    if order.facts.session_id is not None:
        return Say("The deposit was what was held for your charge.")
    if order.refunded.amount_minor:
        return Say("{kept} was kept and {refunded} given back.", values)
    if order.kept.amount_minor:
        return Say("{kept} of the deposit was kept, the rest released.", values)
    return Say("You pay nothing for it.")


def _plan(order: Purchase) -> Replies:
    values = _bought(order)
    values = {**values, "state": Say(_PLAN_STATES[order.state].text, values)}
    text = Say("Plan {plan}\nBought: {time}\nPrice: {amount}\n{state}", values)
    return Choose(text, [Option("plans", Say("See plans")), ALL_ORDERS])


def _top_up(order: Purchase) -> Replies:
    values = _bought(order) | {"state": Say("Paid.")}
    if order.group == order_kinds.RUNNING:
        values["state"] = Say("Waiting for the payment.")
    elif order.refunded.amount_minor:
        values["state"] = Say("Paid; {refunded} was given back.", {"refunded": order.refunded})
    values |= {
        name: each
        for name, each in (("cash", order.cash_now), ("bonus_now", order.bonus_now))
        if each is not None
    }
    text = Say(
        "Top-up of your wallet\n{time}: {amount}, bonus {bonus}\n{state}\n"
        "In your wallet now: {cash} cash, {bonus_now} bonus.",
        values,
    )
    return Choose(text, [Option("wallet", Say("Wallet")), ALL_ORDERS])
