"""What managers change of the rules for bookings: a station, or every station of a market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import select

from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store.bookings import BookingRules
from bot.store.changes import touched
from bot.store.database import ALONE, UnitOfWork
from bot.store.stations import Station

LIVE: Final = "bookings"
FEE_MOST: Final = Decimal(100_000)
# Field of the form -> (field of Rules, seconds of its unit, least, most).
FIELDS: Final[Mapping[str, tuple[str, int, int, int]]] = {
    "ahead": ("ahead_s", 60, 5, 60 * 24 * 60),
    "shortest": ("least_s", 60, 5, 1440),
    "longest": ("most_s", 60, 5, 1440),
    "late": ("late_s", 60, 5, 60),
    "cancel": ("cancel_until_s", 60, 0, 1440),
    "early": ("early_s", 60, 0, 60),
    "strikes": ("strikes", 1, 0, 20),
    "pause": ("pause_s", 86_400, 0, 365),
}
_NAMES: Final = {
    "ahead": "How far ahead", "shortest": "Shortest", "longest": "Longest", "late": "Grace",
    "cancel": "Free to cancel until", "early": "Early start", "strikes": "Times",
    "pause": "No booking for",
}  # fmt: skip


class NotPossible(PilebotError):
    """Why the rules cannot be so, in words for staff."""


def save(
    work: UnitOfWork, actor: Actor, station_ids: Sequence[int], values: Mapping[str, str]
) -> None:
    """These rules hold at these stations for bookings made from now on: what was agreed to before
    stays as it was. Raises NotPossible."""
    body, reason = _checked(values), _reason(values)
    for station_id in sorted(station_ids):
        row = _locked(work, station_id)
        before = dict(row.body) if row is not None else {}
        if before == body:
            continue
        if row is None:
            work.session.add(BookingRules(station_id=station_id, body=body, changed_at=work.now))
        else:
            row.body, row.changed_at = body, work.now
        audit.record(
            work, actor, "booking_rules.change", f"station:{station_id}", before=before,
            after=body, reason=reason,
        )  # fmt: skip
    touched(work, LIVE)


def reset(
    work: UnitOfWork, actor: Actor, station_ids: Sequence[int], values: Mapping[str, str]
) -> None:
    """The market's own rules hold at these stations again. Raises NotPossible."""
    reason = _reason(values)
    for station_id in sorted(station_ids):
        row = _locked(work, station_id)
        if row is not None:
            before = dict(row.body)
            work.session.delete(row)
            audit.record(
                work, actor, "booking_rules.reset", f"station:{station_id}", before=before,
                after={}, reason=reason,
            )  # fmt: skip
    touched(work, LIVE)


def stations_meant(work: UnitOfWork, chosen: str) -> list[int]:
    """ "7" is a station, "country:FI" all of a market. Raises NotPossible where there is none."""
    country = chosen.removeprefix("country:")
    where = Station.country == country if country != chosen else Station.id == _number(chosen)
    found = list(work.session.scalars(select(Station.id).where(where).order_by(Station.id)))
    if not found:
        raise NotPossible("Choose a station or a market.")
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _locked(work: UnitOfWork, station_id: int) -> BookingRules | None:
    work.session.get_one(Station, station_id, with_for_update=ALONE)
    return work.session.get(BookingRules, station_id)


def _reason(values: Mapping[str, str]) -> str:
    reason = values.get("reason", "").strip()[:500]
    if not reason:
        raise NotPossible("Please say why: the reason is kept with the change.")
    return reason


def _checked(values: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, (field, unit, least, most) in FIELDS.items():
        text = values.get(name, "").strip()
        number = _number(text) if text.isdigit() else -1
        if not least <= number <= most:
            raise NotPossible(f"{_NAMES[name]}: a whole number from {least} to {most}.")
        body[field] = number * unit
    if body["most_s"] < body["least_s"]:
        raise NotPossible("The longest booking cannot be shorter than the shortest.")
    if body["least_s"] % 300 or body["most_s"] % 300:
        raise NotPossible("Bookings go by five minutes: shortest and longest must, too.")
    body["fee_major"] = _fee(values.get("fee", ""))
    return body


def _fee(text: str) -> str:
    try:
        fee = Decimal(text.strip().replace(",", "."))
    except InvalidOperation as error:
        raise NotPossible("Fee: an amount like 5 or 2.50; 0 for no deposit.") from error
    if not fee.is_finite() or not 0 <= fee <= FEE_MOST or fee != round(fee, 2):
        raise NotPossible("Fee: an amount like 5 or 2.50; 0 for no deposit.")
    return format(fee.normalize(), "f")
