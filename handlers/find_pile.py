"""Finding piles: around a location or a place, then one station's card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from bot.dialog.intents import ask, intent, maybe, wish
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
    Reply,
    Say,
    Value,
)
from bot.services import diversion, hours, nearest, pile_care, stations, tariffs, waiting
from bot.services.earliest import earliest, full_connectors
from bot.services.offers import full_text, stack
from bot.services.stations import EvseView, Place, StationView
from bot.services.waiting_words import connector_name, join_button
from bot.store.stations import Station

PLACE_KEPT = timedelta(hours=2)  # "near me" means the place shared this recently
FAR_M = 30_000
MAX_ROWS = 10  # of a WhatsApp list

WHERE = Say(
    "Where shall I look? Share your location (attach, then Location), or name a street or square."
)
STATES = {
    Availability.FREE: Say("free"),
    Availability.PLUGGED: Say("cable plugged in"),
    Availability.BUSY: Say("in use"),
    Availability.RESERVED: Say("reserved"),
    Availability.FAULTED: Say("out of order"),
    Availability.IN_REPAIR: Say("under repair"),
    Availability.OUT_OF_SERVICE: Say("out of service"),
    Availability.NOT_CONFIRMED: Say("not confirmed"),
}
_BOOKED = {
    Availability.FREE: Say("free until {time}"),
    Availability.PLUGGED: Say("cable plugged in, booked from {time}"),
    Availability.RESERVED: Say("booked until {time}"),
}
_REPAIRS = {
    "accepted": Say("under repair, a technician is on the way"),
    "on_way": Say("under repair, a technician is on the way"),
    "arrived": Say("under repair, a technician is there"),
}
KINDS = {
    "ebike_box": Say("e-bike"),
    "ac": Say("AC"),
    "dc": Say("fast DC"),
}


def ask_where(turn: Turn, slots: Mapping[str, Any]) -> Replies | None:
    """Asked only when nothing tells where: no pile, no station, no place shared of late."""
    if slots["pile"] is not None or slots["station"] is not None:
        return None
    if (spoken := turn.heard.understanding.entity("location")) is not None:
        unknown = stations.unknown_place(spoken)
        return Say(unknown.text, unknown.values)
    return None if _last_place(turn) is not None else WHERE


@wish
class Find:
    """A pile, a station or a place; the narrowest wins."""

    pile: PilePoint | None = maybe(PILE)
    station: Station | None = maybe(STATION)
    place: Place | None = ask(ask_where, PLACE)


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
    """Around the pile just talked of ("find me something cheaper"), else where the rider was."""
    if (left := turn.left.get("pile")) and (point := PILE.load(turn, left)) is not None:
        station = point.pile.station
        return Place(station.lat, station.lng, "")
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
    soonest = _soonest(turn, view)
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
        Say("{distance}, {walk} · full, about {time} · {price}", {**values, "time": soonest})
        if soonest is not None
        else Say("{distance}, {walk} · {free}/{total} free · {price} · {rating}", values),
    )


def _soonest(turn: Turn, view: StationView) -> Moment | None:
    """When a full station has its first free socket, as far as anybody can say."""
    if view.usable:
        return None
    found = [
        earliest(turn.work, turn.settings, view, connector) for connector in full_connectors(view)
    ]
    times = [each.at for each in found if each is not None]
    return Moment(min(times), view.station.tz) if times else None


def _rating(station: Station) -> Say | Amount:
    if station.rating_tenths is None:
        return Say("not rated")
    return Amount(station.rating_tenths * 100, "milli")


def _as_of(turn: Turn, view: StationView) -> Moment:
    return Moment(view.as_of or turn.now, view.station.tz)


def station_card(turn: Turn, station: Station) -> Replies:
    """Everything about one station: what is free, prices, way, how to find it, what to tap."""
    seen_from = _last_place(turn)
    view = stations.view(turn.work, turn.settings, station, seen_from=seen_from)
    card = stack(_about(turn, view))
    pin = Pin(station.lat, station.lng, station.name, station.address)
    route = Link(
        Say("The way to {name}", {"name": station.name}),
        Say("Open the route"),
        "https://www.google.com/maps/dir/?"
        + urlencode({"api": 1, "destination": f"{station.lat},{station.lng}"}),
    )
    if not view.usable:
        return [card, pin, _full(turn, view)]
    rows = _socket_rows(view) if len(view.usable) <= MAX_ROWS else _pile_rows(view)
    there = Choose(
        Say("At the station, send me a photo of the QR code. Or pick a pile here."),
        rows[:MAX_ROWS],
        list_button=Say("Choose a pile"),
    )
    return [card, pin, route, there]


def _full(turn: Turn, view: StationView) -> Reply:
    """Nothing is free: the way into the line, and out to the others."""
    full = full_connectors(view)
    if not full:
        return _none_works(turn, view)
    wish = {"station": view.station.id} | ({"connector": full[0]} if len(full) == 1 else {})
    pile = next(each for each in view.evses if each.evse.connector_type == full[0]).pile
    near = nearest.ways(turn.work, turn.settings, pile, connectors=full, but=[view.station.id])
    waiting_here = sum(waiting.length(turn.work, view.station.id, each) for each in full)
    options = [Option(f"queue?{urlencode(wish)}", Say("Join the line"))]
    options += [each.row for each in near]
    options.append(nearest.find_near(view.station))
    return Choose(
        Say(
            "Everything is taken here; {number} in line. Join the line and I tell you when it is "
            "your turn, with a socket kept for you.",
            {"number": waiting_here},
        ),
        options,
    )


def _none_works(turn: Turn, view: StationView) -> Reply:
    """Not even in use: nothing here can be waited for."""
    text = Say("Nothing is free here at the moment. Write FIND for others.")
    if not view.evses:
        return text
    told = diversion.divert(turn.work, turn.settings, turn.rider.id, view.evses)
    if len({each.pile.id for each in view.evses}) == 1:
        text = stack([text, *told.lines])
    return Choose(text, [*told.rows, nearest.find_near(view.station)])


def _socket_rows(view: StationView) -> list[Option]:
    return [
        Option(
            f"start_charge?{urlencode({'pile': each.evse.code})}",
            Say("{code}", {"code": each.evse.code}),
            Say(
                "{kind}, {power}, {state}",
                {
                    "kind": _kind(each),
                    "power": Amount(each.evse.allowed_w, "w"),
                    "state": state_of(each),
                },
            ),
        )
        for each in view.usable
    ]


def _pile_rows(view: StationView) -> list[Option]:
    """A row a pile, where a row a socket would hide some: the socket is asked next."""
    piles: dict[str, list[EvseView]] = {}
    for each in view.usable:
        piles.setdefault(each.pile.number, []).append(each)
    return [
        Option(
            f"start_charge?{urlencode({'pile': number})}",
            Say("Pile {pile}", {"pile": number}),
            Say(
                "{kind}, {power}, {free} of {total} free",
                {
                    "kind": _kind(free[0]),
                    "power": Amount(max(each.evse.allowed_w for each in free), "w"),
                    "free": len(free),
                    "total": len(free[0].pile.evses),
                },
            ),
        )
        for number, free in piles.items()
    ]


def state_of(view: EvseView) -> Say:
    """The state of a socket; of one that is free, until when and whether it may not work."""
    state = _state(view)
    if view.suspect and view.state.usable:
        return Say("{state} (may not work)", {"state": state})
    return state


def _state(view: EvseView) -> Say:
    booking, tz = view.booking, view.pile.station.tz
    if view.state is Availability.IN_REPAIR and view.repair is not None:
        return _REPAIRS.get(view.repair.state, STATES[view.state])
    if booking is None or view.state not in _BOOKED:
        return STATES[view.state]
    ends = view.state is Availability.RESERVED
    moment = Moment(booking.ends_at if ends else booking.starts_at, tz)
    return Say(_BOOKED[view.state].text, {"time": moment})


def _kind(each: EvseView) -> Say:
    return KINDS.get(each.pile.kind, KINDS["ac"])


def _about(turn: Turn, view: StationView) -> list[Say]:
    """The lines of a station's card; what is not known has no line."""
    station = view.station
    lines = [
        Say("{name}, {address}", {"name": station.name, "address": station.address}),
        Say(
            "{free} of {total} free (as of {time})",
            {"free": len(view.usable), "total": len(view.evses), "time": _as_of(turn, view)},
        ),
        *_doubtful(view),
        *_full_lines(turn, view),
        *_quieter(turn, view),
        Say("Power: {power}", {"power": _powers(view)}),
        *_prices(turn, view),
    ]
    if view.distance_m is not None and view.walk_min is not None:
        way: dict[str, Value] = {
            "distance": Amount(view.distance_m, "m"),
            "walk": Amount(view.walk_min * 60, "s"),
        }
        lines.append(Say("Distance: {distance}, on foot: {walk}", way))
    if station.directions:
        lines.append(Say("How to find it: {directions}", {"directions": station.directions}))
    if station.open_hours:
        lines.append(Say("Open: {hours}", {"hours": station.open_hours}))
    if station.rating_tenths is not None:
        lines.append(Say("Rating: {rating} of 5", {"rating": _rating(station)}))
    return lines


