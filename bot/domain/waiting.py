"""A place in the line of a full station: what can happen to it and what follows, nothing else.

waiting → offered → coming → served, with snoozed beside it; a place ends by being served, left,
dropped (silent too often), because its rider charges elsewhere, or by staff. One offer holds one
socket for a while; silence snoozes, silence again drops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

State = Literal[
    "waiting", "offered", "coming", "snoozed", "served", "left", "dropped", "elsewhere", "removed"
]
STATES: Final[tuple[State, ...]] = State.__args__  # type: ignore[attr-defined]  # typing hides it
LIVE: Final = frozenset({"waiting", "offered", "coming", "snoozed"})
HOLDING: Final = frozenset({"offered", "coming"})


@dataclass(frozen=True, slots=True)
class Rules:
    """How long a socket is held for somebody at the station and for anybody else, how long a
    snooze lasts, and how many offers may be let pass in silence."""

    near_s: int = 180
    far_s: int = 900
    snooze_s: int = 900
    misses: int = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A rider's place; `evse_id` is held for them until `held_until` while offered or coming."""

    state: State = "waiting"
    near: bool = False
    misses: int = 0
    offers: int = 0
    evse_id: int | None = None
    held_until: datetime | None = None
    snoozed_until: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether it still stands in the line."""
        return self.state in LIVE

    @property
    def holding(self) -> bool:
        """Whether a socket is held for it."""
        return self.state in HOLDING


# --- events


@dataclass(frozen=True, slots=True)
class Offer:
    """It is this rider's turn at a socket that is free."""

    at: datetime
    evse_id: int


@dataclass(frozen=True, slots=True)
class Accept:
    """The rider comes; or is back early from a snooze."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Snooze:
    """The rider lets others go first for a while and keeps the place."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Leave:
    """The rider gives the place up."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The timer `name` is due: "hold" or "snooze"."""

    at: datetime
    name: str


@dataclass(frozen=True, slots=True)
class Started:
    """The rider charges, at this socket."""

    at: datetime
    evse_id: int


@dataclass(frozen=True, slots=True)
class BayBlocked:
    """Somebody stands in the bay of the socket that is held."""

    at: datetime


@dataclass(frozen=True, slots=True)
class SocketLost:
    """The held socket cannot be used any more: a fault, out of service, taken by force."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Remove:
    """Staff take the rider out of the line."""

    at: datetime


Event = Offer | Accept | Snooze | Leave | TimeUp | Started | BayBlocked | SocketLost | Remove


# --- commands: what the caller carries out in the same transaction


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the socket for this rider until then; a longer hold replaces a shorter one."""

    evse_id: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Release:
    """The socket is no longer kept; `used`: its rider charges there now."""

    evse_id: int
    used: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Offer this socket to nobody for a while."""

    evse_id: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send TimeUp(name) then; replaces a timer of the same name."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Take a timer back."""

    name: str


@dataclass(frozen=True, slots=True)
class ToFront:
    """Nobody in this line goes before this rider."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """A socket or a turn has become free: offer what can be offered."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the rider; bot/services/waiting_words.py has the words for each name."""

    notice: str
    values: Mapping[str, Any] = field(default_factory=dict)


Command = Hold | Release | Block | SetTimer | CancelTimer | ToFront | LookAgain | Tell


def advance(place: Place, event: Event, rules: Rules) -> tuple[Place, tuple[Command, ...]]:
    """The place after an event, and what is to be done. Total: what does not apply changes
    nothing, and is answered where somebody asked."""
    if not place.live:
        asked = isinstance(event, Accept | Snooze | Leave | BayBlocked)
        return place, ((Tell("not_waiting"),) if asked else ())
    return _RULES[type(event)](place, event, rules)


def _offer(place: Place, event: Offer, rules: Rules) -> tuple[Place, tuple[Command, ...]]:
    if place.state != "waiting":
        return place, ()
    until = event.at + timedelta(seconds=rules.near_s if place.near else rules.far_s)
    new = replace(
        place, state="offered", evse_id=event.evse_id, held_until=until, offers=place.offers + 1
    )
    return new, (Hold(event.evse_id, until), SetTimer("hold", until), Tell("offer"))


