"""A station's rules for bookings: its market's settings, and where it differs from them."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from bot.domain.booking_facts import Terms
from bot.domain.booking_rules import Rules, deposit_for, for_market, paused_until
from bot.domain.holds import hold_for
from bot.domain.tariffs import Tariff
from bot.settings import Settings
from bot.store.bookings import Booking, BookingRules
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Station

_REMEMBERED: Final = timedelta(days=90)  # older times without coming count no more


def rules_for(work: UnitOfWork, settings: Settings, station: Station) -> Rules:
    """The rules that a new booking at a station would be under."""
    market = market_rules(settings, station.country)
    own = work.session.get(BookingRules, station.id)
    if own is None:
        return market
    names = {each.name for each in fields(Rules)} - {"version"}
    changes = {name: value for name, value in own.body.items() if name in names}
    version = f"{market.version}+{own.changed_at:%Y-%m-%dT%H:%M}"
    return replace(market, **changes, version=version)


def market_rules(settings: Settings, country: str) -> Rules:
    """The rules of a country."""
    minutes = {
        name: 60 * int(for_market(getattr(settings, f"booking_{name}_min"), country))
        for name in ("ahead", "shortest", "longest", "late", "cancel", "early")
    }
    return Rules(
        ahead_s=minutes["ahead"],
        least_s=minutes["shortest"],
        most_s=minutes["longest"],
        late_s=minutes["late"],
        cancel_until_s=minutes["cancel"],
        early_s=minutes["early"],
        fee_major=for_market(settings.booking_no_show_fee, country),
        strikes=settings.booking_no_shows,
        pause_s=86_400 * settings.booking_pause_days,
        version=settings.terms_version,
    )


def terms_for(rules: Rules, evse: Evse, tariff: Tariff, at: datetime) -> Terms:
    """What a yes to a booking that starts at a moment pins."""
    fee = rules.fee(tariff.currency)
    hold = hold_for(tariff, power_w=evse.allowed_w, at=at)
    return Terms(
        currency=tariff.currency,
        deposit_minor=deposit_for(hold, fee).amount_minor,
        fee_minor=fee.amount_minor,
        late_s=rules.late_s,
        cancel_until_s=rules.cancel_until_s,
        early_s=rules.early_s,
        least_s=rules.least_s,
        most_s=rules.most_s,
        ahead_s=rules.ahead_s,
        version=rules.version,
    )


def rider_paused_until(work: UnitOfWork, rules: Rules, rider_id: int) -> datetime | None:
    """Until when a rider may not book, having stayed away too often; None: they may."""
    missed = work.session.scalars(
        select(Booking.ended_at).where(
            Booking.rider_id == rider_id,
            Booking.state == "NO_SHOW",
            ~Booking.forgiven,
            Booking.ended_at > work.now - _REMEMBERED,
        )
    )
    times = [at for at in missed if at is not None]
    until = paused_until(times, strikes=rules.strikes, pause_s=rules.pause_s)
    return until if until is not None and until > work.now else None
