"""What riders in line are told: one place for the words of the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from bot.domain.connectors import CONNECTORS
from bot.domain.forecast import Exactness
from bot.replies import Choose, Moment, Option, Reply, Say, Value
from bot.services.nearest import Way

ACCEPT: Final = Option("queue_accept", Say("I am coming"))
BACK: Final = Option("queue_accept", Say("I am back"))
SNOOZE: Final = Option("queue_snooze", Say("Not yet"))
LEAVE: Final = Option("queue_leave", Say("Leave the line"))
BLOCKED: Final = Option("queue_blocked", Say("The bay is taken"))
FIND: Final = Option("find_pile", Say("Find another"))


def join_button(station_id: int, connector: str, *, near: bool = False) -> Option:
    """Joins the line of a station's connector; `near`: who taps it stands at a pile there."""
    wish = {"station": station_id, "connector": connector} | ({"near": 1} if near else {})
    return Option(f"queue?{urlencode(wish)}", Say("Join the line"))


def connector_name(connector: str) -> str:
    """What riders call a connector: "CCS"."""
    return CONNECTORS.get(connector, connector)


def exact_text(exact: Exactness) -> Say:
    """How far such times usually are off, or that nobody knows yet."""
    if exact.minutes is None:
        return Say("a first guess: too few such times were checked yet")
    return Say("usually right within {minutes} min", {"minutes": exact.minutes})


@dataclass(frozen=True, slots=True)
class Spot:
    """What the words can draw on; `until` is when a hold or a snooze ends."""

    station_id: int
    station: str
    tz: str
    connector: str
    number: int  # in line
    evse: str  # the code of the socket that is, or was, held
    until: datetime | None
    expected: datetime | None
    exact: Exactness
    now: datetime
    nearby: Way | None = None  # what works elsewhere

    def moment(self) -> Moment:
        """When the hold or snooze ends."""
        return Moment(self.until or self.now, self.tz)

    def values(self) -> dict[str, Value]:
        """What most sentences need."""
        return {
            "station": self.station,
            "connector": connector_name(self.connector),
            "number": self.number,
            "evse": self.evse,
            "time": self.moment(),
        }


def words(notice: str, spot: Spot) -> Reply:
    """The words for a notice of bot/domain/waiting.py. Raises KeyError for an unknown name."""
    return _WORDS[notice](spot)


def place(spot: Spot) -> Choose:
    """Where somebody stands in line, and when it may be their turn."""
    if spot.expected is None:
        text = Say(
            "You are number {number} in line at {station} ({connector}). I will write when it is "
            "your turn.",
            spot.values(),
        )
    else:
        text = Say(
            "You are number {number} in line at {station} ({connector}). Your turn comes about "
            "{expected} ({exact}). I will write when it does; you need not wait there.",
            {
                **spot.values(),
                "expected": Moment(spot.expected, spot.tz),
                "exact": exact_text(spot.exact),
            },
        )
    return Choose(text, [SNOOZE, LEAVE, FIND])


def _offer(spot: Spot) -> Reply:
    return Choose(
        Say(
            "It is your turn at {station}: {evse} is kept for you until {time}. Are you coming?",
            spot.values(),
        ),
        [ACCEPT, SNOOZE, LEAVE],
    )


def _coming(spot: Spot) -> Reply:
    return Choose(
        Say(
            "{evse} at {station} is yours until {time}. Plug in there, then tap Charge here.",
            spot.values(),
        ),
        [
            Option(f"start_charge?{urlencode({'pile': spot.evse})}", Say("Charge here")),
            BLOCKED,
            LEAVE,
        ],
    )


def _snoozed(spot: Spot) -> Reply:
    return Choose(
        Say(
            "All right: others at {station} go first until {time}. You keep your place.",
            spot.values(),
        ),
        [BACK, LEAVE],
    )


def _missed(spot: Spot) -> Reply:
    return Choose(
        Say(
            "I did not see you at {station} in time, so the socket goes to the next rider. You "
            "keep your place and I ask again after {time}. After one more silence you lose it.",
            spot.values(),
        ),
        [BACK, LEAVE],
    )


def _dropped(spot: Spot) -> Reply:
    return Choose(
        Say(
            "I did not see you at {station} again, so I took you out of the line. You can join "
            "again at any time.",
            spot.values(),
        ),
        [join_button(spot.station_id, spot.connector), FIND],
    )


def _awake(spot: Spot) -> Reply:
    return Choose(
        Say(
            "You are awake in the line at {station} again, number {number}. I will write when it "
            "is your turn.",
            spot.values(),
        ),
        [SNOOZE, LEAVE],
    )


def _left(spot: Spot) -> Reply:
    return Choose(
        Say("You have left the line at {station}. It costs nothing.", spot.values()), [FIND]
    )


def _elsewhere(spot: Spot) -> Reply:
    return Say("You are charging now, so I took you out of the line at {station}.", spot.values())


def _removed(spot: Spot) -> Reply:
    return Say(
        "Our staff took you out of the line at {station}. Please write “agent” if you have a "
        "question about it.",
        spot.values(),
    )


def _blocked(spot: Spot) -> Reply:
    return _sorry(
        spot,
        Say(
            "I am sorry. You are first in line at {station} again and pay nothing for this; our "
            "staff are told about {evse}. A photo of the bay helps them.",
            spot.values(),
        ),
    )


def _lost(spot: Spot) -> Reply:
    return _sorry(
        spot,
        Say(
            "I am sorry: {evse} at {station} cannot be used any more. You are first in line for "
            "the next one.",
            spot.values(),
        ),
    )


def _none_left(spot: Spot) -> Reply:
    return _sorry(
        spot,
        Say(
            "No socket ({connector}) at {station} works at the moment; we know and see to it. You "
            "keep your place in line and I write when it is your turn.",
            spot.values(),
        ),
    )


def _sorry(spot: Spot, text: Say) -> Reply:
    if spot.nearby is None:
        return Choose(text, [LEAVE, FIND])
    text = Say("{text} {hint}", {"text": text, "hint": spot.nearby.sentence})
    return Choose(text, [spot.nearby.nearest_button, LEAVE, FIND])


def _not_waiting(spot: Spot) -> Reply:
    return Choose(Say("You are not in line anywhere."), [FIND])


def _no_offer(spot: Spot) -> Reply:
    return Choose(
        Say(
            "No socket is kept for you at the moment. You are number {number} in line at "
            "{station}.",
            spot.values(),
        ),
        [SNOOZE, LEAVE],
    )


_WORDS: Final[Mapping[str, Callable[[Spot], Reply]]] = {
    "place": place, "offer": _offer, "coming": _coming, "snoozed": _snoozed, "missed": _missed,
    "dropped": _dropped, "awake": _awake, "left": _left, "elsewhere": _elsewhere,
    "removed": _removed, "blocked": _blocked, "lost": _lost, "not_waiting": _not_waiting,
    "no_offer": _no_offer, "none_left": _none_left,
}  # fmt: skip
