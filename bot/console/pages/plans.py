"""Plans that riders can buy: the list of each market, and a form for each."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import func, select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import LANGUAGES
from bot.domain.money import Money
from bot.domain.staff_actions import plain, read_amount
from bot.errors import PilebotError
from bot.services import coupon_templates, plan_offers
from bot.services.plan_offers import Draft
from bot.store.offers import Plan, PlanOffer

UNITS: Final = (("wh", "kWh"), ("s", "hours of charging"))
_OTHERS: Final = tuple((lang, name) for lang, name in LANGUAGES.items() if lang != "en")
_PER: Final = {"wh": 1000, "s": 3600}


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /plans, /plans/new, /plans/<id>, save."""

    @routes.page("/plans", right="plan.edit")
    def page() -> Any:
        with console.store.read() as work:
            sold = dict(
                work.session.execute(
                    select(Plan.offer_id, func.count())
                    .where(Plan.bought_at.is_not(None))
                    .group_by(Plan.offer_id)
                ).all()
            )
            rows = [
                (row, plain(Money(row.price_minor, row.currency)), _size(row), sold.get(row.id, 0))
                for row in plan_offers.all_of(work)
            ]
        return console.page("plans", rows=rows)

    @routes.page("/plans/new", right="plan.edit")
    def new() -> Any:
        return _form(console, None, {"days": "30", "active": "yes"})

    @routes.page("/plans/<int:offer_id>", right="plan.edit")
    def one(offer_id: int) -> Any:
        with console.store.read() as work:
            row = work.session.get(PlanOffer, offer_id)
        if row is None:
            abort(404)
        given = {
            "name": row.name, "market": f"{row.country} {row.currency}", "unit": row.unit,
            "size": f"{Decimal(row.size) / _PER[row.unit]:f}", "days": str(row.days),
            "price": str(Money(row.price_minor, row.currency).major()),
            "tax": row.tax_percent, "active": "yes" if row.active else "",
            **{f"name_{lang}": name for lang, name in row.names.items()},
        }  # fmt: skip
        return _form(console, offer_id, given)

    @routes.action("/plans/save", right="plan.edit")
    def save() -> Any:
        offer_id, form = request.form.get("id", type=int), request.form
        country, _, currency = form.get("market", "").partition(" ")
        price = read_amount(form.get("price", ""), currency)
        unit = form.get("unit", "")
        draft = Draft(
            name=form.get("name", "").strip(), country=country, currency=currency, unit=unit,
            size=int(_number(form.get("size", "")) * _PER.get(unit, 0)),
            days=form.get("days", 0, type=int), price_minor=price.amount_minor if price else 0,
            tax_percent=_number(form.get("tax", "")), active=form.get("active") == "yes",
            names={lang: form.get(f"name_{lang}", "").strip() for lang, _ in _OTHERS},
        )  # fmt: skip
        try:
            with console.store.begin() as work:
                plan_offers.save(work, console.me().actor(), offer_id, draft)
        except PilebotError as problem:
            return _form(console, offer_id, form, str(problem))
        flash("Saved. Plans that riders have keep their terms.", "good")
        return redirect(url_for("console.plans_page"), 303)


def _number(text: str) -> Decimal:
    try:
        found = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return Decimal(-1)
    return found if found.is_finite() and abs(found) < 10**7 else Decimal(-1)


def _size(row: PlanOffer) -> str:
    unit = "kWh" if row.unit == "wh" else "h"
    return f"{Decimal(row.size) / _PER[row.unit]:f} {unit} in {row.days} days"


def _form(
    console: Console, offer_id: int | None, given: Mapping[str, str], problem: str = ""
) -> Any:
    with console.store.read() as work:
        markets = [(f"{c} {m}", f"{c}, {m}") for c, m in coupon_templates.markets(work)]
    return console.page(
        "plan_edit", 422 if problem else 200, id=offer_id, given=given, problem=problem,
        markets=markets, units=UNITS, languages=_OTHERS,
    )  # fmt: skip
