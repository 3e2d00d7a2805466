"""A bill beside what its meter readings come to now, by its own prices or another version's; and
the difference credited and given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from bot.domain.money import Money
from bot.domain.pricing import Bill as PricedBill
from bot.domain.pricing import Line, load_bill
from bot.domain.session import SessionFacts, load_facts
from bot.domain.tariffs import Tariff, TariffError, load_tariff
from bot.services import billing, charging, tariff_changes
from bot.services.tariffs import snapshot
from bot.store.charging import Bill, ChargingSession, CreditNote, Refund
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.stations import Evse, TariffVersion
from bot.store.stations import Tariff as TariffRow


@dataclass(frozen=True, slots=True)
class Pair:
    """A line as printed and as computed now; None where it is not on that side."""

    printed: Line | None
    fresh: Line | None

    @property
    def differs(self) -> bool:
        """Whether the two say different things."""
        return self.printed != self.fresh

    @property
    def difference(self) -> int:
        """By how much the fresh one is more, with tax."""
        sides = (0 if each is None else each.gross_minor for each in (self.fresh, self.printed))
        return next(sides) - next(sides)


@dataclass(frozen=True, slots=True)
class Recalculation:
    """A bill and its fresh computation. `by` is the version of the prices, "" the pinned one;
    `before_minor` is what the bill comes to after the credit notes there are."""

    session: ChargingSession
    number: str
    by: str
    facts: SessionFacts
    printed: PricedBill
    fresh: PricedBill
    pairs: tuple[Pair, ...]
    before_minor: int

    @property
    def too_much(self) -> Money:
        """What the rider was billed above the fresh computation; nothing when it is dearer."""
        return Money(max(0, self.before_minor - self.fresh.gross_minor), self.printed.currency)

    @property
    def too_little(self) -> Money:
        """What the fresh computation comes to above the bill. It is shown and never asked for:
        docs/payments.md says why."""
        return Money(max(0, self.fresh.gross_minor - self.before_minor), self.printed.currency)


def recalculate(work: UnitOfWork, session_id: int, by: str = "") -> Recalculation | None:
    """The bill of a charge against its readings; None where there is no bill or no such prices."""
    session = work.session.get(ChargingSession, session_id)
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session_id)).first()
    if session is None or bill is None:
        return None
    facts = load_facts(session.facts, load_tariff(session.tariff))
    if by:
        other = _version(work, session, by)
        if other is None:
            return None
        facts = replace(facts, terms=replace(facts.terms, tariff=other))
    printed, fresh = load_bill(bill.body), facts.bill()
    return Recalculation(
        session=session,
        number=bill.number,
        by=by,
        facts=facts,
        printed=printed,
        fresh=fresh,
        pairs=tuple(_pairs(printed.lines, fresh.lines)),
        before_minor=bill.total_minor - billing.credited_minor(work, bill.id),
    )


def versions(work: UnitOfWork, session: ChargingSession) -> Sequence[TariffVersion]:
    """The versions of the prices at the place of a charge, the newest first."""
    evse = work.session.get_one(Evse, session.evse_id)
    return tariff_changes.versions(work, evse.tariff_id)


def _version(work: UnitOfWork, session: ChargingSession, by: str) -> Tariff | None:
    evse = work.session.get_one(Evse, session.evse_id)
    found = next((each for each in versions(work, session) if str(each.id) == by), None)
    if found is None:
        return None
    name = work.session.get_one(TariffRow, found.tariff_id).name
    try:
        tariff = snapshot(found.body, evse.pile.station, name=name, version=by)
    except TariffError:
        return None
    return tariff if tariff.currency == session.tariff["currency"] else None


def _pairs(printed: Sequence[Line], fresh: Sequence[Line]) -> list[Pair]:
    """Lines that are for the same thing beside each other, in the order of the bill."""
    left = list(fresh)
    found = []
    for line in printed:
        same = [each for each in left if _same(each) == _same(line)]
        same = same or [each for each in left if each.what == line.what]
        if same:
            left.remove(same[0])
        found.append(Pair(line, same[0] if same else None))
    return found + [Pair(None, each) for each in left]


def _same(line: Line) -> tuple[str, str, str, str]:
    return line.what, line.window, line.days, line.tax_percent


def credit(work: UnitOfWork, action: StaffAction, refund: Refund) -> None:
    """The credit note of a correction that was agreed to, and its money on the way back."""
    assert action.session_id is not None and action.amount_minor is not None
    found = recalculate(work, action.session_id, str(action.body["correct"]))
    assert found is not None
    note: CreditNote = billing.make_credit_note(
        work, found.session, found.facts, action.amount_minor, reason="correction",
        key=f"correction:{action.id}",
    )  # fmt: skip
    note.refund_id = refund.id
    charging.corrected(work, found.session, action.amount_minor)


def still_due(work: UnitOfWork, action: StaffAction) -> bool:
    """Whether a correction that waited is still what the recalculation says."""
    found = recalculate(work, action.session_id or 0, str(action.body["correct"]))
    return found is not None and found.too_much.amount_minor == action.amount_minor
