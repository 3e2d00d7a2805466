"""Breaking things in mid-charge, and what those who stand there do then."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from bot.demo.evening.facts import Facts, Trouble
from bot.demo.evening.hands import Hands
from bot.demo.evening.lot import Lot, Socket
from bot.demo.evening.phones import NotHeard, Phones
from bot.demo.evening.plan import Kind, Size
from bot.demo.evening.riders import START_S, Charge, Crowd

REPAIRED_S: Final = 300.0  # a technician needs some minutes, by their own steps


@dataclass(frozen=True, slots=True)
class Stage:
    """What everybody in the evening works with. `usable(pile)`: in service and free of faults."""

    size: Size
    facts: Facts
    phones: Phones
    hands: Hands
    lot: Lot
    crowd: Crowd
    usable: Callable[[str], bool]
    was_sent: Callable[[str, float], bool]  # somebody was sent to it since a moment

    def charge(self, phone: str, socket: Socket, end: str, money: str = "usual") -> Charge:
        """A rider's charge."""
        return Charge(self.phones, self.hands, self.facts, phone, socket, end, money)


def play(stage: Stage, number: int, kind: Kind, site: str) -> None:
    """One trouble from the first plug to the repaired pile; what goes wrong on stage is noted."""
    sockets = stage.lot.site(site) if kind.reach == "site" else stage.lot.pile()
    used = sockets[:1] if kind.alone else sockets
    trouble = Trouble(number, kind.name, sockets[0].pile_id, sockets[0].station)
    try:
        with ExitStack() as stack:
            one = partial(stage.crowd.one, for_good=kind.hands_off)
            phones = [stack.enter_context(one()) for _ in used]
            _play(stage, kind, trouble, used, phones)
    except NotHeard as silence:
        stage.facts.problem(f"{kind.name} at {trouble.pile_id}: {silence}")
    finally:
        usable = _usable_again(stage, kind, sockets, trouble.at)
        trouble.over_at = time.time()
        stage.facts.add(trouble=trouble)
        if usable:
            stage.lot.give_back(sockets)


def _play(
    stage: Stage, kind: Kind, trouble: Trouble, sockets: list[Socket], phones: list[str]
) -> None:
    struck = len(sockets) if kind.reach != "socket" else 1
    charges = [
        stage.charge(phone, socket, kind.name if place < struck else "chat",
                     kind.money if place < struck else "usual")
        for place, (phone, socket) in enumerate(zip(phones, sockets, strict=True))
    ]  # fmt: skip
    first, beside = charges[:struck], charges[struck:]
    with ThreadPoolExecutor(len(charges)) as pool:
        begin = beside if not kind.starts else charges
        list(pool.map(lambda each: each.begin(), begin))
        if not kind.starts:
            first[0].arrive()
        BREAKS[kind.name](stage, kind, trouble, first)
        trouble.visits = [each.visit for each in first if each.visit is not None]
        trouble.others = [each.visit for each in beside if each.visit is not None]
        told = [pool.submit(each.hears, trouble.at, *kind.told, within_s=START_S) for each in first]
        for each in told:
            each.result()
        AFTER.get(kind.name, _leave)(stage, kind, trouble, first)
        list(pool.map(lambda each: each.stop(), beside))


def _usable_again(stage: Stage, kind: Kind, sockets: list[Socket], since: float) -> bool:
    """Wait until the piles may be used by somebody else: also for who is sent a while later."""
    deadline = time.monotonic() + REPAIRED_S
    while time.monotonic() < deadline:
        sent = not kind.job or stage.was_sent(sockets[0].pile_id, since)
        if sent and all(stage.usable(each.pile_id) for each in sockets):
            return True
        time.sleep(1)
    stage.facts.problem(f"{kind.name}: {sockets[0].pile_id} never came back into service")
    return False


# --- how each breaks: sets `trouble.at`


