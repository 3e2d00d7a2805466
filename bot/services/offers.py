"""What a rider is offered at an EVSE before the yes, and why somebody may be refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select

from bot.domain.availability import Availability
from bot.domain.discounts import Discount, dump_discount, load_discount
from bot.domain.holds import hold_for
from bot.domain.money import Money
from bot.domain.pricing import examples, price_now
from bot.domain.tariffs import Tariff, TariffError, dump_tariff, load_tariff
from bot.domain.usage import NO_CARRY, Carry
from bot.errors import GiveUp, Refused
from bot.replies import Amount, Moment, Option, Say, Value
from bot.services import (
    booked,
    bookings,
    coupons,
    debts,
    diversion,
    nearest,
    paying,
    plans,
    visit_times,
)
from bot.services.booked import SEEN_AHEAD
from bot.services.earliest import Earliest, earliest, full_connectors
from bot.services.fences import others_first
from bot.services.notices import pay_button
from bot.services.restarts import earlier
from bot.services.stations import EvseView, evse_view
from bot.services.stations import view as station_view
from bot.services.tariffs import price_lines, tariff_for
from bot.services.waiting_words import exact_text, join_button
from bot.settings import Settings
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile

log = structlog.get_logger(__name__)

OFFER_LIFE: Final = timedelta(hours=1)  # a shown price is honoured this long
TIP_AHEAD: Final = timedelta(hours=6)  # riders wait no longer for a lower price
E_BIKE_BELOW_W: Final = 2000


@dataclass(frozen=True, slots=True)
class Offer:
    """A price that the rider may say yes to; `body` is its JSON form, what `start` takes.

    `discounts` count if the rider says yes; `before` are the totals of `examples` without them.
    """

    evse_id: int
    evse_code: str
    station_name: str
    tariff: Tariff
    hold: Money
    lines: tuple[Say, ...]
    examples: tuple[tuple[int, Money], ...]  # (Wh, total with tax)
    plugged: bool
    doubt: Say | None  # why it may not work, said before the yes
    pays: str  # "card", "wallet" or "family"
    others: tuple[str, ...]  # what could pay instead
    paying: Say  # what becomes of the hold
    at: datetime
    discounts: tuple[Discount, ...] = ()
    before: tuple[tuple[int, Money], ...] = ()
    carry: Carry = NO_CARRY  # it goes on from the rider's last charge
    booked: bool = False  # by this rider: the deposit is what is held

    @property
    def body(self) -> dict[str, Any]:
        """What the dialog keeps until the yes."""
        return {
            "evse_id": self.evse_id,
            "tariff": dump_tariff(self.tariff),
            "hold_minor": self.hold.amount_minor,
            "pays": self.pays,
            "at": self.at.isoformat(),
            "discounts": [dump_discount(each) for each in self.discounts],
            "carry": asdict(self.carry),
        }

    @property
    def text(self) -> Say:
        """The whole offer as one text that ends in the question."""
        about = [_cuts(each) for each in self.discounts] + self._examples()
        values: dict[str, Value] = {
            "evse": self.evse_code,
            "station": self.station_name,
            "hold": self.hold,
            "paying": self.paying,
            "prices": stack(self.lines),
            "examples": stack(about),
        }
        if self.doubt is not None:
            return Say(
                "{evse} at {station}\n{prices}\n{examples}\n\n{doubt} {paying} Start charging?",
                {**values, "doubt": self.doubt},
            )
        if self.booked:
            return Say(
                "{evse} at {station}\n{prices}\n{examples}\n\nYour deposit of {hold} is used for "
                "this charge: I take only what you use; the rest is released at once. Start "
                "charging?",
                values,
            )
        return Say(
            "{evse} at {station}\n{prices}\n{examples}\n\n{paying} Start charging?",
            values,
        )

    def _examples(self) -> list[Say]:
        """What a charge would cost, before and after the discounts."""
        found = []
        for (wh, total), (_, before) in zip(self.examples, self.before, strict=True):
            values: dict[str, Value] = {
                "energy": Amount(wh, "wh"), "total": total, "before": before,
            }  # fmt: skip
            if before == total:
                found.append(Say("{energy} costs about {total}", values))
            else:
                found.append(Say("{energy} costs about {total} instead of {before}", values))
        return found


def _cuts(discount: Discount) -> Say:
    """A discount as the offer names it."""
    if discount.kind == "coupon":
        return Say("Coupon {code} counts for this charge", {"code": discount.name})
    left = Amount(discount.left, discount.unit)
    return Say("Your plan {plan} covers the next {left}", {"plan": discount.name, "left": left})


@dataclass(frozen=True, slots=True)
class Agreed:
    """An offer read back: tariff, hold and discounts that the rider saw, and what pays."""

    evse_id: int
    tariff: Tariff
    hold_minor: int
    at: datetime
    discounts: tuple[Discount, ...] = ()
    carry: Carry = NO_CARRY
    pays: str = "card"


def stack(lines: Sequence[Say]) -> Say:
    """Lines one below the other as one value."""
    names = [f"line{number}" for number in range(len(lines))]
    text = "\n".join(f"{{{name}}}" for name in names)
    return Say(text, dict(zip(names, lines, strict=True)))


def make_offer(
    work: UnitOfWork, settings: Settings, *, evse: Evse, rider: Rider,
    keep_coupons: bool = False, pays: str | None = None,
) -> Offer:  # fmt: skip
    """The offer at an EVSE now; with `keep_coupons` the rider's coupons are left for another time.
    It is paid by `pays` where that is possible, else by a wallet that covers the hold, else by
    card. Raises Refused with the reason and a way on."""
    refuse_rider(work, rider)
    refuse_evse(work, settings, evse, rider)
    booking = booked.mine_here(work, rider.id, evse.id, work.now)
    try:
        tariff = booked.tariff_of(booking) if booking else tariff_for(work, evse, work.now)
    except (GiveUp, TariffError) as error:
        log.error("no_tariff", evse=evse.code, why=str(error))
        raise Refused(
            "No price is set for {evse} at the moment, so I cannot start it. {hint}",
            {"evse": evse.code, "hint": _hint(work, settings, evse)},
        ) from error
    lines: tuple[Say, ...] = ()
    carry, power_w = NO_CARRY, evse.allowed_w
    if (same := earlier(work, rider.id, evse)) is not None:
        tariff, carry = same.tariff, same.carry
        moment = Moment(same.ended_at, tariff.tz)
        lines = (
            Say("Goes on from your charge until {time}: no second start fee.", {"time": moment}),
        )
    energies = _example_energies(evse)
    lines = (*lines, *price_lines(tariff, work.now, power_w))
    if (tip := _wait_tip(tariff, work.now, power_w, energies[-1], carry)) is not None:
        lines = (*lines, tip)
    plan = plans.for_charge(work, rider.id, evse)
    discounts: tuple[Discount, ...] = (plan,) if plan is not None else ()
    if not keep_coupons:
        discounts += coupons.choose(
            work, rider.id, evse, tariff, likely_wh=energies[-1], plan=discounts
        )
    hold = hold_for(tariff, power_w=power_w, at=work.now, discounts=discounts)
    deposit = bookings.held_deposit(work, booking) if booking else None
    enough = deposit is not None and deposit.amount_minor >= hold.amount_minor
    if deposit is not None and enough:
        hold = Money(deposit.amount_minor, deposit.currency)
        payers = [paying.by_deposit(deposit.method, hold)]
    else:
        freed = bookings.freed_at_start(deposit)
        payers = paying.ways(work, settings, rider, hold, freed=freed)
    chosen = next((each for each in payers if each.by == pays), payers[0])
    return Offer(
        evse_id=evse.id,
        evse_code=evse.code,
        station_name=evse.pile.station.name,
        tariff=tariff,
        hold=hold,
        pays=chosen.by,
        others=tuple(each.by for each in payers if each.by != chosen.by),
        paying=chosen.text,
        lines=(*lines, *_booked_later(work, settings, evse, rider)),
        examples=tuple(examples(tariff, work.now, power_w, energies, discounts, carry)),
        plugged=evse.status == "Occupied",
        doubt=evse_view(work, settings, evse).doubt,
        at=work.now,
        carry=carry,
        discounts=discounts,
        before=tuple(examples(tariff, work.now, power_w, energies, carry=carry)),
        booked=enough,
    )


def _wait_tip(
    tariff: Tariff, at: datetime, power_w: int, energy_wh: int, carry: Carry
) -> Say | None:
    """How much less a charge costs from the next change of prices on, if that is soon and worth
    waiting for."""
    later = price_now(tariff, at, power_w).changes_at
    if later is None or later - at > TIP_AHEAD:
        return None
    ((_, now),) = examples(tariff, at, power_w, [energy_wh], carry=carry)
    ((_, then),) = examples(tariff, later, power_w, [energy_wh], carry=carry)
    saved = now.amount_minor - then.amount_minor
    if saved * 10 < now.amount_minor or not saved:
        return None
    return Say(
        "From {time} on {energy} would cost {saved} less.",
        {
            "time": Moment(later, tariff.tz),
            "energy": Amount(energy_wh, "wh"),
            "saved": Money(saved, tariff.currency),
        },
    )


def _booked_later(
    work: UnitOfWork, settings: Settings, evse: Evse, rider: Rider
) -> tuple[Say, ...]:
    """Until when the EVSE can be used by somebody who has not booked it."""
    view, tz = evse_view(work, settings, evse), evse.pile.station.tz
    visit = visit_times.in_the_way(work, evse.id, work.now, work.now + SEEN_AHEAD)
    if visit is not None:
        text = Say(
            "Maintenance is planned here from {time}: please be done by then.",
            {"time": Moment(visit.starts_at, tz)},
        )
        return (text,)
    until = view.free_until
    if until is None or view.booking is None or view.booking.rider_id == rider.id:
        return ()
    text = Say(
        "Booked by somebody else from {time}: please be done by then; I will remind you.",
        {"time": Moment(until, tz)},
    )
    return (text,)


def _example_energies(evse: Evse) -> tuple[int, int]:
    """Wh that a vehicle at such a socket may take: an e-bike's battery holds half a kWh."""
    return (250, 500) if evse.allowed_w < E_BIKE_BELOW_W else (5000, 10000)


