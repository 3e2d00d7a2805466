"""Where a rider wants to look: a station, street or landmark named in the message."""

from __future__ import annotations

from dataclasses import replace

from bot.gateways import gazetteer
from bot.services import stations
from bot.store.database import Store
from bot.understanding import Entity, Understanding

MAX_NAME_WORDS = 4  # a longer message is a sentence, not the name of a place


def whereabouts(
    store: Store, text: str, understood: Understanding
) -> tuple[Understanding, tuple[float, float] | None]:
    """The understanding, with a station or a point (lat, lng) for the place that is named.

    Stations come first, then the bundled street map. A message that is nothing but such a name
    asks for piles there, whatever the NLU made of it.
    """
    searching = understood.intent == "find_pile"
    sure = understood.confidence >= 1 and not searching  # a keyword, a photo, danger
    long = len(text.split()) > MAX_NAME_WORDS and not searching
    if not text or sure or long or understood.entity("pile_code"):
        return understood, None
    spoken = understood.entity("location") or understood.entity("station_name")
    with store.read() as work:
        station = stations.named(work, spoken or text, whole=not searching)
    point = None if station else gazetteer.find(text, whole=not searching)
    if station is None and point is None:
        return understood, None
    entities = [each for each in understood.entities if each.type not in _PLACES]
    if station is not None:
        entities.append(Entity("station_name", station.name))
    found = replace(understood, intent="find_pile", confidence=1.0, entities=tuple(entities))
    return found, point


_PLACES = ("location", "station_name")
