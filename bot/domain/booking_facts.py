"""What a booking is: its facts, what can happen to it, and what that calls for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Final, Literal

# OCPI's reservation states.
State = Literal["PENDING", "RESERVED", "FULFILLED", "CANCELED", "NO_SHOW", "REJECTED", "FAILED"]
# none → placing → (waiting) → held → taking → taken | releasing → returned | applied;
# saving → saved (a card, for a hold to come); failed.
Deposit = Literal[
    "none", "placing", "waiting", "saving", "saved", "held", "taking", "taken", "releasing",
    "returned", "applied", "failed",
]  # fmt: skip
LIVE: Final = frozenset({"PENDING", "RESERVED"})  # keeps its bay and its rider's one booking


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rider said yes to; a change keeps them."""

    currency: str
    deposit_minor: int
    fee_minor: int  # taken of the deposit when the rider does not come, or cancels late
    late_s: int = 600
    cancel_until_s: int = 900
    early_s: int = 600
    least_s: int = 900
    most_s: int = 14_400
    ahead_s: int = 1_209_600
    lead_s: int = 300  # the bay is kept this long before the start
    pay_timeout_s: int = 900
    version: str = ""
    pays: str = "card"  # or "wallet": what the deposit is held on


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """All that `advance` knows; times are aware."""

    terms: Terms
    created_at: datetime
    starts_at: datetime
    ends_at: datetime
    state: State = "PENDING"
    deposit: Deposit = "none"
    asked: int = 0  # deposits asked for: numbers them
    due_from: datetime | None = None  # the countdown runs from here, once it has begun
    blocked: str = (
        ""  # why the bay cannot be used in the booker's time: busy, fault, offline, reported, …
    )
    on_my_way_at: datetime | None = None
    pile: Literal["", "asked", "kept", "refused"] = ""  # the pile's own reservation
    reservations: int = 0  # asked of piles: numbers them
    session_id: int | None = None
    ended_at: datetime | None = None
    ended_by: str = ""  # rider | staff | clock | payment | pile
    appealed_at: datetime | None = None
    forgiven: bool = False
    told: tuple[str, ...] = ()
    tells: int = 0
    timers: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether it keeps its bay."""
        return self.state in LIVE

    @property
    def late_at(self) -> datetime:
        """When the bay goes to somebody else if the rider has not come."""
        return (self.due_from or self.starts_at) + timedelta(seconds=self.terms.late_s)

    @property
    def free_until(self) -> datetime:
        """Until when a change or the end of it costs nothing."""
        return self.starts_at - timedelta(seconds=self.terms.cancel_until_s)

    @property
    def opens_at(self) -> datetime:
        """From when the booker may begin."""
        return self.starts_at - timedelta(seconds=self.terms.early_s)

    @property
    def kept_from(self) -> datetime:
        """From when nobody else may begin."""
        return self.starts_at - timedelta(seconds=self.terms.lead_s)


def cost_minor(facts: BookingFacts, at: datetime) -> int:
    """What it costs the rider to cancel at a moment, or to begin at another time."""
    if facts.state != "RESERVED" or facts.blocked or at <= facts.free_until:
        return 0
    return min(facts.terms.fee_minor, facts.terms.deposit_minor)


# --- events: `at` is when we learnt of it; a deposit's `number` tells which was asked for


@dataclass(frozen=True, slots=True)
class Booked:
    """The rider agreed; `card`: one is saved that a later deposit can be held on."""

    at: datetime
    card: bool = False


@dataclass(frozen=True, slots=True)
class DepositHeld:
    """The deposit is held."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class DepositNeedsRider:
    """The rider must pay, or give a card, on a page."""

    at: datetime
    number: int
    url: str


