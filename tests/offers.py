"""Coupons and plans for tests: templates and offers as finance has approved them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from bot.domain.discounts import CouponRules, dump_rules, plain_code
from bot.store.database import Store
from bot.store.offers import CouponTemplate, PlanOffer
from bot.store.stations import Station


def add_template(store: Store, name: str = "sorry", **given: Any) -> int:
    """An active template of 1.00 EUR in Finland; rules and columns as given."""
    columns: dict[str, Any] = {
        "code": None, "valid_days": 30, "ends_at": None, "per_rider": 100,
        "budget_minor": 100_000, "monthly_minor": None, "state": "active",
    }  # fmt: skip
    rules: dict[str, Any] = {"currency": "EUR", "country": "FI"}
    for key, value in given.items():
        (columns if key in columns else rules)[key] = value
    if "percent" not in rules:
        rules.setdefault("fixed_minor", 100)
    with store.begin() as work:
        code = columns["code"]
        row = CouponTemplate(
            name=name, country=rules["country"], currency=rules["currency"],
            rules=dump_rules(CouponRules(**rules)), changed_at=work.now,
            plain_code=plain_code(code) if code else None, **columns,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        return row.id


def add_coupon(store: Store, code: str, amount: int, unit: str, only: str | None) -> None:
    """A campaign whose code riders type."""
    worth: dict[str, Any] = {"fixed_minor": amount}
    if unit == "percent":
        worth = {"percent": Decimal(amount), "most_minor": 500}
    if only is not None:
        with store.read() as work:
            found = work.session.scalars(select(Station.id).where(Station.name == only)).one()
            worth["stations"] = frozenset({found})
    add_template(store, code, code=code, per_rider=1, **worth)


def add_plan_offer(store: Store, **given: Any) -> int:
    """Month 20 kWh for 5.00 EUR in Finland, or as given."""
    columns: dict[str, Any] = {
        "name": "Month 20 kWh", "country": "FI", "currency": "EUR", "unit": "wh", "size": 20_000,
        "days": 30, "price_minor": 500, "tax_percent": "25.5", **given,
    }  # fmt: skip
    with store.begin() as work:
        row = PlanOffer(changed_at=work.now, **columns)
        work.session.add(row)
        work.session.flush()
        return row.id


LATER = timedelta(days=40)  # after every coupon's and plan's end