def read_offer(body: Mapping[str, Any], evse: Evse, now: datetime) -> Agreed:
    """The offer in a body. Raises Refused when it is too old or for another EVSE."""
    agreed = Agreed(
        evse_id=int(body["evse_id"]),
        tariff=load_tariff(body["tariff"]),
        hold_minor=int(body["hold_minor"]),
        at=datetime.fromisoformat(body["at"]),
        discounts=tuple(load_discount(each) for each in body.get("discounts", ())),
        carry=Carry(**body.get("carry", {})),
        pays=str(body.get("pays") or "card"),
    )
    if agreed.evse_id != evse.id or now - agreed.at > OFFER_LIFE:
        raise Refused(
            "That price was shown a while ago. Please send {evse} again to see the price that "
            "applies now.",
            {"evse": evse.code},
        )
    return agreed


def refuse_rider(work: UnitOfWork, rider: Rider) -> None:
    """Raises Refused when this rider may not start anywhere."""
    row = work.session.execute(
        select(ChargingSession, Evse)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .where(ChargingSession.rider_id == rider.id, ChargingSession.open)
    ).first()
    if row is not None:
        raise Refused(
            "You already have a charge at {evse}. Please write “stop” to end it first.",
            {"evse": row[1].code},
        )
    owed = debts.oldest(work, rider.id)
    if owed is not None:
        raise Refused(
            "Your charge at {evse} is not paid yet ({amount}, bill {number}), so I cannot start a "
            "new one. You can pay it right here.",
            {"evse": owed.evse_code, "amount": owed.due, "number": owed.bill_number},
            [pay_button(owed.session_id, owed.due)],
        )


