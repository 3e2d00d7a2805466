"""Which plans are sold in which market; a change is for those who buy after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import select

from bot.services import audit, coupon_templates
from bot.services.audit import Actor
from bot.services.coupon_templates import NotPossible
from bot.store.database import UnitOfWork
from bot.store.offers import PlanOffer


@dataclass(frozen=True, slots=True)
class Draft:
    """An offer as a form gives it; `size` in Wh or seconds, the price with tax."""

    name: str
    country: str
    currency: str
    unit: str
    size: int
    days: int
    price_minor: int
    tax_percent: Decimal
    active: bool
    names: Mapping[str, str] = field(default_factory=dict)  # by language, where it differs


def name_in(offer: PlanOffer, lang: str | None) -> str:
    """What a plan is called in a language; the name it was given where nobody has said another."""
    names: Mapping[str, str] = offer.names
    return names.get(lang or "") or offer.name


def all_of(work: UnitOfWork) -> Sequence[PlanOffer]:
    """Every offer, by market and price."""
    order = (PlanOffer.country, PlanOffer.active.desc(), PlanOffer.price_minor)
    return work.session.scalars(select(PlanOffer).order_by(*order)).all()


def save(work: UnitOfWork, actor: Actor, id_: int | None, draft: Draft) -> PlanOffer:
    """Make or change an offer. Raises NotPossible."""
    names = {lang: name for lang, name in draft.names.items() if name}
    if not all(len(name) <= 60 for name in [draft.name, *names.values()]) or not draft.name:
        raise NotPossible("Give it a name of 1 to 60 characters.")
    if (draft.country, draft.currency) not in coupon_templates.markets(work):
        raise NotPossible("There is no station in this market.")
    if draft.unit not in {"wh", "s"} or draft.size <= 0:
        raise NotPossible("Say how many kWh or hours it holds.")
    if not 1 <= draft.days <= 366 or draft.price_minor <= 0:
        raise NotPossible("It is good for 1 to 366 days and costs something.")
    if not 0 <= draft.tax_percent <= 100:
        raise NotPossible("The VAT is a percentage, like 25.5.")
    named = select(PlanOffer).where(
        PlanOffer.name == draft.name, PlanOffer.country == draft.country
    )
    if (twin := work.session.scalars(named).first()) is not None and twin.id != id_:
        raise NotPossible("There is a plan of this name in this market.")
    row = work.session.get(PlanOffer, id_) if id_ else None
    if row is None:
        row = PlanOffer()
        work.session.add(row)
    row.name, row.country, row.currency = draft.name, draft.country, draft.currency
    row.names = names
    row.unit, row.size, row.days = draft.unit, draft.size, draft.days
    row.price_minor, row.tax_percent = draft.price_minor, f"{draft.tax_percent:f}"
    row.active, row.changed_by, row.changed_at = draft.active, actor.staff_id, work.now
    work.session.flush()
    figures = {"price_minor": row.price_minor, "size": row.size, "active": row.active}
    audit.record(work, actor, "plan.save", f"plan_offer:{row.id}", after=figures)
    return row
