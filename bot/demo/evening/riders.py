"""A rider's charge as people do it: plug in, type the code, say yes, stop, unplug."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bot.demo.evening.facts import Facts, Visit
from bot.demo.evening.hands import VEHICLE, Hands
from bot.demo.evening.lot import Socket
from bot.demo.evening.phones import Heard, Phones

ANSWER_S: Final = 60.0  # the machine may be busy; what must be fast the report measures
START_S: Final = 150.0


class Crowd:
    """The riders who are free to charge; each has one charge at a time."""

    def __init__(self, phones: Sequence[str]) -> None:
        self._free: queue.Queue[str] = queue.Queue()
        for each in phones:
            self._free.put(each)

    @contextmanager
    def one(self, *, for_good: bool = False) -> Iterator[str]:
        """Somebody who does nothing else meanwhile; with `for_good` nothing later either."""
        phone = self._free.get()
        try:
            yield phone
        finally:
            if not for_good:
                self._free.put(phone)


@dataclass(slots=True)
class Charge:
    """One charge of a rider at a socket, step by step. Each step raises NotHeard."""

    phones: Phones
    hands: Hands
    facts: Facts
    phone: str
    socket: Socket
    end: str
    money: str = "usual"
    visit: Visit | None = None

    def arrive(self) -> None:
        """Plug in, type the code, see the price."""
        self.hands.at(self.socket, "plug", **VEHICLE)
        sent = self.phones.send(self.phone, text=self.socket.code)
        self.hears(sent, "Start charging?")

    def agree(self) -> float:
        """Say yes: from here on it is a charge that the report asks about."""
        self.visit = Visit(self.phone, self.socket.code, self.end, self.money, time.time())
        self.facts.add(visit=self.visit)
        return self.phones.send(self.phone, text="yes")

    def begin(self) -> None:
        """All of it, until energy flows."""
        self.arrive()
        agreed = self.agree()
        self.hears(agreed, "Charging has started", within_s=START_S)

    def stop(self) -> None:
        """End it by chat, by the button on the pile, or by pulling the plug; wait for the bill."""
        at = time.time()
        match self.end:
            case "button":
                self.hands.at(self.socket, "stop")
            case "unplugged":
                self.hands.at(self.socket, "unplug")
            case _:
                at = self.phones.send(self.phone, text="stop")
        self.hears(at, "Receipt R-", within_s=START_S)
        self.leave()

    def leave(self) -> None:
        """Pull the plug and go."""
        self.hands.at(self.socket, "unplug")
        if self.visit is not None:
            self.visit.over_at = time.time()

    def hears(self, since: float, *words: str, within_s: float = ANSWER_S) -> Heard:
        """The first message with one of these words."""
        low = [each.casefold() for each in words]
        return self.phones.wait(
            self.phone, since, lambda heard: any(each in heard.text.casefold() for each in low),
            within_s,
        )  # fmt: skip
