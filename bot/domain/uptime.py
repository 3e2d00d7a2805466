"""How much of a time somebody or something was there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def share_online(
    changes: Iterable[tuple[datetime, bool]], since: datetime, until: datetime, *, now_online: bool
) -> float | None:
    """The share of `since` to `until` spent online, 0 to 1, of changes in order of time.

    Before the first change the opposite of it held; with no change at all what holds now did.
    None for an empty time.
    """
    whole = (until - since).total_seconds()
    if whole <= 0:
        return None
    seen = [(at, online) for at, online in changes if at < until]
    before = [online for at, online in seen if at <= since]
    inside = [(at, online) for at, online in seen if at > since]
    untold = not inside[0][1] if inside else now_online
    state = before[-1] if before else untold
    there, last = 0.0, since
    for at, online in inside:
        there += (at - last).total_seconds() if state else 0.0
        state, last = online, at
    there += (until - last).total_seconds() if state else 0.0
    return there / whole