def _by_itself(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """The pile reports it."""
    trouble.at = time.time()
    stage.hands.at(charges[0].socket, "fault", kind=kind.fault)


def _no_energy(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """It says yes, and delivers nothing."""
    stage.hands.at(charges[0].socket, "fault", kind=kind.fault)
    trouble.at = charges[0].agree()


def _no_answer(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """The line is up, but nothing gets through when the start is ordered."""
    stage.hands.do(trouble.pile_id, "offline", how="silent")
    trouble.at = charges[0].agree()


def _refused(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """It breaks at the very moment of the yes."""
    trouble.at = charges[0].agree()
    stage.hands.at(charges[0].socket, "fault", kind=kind.fault)


def _silent(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    trouble.at = time.time()
    stage.hands.do(trouble.pile_id, "offline", how="silent")


def _cut(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    trouble.at = time.time()
    stage.hands.do(trouble.pile_id, "offline", how="cut")


def _power(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """The mains fail, at the pile or at all of the site."""
    trouble.at = time.time()
    for pile_id in sorted({each.socket.pile_id for each in charges}):
        stage.hands.do(pile_id, "power", on=False)


def _smoke(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """A rider sees it; the pile knows nothing."""
    trouble.at = stage.phones.send(
        charges[0].phone, text="help, there is smoke coming out of the pile!"
    )


def _flapping(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """It comes and goes."""
    trouble.at = time.time()
    for _ in range(4):
        stage.hands.at(charges[0].socket, "fault", kind=kind.fault)
        time.sleep(0.7)
        stage.hands.at(charges[0].socket, "clear")
        time.sleep(0.7)


BREAKS: Final[dict[str, Callable[[Stage, Kind, Trouble, list[Charge]], None]]] = {
    "no energy": _no_energy, "no answer": _no_answer, "refused start": _refused,
    "silent pile": _silent, "line cut": _cut, "power loss": _power, "site outage": _power,
    "smoke message": _smoke, "flapping": _flapping, "over-temperature": _by_itself,
    "ground fault": _by_itself, "emergency stop": _by_itself, "cable lock": _by_itself,
    "door open": _by_itself, "meter jump": _by_itself,
}  # fmt: skip


# --- and after the bad news


def _leave(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """Unplug; a charge that ran has a bill, and a technician repairs what is broken."""
    for each in charges:
        if kind.starts:
            each.hears(trouble.at, "Receipt R-", "so you pay nothing", within_s=START_S)
        else:
            each.hears(trouble.at, "You pay nothing", "reports a fault", within_s=2 * START_S)
        each.leave()
    if not kind.job:
        stage.hands.at(charges[0].socket, "clear")
        stage.hands.do(trouble.pile_id, "online")
        trouble.repaired_at = time.time()


def _goes_on(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """Contact comes back, the charge went on, the rider stops it."""
    time.sleep(3)
    back = time.time()
    stage.hands.do(trouble.pile_id, "online")
    trouble.repaired_at = back
    for each in charges:
        each.hears(back, "is back in contact")
    for each in charges:
        each.stop()


def _stop_unheard(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """Stop is said while the pile hears nothing: the bill is frozen, the pile stops later."""
    for each in charges:
        each.stop()
    stage.hands.do(trouble.pile_id, "online")
    trouble.repaired_at = time.time()


def _power_back(stage: Stage, kind: Kind, trouble: Trouble, charges: list[Charge]) -> None:
    """The mains are back: the charges are over."""
    time.sleep(3)
    for pile_id in sorted({each.socket.pile_id for each in charges}):
        stage.hands.do(pile_id, "power", on=True)
    trouble.repaired_at = time.time()
    for each in charges:
        each.hears(trouble.at, "Receipt R-", within_s=START_S)
        each.leave()


AFTER: Final[dict[str, Callable[[Stage, Kind, Trouble, list[Charge]], None]]] = {
    "line cut": _goes_on, "silent pile": _stop_unheard, "power loss": _power_back,
    "site outage": _power_back,
}  # fmt: skip
