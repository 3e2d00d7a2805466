"""What is known of one charging session, and its JSON form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from bot.domain.discounts import Discount, dump_discount, load_discount
from bot.domain.pricing import Bill, price
from bot.domain.tariffs import Tariff
from bot.domain.usage import NO_CARRY, Carry, Reading, Span, Usage, without

State = Literal[
    "holding", "starting", "charging", "suspended", "stopping",
    "billing", "releasing", "settled", "void", "failed", "debt",
]  # fmt: skip
STATES: Final[tuple[State, ...]] = get_args(State)

OPEN: Final = frozenset({"holding", "starting", "charging", "suspended", "stopping"})
DELIVERING: Final = frozenset({"charging", "suspended"})
FINAL: Final = frozenset({"settled", "void", "failed"})  # never left; debt is left by paying

Hold = Literal[
    "none", "placing", "waiting", "held", "capturing", "captured",
    "voiding", "void", "failed", "expired",
]  # fmt: skip
HOLDS: Final[tuple[Hold, ...]] = get_args(Hold)

# Whether energy flows, from OCPP's chargingState; "ev" and "evse" name who pauses.
Flow = Literal["", "connected", "charging", "ev", "evse"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN_END: Final = datetime.max.replace(tzinfo=UTC)
KEEP_EVERY: Final = timedelta(minutes=5)  # of readings in one such stretch the first and last stay


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds, fixed at the yes."""

    start_timeout_s: int = 60
    plug_in_timeout_s: int = 180
    no_energy_s: int = 300
    max_session_s: int = 43_200
    pay_timeout_s: int = 900  # to pay on the provider's page
    stop_wait_s: int = 20  # for the pile's last word before the bill is made without it
    offline_wait_s: int = 900  # for a pile that went silent while charging


@dataclass(frozen=True, slots=True)
class Terms:
    """What the rider said yes to; never changes."""

    tariff: Tariff
    hold_minor: int
    stop_minor: int  # cost at which charging stops so that the hold is not passed
    smallest_minor: int  # below this nothing is captured
    pays: str = "card"  # or "wallet", or "family": another rider's wallet
    limits: Limits = field(default_factory=Limits)
    discounts: tuple[Discount, ...] = ()  # coupons and the plan pinned to this charge
    carry: Carry = NO_CARRY  # of the charge this one goes on from