_NOT_NOW: Final[Mapping[Availability, Say]] = {
    Availability.OUT_OF_SERVICE: Say("{evse} is out of service. {hint}"),
    Availability.RESERVED: Say("{evse} is reserved for somebody else. {hint}"),
    Availability.FAULTED: Say("{evse} reports a fault and cannot charge. {hint}"),
    Availability.IN_REPAIR: Say("{evse} is under repair. {hint}"),
    Availability.NOT_CONFIRMED: Say(
        "{evse} is offline (last heard {time}), so I cannot start it. {hint}"
    ),
}


def refuse_evse(work: UnitOfWork, settings: Settings, evse: Evse, rider: Rider) -> None:
    """Raises Refused when this rider may not start at this EVSE now."""
    view = evse_view(work, settings, evse)
    if view.state is Availability.BUSY:
        raise occupied(work, settings, evse)
    if view.kept_for == rider.id and view.usable_by(rider.id):
        return
    if view.state.usable:
        if others_first(work, evse.id, rider.id):
            raise Refused(
                "Others are in line for {evse} before you. {hint}",
                {"evse": evse.code, "hint": _hint(work, settings, evse)},
                [join_button(evse.pile.station_id, evse.connector_type, near=True)],
            )
        return
    if not diversion.is_broken(view):
        values: dict[str, Value] = {"evse": evse.code, "hint": _hint(work, settings, evse)}
        raise Refused(_NOT_NOW[view.state].text, values, _line_buttons(work, settings, evse))
    raise _broken(work, settings, view, rider)


