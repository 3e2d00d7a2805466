"""Which sockets are free: a charge takes one, a fault a whole pile or site to itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Socket:
    """One place to plug in."""

    pile_id: str
    number: int
    code: str
    station: str


class Lot:
    """Hands out sockets, to one at a time."""

    def __init__(self, sockets: Sequence[Socket]) -> None:
        self._free = set(sockets)
        self._all = sorted(sockets)
        self._uses = dict.fromkeys(sockets, 0)
        self._changed = threading.Condition()

    def socket(self) -> Socket:
        """A free socket, the one that was used least; waits for one."""
        return self._take(lambda: self._least(1))[0]

    def pile(self) -> list[Socket]:
        """All sockets of a pile, when none of them is in use."""
        return self._take(lambda: self._group(lambda each: each.pile_id))

    def site(self, station: str) -> list[Socket]:
        """All sockets of a station."""
        return self._take(lambda: self._group(lambda each: each.station, station))

    def give_back(self, sockets: Sequence[Socket]) -> None:
        """They can be used again."""
        with self._changed:
            self._free |= set(sockets)
            self._changed.notify_all()

    @property
    def used(self) -> int:
        """How many sockets were used at all."""
        return sum(uses > 0 for uses in self._uses.values())

    def _take(self, find: Callable[[], list[Socket]]) -> list[Socket]:
        with self._changed:
            while not (found := find()):
                self._changed.wait()
            self._free -= set(found)
            for each in found:
                self._uses[each] += 1
            return found

    def _least(self, count: int) -> list[Socket]:
        return sorted(self._free, key=lambda each: (self._uses[each], each))[:count]

    def _group(self, of: Callable[[Socket], str], only: str | None = None) -> list[Socket]:
        groups: dict[str, list[Socket]] = {}
        for each in self._all:
            groups.setdefault(of(each), []).append(each)
        whole = [
            group for name, group in groups.items()
            if only in (None, name) and set(group) <= self._free
        ]  # fmt: skip
        return min(whole, key=lambda group: sum(self._uses[each] for each in group), default=[])
