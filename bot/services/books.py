"""The ledger against itself and against the rows it tells of: what does not balance, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import func, select

from bot.services.billing import (
    CREDIT_SERIES,
    HELD,
    PROVIDER,
    REVENUE,
    SERIES,
    credited_minor,
)
from bot.store.charging import (
    Bill,
    ChargingSession,
    CreditNote,
    Hold,
    LedgerEntry,
    Refund,
    Series,
)
from bot.store.database import UnitOfWork


def audit(work: UnitOfWork) -> list[str]:
    """Every fault of the books, a line each; none when they balance."""
    return [*_unbalanced(work), *_against_rows(work), *_open_sides(work), *_gaps(work)]


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


def _against_rows(work: UnitOfWork) -> Iterator[str]:
    """Money that moved has its posting, of its amount, and no posting is without its row."""
    wanted: dict[tuple[str, str], int] = {}
    for hold in work.session.scalars(select(Hold).where(Hold.captured_minor > 0)):
        kind = "paid" if hold.purpose == "debt" else "captured"
        wanted[f"hold:{hold.id}", kind] = hold.captured_minor or 0
    refunds = select(Refund).where(Refund.state == "done")
    for refund in work.session.scalars(refunds):
        wanted[f"refund:{refund.id}", "refunded"] = -refund.amount_minor
    posted: dict[tuple[str, str], int] = defaultdict(int)
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

    bills = {(f"bill:{each.id}", "billed"): -each.total_minor
             for each in work.session.scalars(select(Bill)) if each.total_minor}  # fmt: skip
    notes = {(f"credit:{each.id}", "credited"): each.total_minor
             for each in work.session.scalars(select(CreditNote)) if each.total_minor}  # fmt: skip
    earned: dict[tuple[str, str], int] = defaultdict(int)
    sales = LedgerEntry.account.startswith("tax:") | (LedgerEntry.account == REVENUE)
    for entry in work.session.scalars(select(LedgerEntry).where(sales)):
        earned[entry.source, entry.kind] += entry.amount_minor
    yield from _differences(bills | notes, earned)


def _differences(
    wanted: dict[tuple[str, str], int], posted: dict[tuple[str, str], int]
) -> Iterator[str]:
    for source, kind in sorted(wanted.keys() | posted.keys()):
        should, is_ = wanted.get((source, kind), 0), posted.get((source, kind), 0)
        if should != is_:
            yield f"{source} {kind}: {is_} is posted, {should} should be"


def _open_sides(work: UnitOfWork) -> Iterator[str]:
    """What riders owe by the ledger is what their unpaid charges say, and what is held is what
    the holds say."""
    owed: dict[tuple[str, str], int] = defaultdict(int)
    unpaid = select(ChargingSession, Bill).join(Bill, Bill.session_id == ChargingSession.id)
    for session, bill in work.session.execute(unpaid):
        due = bill.total_minor - credited_minor(work, bill.id)
        if session.state in {"debt", "billing"}:
            owed[f"of:{session.rider_id}", bill.currency] += due
    _owed_back(work, owed)
    _posted_sides(work, owed)
    for (whose, currency), amount in sorted(owed.items()):
        if amount:
            rider = whose.removeprefix("of:")
            yield f"rider {rider}: charges and ledger differ by {amount} {currency} (minor units)"
    held = {
        each.id: each.amount_minor
        for each in work.session.scalars(
            select(Hold).where(
                Hold.purpose == "hold", Hold.state.in_(("held", "capturing", "voiding"))
            )
        )
    }
    on_hold: dict[str, int] = defaultdict(int)
    for entry in work.session.scalars(select(LedgerEntry).where(LedgerEntry.account == HELD)):
        on_hold[entry.source] += entry.amount_minor
    for source, amount in on_hold.items():
        hold = work.session.get(Hold, int(source.removeprefix("hold:")))
        stuck = hold is not None and hold.state == "failed" and hold.reason == "void_refused"
        if amount and not stuck and (hold is None or hold.id not in held):
            yield f"{source}: {amount} still stands as held"


def _owed_back(work: UnitOfWork, owed: dict[tuple[str, str], int]) -> None:
    """What was taken too much and is on its way back."""
    waiting = (
        select(Refund, Hold.rider_id)
        .join(Hold, Hold.id == Refund.hold_id)
        .where(Refund.state != "done", Refund.reason.in_(("meter", "duplicate")))
    )
    for refund, rider_id in work.session.execute(waiting):
        owed[f"of:{rider_id}", refund.currency] -= refund.amount_minor


def _posted_sides(work: UnitOfWork, owed: dict[tuple[str, str], int]) -> None:
    total = func.sum(LedgerEntry.amount_minor)
    sides = LedgerEntry.account.startswith("rider:") | LedgerEntry.account.startswith("debt:")
    rows = work.session.execute(
        select(LedgerEntry.account, LedgerEntry.currency, total)
        .where(sides)
        .group_by(LedgerEntry.account, LedgerEntry.currency)
    )
    for account, currency, amount in rows:
        owed[f"of:{account.split(':')[1]}", currency] -= int(amount)


def _gaps(work: UnitOfWork) -> Iterator[str]:
    """Series of bills and credit notes have no gap."""
    for name, table in ((SERIES, Bill), (CREDIT_SERIES, CreditNote)):
        series = work.session.get(Series, name)
        given = (series.next_number - 1) if series else 0
        rows = work.session.scalar(select(func.count()).select_from(table)) or 0
        if rows != given:
            yield f"series {name}: {given} numbers are given out, {rows} are used"
