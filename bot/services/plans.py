"""Plans: packs of energy or charging time, bought ahead, used up by charges, returned unused.

What is paid for a plan is not earned yet: it stands on the plan's own account ("plan:7") and
becomes revenue with each use, the rest when it ends. Its tax is due at the sale, so a charge that
it covers bears none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import func, select, update

from bot.domain.discounts import Discount, Pack
from bot.domain.money import Money
from bot.domain.pricing import Bill
from bot.domain.session import SessionFacts
from bot.errors import Refused
from bot.replies import Amount, Choose, Link, Moment, Option, Say, Value
from bot.services import coupons, payments, plan_offers, refund_words, refunds
from bot.services.billing import REVENUE, post
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store import inbox
from bot.store.changes import touched
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.offers import Plan, PlanOffer, PlanUse
from bot.store.riders import Rider
from bot.store.stations import Evse, Station
from bot.store.upsert import insert

WARN_BEFORE: Final = timedelta(days=3)
RETURN_WITHIN: Final = timedelta(days=14)
LATE: Final = "late:"  # begins the keys of what came back after the end of its plan


def offers(work: UnitOfWork, rider_id: int) -> Sequence[PlanOffer]:
    """What a rider can buy in the market they charge in (before the first charge: anywhere)."""
    query = select(PlanOffer).where(PlanOffer.active)
    if (country := coupons.country_of(work, rider_id)) is not None:
        query = query.where(PlanOffer.country == country)
    return work.session.scalars(query.order_by(PlanOffer.country, PlanOffer.price_minor)).all()


def mine(work: UnitOfWork, rider_id: int) -> Sequence[Plan]:
    """The rider's plans that can be used, the first to end first."""
    return work.session.scalars(
        select(Plan)
        .where(Plan.rider_id == rider_id, Plan.state == "active", Plan.ends_at > work.now)
        .order_by(Plan.ends_at, Plan.id)
    ).all()


def zone(work: UnitOfWork, country: str) -> str:
    """A market's time zone, for dates."""
    found = select(Station.tz).where(Station.country == country).order_by(Station.id).limit(1)
    return work.session.scalars(found).first() or "UTC"


def shown(work: UnitOfWork, plan: Plan) -> str:
    """What a plan is called in its rider's language; its own name where the offer has another by
    now."""
    offer = work.session.get_one(PlanOffer, plan.offer_id)
    rider = work.session.get_one(Rider, plan.rider_id)
    return plan_offers.name_in(offer, rider.lang) if offer.name == plan.name else plan.name


def left(plan: Plan) -> Amount:
    """What is left of a plan."""
    return Amount(max(0, plan.size - plan.used), plan.unit)


# --- buying


