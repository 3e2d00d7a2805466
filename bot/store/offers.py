"""Coupons, plans, and riders' disputes about money: refund requests and meter checks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class CouponTemplate(Base):
    """What coupons of one kind are good for, in one market, and how much they may cost us.

    `state`: draft → active (approved by finance) → ended. A change makes it a draft again; coupons
    in riders' hands keep the rules they were issued with.
    """

    __tablename__ = "coupon_template"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    country: Mapped[str] = mapped_column(String(2))
    currency: Mapped[str] = mapped_column(String(3))
    code: Mapped[str | None] = mapped_column(String(20))  # as printed: riders type it to get one
    plain_code: Mapped[str | None] = mapped_column(String(20), unique=True)
    rules: Mapped[dict[str, Any]]  # bot/domain/discounts.py: CouponRules
    valid_days: Mapped[int]  # of each coupon from its issue on
    ends_at: Mapped[datetime | None]  # no coupon is issued, or good, after this
    per_rider: Mapped[int] = mapped_column(default=1)  # coupons one rider may get of it
    budget_minor: Mapped[int]  # all coupons together
    monthly_minor: Mapped[int | None]  # those of one calendar month (UTC)
    state: Mapped[str] = mapped_column(String(8), default="draft")
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    changed_at: Mapped[datetime]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    approved_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("name", "country"),)


class Coupon(Base):
    """One coupon of one rider. `state`: open → reserved (a charge runs with it) → used | open.

    `cause` is what it was given for ("breach:12", "code:3:7"): one coupon for each, ever.
    """

    __tablename__ = "coupon"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("coupon_template.id"), index=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    code: Mapped[str] = mapped_column(String(20))  # as printed: the campaign's, else its own
    plain_code: Mapped[str] = mapped_column(String(8), unique=True)
    cause: Mapped[str] = mapped_column(String(120), unique=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    rules: Mapped[dict[str, Any]]
    worth_minor: Mapped[int]  # what it can cost us at most
    state: Mapped[str] = mapped_column(String(8), default="open")
    session_id: Mapped[int | None] = mapped_column(ForeignKey("charging_session.id"), index=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_minor: Mapped[int | None]
    graced_at: Mapped[datetime | None]  # it lapsed during a charge that came to nothing: once

    __table_args__ = (Index("ix_coupon_rider_id", "rider_id", "state"),)


class PlanOffer(Base):
    """A pack of energy ("wh") or charging time ("s") that riders of one market can buy."""

    __tablename__ = "plan_offer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    names: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")  # by language
    country: Mapped[str] = mapped_column(String(2))
    currency: Mapped[str] = mapped_column(String(3))
    unit: Mapped[str] = mapped_column(String(2))
    size: Mapped[int]
    days: Mapped[int]  # from the purchase on
    price_minor: Mapped[int]  # with tax
    tax_percent: Mapped[str] = mapped_column(String(12))
    active: Mapped[bool] = mapped_column(default=True)
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    changed_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("name", "country"),)


class Plan(Base):
    """A plan that a rider bought, with the terms of that day.

    `state`: asked (not paid yet) → active → used_up | expired | refunded; or failed. While a
    charge runs with it, `session_id` names it.
    """

    __tablename__ = "plan"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    offer_id: Mapped[int] = mapped_column(ForeignKey("plan_offer.id"))
    name: Mapped[str] = mapped_column(String(60))
    country: Mapped[str] = mapped_column(String(2))
    currency: Mapped[str] = mapped_column(String(3))
    unit: Mapped[str] = mapped_column(String(2))
    size: Mapped[int]
    used: Mapped[int] = mapped_column(default=0)
    days: Mapped[int]
    price_minor: Mapped[int]
    tax_minor: Mapped[int]  # of the price
    tax_percent: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(8), default="asked", index=True)
    session_id: Mapped[int | None] = mapped_column(ForeignKey("charging_session.id"), index=True)
    asked_at: Mapped[datetime]
    bought_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]


class PlanUse(Base):
    """What one charge took of a plan, or (negative) gave back to it: its usage ledger.

    `key` is what called for it: "used:12", "returned:12", "meter:12:1800".
    """

    __tablename__ = "plan_use"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    session_id: Mapped[int] = mapped_column(ForeignKey("charging_session.id"), index=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    amount: Mapped[int]
    saved_minor: Mapped[int]  # what it took off the bill
    earned_minor: Mapped[int]  # of the plan's price, recognised with it
    at: Mapped[datetime]

    __table_args__ = (Index("ix_plan_use_plan_id", "plan_id"),)


class RefundRequest(Base):
    """A rider contests a charge, and no rule could decide it at once.

    `state`: open → waiting (granted, a second person approves) → granted | part | declined |
    automatic (nobody decided in time). `reason` is one of bot/domain/disputes.py.
    """

    __tablename__ = "refund_request"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("charging_session.id"), index=True)
    reason: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text, default="")  # the rider's words
    state: Mapped[str] = mapped_column(String(10), default="open")
    currency: Mapped[str] = mapped_column(String(3))
    asked_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    amount_minor: Mapped[int | None]  # given back
    explanation: Mapped[str] = mapped_column(Text, default="")  # to the rider
    action_id: Mapped[int | None] = mapped_column(ForeignKey("staff_action.id"), index=True)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_refund_request_state", "state", "deadline_at"),)


class MeterCheck(Base):
    """A rider doubts the meter of a charge; somebody tests it against a reference.

    `state`: open → tested (compensation waits for a second person) → paid | fair | refused.
    """

    __tablename__ = "meter_check"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("charging_session.id"), unique=True)
    state: Mapped[str] = mapped_column(String(8), default="open", index=True)
    asked_at: Mapped[datetime]
    start_wh: Mapped[int]  # the registers of the contested charge
    end_wh: Mapped[int]
    true_wh: Mapped[int | None]  # of the test: the reference meter
    shown_wh: Mapped[int | None]  # and the pile's
    note: Mapped[str] = mapped_column(Text, default="")
    owed_minor: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    tested_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    tested_at: Mapped[datetime | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"))
    # Nobody doubted it: the test of another charge at this meter failed (that check's number).
    recheck_of: Mapped[int | None] = mapped_column(BigId, index=True)