@dataclass(frozen=True, slots=True)
class DepositRefused:
    """The provider said no, or the page ran out."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class CardSaved:
    """A card is saved for the deposit to come."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class DepositGone:
    """Nothing is held any more: released by us, or by the provider without our doing."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class DepositTaken:
    """The fee was taken, the rest released."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class TakeFailed:
    """The fee could not be taken."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class OnMyWay:
    """The rider says that they are coming."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """Another time or another bay; `cost_minor` was agreed to. The bay is kept already."""

    at: datetime
    starts_at: datetime
    ends_at: datetime
    cost_minor: int = 0
    by: str = "rider"
    card: bool = False
    elsewhere: bool = False  # at another bay


@dataclass(frozen=True, slots=True)
class Cancel:
    """The rider, or "staff", gives it up."""

    at: datetime
    by: str = "rider"


@dataclass(frozen=True, slots=True)
class Arrived:
    """The booker starts a charge; `adopted`: the deposit is what is held for it."""

    at: datetime
    session_id: int
    adopted: bool


@dataclass(frozen=True, slots=True)
class Left:
    """The booker's charge is over."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """The bay cannot be used."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Unblocked:
    """The bay can be used again."""

    at: datetime


@dataclass(frozen=True, slots=True)
class PileKeeps:
    """The pile took reservation `number`."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class PileRefuses:
    """The pile did not take reservation `number`, or gave it up: our own fence still stands."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Appealed:
    """The rider says that the fee is not right."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Forgiven:
    """Staff give the fee back."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer is due; `blocked` is why the bay cannot be used now, "" when it can."""

    at: datetime
    name: str
    blocked: str = ""


Event = (
    Booked | DepositHeld | DepositNeedsRider | DepositRefused | CardSaved | DepositGone
    | DepositTaken | TakeFailed | OnMyWay | Moved | Cancel | Arrived | Left | Blocked | Unblocked
    | PileKeeps | PileRefuses | Appealed | Forgiven | TimerFired
)  # fmt: skip


# --- commands: what the caller carries out in the same transaction


@dataclass(frozen=True, slots=True)
class AskDeposit:
    """Hold the deposit, or with `card` only save a card for it."""

    number: int
    card: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """Take this much of a deposit and release the rest."""

    number: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Release:
    """Release a deposit, or take back the page to pay it."""

    number: int


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give back what was taken of a deposit."""

    number: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class KeepPile:
    """Have the pile keep the bay until a moment."""

    number: int
    until: datetime


@dataclass(frozen=True, slots=True)
class FreePile:
    """Have the pile give its reservation up."""

    number: int


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """What is left of the slot is anybody's."""


@dataclass(frozen=True, slots=True)
class AskToFinish:
    """Ask whoever charges at the bay to be done by the start."""


@dataclass(frozen=True, slots=True)
class Rehome:
    """Offer the booker the nearest free equal bay, or the end of the booking."""

    why: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send TimerFired(name) at a moment; replaces a timer of the same name."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Take a timer back."""

    name: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the rider; bot/services/booking_notices.py has the words for each name."""

    notice: str
    number: int
    values: Mapping[str, str] = field(default_factory=dict)


Command = (
    AskDeposit | Take | Release | GiveBack | KeepPile | FreePile | FreeSlot | AskToFinish | Rehome
    | SetTimer | CancelTimer | Tell
)  # fmt: skip


# --- JSON


def dump_booking(facts: BookingFacts) -> dict[str, Any]:
    """The JSON form."""
    own = {each.name: _dump(getattr(facts, each.name)) for each in fields(facts)}
    own["terms"] = {each.name: getattr(facts.terms, each.name) for each in fields(facts.terms)}
    return own


def load_booking(raw: Mapping[str, Any]) -> BookingFacts:
    """The facts that `dump_booking` wrote, now or in another version of this code."""
    values = {
        name: _LOADERS[name](value) if name in _LOADERS and value is not None else value
        for name, value in _known(BookingFacts, raw).items()
    }
    values["terms"] = Terms(**_known(Terms, raw["terms"]))
    return BookingFacts(**values)


def _known(kind: type[Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in raw.items() if name in names}


def _dump(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case tuple():
            return list(value)
        case Mapping():
            return {name: _dump(each) for name, each in value.items()}
        case Terms():
            return None
        case _:
            return value


_at: Final = datetime.fromisoformat
_LOADERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "created_at": _at, "starts_at": _at, "ends_at": _at, "due_from": _at, "on_my_way_at": _at,
    "ended_at": _at, "appealed_at": _at, "told": tuple,
    "timers": lambda raw: {name: _at(at) for name, at in raw.items()},
}  # fmt: skip
