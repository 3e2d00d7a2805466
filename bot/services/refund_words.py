"""How riders are told of money that goes back: amount, reason, reference, method and date."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.replies import Moment, Say, Value
from bot.services import wallet
from bot.store.charging import ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse

BANK_DAYS: Final = timedelta(days=10)  # what banks take at most


def reference(refund: Refund) -> str:
    """What riders and staff call a refund by."""
    return f"RF-{refund.id:06d}"


def told(work: UnitOfWork, refund: Refund, why: Say) -> Say:
    """The whole message about a refund."""
    hold = work.session.get_one(Hold, refund.hold_id)
    values = _values(work, refund, hold) | {"why": why}
    if "evse" in values:
        return Say(
            "{amount} of your charge at {evse} goes back to {method}. {why} Reference "
            "{reference}; it is there by {date} at the latest.",
            values,
        )
    return Say(
        "{amount} goes back to {method}. {why} Reference {reference}; it is there by {date} at "
        "the latest.",
        values,
    )


def stands(work: UnitOfWork, refund: Refund) -> Say:
    """How a refund stands, for who asks where it is."""
    hold = work.session.get_one(Hold, refund.hold_id)
    values = _values(work, refund, hold)
    if refund.state == "done":
        return Say(
            "{amount} went back to {method} on {asked}; reference {reference}, at your bank "
            "{provider}. Banks show it by {date} at the latest.",
            {**values, "provider": refund.provider_id or "-"},
        )
    if refund.state == "failed":
        return Say(
            "{amount} could not be given back to {method} ({reference}). A person is looking for "
            "another way.",
            values,
        )
    return Say(
        "{amount} is on its way back to {method} since {asked}; reference {reference}, there by "
        "{date} at the latest.",
        values,
    )


def method(work: UnitOfWork, hold: Hold) -> Say | str:
    """Where money of a payment goes back to: where it came from."""
    if hold.method == "wallet":
        owned = wallet.wallet_behind(work, f"hold:{hold.id}")
        ours = owned is None or owned.rider_id == hold.rider_id
        return Say("your wallet") if ours else Say("the family wallet that paid")
    label = work.session.get_one(Rider, hold.rider_id).card_label
    return label or Say("the card you paid with")


def for_staff(work: UnitOfWork, hold: Hold) -> str:
    """Where money of a payment goes and how soon it is there, before it is given back."""
    rider = work.session.get_one(Rider, hold.rider_id)
    if hold.method != "wallet":
        to = rider.card_label or "the card or account that paid"
        return f"The money goes back to {to}; the bank may take 5 to 10 days to show it."
    owned = wallet.wallet_behind(work, f"hold:{hold.id}")
    whose = "the rider's wallet"
    if owned is not None and owned.rider_id != hold.rider_id:
        name = work.session.get_one(Rider, owned.rider_id).name or "a rider without a name"
        whose = f"the family wallet of {name}, which paid,"
    left = wallet.parts_left(work, hold.id)
    cash, bonus = (Money(each, hold.currency) for each in (left.cash_minor, left.bonus_minor))
    as_what = f"as {'cash' if left.cash_minor else 'bonus'}"
    if left.cash_minor and left.bonus_minor:
        as_what = f"up to {plain(cash)} as cash, the rest (up to {plain(bonus)}) as bonus"
    return f"The money is in {whose} at once, {as_what}."


def _values(work: UnitOfWork, refund: Refund, hold: Hold) -> dict[str, Value]:
    session = work.session.get(ChargingSession, hold.session_id) if hold.session_id else None
    evse = work.session.get_one(Evse, session.evse_id) if session is not None else None
    tz = evse.pile.station.tz if evse is not None else "UTC"
    wait = timedelta(0) if hold.method == "wallet" else BANK_DAYS
    values: dict[str, Value] = {
        "amount": Money(refund.amount_minor, refund.currency),
        "method": method(work, hold),
        "reference": reference(refund),
        "asked": Moment(refund.created_at, tz, "date"),
        "date": Moment(refund.created_at + wait, tz, "date"),
    }
    return values | ({"evse": evse.code} if evse is not None else {})
