"""Coupons: issued within budgets, once for each cause; pinned to a charge, used at its bill.

Whoever issues locks the template's row first, so that parallel issues see each other's coupons.
A coupon is taken for a charge by one conditional statement: of many starts one gets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import case, func, select, update

from bot.domain.discounts import (
    Coupon,
    CouponRules,
    Discount,
    best,
    load_rules,
    make_code,
    unfit,
)
from bot.domain.holds import planned_wh
from bot.domain.money import Money
from bot.domain.pricing import Bill, planned, price
from bot.domain.tariffs import Tariff
from bot.replies import Amount, Choose, Moment, Option, Say, Value
from bot.services import tariffs
from bot.services.outbound import tell_rider
from bot.store.changes import touched
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.offers import Coupon as CouponRow
from bot.store.offers import CouponTemplate
from bot.store.stations import Evse, Pile, Station
from bot.store.upsert import insert

_NAMED: Final = 3  # stations of a coupon; of more it says "…"
AGAIN: Final = timedelta(days=7)  # one of a charge refunded in full is good for this long at least
GRACE: Final = timedelta(days=1)  # once: for one that lapsed during a charge that came to nothing
WHY_NOT: Final = {
    "expired": Say("It has expired."),
    "market": Say("It does not count in this country."),
    "site": Say("It does not count at this station."),
    "hours": Say("It does not count at this time of day."),
}
_SENTENCE: Final = Say("You got a coupon: {coupon}. It counts by itself at your next charge.")


# --- giving out


def issue(
    work: UnitOfWork,
    rider_id: int,
    template: str,
    *,
    cause: str,
    key: str,
    country: str | None = None,
    why: Say | None = None,
    tell: bool = True,
) -> CouponRow | None:
    """Give a rider a coupon of a template by its name, and tell them; one for each `cause`, ever.

    A repeat for the same rider returns the coupon there is. None: there is no such template in
    the rider's market (`country`, else that of their last charge), or its budget is used up.
    `why` is a sentence before the coupon.
    """
    row = _template(work, template, country or country_of(work, rider_id))
    if row is None:
        return None
    coupon = issue_of(work, rider_id, row.id, cause=cause, key=key)
    if coupon is not None and tell:
        tell_issued(work, coupon, why)
    return coupon


def tell_issued(work: UnitOfWork, coupon: CouponRow, why: Say | None = None) -> None:
    """The rider's message about a new coupon."""
    told = Say(_SENTENCE.text, {"coupon": describe(work, coupon)})
    words = Say("{why} {coupon}", {"why": why, "coupon": told}) if why else told
    options = [Option("coupon_or_membership", Say("My coupons"))]
    tell_rider(work, coupon.rider_id, Choose(words, options), key=f"coupon:{coupon.id}:issued")


def issue_of(
    work: UnitOfWork, rider_id: int, template_id: int, *, cause: str, key: str
) -> CouponRow | None:
    """As `issue`, of one template's row, telling nobody."""
    row = work.session.get_one(
        CouponTemplate, template_id, with_for_update=True, populate_existing=True
    )
    known = work.session.scalars(select(CouponRow).where(CouponRow.cause == cause)).first()
    if known is not None:
        return known if known.rider_id == rider_id else None
    rules = load_rules(row.rules)
    if room(work, row, rider_id) < max(1, rules.worth_minor):
        return None
    expires, code = work.now + timedelta(days=row.valid_days), _fresh_code(work)
    given = work.session.scalars(
        insert(work, CouponRow)
        .values(
            template_id=row.id, rider_id=rider_id, code=row.code or code,
            plain_code=code.replace("-", ""), cause=cause, key=key, rules=row.rules,
            worth_minor=rules.worth_minor, state="open",
            issued_at=work.now, expires_at=min(expires, row.ends_at) if row.ends_at else expires,
        )
        .on_conflict_do_nothing()
        .returning(CouponRow)
    ).first()  # fmt: skip
    if given is None:  # another template, the same cause, the same moment
        known = work.session.scalars(select(CouponRow).where(CouponRow.cause == cause)).first()
        return known if known is not None and known.rider_id == rider_id else None
    touched(work, "coupon", f"rider:{rider_id}")
    return given


def room(work: UnitOfWork, row: CouponTemplate, rider_id: int | None = None) -> int:
    """How much may still be given out of a template now, to this rider where one is named; in
    minor units. What expired unused counts no more."""
    if row.state != "active" or (row.ends_at is not None and row.ends_at <= work.now):
        return 0
    month = work.now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    left = row.budget_minor - spent(work, row.id)
    if row.monthly_minor is not None:
        left = min(left, row.monthly_minor - spent(work, row.id, since=month))
    if rider_id is not None:
        had = select(func.count()).where(
            CouponRow.template_id == row.id, CouponRow.rider_id == rider_id
        )
        if (work.session.scalar(had) or 0) >= row.per_rider:
            return 0
    return max(0, left)


