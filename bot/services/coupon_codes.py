"""Codes that riders type: of a campaign, or of a coupon they have; not to be guessed."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from bot.domain.discounts import mistyped, plain_code
from bot.errors import Refused
from bot.replies import Moment, Value
from bot.services.coupons import issue_of, zone
from bot.store.database import UnitOfWork
from bot.store.limits import allow
from bot.store.offers import Coupon as CouponRow
from bot.store.offers import CouponTemplate

WRONG_CODES: Final = 10  # an hour


def claim(work: UnitOfWork, rider_id: int, typed: str) -> CouponRow:
    """The coupon behind a typed code: of a campaign, or one the rider has. Raises Refused."""
    values: dict[str, Value] = {"code": typed.strip().upper()}
    plain = plain_code(typed)
    template = (
        plain
        and work.session.scalars(
            select(CouponTemplate).where(CouponTemplate.plain_code == plain)
        ).first()
    )
    if template and template.state != "draft":
        return _claim_campaign(work, rider_id, template, values)
    coupon = (
        plain
        and work.session.scalars(select(CouponRow).where(CouponRow.plain_code == plain)).first()
    )
    if coupon:
        return _claim_own(work, rider_id, coupon, values)
    if not allow(work, f"coupon:{rider_id}", limit=WRONG_CODES, window=timedelta(hours=1)):
        raise Refused("That were many codes I do not know. Please try again in an hour.")
    if plain and mistyped(plain):
        raise Refused("One character of {code} seems wrong. Please check it.", values)
    raise Refused(
        "I do not know the code {code}. Please check each character; 0 and O are the same to me, "
        "and so are 1, I and L.",
        values,
    )


def _claim_campaign(
    work: UnitOfWork, rider_id: int, template: CouponTemplate, values: dict[str, Value]
) -> CouponRow:
    values = {**values, "code": template.code or ""}
    if template.state == "ended" or (template.ends_at and template.ends_at <= work.now):
        raise Refused("{code} has ended. Write COUPONS to see what you have.", values)
    cause = f"code:{template.id}:{rider_id}"
    before = work.session.scalars(select(CouponRow).where(CouponRow.cause == cause)).first()
    if before is not None:
        return _claim_own(work, rider_id, before, values)
    coupon = issue_of(work, rider_id, template.id, cause=cause, key=cause)
    if coupon is None:
        raise Refused("All coupons of {code} are taken.", values)
    return coupon


def _claim_own(
    work: UnitOfWork, rider_id: int, coupon: CouponRow, values: dict[str, Value]
) -> CouponRow:
    if coupon.rider_id != rider_id:
        raise Refused("{code} is another rider's coupon, so it cannot be used here.", values)
    if coupon.state == "used":
        raise Refused("You have used {code} already.", values)
    if coupon.state == "reserved":
        raise Refused("{code} counts for the charge that is running.", values)
    if coupon.expires_at <= work.now:
        tz = zone(work, coupon)
        values["date"] = Moment(coupon.expires_at, tz, "date")
        raise Refused("{code} was good until {date}. It cannot be used any more.", values)
    return coupon