def _doubtful(view: StationView) -> list[Say]:
    """The sockets that may not work, where buttons have no room to say so."""
    codes = [each.evse.code for each in view.usable if each.suspect][:MAX_ROWS]
    return [Say("May not work: {codes}", {"codes": ", ".join(codes)})] if codes else []


def _quieter(turn: Turn, view: StationView) -> list[Say]:
    """An hour to come instead, where it is busy now."""
    hour = hours.quieter_at(turn.work, view)
    if hour is None:
        return []
    return [Say("Usually quieter at {time}.", {"time": Moment(hour, view.station.tz)})]


def _full_lines(turn: Turn, view: StationView) -> list[Say]:
    """When connectors that are all taken are expected to be free."""
    full = full_connectors(view)
    several = len({each.evse.connector_type for each in view.evses}) > 1
    lines = []
    for connector in full:
        seen = earliest(turn.work, turn.settings, view, connector)
        if seen is not None and several:
            named: dict[str, Value] = {"connector": connector_name(connector)}
            lines.append(Say("{connector}: {full}", {**named, "full": full_text(seen)}))
        elif seen is not None:
            lines.append(full_text(seen))
    return lines


def _prices(turn: Turn, view: StationView) -> list[Say]:
    """What applies now; under a heading each, where the station's sockets differ in price."""
    first = {each.evse.tariff_id: each for each in reversed(view.evses)}
    lines = []
    for each in reversed(first.values()):
        if len(first) > 1:
            lines.append(Say("{kind}:", {"kind": _kind(each)}))
        tariff = tariffs.tariff_for(turn.work, each.evse, turn.now)
        lines += tariffs.price_lines(tariff, turn.now)
    return lines


