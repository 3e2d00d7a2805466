"""Plans: what can be bought, what is left of one's own, buying and returning with a yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from bot.dialog.intents import ask, intent, maybe, wish
from bot.dialog.kinds import AGREED, CHOICE
from bot.dialog.turn import Turn
from bot.domain.money import Money
from bot.errors import Refused
from bot.replies import Amount, Choose, Moment, Option, Replies, Say, Value
from bot.services import plan_offers, plans
from bot.services.offers import stack
from bot.store.offers import Plan, PlanOffer

SHOWN = 5
ALL_PLANS = Option("plans", Say("See plans"))


@intent(
    "plans",
    digression=True,
    words=(
        "plans", "plan", "packages", "my plans", "planes", "mis planes", "planos", "meus planos",
        "套餐", "我的套餐", "forfaits", "mes forfaits", "pakete", "meine pakete",
    ),
)  # fmt: skip
def listed(turn: Turn) -> Replies:
    """One's own first, then what is sold."""
    own, sold = plans.mine(turn.work, turn.rider.id), plans.offers(turn.work, turn.rider.id)
    if not own and not sold:
        return Say("No plans are sold here at the moment. You pay for each charge as it is.")
    lines = [_own(turn, each) for each in own[:SHOWN]]
    lines += [_sold(turn, each) for each in sold[:SHOWN]]
    options = [_buy(turn, each) for each in sold[:SHOWN]]
    options += [_return(turn, each) for each in own[:3] if plans.returnable(turn.work, each)]
    text = Say("Plans:\n{plans}", {"plans": stack(lines)})
    if not options:
        return text
    return Choose(text, options, list_button=Say("Choose a plan"))


def _own(turn: Turn, plan: Plan) -> Say:
    assert plan.ends_at is not None
    return Say(
        "Yours: {plan}, {left} left until {date}",
        {
            "plan": plans.shown(turn.work, plan),
            "left": plans.left(plan),
            "date": Moment(plan.ends_at, plans.zone(turn.work, plan.country), "date"),
        },
    )


def _values(turn: Turn, offer: PlanOffer) -> dict[str, Value]:
    return {
        "plan": plan_offers.name_in(offer, turn.lang),
        "size": Amount(offer.size, offer.unit),
        "days": offer.days,
        "price": Money(offer.price_minor, offer.currency),
    }


def _sold(turn: Turn, offer: PlanOffer) -> Say:
    return Say("{plan}: {size} within {days} days for {price}", _values(turn, offer))


def _buy(turn: Turn, offer: PlanOffer) -> Option:
    query = urlencode({"plan": offer.id})
    return Option(
        f"buy_plan?{query}", Say("Buy for {price}", _values(turn, offer)), _sold(turn, offer)
    )


def _return(turn: Turn, plan: Plan) -> Option:
    query = urlencode({"plan": plan.id})
    return Option(
        f"return_plan?{query}",
        Say("Return a plan"),
        Say("{plan}", {"plan": plans.shown(turn.work, plan)}),
    )


# --- buying


def confirm(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """What it costs, what it is good for, and what becomes of the rest."""
    offer = _offer(turn, slots.get("plan"))
    return Choose(
        Say(
            "{plan}: {size} for {price}, good for {days} days from today in this country. It "
            "covers energy and charging time, not staying plugged in. What is left at the end is "
            "lost; it does not renew by itself; unused it can be returned within 14 days. Buy it?",
            _values(turn, offer),
        ),
        [Option("=yes", Say("Yes, buy")), Option("deny", Say("No"))],
    )


def _offer(turn: Turn, number: str | None) -> PlanOffer:
    known = plans.offers(turn.work, turn.rider.id)
    found = next((each for each in known if str(each.id) == number), None)
    if found is None:
        raise Refused(
            "This plan is not sold any more. Write PLANS to see what there is.", {}, [ALL_PLANS]
        )
    return found


@wish
class Buy:
    """Which plan, and the yes."""

    plan: str | None = maybe(CHOICE)
    agreed: bool = ask(confirm, AGREED)


@intent("buy_plan")
def buy(turn: Turn, want: Buy) -> Replies:
    """The saved card, else the page; the plan counts when the money has come."""
    offer = _offer(turn, want.plan)
    plans.buy(turn.work, turn.rider.id, offer.id, key=turn.heard.key)
    price = Money(offer.price_minor, offer.currency)
    return Say("One moment: I am preparing the payment of {amount}.", {"amount": price})


# --- giving back


def confirm_return(turn: Turn, slots: Mapping[str, Any]) -> Replies:
    """All of it goes back."""
    plan = _mine(turn, slots.get("plan"))
    return Choose(
        Say(
            "Return {plan} and get {price} back? It cannot be used any more then.",
            {"plan": plans.shown(turn.work, plan), "price": Money(plan.price_minor, plan.currency)},
        ),
        [Option("=yes", Say("Yes, return it")), Option("deny", Say("No, keep it"))],
    )


def _mine(turn: Turn, number: str | None) -> Plan:
    own: Sequence[Plan] = plans.mine(turn.work, turn.rider.id)
    found = next((each for each in own if str(each.id) == number), None)
    if found is None or not plans.returnable(turn.work, found):
        raise Refused("This plan cannot be returned: it was used, or bought over 14 days ago.")
    return found


@wish
class Return:
    """Which plan, and the yes."""

    plan: str | None = maybe(CHOICE)
    agreed: bool = ask(confirm_return, AGREED)


@intent("return_plan")
def give_back(turn: Turn, want: Return) -> Replies:
    """At once, in full, to where it came from."""
    plan = _mine(turn, want.plan)
    return plans.told_back(turn.work, plans.give_back(turn.work, turn.rider.id, plan.id))
