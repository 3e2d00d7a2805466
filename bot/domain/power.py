"""How a site shares its power: fair shares below a cap, and the order in which piles are told.

The cap is never passed: shares are rounded down, and nobody is told to draw more before those who
must draw less have said yes. Whole watts throughout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# Least that makes sense, by kind of pile: an e-bike's charger, three phases of 6 A (IEC 61851's
# least current), a DC charger's lowest useful level. Below it a vehicle is paused instead.
LEAST_W: Final[Mapping[str, int]] = {"ebike_box": 60, "ac": 4_140, "dc": 5_000}


@dataclass(frozen=True, slots=True)
class Draw:
    """A charge that wants power: at most `most_w`, at least `least_w` or nothing.

    `idle`: its vehicle takes nothing now; it keeps the least, so that it can begin again.
    `fixed`: the pile does not take limits, so all it can draw must be set aside.
    """

    id: int
    least_w: int
    most_w: int
    idle: bool = False
    fixed: bool = False

    @property
    def wanted_w(self) -> int:
        """What it can make use of."""
        return min(self.least_w, self.most_w) if self.idle else self.most_w


def draw_for(id_: int, kind: str, most_w: int, *, idle: bool = False, fixed: bool = False) -> Draw:
    """A charge at a pile of this kind."""
    return Draw(id_, min(LEAST_W.get(kind, 0), most_w), most_w, idle, fixed)


def share(cap_w: int, draws: Sequence[Draw]) -> dict[int, int]:
    """What each may draw, in watts, 0 for a pause.

    Where not everybody can have the least, those that come first in `draws` are served. Above the
    least everybody gets the same, no more than they want.
    """
    given: dict[int, int] = {}
    left = cap_w
    for each in draws:
        if each.fixed:
            given[each.id] = each.most_w
            left -= each.most_w
    served: list[Draw] = []
    for each in draws:
        least = min(each.least_w, each.wanted_w)
        if each.fixed:
            continue
        if least <= left:
            given[each.id] = least
            left -= least
            served.append(each)
        else:
            given[each.id] = 0
    _raise_evenly(given, served, left)
    return given


def _raise_evenly(given: dict[int, int], served: Sequence[Draw], left: int) -> None:
    """Fill all to the same level like water, each up to what it wants; the rest of a division
    stays unused."""
    hungry = sorted(served, key=lambda each: (given[each.id], each.id))
    hungry = [each for each in hungry if given[each.id] < each.wanted_w]
    while hungry and left >= len(hungry):
        low = min(given[each.id] for each in hungry)
        lowest = [each for each in hungry if given[each.id] == low]
        above = [given[each.id] for each in hungry if given[each.id] > low]
        ceiling = min([each.wanted_w for each in lowest] + above)
        step = min(ceiling - low, left // len(lowest))
        if step == 0:
            break
        for each in lowest:
            given[each.id] += step
        left -= step * len(lowest)
        hungry = [each for each in hungry if given[each.id] < each.wanted_w]


@dataclass(frozen=True, slots=True)
class Known:
    """What a charge may draw by now: `may_w` is the most of what it was told and has taken."""

    id: int
    may_w: int
    told_w: int | None


def next_orders(cap_w: int, wanted: Mapping[int, int], known: Sequence[Known]) -> dict[int, int]:
    """The limits to tell now. Those who must draw less are told at once; more is given only out of
    what is free even if none of the orders still open were obeyed."""
    orders: dict[int, int] = {}
    free = cap_w - sum(each.may_w for each in known)
    for each in known:
        target = wanted[each.id]
        if target < each.may_w and each.told_w != target:
            orders[each.id] = target
    for each in known:
        more = wanted[each.id] - each.may_w
        if more > 0 and each.told_w != wanted[each.id] and more <= free:
            orders[each.id] = wanted[each.id]
            free -= more
        elif each.told_w is None and each.may_w == 0 and each.id not in orders:
            orders[each.id] = 0  # a charge about to begin waits for what the others give up
    return orders
