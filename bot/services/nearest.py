"""What works instead of a pile that does not: the nearest sockets of its sort, with rows to tap."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

from bot.domain.tariffs import TariffError
from bot.errors import GiveUp
from bot.replies import Amount, Option, Rate, Say, Value
from bot.services import stations, tariffs
from bot.services.stations import EvseView, StationView
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.stations import Pile, Station

MOST: Final = 3  # ways that are shown


@dataclass(frozen=True, slots=True)
class Way:
    """A station with free sockets of the sort; `code` is the first of them, `price` the lowest main
    price, None where one of them is free of charge. `here`: the same station, another socket."""

    station_id: int
    name: str
    code: str
    free: int
    distance_m: int
    walk_min: int
    price: Rate | None
    here: bool
    sound: bool = True  # at least one of them has no failed starts behind it

    @property
    def button(self) -> Option:
        """The way there: at the same station the offer, elsewhere the station with its route."""
        if self.here:
            return Option(f"start_charge?{urlencode({'pile': self.code})}", _bare(self.code))
        return Option(f"find_pile?{urlencode({'station': self.station_id})}", _bare(self.name))

    @property
    def nearest_button(self) -> Option:
        """The same under words that say what it is, for texts that name it."""
        return Option(self.button.payload, Say("The nearest free"))

    @property
    def row(self) -> Option:
        """The same with what it costs and how far it is."""
        values: dict[str, Value] = {
            "free": self.free,
            "price": Say("from {price}", {"price": self.price})
            if self.price is not None
            else Say("free of charge"),
        }
        if self.here:
            detail = Say("right here · {free} free · {price}", values)
        else:
            detail = Say(
                "{distance}, {walk} · {free} free · {price}",
                {
                    **values,
                    "distance": Amount(self.distance_m, "m"),
                    "walk": Amount(self.walk_min * 60, "s"),
                },
            )
        return Option(self.button.payload, self.button.title, detail)

    @property
    def sentence(self) -> Say:
        """The same in words."""
        if self.here:
            return Say("{other} here is free: send me that code.", {"other": self.code})
        return Say(
            "The nearest free one is {other} at {place}, {distance} from here.",
            {
                "other": self.code,
                "place": self.name,
                "distance": Amount(self.distance_m, "m"),
            },
        )


def _bare(text: str) -> Say:
    """A name that is not translated."""
    return Say("{code}", {"code": text})


def ways(
    work: UnitOfWork,
    settings: Settings,
    pile: Pile,
    *,
    connectors: Collection[str] = (),
    but: Collection[int] = (),
    limit: int = MOST,
) -> list[Way]:
    """The nearest working sockets of a pile's sort (and connector), its own station first; `but`
    are stations that are out as well."""
    wanted = set(connectors) or {each.connector_type for each in pile.evses}
    found: list[Way] = []
    doubtful: list[Way] = []  # nothing there but what may not work
    for view in stations.around(work, settings, pile.station):
        if view.station.id in but:
            continue
        way = _way(work, pile, view, wanted)
        if way is not None:
            (found if way.sound else doubtful).append(way)
        if len(found) == limit:
            break
    return [*found, *doubtful][:limit]


def _way(work: UnitOfWork, pile: Pile, view: StationView, wanted: Collection[str]) -> Way | None:
    fit = [
        each
        for each in view.usable
        if each.pile.kind == pile.kind and each.evse.connector_type in wanted
    ]
    priced = [(each, price) for each in fit for price in _price(work, each)]
    if not priced:
        return None
    prices = [price for _, price in priced]
    return Way(
        station_id=view.station.id,
        name=view.station.name,
        code=priced[0][0].evse.code,
        free=len(priced),
        distance_m=view.distance_m or 0,
        walk_min=view.walk_min or 1,
        price=_lowest(prices),
        here=view.station.id == pile.station_id,
        sound=not priced[0][0].suspect,
    )


def _price(work: UnitOfWork, view: EvseView) -> Sequence[Rate | None]:
    """Its main price, or nothing where no price is set: nobody can start there."""
    try:
        return [tariffs.headline(work, view.evse, work.now)]
    except (GiveUp, TariffError):
        return []


def _lowest(prices: Sequence[Rate | None]) -> Rate | None:
    """The lowest of prices by one unit; by several units they cannot be compared: the first."""
    paid = [each for each in prices if each is not None]
    if len(paid) < len(prices) or not paid:
        return None
    same = [each for each in paid if each.per == paid[0].per]
    return min(same, key=lambda each: Decimal(each.amount))


def find_near(station: Station) -> Option:
    """Shows what is around a station, whether or not the rider has shared a place."""
    wish = {"place": f"{station.lat:.6f},{station.lng:.6f},"}
    return Option(f"find_pile?{urlencode(wish)}", Say("Find another"))
