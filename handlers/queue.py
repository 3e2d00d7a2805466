"""The line of a full station: joining it, what to do when it is one's turn, leaving it."""

from __future__ import annotations

import re

from bot.dialog.intents import intent, maybe, wish
from bot.dialog.kinds import PILE, STATION, PilePoint
from bot.dialog.turn import Turn
from bot.domain import waiting as on
from bot.replies import Choose, Option, Replies, Say
from bot.services import booked, stations, waiting
from bot.services.earliest import full_connectors
from bot.services.waiting_words import FIND, connector_name, join_button, place
from bot.services.waiting_words import words as queue_words
from bot.store.riders import Rider
from bot.store.stations import Station
from handlers.my_bookings import blocked as booked_bay_blocked

WHERE = Choose(
    Say(
        "You are not in line anywhere. Which station do you want? Write its name, or the code of a "
        "pile there, and tap Join the line when all is taken."
    ),
    [FIND],
)
NOT_WAITING = Choose(Say("You are not in line anywhere."), [FIND])


@wish
class Join:
    """A pile or a station; none is needed by who is in line already."""

    pile: PilePoint | None = maybe(PILE)
    station: Station | None = maybe(STATION)


_LINES = r"(?:queue|line|waiting list|cola|fila|file d.attente|warteschlange|schlange)"
_IN_LINE = re.compile(
    r"(?:please )?(?:(?:join|get in|wait in|stand in|put me in|unirme a|entrar en|hacer|entrar na|"
    r"entrar em|rejoindre|faire|in) )?(?:the |la |a |die |der )?"
    rf"{_LINES} (?:at|for|in|en|de|em|da|do|à|a|an|am|bei|von) (?P<where>.{{2,40}})",
    re.IGNORECASE,
)


@intent(
    "queue",
    words=("queue", "join queue", "join the queue", "join the line", "line", "cola", "fila", "排队",
           "file d'attente", "file", "warteschlange", "schlange"),
    patterns=(_IN_LINE.pattern,),
)  # fmt: skip
def queue(turn: Turn, want: Join) -> Replies | None:
    """One's place in line; without one, the way into it."""
    mine = waiting.place_of(turn.work, turn.rider.id)
    named_station = want.station or _named(turn)
    point = want.pile or (None if named_station else _left(turn))
    station = point.pile.station if point else named_station
    if mine is not None and (station is None or station.id == mine.station_id):
        return place_card(turn)
    if station is None:
        return WHERE
    view = stations.view(turn.work, turn.settings, station)
    full = full_connectors(view)
    named = turn.value("connector") or (point.evse.connector_type if point and point.evse else None)
    wanted = named if named in full else full[0] if len(full) == 1 and named is None else None
    if wanted is None and full and named is None:
        return Choose(
            Say("Which connector do you need at {station}?", {"station": station.name}),
            [
                Option(join_button(station.id, each).payload, Say(connector_name(each)))
                for each in full[:10]
            ],
        )
    if wanted is None:
        return Choose(
            Say(
                "There is no line at {station}: nothing you could wait for, or something is free.",
                {"station": station.name},
            ),
            [Option(f"find_pile?station={station.id}", Say("The station")), FIND],
        )
    return _join(turn, station, wanted, near=point is not None or turn.value("near") is not None)


def _named(turn: Turn) -> Station | None:
    """The station of "join the line at Kamppi"."""
    said = _IN_LINE.fullmatch(turn.heard.text.strip().strip("!."))
    return stations.named(turn.work, said["where"]) if said else None


def _join(turn: Turn, station: Station, connector: str, *, near: bool) -> Replies | None:
    here = near or _is_near(turn.rider, station)
    mine = waiting.join(
        turn.work, turn.settings, rider=turn.rider, station=station, connector=connector,
        near=here, key=turn.heard.key,
    )  # fmt: skip
    return place_card(turn) if mine.state == "waiting" else None  # else the offer says it all


def _left(turn: Turn) -> PilePoint | None:
    """The pile that was just talked of."""
    left = turn.left.get("pile")
    return PILE.load(turn, left) if left else None


def _is_near(rider: Rider, station: Station) -> bool:
    seen = stations.remembered(rider.last_lat, rider.last_lng)
    if seen is None:
        return False
    away = stations.distance_m(seen.lat, seen.lng, station.lat, station.lng)
    return away <= waiting.NEAR_M


def place_card(turn: Turn) -> Choose:
    """Where the rider stands in line, with what can be done; what is held comes first."""
    mine = waiting.place_of(turn.work, turn.rider.id)
    if mine is None:
        return NOT_WAITING
    spot = waiting.spot(turn.work, turn.settings, mine)
    notice = {"offered": "offer", "coming": "coming", "snoozed": "snoozed"}.get(mine.state)
    said = queue_words(notice, spot) if notice else place(spot)
    assert isinstance(said, Choose)
    return said


def _happen(turn: Turn, event: on.Event) -> Replies | None:
    """Let it happen to the rider's place, which tells what comes of it."""
    mine = waiting.place_of(turn.work, turn.rider.id)
    if mine is None:
        return NOT_WAITING
    waiting.happen(turn.work, turn.settings, mine, event)
    return None


@intent("queue_accept", words=("i am coming", "coming", "i am back"))
def accept(turn: Turn) -> Replies | None:
    """Yes to an offer, or back from a snooze."""
    return _happen(turn, on.Accept(turn.now))


@intent("queue_snooze", words=("snooze", "not yet"))
def snooze(turn: Turn) -> Replies | None:
    """Others go first for a while."""
    return _happen(turn, on.Snooze(turn.now))


@intent(
    "queue_leave",
    words=("leave queue", "leave the line", "leave the queue", "salir de la cola", "sair da fila",
           "退出排队", "quitter la file", "warteschlange verlassen"),
)  # fmt: skip
def leave(turn: Turn) -> Replies | None:
    """Out of the line, free of charge."""
    return _happen(turn, on.Leave(turn.now))


@intent(
    "queue_blocked",
    words=("someone is in my bay", "somebody is in my bay", "my bay is taken", "the bay is taken",
           "hay alguien en mi plaza", "tem alguém na minha vaga", "我的车位被占了",
           "quelqu'un est à ma place", "jemand steht auf meinem platz"),
)  # fmt: skip
def blocked(turn: Turn) -> Replies | None:
    """Somebody stands where one's socket is: first in line again, staff are told. Who has booked
    says the same of a booked bay."""
    if (
        waiting.place_of(turn.work, turn.rider.id) is None
        and booked.live_of(turn.work, turn.rider.id) is not None
    ):
        return booked_bay_blocked(turn)
    return _happen(turn, on.BayBlocked(turn.now))