def _accept(place: Place, event: Accept, rules: Rules) -> tuple[Place, tuple[Command, ...]]:
    if place.state == "coming":
        return place, (Tell("coming"),)
    if place.state == "snoozed":
        new = replace(place, state="waiting", snoozed_until=None)
        return new, (CancelTimer("snooze"), Tell("awake"), LookAgain())
    if place.state != "offered" or place.evse_id is None or place.held_until is None:
        return place, (Tell("no_offer"),)
    # Whoever says yes in the last moment still gets the time to walk there.
    until = max(place.held_until, event.at + timedelta(seconds=rules.near_s))
    new = replace(place, state="coming", held_until=until, misses=0)
    return new, (Hold(place.evse_id, until), SetTimer("hold", until), Tell("coming"))


def _snooze(place: Place, event: Snooze, rules: Rules) -> tuple[Place, tuple[Command, ...]]:
    return _to_sleep(place, event.at, rules, "snoozed")


def _to_sleep(
    place: Place, at: datetime, rules: Rules, notice: str
) -> tuple[Place, tuple[Command, ...]]:
    until = at + timedelta(seconds=rules.snooze_s)
    new = replace(_let_go(place), state="snoozed", snoozed_until=until)
    return new, (*_released(place), SetTimer("snooze", until), Tell(notice), LookAgain())


def _let_go(place: Place) -> Place:
    return replace(place, evse_id=None, held_until=None, snoozed_until=None)


def _released(place: Place) -> tuple[Command, ...]:
    """What ends with the state that is left."""
    found: tuple[Command, ...] = ()
    if place.evse_id is not None:
        found += (Release(place.evse_id), CancelTimer("hold"))
    if place.state == "snoozed":
        found += (CancelTimer("snooze"),)
    return found


def _leave(place: Place, event: Leave, rules: Rules) -> tuple[Place, tuple[Command, ...]]:
    return _end(place, "left", "left")


def _end(place: Place, state: State, notice: str) -> tuple[Place, tuple[Command, ...]]:
    return replace(_let_go(place), state=state), (*_released(place), Tell(notice), LookAgain())


def _time_up(place: Place, event: TimeUp, rules: Rules) -> tuple[Place, tuple[Command, ...]]:
    if event.name == "hold" and place.holding and _due(place.held_until, event.at):
        missed = replace(place, misses=place.misses + 1)
        if missed.misses >= rules.misses:
            return _end(missed, "dropped", "dropped")
        return _to_sleep(missed, event.at, rules, "missed")
    if event.name == "snooze" and place.state == "snoozed" and _due(place.snoozed_until, event.at):
        new = replace(place, state="waiting", snoozed_until=None)
        return new, (Tell("awake"), LookAgain())
    return place, ()


def _due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _started(place: Place, event: Started, rules: Rules) -> tuple[Place, tuple[Command, ...]]:
    if place.evse_id == event.evse_id:
        new = replace(_let_go(place), state="served")
        return new, (Release(event.evse_id, used=True), CancelTimer("hold"), LookAgain())
    return _end(place, "elsewhere", "elsewhere")


def _bay_blocked(
    place: Place, event: BayBlocked, rules: Rules
) -> tuple[Place, tuple[Command, ...]]:
    if not place.holding or place.evse_id is None:
        return place, (Tell("no_offer"),)
    new = replace(_let_go(place), state="waiting", misses=0)
    block = Block(place.evse_id)
    return new, (block, *_released(place), ToFront(), Tell("blocked"), LookAgain())


def _socket_lost(
    place: Place, event: SocketLost, rules: Rules
) -> tuple[Place, tuple[Command, ...]]:
    if not place.holding:
        return place, ()
    new = replace(_let_go(place), state="waiting")
    return new, (*_released(place), ToFront(), Tell("lost"), LookAgain())


def _remove(place: Place, event: Remove, rules: Rules) -> tuple[Place, tuple[Command, ...]]:
    return _end(place, "removed", "removed")


_RULES: Final[dict[type[Event], Callable[..., tuple[Place, tuple[Command, ...]]]]] = {
    Offer: _offer, Accept: _accept, Snooze: _snooze, Leave: _leave, TimeUp: _time_up,
    Started: _started, BayBlocked: _bay_blocked, SocketLost: _socket_lost, Remove: _remove,
}  # fmt: skip
