"""Finding piles: around a location or a place, then one station's card."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from bot.dialog.intents import intent, maybe, wish
from bot.dialog.kinds import PILE, PLACE, STATION, PilePoint
from bot.dialog.turn import Turn
from bot.domain.availability import Availability
from bot.replies import (
    Amount,
    Choose,
    Link,
    MapPicture,
    MapPoint,
    Moment,
    Option,
    Pin,
    Replies,
    Say,
    Value,
)
from bot.services import stations, tariffs
from bot.services.offers import stack
from bot.services.stations import Place, StationView
from bot.store.stations import Station

PLACE_KEPT = timedelta(hours=2)  # "near me" means the place shared this recently
FAR_M = 30_000

WHERE = Say(
    "Where shall I look? Share your location (attach, then Location), or name a street or square."
)
STATES = {
    Availability.FREE: Say("free"),
    Availability.PLUGGED: Say("cable plugged in"),
    Availability.BUSY: Say("in use"),
    Availability.RESERVED: Say("reserved"),
    Availability.FAULTED: Say("out of order"),
    Availability.OUT_OF_SERVICE: Say("out of service"),
    Availability.NOT_CONFIRMED: Say("not confirmed"),
}
KINDS = {
    "ebike_box": Say("e-bike"),
    "ac": Say("AC"),
    "dc": Say("fast DC"),
}


@wish
class Find:
    """A pile, a station or a place, as far as the message tells."""

    pile: PilePoint | None = maybe(PILE)
    station: Station | None = maybe(STATION)
    place: Place | None = maybe(PLACE)


@intent("find_pile", words=("find",))
def find(turn: Turn, want: Find) -> Replies:
    """The narrowest thing named wins."""
    if want.pile is not None:
        return pile_card(turn, want.pile)
    if want.station is not None:
        return station_card(turn, want.station)
    place = want.place or _last_place(turn)
    return around(turn, place) if place is not None else WHERE


def _last_place(turn: Turn) -> Place | None:
    shared_at = turn.rider.last_place_at
    if shared_at is None or turn.now - shared_at > PLACE_KEPT:
        return None
    return stations.remembered(turn.rider.last_lat, turn.rider.last_lng)


def around(turn: Turn, place: Place) -> Replies:
    """A map with numbered pins and the same numbers as rows to tap."""
    found = stations.nearby(turn.work, turn.settings, place)
    if not found or (found[0].distance_m or 0) > FAR_M:
        return Say("I know no pile near there. Please name another place or share a location.")
    picture = MapPicture(
        place.lat,
        place.lng,
        [
            MapPoint(view.station.lat, view.station.lng, number, view.map_state)
            for number, view in enumerate(found, start=1)
        ],
        Say("The nearest stations, as of {time}.", {"time": _as_of(turn, found[0])}),
    )
    rows = [_row(turn, number, view) for number, view in enumerate(found, start=1)]
    return [picture, Choose(Say("Which one?"), rows, list_button=Say("Show stations"))]


def _row(turn: Turn, number: int, view: StationView) -> Option:
    station = view.station
    evse = (view.usable or view.evses)[0].evse
    price = tariffs.headline(turn.work, evse, turn.now)
    values: dict[str, Value] = {
        "distance": Amount(view.distance_m or 0, "m"),
        "walk": Amount((view.walk_min or 1) * 60, "s"),
        "free": len(view.usable),
        "total": len(view.evses),
        "price": price if price is not None else Say("free of charge"),
        "rating": _rating(station),
    }
    return Option(
        f"find_pile?{urlencode({'station': station.id})}",
        Say("{number}. {name}", {"number": number, "name": station.name}),
        Say("{distance}, {walk} · {free}/{total} free · {price} · {rating}", values),
    )


def _rating(station: Station) -> Say:
    if station.rating_tenths is None:
        return Say("not rated")
    whole, tenths = divmod(station.rating_tenths, 10)
    return Say("{stars} of 5", {"stars": f"{whole}.{tenths}"})


def _as_of(turn: Turn, view: StationView) -> Moment:
    return Moment(view.as_of or turn.now, view.station.tz)


def station_card(turn: Turn, station: Station) -> Replies:
    """Everything about one station: what is free, prices, way, how to find it, what to tap."""
    seen_from = _last_place(turn)
    view = stations.view(turn.work, turn.settings, station, seen_from=seen_from)
    unknown = Say("unknown")
    first = view.evses[0].evse
    card = Say(
        "{name}, {address}\n{free} of {total} free (as of {time})\nPower: {power}\n{prices}\n"
        "Distance: {distance}, on foot: {walk}\nHow to find it: {directions}\nOpen: {hours}\n"
        "Rating: {rating}",
        {
            "name": station.name,
            "address": station.address,
            "free": len(view.usable),
            "total": len(view.evses),
            "time": _as_of(turn, view),
            "power": _powers(view),
            "prices": stack(
                tariffs.price_lines(tariffs.tariff_for(turn.work, first, turn.now), turn.now)
            ),
            "distance": unknown if view.distance_m is None else Amount(view.distance_m, "m"),
            "walk": unknown if view.walk_min is None else Amount(view.walk_min * 60, "s"),
            "directions": station.directions or unknown,
            "hours": station.open_hours or unknown,
            "rating": _rating(station),
        },
    )
    pin = Pin(station.lat, station.lng, station.name, station.address)
    route = Link(
        Say("The way to {name}", {"name": station.name}),
        Say("Open the route"),
        "https://www.google.com/maps/dir/?"
        + urlencode({"api": 1, "destination": f"{station.lat},{station.lng}"}),
    )
    if not view.usable:
        return [card, pin, Say("Nothing is free here at the moment. Write FIND for others.")]
    rows = [
        Option(
            f"start_charge?{urlencode({'pile': each.evse.code})}",
            Say("{code}", {"code": each.evse.code}),
            Say(
                "{kind}, {power}, {state}",
                {
                    "kind": KINDS.get(each.pile.kind, KINDS["ac"]),
                    "power": Amount(each.evse.max_power_w, "w"),
                    "state": STATES[each.state],
                },
            ),
        )
        for each in view.usable[:10]
    ]
    there = Choose(
        Say("At the station, send me a photo of the QR code. Or pick a pile here."),
        rows,
        list_button=Say("Choose a pile"),
    )
    return [card, pin, route, there]


def _powers(view: StationView) -> Say | Amount:
    powers = sorted({each.evse.max_power_w for each in view.evses})
    low, high = Amount(powers[0], "w"), Amount(powers[-1], "w")
    return low if low == high else Say("{low} to {high}", {"low": low, "high": high})


def pile_card(turn: Turn, point: PilePoint) -> Replies:
    """Is this pile free? With the age of the news, and what to tap."""
    pile = point.pile
    evses = [point.evse] if point.evse else list(pile.evses)
    views = [stations.evse_view(turn.work, turn.settings, evse) for evse in evses]
    lines = [
        Say("{code}: {state}", {"code": view.evse.code, "state": STATES[view.state]})
        for view in views
    ]
    heard = pile.seen_at
    age = (
        Say("as of {time}", {"time": Moment(heard, pile.station.tz)})
        if heard
        else Say("never heard from")
    )
    card = Say(
        "Pile {pile}, {station} ({age})\n{lines}",
        {
            "pile": pile.number,
            "station": pile.station.name,
            "age": age,
            "lines": stack(lines),
        },
    )
    options = [Option(f"find_pile?station={pile.station_id}", Say("The station"))]
    if any(view.state.usable for view in views):
        code = point.evse.code if point.evse else pile.number
        options.insert(0, Option(f"start_charge?pile={code}", Say("Charge here")))
    else:
        options.append(Option("find_pile", Say("Find another")))
    return Choose(card, options)
