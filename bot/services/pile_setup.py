"""Adding piles in the console: taken in, out of service until tested, then let go live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bot.domain import pile_secret
from bot.domain.codes import evse_code
from bot.errors import PilebotError
from bot.services import audit, inventory, site_news, socket_tests
from bot.services.audit import Actor
from bot.store.changes import touched
from bot.store.charging import ChargingSession
from bot.store.database import ALONE, UnitOfWork
from bot.store.pile_setup import PileSetup, SocketTest
from bot.store.stations import Evse, Pile, Station, Tariff

MOST_SOCKETS: Final = 40
MOST_KW: Final = 1000
REASON_MIN: Final = 5


class NotPossible(PilebotError):
    """A pile cannot be added or go live; the message says why, for staff."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pile as somebody describes it; all its sockets are alike."""

    number: str
    kind: str
    model: str
    sockets: int
    connector_type: str
    max_power_w: int
    tariff: str


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket on its way to going live."""

    evse: Evse
    test: SocketTest | None

    @property
    def passed(self) -> bool:
        """Whether its newest test delivered energy."""
        return self.test is not None and self.test.state == "passed"


def add(
    work: UnitOfWork, actor: Actor, station: Mapping[str, Any], wanted: Wanted
) -> inventory.NewPile:
    """Take a pile in, out of service. `station` is as in bot/services/inventory.py without its
    piles, or only a name where there is one. Returns its login, whose secret is kept nowhere.
    Raises NotPossible."""
    if work.session.scalars(select(Pile.id).where(Pile.number == wanted.number)).first():
        raise NotPossible(f"There is a pile {wanted.number} already. Choose another number.")
    try:
        evse_code(wanted.number, 1)
    except ValueError as error:
        raise NotPossible("A pile's number has 4 to 6 digits and does not begin with 0.") from error
    if not 1 <= wanted.sockets <= MOST_SOCKETS:
        raise NotPossible(f"A pile has 1 to {MOST_SOCKETS} sockets.")
    if not 0 < wanted.max_power_w <= MOST_KW * 1000:
        raise NotPossible(f"The power of a socket lies between 0 and {MOST_KW} kW.")
    socket = {
        "connector_type": wanted.connector_type, "max_power_w": wanted.max_power_w,
        "tariff": wanted.tariff,
    }  # fmt: skip
    pile = {
        "number": wanted.number, "kind": wanted.kind, "model": wanted.model,
        "evses": [socket] * wanted.sockets,
    }  # fmt: skip
    document = {"stations": [{**_known(work, station), "piles": [pile]}]}
    try:
        with work.session.begin_nested():
            (new,) = inventory.take_in(work, document)
    except IntegrityError as error:
        raise NotPossible(f"Somebody has just added pile {wanted.number}.") from error
    except inventory.InventoryError as error:
        told = str(error)
        raise NotPossible(f"{told[:1].upper()}{told[1:]}.") from error
    row = work.session.get_one(Pile, new.pile_id)
    row.in_service = False
    work.session.add(PileSetup(pile_id=new.pile_id, added_by=actor.staff_id, added_at=work.now))
    audit.record(work, actor, "pile_added", f"pile:{new.pile_id}", after=pile)
    touched(work, f"pile:{new.pile_id}", f"station:{row.station_id}")
    return new


def _known(work: UnitOfWork, station: Mapping[str, Any]) -> dict[str, Any]:
    row = work.session.scalars(select(Station).where(Station.name == station["name"])).first()
    return {**station, "tz": row.tz} if row is not None else dict(station)


def next_number(work: UnitOfWork) -> str:
    """A number that no pile has: one after the highest."""
    numbers = [int(each) for each in work.session.scalars(select(Pile.number)) if each.isdecimal()]
    return str(max(numbers, default=1000) + 1)


def tariffs(work: UnitOfWork) -> list[tuple[str, str]]:
    """The tariffs there are: name, and what is shown of them."""
    rows = work.session.execute(select(Tariff.name, Tariff.currency).order_by(Tariff.name))
    return [(name, f"{name} ({currency})") for name, currency in rows]


def of(work: UnitOfWork, pile_id: str) -> PileSetup | None:
    """The making ready of a pile; None: it did not come in by the console."""
    return work.session.get(PileSetup, pile_id)


def sockets(work: UnitOfWork, pile: Pile) -> list[Socket]:
    """The sockets of a pile with their newest tests."""
    return [Socket(evse, socket_tests.latest(work, evse.id)) for evse in pile.evses]


def undone(work: UnitOfWork, pile: Pile) -> list[str]:
    """What should be done before riders come, in words for staff; empty: it is ready."""
    found = []
    if pile.seen_at is None:
        found.append("the pile has never connected")
    elif not pile.online:
        found.append("the pile is out of contact")
    silent = [str(each.number) for each in pile.evses if not each.status]
    if silent:
        found.append(f"nothing was heard of socket {', '.join(silent)}")
    open_ = [str(each.evse.number) for each in sockets(work, pile) if not each.passed]
    if open_:
        found.append(f"socket {', '.join(open_)} has not passed a test")
    return found


def test(work: UnitOfWork, actor: Actor, evse: Evse) -> SocketTest:
    """A test charge at a socket of a pile that is being made ready. Raises NotPossible."""
    if not is_going_up(work, evse.pile_id):
        raise NotPossible("Riders can come to this pile: take it out of service instead.")
    try:
        return socket_tests.start(work, actor, evse)
    except socket_tests.NotPossible as error:
        raise NotPossible(str(error)) from error


def new_secret(work: UnitOfWork, actor: Actor, pile: Pile, reason: str = "") -> inventory.NewPile:
    """Another secret in place of a lost one: the pile is cut off until it has the new one. Where
    riders come, only for a reason and while nobody charges. Raises NotPossible."""
    reason = " ".join(reason.split())[:300]
    if not is_going_up(work, pile.id):
        charge = select(ChargingSession.id).join(Evse, Evse.id == ChargingSession.evse_id)
        charge = charge.where(Evse.pile_id == pile.id, ChargingSession.open)
        if work.session.scalars(charge).first() is not None:
            raise NotPossible("Somebody charges there: it would be cut off in the middle.")
        if len(reason) < REASON_MIN:
            raise NotPossible("Riders use this pile: say why it needs a new secret.")
    new = inventory.NewPile(pile.id, pile_secret.make())
    pile.secret_hash = pile_secret.hash_secret(new.secret)
    audit.record(work, actor, "pile_secret", f"pile:{pile.id}", reason=reason)
    return new


def go_live(work: UnitOfWork, actor: Actor, pile_id: str, reason: str) -> None:
    """Let riders come. With steps undone only for a reason, and never to a pile that nobody has
    heard of. Raises NotPossible."""
    pile = work.session.get_one(Pile, pile_id, with_for_update=ALONE)
    if not is_going_up(work, pile_id):
        return
    reason = " ".join(reason.split())[:300]
    left = undone(work, pile)
    if pile.seen_at is None:
        raise NotPossible("The pile has never connected: riders could not start there.")
    if left and len(reason) < REASON_MIN:
        raise NotPossible(f"Not ready: {'; '.join(left)}. Say why it may go live nevertheless.")
    row = work.session.get_one(PileSetup, pile_id)
    row.live_by, row.live_at, row.reason = actor.staff_id, work.now, reason if left else ""
    pile.in_service = True
    audit.record(
        work, actor, "pile_live", f"pile:{pile_id}", after={"undone": left}, reason=row.reason
    )
    touched(work, f"pile:{pile_id}", f"station:{pile.station_id}")
    site_news.changed(work, pile.station_id)


def is_going_up(work: UnitOfWork, pile_id: str) -> bool:
    """Whether a pile was added in the console and riders cannot come yet."""
    row = of(work, pile_id)
    return row is not None and row.live_at is None