def spent(work: UnitOfWork, template_id: int, *, since: datetime | None = None) -> int:
    """What the coupons of a template cost so far, or still can."""
    gone = (CouponRow.state == "open") & (CouponRow.expires_at <= work.now)
    cost = case(
        (CouponRow.state == "used", CouponRow.used_minor), (gone, 0), else_=CouponRow.worth_minor
    )
    query = select(func.coalesce(func.sum(cost), 0)).where(CouponRow.template_id == template_id)
    if since is not None:
        query = query.where(CouponRow.issued_at >= since)
    return int(work.session.scalar(query) or 0)


def country_of(work: UnitOfWork, rider_id: int) -> str | None:
    """The market a rider charges in: that of the newest charge, None before the first."""
    return work.session.scalars(
        select(Station.country)
        .join(Pile, Pile.station_id == Station.id)
        .join(Evse, Evse.pile_id == Pile.id)
        .join(ChargingSession, ChargingSession.evse_id == Evse.id)
        .where(ChargingSession.rider_id == rider_id)
        .order_by(ChargingSession.id.desc())
        .limit(1)
    ).first()


def _template(work: UnitOfWork, name: str, country: str | None) -> CouponTemplate | None:
    query = select(CouponTemplate).where(
        CouponTemplate.name == name, CouponTemplate.state == "active"
    )
    if country is not None:
        query = query.where(CouponTemplate.country == country)
    return work.session.scalars(query.order_by(CouponTemplate.id)).first()


def _fresh_code(work: UnitOfWork) -> str:
    while True:
        code = make_code()
        known = select(CouponRow.id).where(CouponRow.plain_code == code.replace("-", ""))
        if work.session.scalars(known).first() is None:
            return code


# --- what a rider has


def mine(work: UnitOfWork, rider_id: int) -> Sequence[CouponRow]:
    """The rider's coupons that are good or in use, the first to expire first."""
    return work.session.scalars(
        select(CouponRow)
        .where(
            CouponRow.rider_id == rider_id,
            (CouponRow.state == "reserved")
            | ((CouponRow.state == "open") & (CouponRow.expires_at > work.now)),
        )
        .order_by(CouponRow.expires_at, CouponRow.id)
    ).all()


def describe(work: UnitOfWork, row: CouponRow) -> Say:
    """A coupon in a line: code, worth, conditions, until when."""
    rules = load_rules(row.rules)
    worth = Say(
        "{code}, {worth}, until {date}",
        {
            "code": row.code,
            "worth": worth_of(rules),
            "date": Moment(row.expires_at, zone(work, row), "date"),
        },
    )
    for condition in _conditions(work, rules):
        worth = Say("{coupon}, {condition}", {"coupon": worth, "condition": condition})
    return worth


def worth_of(rules: CouponRules) -> Say:
    """How much a coupon takes off."""
    if rules.fixed_minor:
        return Say("{amount} off", {"amount": Money(rules.fixed_minor, rules.currency)})
    values: dict[str, Value] = {"percent": Amount(int(rules.percent * 1000), "milli")}
    if rules.most_minor is None:
        return Say("{percent} % off", values)
    values["most"] = Money(rules.most_minor, rules.currency)
    return Say("{percent} % off (at most {most})", values)


def _conditions(work: UnitOfWork, rules: CouponRules) -> list[Say]:
    found = []
    if rules.min_spend_minor:
        least = Money(rules.min_spend_minor, rules.currency)
        found.append(Say("for charges from {least}", {"least": least}))
    if rules.stations:
        names = work.session.scalars(
            select(Station.name).where(Station.id.in_(rules.stations)).order_by(Station.name)
        ).all()
        shown = [*names[:_NAMED], "…"] if len(names) > _NAMED else names or ["–"]
        stations = tariffs.enumerated([Say("{text}", {"text": each}) for each in shown])
        found.append(Say("only at {stations}", {"stations": stations}))
    if rules.hours is not None and rules.hours.start and rules.hours.end:
        window = f"{rules.hours.start:%H:%M}–{rules.hours.end:%H:%M}"
        found.append(Say("for starts {window}", {"window": window}))
    return found


def zone(work: UnitOfWork, row: CouponRow) -> str:
    """The time zone of a coupon's market, for its dates."""
    country = load_rules(row.rules).country
    found = select(Station.tz).where(Station.country == country).order_by(Station.id).limit(1)
    return work.session.scalars(found).first() or "UTC"


# --- at a charge