@dataclass(frozen=True, slots=True)
class Owed:
    """A transaction at the pile that must still end, and how often it was told so."""

    transaction_id: str
    tries: int = 1


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """All that `advance` knows; times are aware, registers in Wh."""

    terms: Terms
    created_at: datetime
    state: State = "holding"
    hold: Hold = "none"
    attempt: int = 0  # start commands sent
    accepted: bool = False  # the pile took the current start
    plugged_at: datetime | None = None
    transaction_id: str | None = None
    running: bool = False  # the pile reported this transaction itself
    ended: bool = False  # the pile reported its end
    abandoned: tuple[str, ...] = ()  # transactions that are nobody's: stopped, never billed
    owed: tuple[Owed, ...] = ()
    readings: tuple[Reading, ...] = ()
    started_at: datetime | None = None  # the meter first moved
    flow: Flow = ""
    flow_at: datetime | None = None
    charging: tuple[Span, ...] = ()
    idle: tuple[Span, ...] = ()
    idle_at: datetime | None = None  # the present stretch of idling began
    idle_from: datetime | None = None  # it costs from here on
    idle_runs: bool = False  # it costs now, and the rider was told
    stuck: tuple[str, ...] = ()  # why our fault keeps the cable in: "offline", "unlock"
    stuck_at: datetime | None = None
    ours: tuple[Span, ...] = ()  # stretches in which it did: they never count as idle
    waited_at: datetime | None = None  # somebody waits for the place since
    waited: tuple[Span, ...] = ()
    offline_at: datetime | None = None
    stop_by: str = ""  # rider | staff | limit | hold_limit | fault | pile | offline | …
    stop_at: datetime | None = None  # the bill is frozen here
    ended_at: datetime | None = None
    fault: bool = False  # we broke it off: energy only
    bill_minor: int | None = None  # frozen total; what is captured
    captures: int = 0  # tries so far
    checks: int = 0
    refund_minor: int = 0  # credited since: the meter ended lower than billed
    asked_minor: int | None = None  # what the last capture or payment was for
    recovered: bool = False  # the hold lapsed, and what is owed was asked for by itself
    collecting: bool = False  # a payment is asked for as soon as the old hold is gone
    debt_by: str = "card"  # what that payment is asked of: the card, or the wallet
    withheld: bool = False  # we give it no power for now, as others share the site's
    told: tuple[str, ...] = ()
    tells: int = 0  # notices so far: numbers them
    voids: int = 0
    timers: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it occupies its rider and its EVSE."""
        return self.state in OPEN

    @property
    def due_minor(self) -> int:
        """What the rider has to pay: the bill less what was credited."""
        return (self.bill_minor or 0) - self.refund_minor

    def energy_wh(self) -> int:
        """Wh delivered so far, or billed."""
        return self.usage().energy_wh()

    def usage(self, until: datetime | None = None) -> Usage:
        """What is to be billed, an open span of flow counted up to `until`."""
        closed = self if until is None else close_span(self, until)
        idle = without(closed.idle, _with_open(self.ours, self.stuck_at))
        waited = _with_open(self.waited, self.waited_at)
        carry = self.terms.carry
        return Usage(closed.readings, closed.charging, idle, closed.fault, carry, waited)

    def bill(self, until: datetime | None = None) -> Bill:
        """The bill of the session as it stands; never above what is held, zero when it is too
        small or no energy came. Where it is too small by itself no coupon or plan is used up."""
        usage, terms = self.usage(until), self.terms
        plain = price(terms.tariff, usage, limit_minor=terms.hold_minor)
        if plain.gross_minor < terms.smallest_minor or usage.energy_wh() <= 0:
            return price(terms.tariff, usage, limit_minor=terms.hold_minor, waive=True)
        full = self._priced(usage)
        if full.gross_minor == 0 or full.gross_minor >= terms.smallest_minor:
            return full
        return self._priced(usage, waive=True)

    def cost_minor(self, until: datetime | None = None) -> int:
        """What it costs so far, before a waiver."""
        return self._priced(self.usage(until)).gross_minor

    def _priced(self, usage: Usage, *, waive: bool = False) -> Bill:
        terms = self.terms
        return price(
            terms.tariff, usage, discounts=terms.discounts, limit_minor=terms.hold_minor,
            waive=waive,
        )  # fmt: skip


def _with_open(spans: tuple[Span, ...], since: datetime | None) -> tuple[Span, ...]:
    return spans if since is None else (*spans, Span(since, _OPEN_END))


def close_span(facts: SessionFacts, at: datetime) -> SessionFacts:
    """The facts with the open stretch of charging or idling ended at `at`."""
    since = facts.flow_at
    if since is None or at <= since or facts.started_at is None:
        return facts
    if facts.flow == "charging":
        return replace(facts, charging=(*facts.charging, Span(since, at)), flow_at=at)
    if facts.flow in {"ev", "connected"}:
        return replace(facts, idle=(*facts.idle, Span(since, at)), flow_at=at)
    return facts


def add_reading(facts: SessionFacts, new: Reading) -> SessionFacts:
    """The facts with a register reading. Readings stand in the order of device time; repeats,
    registers going back and late ones other than the very first are left out, and of many close
    together the first and the last stay."""
    kept = facts.readings
    if kept and new.at < kept[0].at and new.wh <= kept[0].wh:
        return replace(facts, readings=(new, *kept))
    if kept and (new.at < kept[-1].at or new.wh < kept[-1].wh or new == kept[-1]):
        return facts
    if len(kept) >= 3 and _stretch(kept[-2]) == _stretch(kept[-1]) == _stretch(new):
        kept = kept[:-1]
    return replace(facts, readings=(*kept, new))


def _stretch(reading: Reading) -> int:
    return (reading.at - _EPOCH) // KEEP_EVERY


# --- JSON


def dump_facts(facts: SessionFacts) -> dict[str, Any]:
    """The JSON form without the tariff, which the session row keeps beside it."""
    own = {each.name: _dump(getattr(facts, each.name)) for each in fields(facts)}
    terms = facts.terms
    own["terms"] = {
        "hold_minor": terms.hold_minor,
        "stop_minor": terms.stop_minor,
        "smallest_minor": terms.smallest_minor,
        "pays": terms.pays,
        "limits": {each.name: getattr(terms.limits, each.name) for each in fields(terms.limits)},
        "discounts": [dump_discount(each) for each in terms.discounts],
        "carry": asdict(terms.carry),
    }
    return own


def load_facts(raw: Mapping[str, Any], tariff: Tariff) -> SessionFacts:
    """The facts that `dump_facts` wrote, now or in another version of this code: what that version
    did not know has its default, what only that version knew is left out."""
    terms = dict(raw["terms"])
    limits = Limits(**_known(Limits, terms.pop("limits")))
    discounts = tuple(load_discount(each) for each in terms.pop("discounts", ()))
    carry = Carry(**_known(Carry, terms.pop("carry", {})))
    values = {
        name: _LOADERS[name](value) if name in _LOADERS and value is not None else value
        for name, value in _known(SessionFacts, raw).items()
    }
    values["terms"] = Terms(
        tariff=tariff, limits=limits, discounts=discounts, carry=carry, **_known(Terms, terms)
    )
    return SessionFacts(**values)


def _known(kind: type[Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in raw.items() if name in names}


def _dump(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Reading(at, wh, None):
            return [_dump(at), wh]
        case Reading() | Span() | Owed():
            return [_dump(getattr(value, each.name)) for each in fields(value)]
        case tuple():
            return [_dump(each) for each in value]
        case Mapping():
            return {name: _dump(each) for name, each in value.items()}
        case _:
            return value if not isinstance(value, Terms) else None


def _at(raw: str) -> datetime:
    return datetime.fromisoformat(raw)


def _spans(raw: list[list[str]]) -> tuple[Span, ...]:
    return tuple(Span(_at(start), _at(end)) for start, end in raw)


_LOADERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "created_at": _at, "plugged_at": _at, "started_at": _at, "flow_at": _at, "offline_at": _at,
    "stop_at": _at, "ended_at": _at, "abandoned": tuple, "told": tuple, "stuck": tuple,
    "idle_at": _at, "idle_from": _at, "stuck_at": _at, "waited_at": _at,
    "owed": lambda raw: tuple(Owed(*each) for each in raw),
    "readings": lambda raw: tuple(Reading(_at(at), *rest) for at, *rest in raw),
    "charging": _spans, "idle": _spans, "ours": _spans, "waited": _spans,
    "timers": lambda raw: {name: _at(at) for name, at in raw.items()},
}  # fmt: skip
