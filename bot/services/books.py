"""The ledger against itself and against the rows it tells of: what does not balance, by name.

What the rows of one part of the product say is that part's to tell (`Part`); add yours to `PARTS`.
An account that no part knows is a fault, so that nothing is posted that nobody checks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from bot.services import booking_books, charge_books, plan_books, wallet_books
from bot.services.billing import CREDIT_SERIES, HELD, PROVIDER, REFUNDS, REVENUE, SERIES, WAIVED
from bot.store.charging import Bill, CreditNote, Hold, LedgerEntry, Refund, Series
from bot.store.database import UnitOfWork

# What is posted by (source, kind), and what is open by (side, currency); minor units.
Postings = dict[tuple[str, str], int]
Sides = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Part:
    """What a part of the product says the ledger must hold.

    `earned(work)`: the sum on revenue and tax accounts (negative: we earned) by (source, kind).
    `open(work)`: what its rows say stands open, by (side, currency); a side is a name for one or
    several accounts, such as "rider 7". `side_of(account)`: the side an account counts to, None
    when it is not of this part. Several parts may add to one side.
    """

    earned: Callable[[UnitOfWork], Postings]
    open: Callable[[UnitOfWork], Sides]
    side_of: Callable[[str], str | None]


PARTS: Final = [
    Part(charge_books.earned, charge_books.open_sides, charge_books.side_of),
    Part(wallet_books.earned, wallet_books.open_sides, wallet_books.side_of),
    Part(plan_books.earned, plan_books.open_sides, plan_books.side_of),
    Part(booking_books.earned, booking_books.open_sides, booking_books.side_of),
]
_OURS: Final = frozenset({PROVIDER, REVENUE, REFUNDS, WAIVED, HELD})
_OUR_FAMILIES: Final = ("tax:", f"{HELD}:")


def audit(work: UnitOfWork) -> list[str]:
    """Every fault of the books, a line each; none when they balance."""
    return [
        *_unbalanced(work),
        *_money(work),
        *_sales(work),
        *_open_sides(work),
        *_still_held(work),
        *_gaps(work),
        *wallet_books.faults(work),
    ]


def _unbalanced(work: UnitOfWork) -> Iterator[str]:
    """Each posting sums to zero in its one currency."""
    total = func.sum(LedgerEntry.amount_minor)
    rows = work.session.execute(
        select(LedgerEntry.source, LedgerEntry.kind, LedgerEntry.currency, total)
        .group_by(LedgerEntry.source, LedgerEntry.kind, LedgerEntry.currency)
        .having(total != 0)
    )
    for source, kind, currency, amount in rows:
        yield f"{source} {kind}: does not balance by {amount} {currency} (minor units)"


def _money(work: UnitOfWork) -> Iterator[str]:
    """Money that moved at the provider has its posting, of its amount, and no posting is without
    its row."""
    wanted: Postings = {}
    at_provider = Hold.method == "card"
    for hold in work.session.scalars(select(Hold).where(at_provider, Hold.captured_minor > 0)):
        kind = "paid" if hold.purpose == "debt" else "captured"
        wanted[f"hold:{hold.id}", kind] = hold.captured_minor or 0
    done = select(Refund).join(Hold, Hold.id == Refund.hold_id)
    for refund in work.session.scalars(done.where(at_provider, Refund.state == "done")):
        wanted[f"refund:{refund.id}", "refunded"] = -refund.amount_minor
    posted: Postings = defaultdict(int)
    came_back: dict[str, int] = {}
    money = select(LedgerEntry).where(LedgerEntry.account == PROVIDER)
    for entry in work.session.scalars(money):
        if entry.kind == "refund_failed":
            came_back[entry.source] = entry.amount_minor
        else:
            posted[entry.source, entry.kind] += entry.amount_minor
    for source, amount in came_back.items():
        if posted.get((source, "refunded"), 0) == -amount:
            del posted[source, "refunded"]
        else:
            yield f"{source} refund_failed: {amount} came back that never went"
    yield from _differences(wanted, posted)


def _sales(work: UnitOfWork) -> Iterator[str]:
    """What we earned, and the tax on it, is what the bills say."""
    wanted: Postings = {}
    for part in PARTS:
        wanted |= part.earned(work)
    earned: Postings = defaultdict(int)
    sales = LedgerEntry.account.startswith("tax:") | (LedgerEntry.account == REVENUE)
    for entry in work.session.scalars(select(LedgerEntry).where(sales)):
        earned[entry.source, entry.kind] += entry.amount_minor
    yield from _differences(wanted, earned)


def _differences(wanted: Postings, posted: Postings) -> Iterator[str]:
    for source, kind in sorted(wanted.keys() | posted.keys()):
        should, is_ = wanted.get((source, kind), 0), posted.get((source, kind), 0)
        if should != is_:
            yield f"{source} {kind}: {is_} is posted, {should} should be"


def _open_sides(work: UnitOfWork) -> Iterator[str]:
    """What stands open by the ledger, for riders and for us, is what the rows say."""
    sides: Sides = defaultdict(int)
    for part in PARTS:
        for key, amount in part.open(work).items():
            sides[key] += amount
    rows = work.session.execute(
        select(
            LedgerEntry.account, LedgerEntry.currency, func.sum(LedgerEntry.amount_minor)
        ).group_by(LedgerEntry.account, LedgerEntry.currency)
    )
    for account, currency, amount in rows:
        if account in _OURS or account.startswith(_OUR_FAMILIES):
            continue
        side = next((found for part in PARTS if (found := part.side_of(account))), None)
        if side is None:
            yield f"account {account}: no part of the product knows it"
            continue
        sides[side, currency] -= int(amount)
    for (side, currency), amount in sorted(sides.items()):
        if amount:
            yield f"{side}: rows and ledger differ by {amount} {currency} (minor units)"


def _still_held(work: UnitOfWork) -> Iterator[str]:
    """What stands as held is what the payments say."""
    standing = select(Hold.id).where(Hold.state.in_(("held", "capturing", "voiding")))
    held = set(work.session.scalars(standing))
    on_hold: dict[str, int] = defaultdict(int)
    for entry in work.session.scalars(select(LedgerEntry).where(LedgerEntry.account == HELD)):
        on_hold[entry.source] += entry.amount_minor
    for source, amount in on_hold.items():
        hold = work.session.get(Hold, int(source.removeprefix("hold:")))
        stuck = hold is not None and hold.state == "failed" and hold.reason == "void_refused"
        if amount and not stuck and (hold is None or hold.id not in held):
            yield f"{source}: {amount} still stands as held"


def _gaps(work: UnitOfWork) -> Iterator[str]:
    """Series of bills and credit notes have no gap."""
    for name, table in ((SERIES, Bill), (CREDIT_SERIES, CreditNote)):
        series = work.session.get(Series, name)
        given = (series.next_number - 1) if series else 0
        rows = work.session.scalar(select(func.count()).select_from(table)) or 0
        if rows != given:
            yield f"series {name}: {given} numbers are given out, {rows} are used"