def as_rule(row: CouponRow) -> Coupon:
    """A row as the pure rules know it."""
    return Coupon(row.id, row.code, load_rules(row.rules), row.expires_at)


def why_not(work: UnitOfWork, row: CouponRow, evse: Evse) -> str | None:
    """Why a coupon does not count at an EVSE now; see bot/domain/discounts.py."""
    station = evse.pile.station
    return unfit(
        as_rule(row), at=work.now, station_id=station.id, country=station.country,
        currency=station.currency, tz=station.tz,
    )  # fmt: skip


def choose(
    work: UnitOfWork,
    rider_id: int,
    evse: Evse,
    tariff: Tariff,
    *,
    likely_wh: int,
    plan: Sequence[Discount] = (),
) -> tuple[Discount, ...]:
    """The coupons that make a charge at an EVSE cheapest, beside the plan that is pinned to it."""
    rows = work.session.scalars(
        select(CouponRow).where(CouponRow.rider_id == rider_id, CouponRow.state == "open")
    )
    fit = [as_rule(row) for row in rows if why_not(work, row, evse) is None]
    if not fit:
        return ()
    power = evse.allowed_w
    usages = [planned(wh, power, work.now) for wh in (likely_wh, planned_wh(power))]

    def costs(discounts: Sequence[Discount]) -> tuple[int, ...]:
        all_ = [*plan, *discounts]
        return tuple(price(tariff, usage, discounts=all_).gross_minor for usage in usages)

    return tuple(each.discount() for each in best(fit, costs))


def take(work: UnitOfWork, rider_id: int, coupon_id: int, session_id: int) -> bool:
    """Pin a coupon to a charge; False when it is not free (any more)."""
    won = work.session.scalars(
        update(CouponRow)
        .where(
            CouponRow.id == coupon_id,
            CouponRow.rider_id == rider_id,
            CouponRow.state == "open",
            CouponRow.expires_at > work.now,
        )
        .values(state="reserved", session_id=session_id)
        .returning(CouponRow.id)
        .execution_options(synchronize_session=False)
    ).first()
    return won is not None


def settle(work: UnitOfWork, session_id: int, bill: Bill | None) -> None:
    """A charge has its bill, or None will be written: what stands on it is used, the rest is the
    rider's again."""
    rows = _pinned(work, session_id, "reserved")
    for row in rows:
        lines = (
            [x for x in bill.lines if x.what == "coupon" and x.window == row.code] if bill else []
        )
        if lines:
            row.state, row.used_at = "used", work.now
            row.used_minor = -sum(each.gross_minor for each in lines)
        else:
            _free(row)
            if row.expires_at <= work.now and row.graced_at is None:
                row.expires_at, row.graced_at = work.now + GRACE, work.now
    if rows:
        work.session.flush()


def corrected(work: UnitOfWork, session_id: int, bill: Bill) -> None:
    """A charge that has its bill comes to less: a coupon took off less, or is not needed at all."""
    for row in _pinned(work, session_id, "used"):
        saved = -sum(
            x.gross_minor for x in bill.lines if x.what == "coupon" and x.window == row.code
        )
        if saved:
            row.used_minor = min(row.used_minor or 0, saved)
        else:
            _good_again(work, row, session_id)
    work.session.flush()


def count_late(work: UnitOfWork, coupon_id: int, *, session_id: int, saves: int) -> bool:
    """Use a coupon for a charge that has its bill already; False when it is not free any more."""
    won = work.session.scalars(
        update(CouponRow)
        .where(CouponRow.id == coupon_id, CouponRow.state == "open")
        .values(state="used", session_id=session_id, used_at=work.now, used_minor=saves)
        .returning(CouponRow.id)
        .execution_options(synchronize_session=False)
    ).first()
    return won is not None


def give_back(work: UnitOfWork, session_id: int) -> None:
    """The charge was refunded in full: its coupons are good again."""
    for row in _pinned(work, session_id, "used"):
        _good_again(work, row, session_id)
    work.session.flush()


def _good_again(work: UnitOfWork, row: CouponRow, session_id: int) -> None:
    _free(row)
    row.expires_at = max(row.expires_at, work.now + AGAIN)
    said = Say("Your coupon is good again: {coupon}.", {"coupon": describe(work, row)})
    tell_rider(work, row.rider_id, said, key=f"coupon:{row.id}:back:{session_id}")


def _pinned(work: UnitOfWork, session_id: int, state: str) -> Sequence[CouponRow]:
    return work.session.scalars(
        select(CouponRow)
        .where(CouponRow.session_id == session_id, CouponRow.state == state)
        .order_by(CouponRow.id)
        .execution_options(populate_existing=True)
    ).all()


def _free(row: CouponRow) -> None:
    row.state, row.session_id, row.used_at, row.used_minor = "open", None, None, None
