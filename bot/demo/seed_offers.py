"""Coupons and plans of the demo city: what missed promises give, a code to type, plans to buy."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from sqlalchemy import select

from bot.domain.discounts import CouponRules, dump_rules, plain_code
from bot.store.database import UnitOfWork
from bot.store.offers import CouponTemplate, PlanOffer
from bot.store.stations import Station

_BUDGET: Final = 500_00
_COUPONS: Final = (
    ("late", "", CouponRules("EUR", "FI", fixed_minor=500)),
    ("fault_photo", "", CouponRules("EUR", "FI", fixed_minor=300)),
    ("Rainy days", "RAIN5", CouponRules("EUR", "FI", percent=Decimal(20), most_minor=300)),
)
_PLANS: Final = (("Month 50 kWh", 50_000, 30, 12_75), ("Quarter 150 kWh", 150_000, 91, 38_00))
_NAMES: Final = {
    "Month 50 kWh": {
        "es": "Mes 50 kWh", "pt-BR": "Mês 50 kWh", "zh": "月包 50 度", "fr": "Mois 50 kWh",
        "de": "Monat 50 kWh",
    },
    "Quarter 150 kWh": {
        "es": "Trimestre 150 kWh", "pt-BR": "Trimestre 150 kWh", "zh": "季包 150 度",
        "fr": "Trimestre 150 kWh", "de": "Quartal 150 kWh",
    },
}  # fmt: skip


def add_offers(work: UnitOfWork) -> None:
    """Add what is missing, where the city's stations are Finnish."""
    station = work.session.scalars(select(Station).where(Station.country == "FI")).first()
    if station is None:
        return
    for name, code, rules in _COUPONS:
        known = select(CouponTemplate.id).where(CouponTemplate.name == name)
        if work.session.scalars(known).first() is None:
            work.session.add(
                CouponTemplate(
                    name=name, country="FI", currency="EUR", code=code or None,
                    plain_code=plain_code(code) if code else None, rules=dump_rules(rules),
                    valid_days=30, per_rider=1 if code else 20, budget_minor=_BUDGET,
                    state="active", changed_at=work.now,
                )
            )  # fmt: skip
    for name, size, days, price in _PLANS:
        known_plan = select(PlanOffer.id).where(PlanOffer.name == name)
        if work.session.scalars(known_plan).first() is None:
            work.session.add(
                PlanOffer(
                    name=name, names=_NAMES[name], country="FI", currency="EUR", unit="wh",
                    size=size, days=days,
                    price_minor=price, tax_percent=station.tax_percent, changed_at=work.now,
                )
            )  # fmt: skip