def _broken(work: UnitOfWork, settings: Settings, view: EvseView, rider: Rider) -> Refused:
    """The no at a socket that is out: why, until when, and the nearest that work."""
    evse = view.evse
    told = diversion.divert(work, settings, rider.id, [view])
    values: dict[str, Value] = {"evse": evse.code, "hint": told.text}
    if (full := _full(work, settings, evse)) is not None:
        values["hint"] = Say("{text} {hint}", {"text": told.text, "hint": full})
    ways = [*told.rows, *_line_buttons(work, settings, evse)]
    if view.visit is not None:
        values["time"] = Moment(view.visit.ends_at, evse.pile.station.tz)
        return Refused("{evse} is being looked after until about {time}. {hint}", values, ways)
    if view.state is Availability.NOT_CONFIRMED:
        seen, silent = evse.pile.seen_at, timedelta(seconds=settings.silent_after_s)
        if seen is None or (evse.pile.online and work.now - seen <= silent):
            return Refused("{evse} has not told me its state yet. {hint}", values, ways)
        values["time"] = Moment(seen, evse.pile.station.tz, "date_time")
    text = _NOT_NOW.get(view.state, _NOT_NOW[Availability.OUT_OF_SERVICE]).text
    return Refused(text, values, ways)


def occupied(work: UnitOfWork, settings: Settings, evse: Evse) -> Refused:
    """The no to whoever comes second, with a way on."""
    since = work.session.scalars(
        select(ChargingSession.created_at).where(
            ChargingSession.evse_id == evse.id, ChargingSession.open
        )
    ).first()
    return Refused(
        "{evse} is in use by another rider since {time}. {hint}",
        {
            "evse": evse.code,
            "time": Moment(since or work.now, evse.pile.station.tz),
            "hint": _hint(work, settings, evse),
        },
        _line_buttons(work, settings, evse),
    )


def all_taken(work: UnitOfWork, settings: Settings, pile: Pile, rider: Rider) -> Refused:
    """The no of a pile without a socket to use, with a way on."""
    views = [evse_view(work, settings, each) for each in pile.evses]
    if views and all(diversion.is_broken(each) for each in views):
        told = diversion.divert(work, settings, rider.id, views)
        return Refused(
            "No socket of pile {pile} can be used at the moment. {hint}",
            {"pile": pile.number, "hint": told.text}, told.rows,
        )  # fmt: skip
    here = station_view(work, settings, pile.station)
    for evse in pile.evses:
        if evse.connector_type in full_connectors(here):
            return Refused(
                "No socket of pile {pile} can be used at the moment. {hint}",
                {"pile": pile.number, "hint": _hint(work, settings, evse)},
                [join_button(pile.station_id, evse.connector_type, near=True)],
            )
    return Refused(
        "No socket of pile {pile} can be used at the moment. {hint}",
        {"pile": pile.number, "hint": _hint(work, settings, pile.evses[0])},
    )


def _line_buttons(work: UnitOfWork, settings: Settings, evse: Evse) -> list[Option]:
    """The way into the line, where no other socket with this connector can be used."""
    here = station_view(work, settings, evse.pile.station)
    if evse.connector_type not in full_connectors(here):
        return []
    return [join_button(here.station.id, evse.connector_type, near=True)]


def _hint(work: UnitOfWork, settings: Settings, evse: Evse) -> Say:
    """The nearest thing that works instead."""
    station, kind = evse.pile.station, evse.pile.kind
    here = station_view(work, settings, station)
    alike = [each for each in here.usable if each.evse.id != evse.id and each.pile.kind == kind]
    elsewhere = _elsewhere(work, settings, evse)
    if alike and (elsewhere is None or not alike[0].suspect):
        return Say("{other} here is free: send me that code.", {"other": alike[0].evse.code})
    elsewhere = elsewhere or Say("Please try again a little later.")
    if (full := _full(work, settings, evse)) is not None:
        return Say("{full} {elsewhere}", {"full": full, "elsewhere": elsewhere})
    return elsewhere


def _full(work: UnitOfWork, settings: Settings, evse: Evse) -> Say | None:
    """When the first socket like this one is expected to be free, where all are taken."""
    here = station_view(work, settings, evse.pile.station)
    if evse.connector_type not in full_connectors(here):
        return None
    seen = earliest(work, settings, here, evse.connector_type)
    return full_text(seen) if seen is not None else None


def full_text(seen: Earliest) -> Say:
    """When the first socket of a full place is expected to be free, and how far to trust that."""
    return Say(
        "Full here. Earliest about {time} (pile {pile}, socket {socket}), {exact}.",
        {
            "time": Moment(seen.at, seen.tz),
            "pile": seen.pile,
            "socket": seen.socket,
            "exact": exact_text(seen.exact),
        },
    )


def _elsewhere(work: UnitOfWork, settings: Settings, evse: Evse) -> Say | None:
    connectors, here = [evse.connector_type], [evse.pile.station_id]
    for way in nearest.ways(work, settings, evse.pile, connectors=connectors, but=here, limit=1):
        return way.sentence
    return None
