"""Coupon templates: the list with what they cost, a form for each, approval by finance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import func, select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.discounts import CouponRules, load_rules
from bot.domain.money import Money
from bot.domain.staff_actions import plain, read_amount
from bot.domain.tariffs import When
from bot.gateways.translate import say
from bot.services import coupon_templates, coupons
from bot.services.coupon_templates import Draft, NotPossible
from bot.store.database import UnitOfWork
from bot.store.offers import Coupon, CouponTemplate
from bot.store.staff import Staff
from bot.store.stations import Station

STATES = {
    "draft": ("Waits for finance", "warn", "clock"), "active": ("Active", "good", "circle-check"),
    "ended": ("Ended", "neutral", "x"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A template as the list shows it."""

    id: int
    name: str
    market: str
    code: str
    worth: str
    state: tuple[str, str, str]
    spent: str
    budget: str
    share: int  # of the budget, in percent
    given: int
    used: int
    changed_by: str
    changed_at: datetime
    waits: bool
    mine: bool


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /coupons, /coupons/new, /coupons/<id>, save, approve, end."""

    @routes.page("/coupons", right="coupon.read")
    def page() -> Any:
        me = console.me().staff_id
        with console.store.read() as work:
            rows = [_row(work, each, me) for each in coupon_templates.all_of(work)]
            lacking = coupon_templates.lacking(work)
        return console.page("coupons", rows=rows, lacking=lacking)

    @routes.page("/coupons/new", right="coupon.edit")
    def new() -> Any:
        return _form(console, None, {"valid_days": "30", "per_rider": "1"})

    @routes.page("/coupons/<int:template_id>", right="coupon.edit")
    def one(template_id: int) -> Any:
        with console.store.read() as work:
            row = work.session.get(CouponTemplate, template_id)
            given = _values(console, row) if row is not None else abort(404)
        return _form(console, template_id, given)

    @routes.action("/coupons/save", right="coupon.edit")
    def save() -> Any:
        template_id = request.form.get("id", type=int)
        try:
            with console.store.begin() as work:
                draft = _draft(console, request.form)
                coupon_templates.save(work, console.me().actor(), template_id, draft)
        except NotPossible as problem:
            return _form(console, template_id, request.form, str(problem))
        flash("Saved. Coupons can be issued when finance has approved it.", "good")
        return redirect(url_for("console.coupons_page"), 303)

    @routes.action("/coupons/<int:template_id>/approve", right="coupon.approve")
    def approve(template_id: int) -> Any:
        return _decided(console, coupon_templates.approve, template_id, "Approved.")

    @routes.action("/coupons/<int:template_id>/end", right="coupon.edit")
    def end(template_id: int) -> Any:
        said = "Ended. Coupons that riders have stay good."
        return _decided(console, coupon_templates.end, template_id, said)


def _decided(console: Console, decide: Any, template_id: int, said: str) -> Any:
    try:
        with console.store.begin() as work:
            decide(work, console.me().actor(), template_id)
    except NotPossible as problem:
        flash(str(problem), "bad")
    else:
        flash(said, "good")
    return redirect(url_for("console.coupons_page"), 303)


def _row(work: UnitOfWork, row: CouponTemplate, me: int) -> Row:
    spent = coupons.spent(work, row.id)
    counts = select(func.count(), func.count(Coupon.used_at)).where(Coupon.template_id == row.id)
    given, used = work.session.execute(counts).one()
    by = work.session.get(Staff, row.changed_by or 0)
    return Row(
        id=row.id,
        name=row.name,
        market=f"{row.country} · {row.currency}",
        code=row.code or "",
        worth=say("en", coupons.worth_of(load_rules(row.rules))),
        state=STATES[row.state],
        spent=plain(Money(spent, row.currency)),
        budget=plain(Money(row.budget_minor, row.currency)),
        share=min(100, spent * 100 // max(1, row.budget_minor)),
        given=given,
        used=used,
        changed_by=by.name if by else "",
        changed_at=row.changed_at,
        waits=row.state == "draft",
        mine=row.changed_by == me,
    )


def _form(
    console: Console, template_id: int | None, given: Mapping[str, str], problem: str = ""
) -> Any:
    with console.store.read() as work:
        markets = [(f"{c} {m}", f"{c}, {m}") for c, m in coupon_templates.markets(work)]
        stations = work.session.execute(
            select(Station.id, Station.name).order_by(Station.name)
        ).all()
        row = work.session.get(CouponTemplate, template_id or 0)
        state = row.state if row is not None else ""
    chosen = request.form.getlist("stations") or [
        each for each in given.get("stations", "").split(",") if each
    ]
    return console.page(
        "coupon_edit", 422 if problem else 200, id=template_id, given=given, problem=problem,
        markets=markets, stations=[(str(s[0]), s[1]) for s in stations], chosen=set(chosen),
        state=state,
    )  # fmt: skip


def _values(console: Console, row: CouponTemplate) -> dict[str, str]:
    """A row as the form has it."""
    rules = load_rules(row.rules)

    def major(minor: int | None) -> str:
        return str(Money(minor, row.currency).major()) if minor else ""

    ends = row.ends_at and row.ends_at.astimezone(ZoneInfo(console.settings.desk_tz))
    hours = rules.hours
    return {
        "name": row.name, "market": f"{row.country} {row.currency}", "code": row.code or "",
        "fixed": major(rules.fixed_minor), "percent": f"{rules.percent:f}" if rules.percent else "",
        "most": major(rules.most_minor), "least": major(rules.min_spend_minor),
        "stackable": "yes" if rules.stackable else "",
        "stations": ",".join(str(each) for each in sorted(rules.stations)),
        "start": f"{hours.start:%H:%M}" if hours and hours.start else "",
        "end": f"{hours.end:%H:%M}" if hours and hours.end else "",
        "valid_days": str(row.valid_days), "per_rider": str(row.per_rider),
        "ends_at": f"{(ends - timedelta(days=1)):%Y-%m-%d}" if ends else "",
        "budget": major(row.budget_minor), "monthly": major(row.monthly_minor),
    }  # fmt: skip


def _draft(console: Console, form: Any) -> Draft:
    """The form as a draft. Raises NotPossible."""
    country, _, currency = form.get("market", "").partition(" ")

    def money(name: str, label: str) -> int:
        if not form.get(name, "").strip():
            return 0
        amount = read_amount(form[name], currency)
        if amount is None:
            raise NotPossible(f"{label}: give an amount in {currency or 'the currency'}.")
        return amount.amount_minor

    rules = CouponRules(
        currency=currency,
        country=country,
        percent=_decimal(form.get("percent", "")),
        most_minor=money("most", "At most") or None,
        fixed_minor=money("fixed", "Amount off"),
        min_spend_minor=money("least", "For charges from"),
        stackable=form.get("stackable") == "yes",
        stations=frozenset(int(each) for each in form.getlist("stations") if each.isdigit()),
        hours=_hours(form),
    )
    return Draft(
        name=form.get("name", "").strip(),
        rules=rules,
        code=form.get("code", "").strip().upper(),
        valid_days=form.get("valid_days", 0, type=int),
        ends_at=_day_after(console, form.get("ends_at", "")),
        per_rider=form.get("per_rider", 0, type=int),
        budget_minor=money("budget", "Budget"),
        monthly_minor=money("monthly", "Budget of a month") or None,
    )


def _decimal(text: str) -> Decimal:
    try:
        found = Decimal(text.strip().replace(",", ".") or "0")
    except InvalidOperation as error:
        raise NotPossible("A percentage is a number, like 10 or 12.5.") from error
    return found if found.is_finite() else Decimal(-1)


def _hours(form: Any) -> When | None:
    texts = [form.get(name, "").strip() for name in ("start", "end")]
    if not any(texts):
        return None
    try:
        start, end = (time.fromisoformat(text) for text in texts)
    except ValueError as error:
        raise NotPossible("Give both hours, like 22:00 and 06:00, or none.") from error
    return When(start=start, end=end)


def _day_after(console: Console, text: str) -> datetime | None:
    """The end of the last day, in the desk's time."""
    if not text.strip():
        return None
    try:
        day = datetime.fromisoformat(text.strip()).date() + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise NotPossible("Give the last day as a date.") from error
    zone = ZoneInfo(console.settings.desk_tz)
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