def buy(work: UnitOfWork, rider_id: int, offer_id: int, *, key: str) -> Plan:
    """A rider has agreed: the money is asked for, the plan counts when it has come. A repeat of
    `key` returns the same plan. Raises Refused."""
    offer = work.session.get(PlanOffer, offer_id)
    if offer is None or not offer.active:
        raise Refused("This plan is not sold any more. Write PLANS to see what there is.")
    taxed = Fraction(offer.price_minor) * Fraction(Decimal(offer.tax_percent))
    tax = int(taxed / (100 + Fraction(Decimal(offer.tax_percent))) + Fraction(1, 2))
    plan = work.session.scalars(
        insert(work, Plan)
        .values(
            key=key, rider_id=rider_id, offer_id=offer.id, name=offer.name, country=offer.country,
            currency=offer.currency, unit=offer.unit, size=offer.size, used=0, days=offer.days,
            price_minor=offer.price_minor, tax_minor=tax, tax_percent=offer.tax_percent,
            state="asked", asked_at=work.now,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(Plan)
    ).first()  # fmt: skip
    if plan is None:
        return work.session.scalars(select(Plan).where(Plan.key == key)).one()
    touched(work, "plan", f"rider:{rider_id}")
    payments.ask(
        work,
        rider_id=rider_id,
        subject=_subject(plan),
        purpose="sale",
        amount=Money(plan.price_minor, plan.currency),
        title=Say("Plan {plan}", {"plan": shown(work, plan)}),
        note=Say("Paid once; it does not renew by itself."),
    )
    return plan


def _subject(plan: Plan) -> str:
    return f"plan:{plan.id}"


def lock(work: UnitOfWork, number: int) -> None:
    """Take the plan's row before its payment's."""
    work.session.get_one(Plan, number, with_for_update=True, populate_existing=True)


def account(work: UnitOfWork, hold: Hold) -> str:
    """What is paid for a plan stands on its own account until it is earned."""
    return hold.subject


def settle_payment(
    work: UnitOfWork, settings: Settings, hold: Hold, outcome: str, body: Mapping[str, Any]
) -> None:
    """The payment of a plan got somewhere."""
    plan = work.session.get_one(Plan, int(hold.subject.partition(":")[2]))
    price = Money(plan.price_minor, plan.currency)
    values: dict[str, Value] = {"plan": shown(work, plan), "price": price}
    if outcome == "needs_rider" and plan.state == "asked":
        text = Say("Please pay {price} for the plan {plan} on the secure payment page.", values)
        page = Link(text, Say("Open payment page"), str(body.get("url") or hold.checkout_url or ""))
        tell_rider(work, plan.rider_id, page, key=f"{_subject(plan)}:pay:{hold.id}")
    elif outcome == "captured" and plan.state in {"asked", "failed"}:
        _activate(work, plan)
    elif outcome in {"failed", "expired", "void"} and plan.state == "asked":
        plan.state = "failed"
        said = Say(
            "The plan {plan} was not paid, so you do not have it. Nothing was taken.", values
        )
        again = [Option("plans", Say("See plans"))]
        tell_rider(work, plan.rider_id, Choose(said, again), key=f"{_subject(plan)}:failed")


def _activate(work: UnitOfWork, plan: Plan) -> None:
    plan.state, plan.bought_at = "active", work.now
    plan.ends_at = work.now + timedelta(days=plan.days)
    amounts = {_subject(plan): plan.tax_minor, f"tax:{plan.tax_percent}": -plan.tax_minor}
    post(work, source=_subject(plan), kind="sold", currency=plan.currency, amounts=amounts)
    for name, at in (("warn", plan.ends_at - WARN_BEFORE), ("end", plan.ends_at)):
        _timer(work, plan, name, at)
    values: dict[str, Value] = {
        "plan": shown(work, plan), "left": left(plan),
        "price": Money(plan.price_minor, plan.currency),
        "tax": Money(plan.tax_minor, plan.currency),
        "date": Moment(plan.ends_at, zone(work, plan.country), "date"),
    }  # fmt: skip
    said = Say(
        "Thank you: the plan {plan} is yours for {price} (of it {tax} VAT). {left} count by "
        "themselves until {date}; what is left then is lost. Unused it can be returned within 14 "
        "days: write PLANS.",
        values,
    )
    tell_rider(work, plan.rider_id, said, key=f"{_subject(plan)}:bought")


def _timer(work: UnitOfWork, plan: Plan, name: str, at: Any) -> None:
    inbox.put(
        work,
        source="timer",
        source_id=f"{_subject(plan)}:{name}",
        stream=_subject(plan),
        kind="plan.timer",
        body={"plan_id": plan.id, "name": name},
        available_at=at,
    )


# --- at a charge


def for_charge(work: UnitOfWork, rider_id: int, evse: Evse) -> Discount | None:
    """The plan that counts for a charge at an EVSE now: the one that ends first."""
    station = evse.pile.station
    for plan in mine(work, rider_id):
        fits = (plan.country, plan.currency) == (station.country, station.currency)
        if fits and plan.session_id is None and plan.used < plan.size:
            amount = plan.size - plan.used
            return Discount("plan", plan.id, shown(work, plan), unit=plan.unit, left=amount)
    return None


def take(work: UnitOfWork, rider_id: int, discount: Discount, session_id: int) -> bool:
    """Pin a plan to a charge; False when it is not as it was shown any more."""
    won = work.session.scalars(
        update(Plan)
        .where(
            Plan.id == discount.ref,
            Plan.rider_id == rider_id,
            Plan.state == "active",
            Plan.session_id.is_(None),
            Plan.size - Plan.used == discount.left,
            Plan.ends_at > work.now,
        )
        .values(session_id=session_id)
        .returning(Plan.id)
        .execution_options(synchronize_session=False)
    ).first()
    return won is not None


def settle(work: UnitOfWork, session_id: int, facts: SessionFacts, bill: Bill | None) -> None:
    """A charge has its bill (None: it gets none): what it took of its plan is used up."""
    plan = work.session.scalars(
        select(Plan)
        .where(Plan.session_id == session_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if plan is None:
        return
    plan.session_id = None
    saved = -sum(x.gross_minor for x in bill.lines if x.what == "plan") if bill else 0
    if saved:
        usage = facts.usage()
        taken = usage.energy_wh() if plan.unit == "wh" else usage.charging_s()
        _use(work, plan, session_id, min(taken, plan.size - plan.used), saved)
    if plan.state == "active" and (plan.used >= plan.size or _over(work, plan)):
        _end(work, plan, "used_up" if plan.used >= plan.size else "expired")
    work.session.flush()


def _over(work: UnitOfWork, plan: Plan) -> bool:
    return plan.ends_at is not None and plan.ends_at <= work.now


def pack(plan: Plan) -> Pack:
    """A plan as the pure rules know it."""
    return Pack(plan.size, plan.used, plan.price_minor - plan.tax_minor)


def _use(work: UnitOfWork, plan: Plan, session_id: int, amount: int, saved: int) -> None:
    before, after = pack(plan), pack(plan).use(amount)
    earned = after.earned_minor() - before.earned_minor()
    key = f"used:{session_id}"
    work.session.add(
        PlanUse(
            plan_id=plan.id, session_id=session_id, key=key, amount=amount, saved_minor=saved,
            earned_minor=earned, at=work.now,
        )
    )  # fmt: skip
    plan.used = after.used
    earn(work, plan, key, earned)


def earn(work: UnitOfWork, plan: Plan, kind: str, amount: int) -> None:
    """So much of what was paid ahead is revenue by now; negative: no more."""
    amounts = {_subject(plan): amount, REVENUE: -amount}
    post(work, source=_subject(plan), kind=kind, currency=plan.currency, amounts=amounts)


def unearned(work: UnitOfWork, plan: Plan) -> int:
    """What of a plan's net price no use had earned until its end."""
    used = select(func.sum(PlanUse.earned_minor)).where(
        PlanUse.plan_id == plan.id, ~PlanUse.key.startswith(LATE)
    )
    return plan.price_minor - plan.tax_minor - int(work.session.scalar(used) or 0)


def tax_on(plan: Plan, net_minor: int) -> int:
    """The part of a plan's tax that belongs to a part of its net price."""
    return net_minor * plan.tax_minor // (plan.price_minor - plan.tax_minor)


def _end(work: UnitOfWork, plan: Plan, state: str) -> None:
    plan.state = state
    work.session.flush()
    earn(work, plan, "ended", unearned(work, plan))
    if state == "expired":
        said = Say(
            "Your plan {plan} has ended; {left} were not used.",
            {"plan": shown(work, plan), "left": left(plan)},
        )
        tell_rider(work, plan.rider_id, said, key=f"{_subject(plan)}:ended")


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "plan.timer": a plan ends soon, or now."""
    plan = work.session.get(Plan, int(body["plan_id"]), with_for_update=True)
    if plan is None or plan.state != "active":
        return
    if body["name"] == "end":
        if plan.session_id is None:  # else when that charge has its bill
            _end(work, plan, "expired")
        return
    assert plan.ends_at is not None
    said = Say(
        "Your plan {plan} ends on {date}; {left} are left. They count by themselves until then.",
        {
            "plan": shown(work, plan), "left": left(plan),
            "date": Moment(plan.ends_at, zone(work, plan.country), "date_time"),
        },
    )  # fmt: skip
    find = [Option("find_pile", Say("Find a pile"))]
    tell_rider(work, plan.rider_id, Choose(said, find), key=f"{_subject(plan)}:warned")


# --- giving back


def returnable(work: UnitOfWork, plan: Plan) -> bool:
    """Whether a plan can be returned: not used at all, bought lately, not in use."""
    bought = plan.bought_at
    unused = plan.state == "active" and plan.used == 0 and plan.session_id is None
    return unused and bought is not None and work.now - bought <= RETURN_WITHIN


def give_back(work: UnitOfWork, rider_id: int, plan_id: int) -> Refund:
    """The rider returns an unused plan: all of it goes back. Raises Refused."""
    won = work.session.scalars(
        update(Plan)
        .where(
            Plan.id == plan_id,
            Plan.rider_id == rider_id,
            Plan.state == "active",
            Plan.used == 0,
            Plan.session_id.is_(None),
            Plan.bought_at >= work.now - RETURN_WITHIN,
        )
        .values(state="refunded")
        .returning(Plan.id)
        .execution_options(synchronize_session=False)
    ).first()
    hold = payments.of(work, f"plan:{plan_id}")
    if won is None or hold is None:
        raise Refused("This plan cannot be returned: it was used, or bought over 14 days ago.")
    plan = work.session.get_one(Plan, plan_id, populate_existing=True)
    refund = refunds.give_back(work, hold.id, plan.price_minor, reason="plan")
    assert refund is not None
    amounts = {_subject(plan): -plan.tax_minor, f"tax:{plan.tax_percent}": plan.tax_minor}
    post(work, source=_subject(plan), kind="returned", currency=plan.currency, amounts=amounts)
    return refund


def told_back(work: UnitOfWork, refund: Refund) -> Say:
    """The words for a plan that was returned."""
    return refund_words.told(work, refund, Say("You returned your unused plan."))