def _powers(view: StationView) -> Say | Amount:
    powers = sorted({each.evse.allowed_w for each in view.evses})
    low, high = Amount(powers[0], "w"), Amount(powers[-1], "w")
    return low if low == high else Say("{low} to {high}", {"low": low, "high": high})


def pile_card(turn: Turn, point: PilePoint) -> Replies:
    """Is this pile free? With the age of the news, and what to tap."""
    pile = point.pile
    evses = [point.evse] if point.evse else list(pile.evses)
    views = [stations.evse_view(turn.work, turn.settings, evse) for evse in evses]
    lines = [
        Say("{code}: {state}", {"code": view.evse.code, "state": state_of(view)}) for view in views
    ]
    lines += pile_care.told(turn.work, pile, evses)
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
    if any(view.usable_by(turn.rider.id) for view in views):
        code = point.evse.code if point.evse else pile.number
        options.insert(0, Option(f"start_charge?pile={code}", Say("Charge here")))
        return Choose(card, [*options, _book(point)])
    if all(diversion.is_broken(view) for view in views):
        told = diversion.divert(turn.work, turn.settings, turn.rider.id, views)
        card = stack([card, *told.lines])
        return Choose(card, [*told.rows, *options, nearest.find_near(pile.station), _book(point)])
    here = stations.view(turn.work, turn.settings, pile.station)
    for connector in full_connectors(here):
        if connector in {view.evse.connector_type for view in views}:
            seen = earliest(turn.work, turn.settings, here, connector)
            if seen is not None:
                card = Say("{card}\n{full}", {"card": card, "full": full_text(seen)})
            options.insert(0, join_button(pile.station_id, connector))
            break
    else:
        options.append(Option("find_pile", Say("Find another")))
    return Choose(card, [*options[:2], _book(point)])


def _book(point: PilePoint) -> Option:
    """Asks for a time at a pile."""
    code = point.evse.code if point.evse else point.pile.number
    return Option(f"book_pile?{urlencode({'spot': f'pile:{code}'})}", Say("Book"))
