"""The life of one payment: which answer of the provider moves it where, and what it can be."""

from __future__ import annotations

from typing import Final, Literal

# "hold" and "deposit" are taken later, whole or in part; "debt" and "sale" at once; "card" keeps a
# card and moves no money.
Purpose = Literal["hold", "debt", "deposit", "sale", "card"]

TAKEN_LATER: Final = frozenset({"hold", "deposit"})
TAKEN_AT_ONCE: Final = frozenset({"debt", "sale"})
OPEN: Final = frozenset({"creating", "waiting", "held"})  # may still be let go
DEAD: Final = frozenset({"voiding", "void", "failed", "expired"})  # nobody wants it any more
MAX_CAPTURES: Final = 3
CAPTURE_AGAIN_S: Final = (60, 300)  # after a refused capture

# (state, outcome) → state. What is not here is late, repeated or overtaken, and changes nothing.
_MOVES: Final[dict[tuple[str, str], str]] = {
    ("creating", "needs_rider"): "waiting",
    **{(state, "held"): "held" for state in ("creating", "waiting")},
    **{(state, "saved"): "saved" for state in ("creating", "waiting")},
    **{(state, "failed"): "failed" for state in ("creating", "waiting", "voiding")},
    ("capturing", "failed"): "held",  # the provider would not take it: it still stands
    ("held", "expiring"): "held",
    **{
        (state, outcome): outcome
        for state in ("creating", "waiting", "held", "capturing", "voiding")
        for outcome in ("void", "expired")
    },
    # Money that was taken counts whatever we thought of it.
    **{
        (state, "captured"): "captured"
        for state in (
            "creating", "waiting", "held", "capturing", "voiding", "void", "failed", "expired",
        )
    },
}  # fmt: skip


def after(state: str, outcome: str) -> str | None:
    """The state that an outcome leads to; None when it changes nothing."""
    return _MOVES.get((state, outcome))


def capture_again_s(captures: int) -> int | None:
    """How long to wait before a refused capture is tried again; None: it is refused for good."""
    return CAPTURE_AGAIN_S[captures - 1] if 1 <= captures < MAX_CAPTURES else None
