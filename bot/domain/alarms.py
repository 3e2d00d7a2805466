"""What is wrong with a socket, who found it, and whose word ends it; pure rules.

| an alarm of | ends when |
|---|---|
| `alarm`: the pile's own event | the pile takes it back, or calls the socket well after "Faulted" |
| `status`: the pile's "Faulted" | the pile calls the socket well |
| `limit`: a value beyond our limit | the value is clearly inside again |
| `meter`: a register nobody believes | somebody has looked at it |

Whatever it is, it ends when somebody has looked at it: a job done, the pile or socket put back by
staff, the alarm called over by staff. Source: features.md D1, D2, D4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Source = Literal["alarm", "status", "limit", "meter"]
Word = Literal["taken_back", "well", "inside", "looked_at"]

ENDS: Final[Mapping[Word, frozenset[Source]]] = {
    "taken_back": frozenset({"alarm", "status"}),
    "well": frozenset({"alarm", "status"}),
    "inside": frozenset({"limit"}),
    "looked_at": frozenset({"alarm", "status", "limit", "meter"}),
}
