"""The right amount for every charge: reckoned anew from the meter, against bill and payment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import select

from bot.demo.evening.claims import Claim
from bot.demo.evening.facts import Facts, Visit
from bot.demo.evening.plan import KWH, START_FEE
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.devices import PileEvent
from bot.store.offers import Coupon
from bot.store.stations import Evse

SMALLEST: int = 50  # Stripe takes nothing below; such a bill is waived
_DONE = ("captured", "void", "failed", "expired")


def claim(
    work: UnitOfWork, facts: Facts, charges: Sequence[tuple[Visit, ChargingSession | None]]
) -> Claim:
    """Expected and taken, charge by charge; the rows show those that a fault touched."""
    head = ("charge", "end", "rule", "Wh", "expected", "billed", "taken", "given back", "held")
    found = Claim("Every charge was billed and repaid by the rule", head)
    sums: Counter[str] = Counter()
    for visit, session in charges:
        if session is None:
            if visit.money != "nothing":
                found.failures.append(f"{visit.code}, …{visit.phone[-2:]}: no charge was stored")
            else:  # refused before it began: nothing can have been taken
                found.rows.append((visit.code, visit.end, "nothing", *["–"] * 6))
            continue
        row = _check(work, visit, session, found.failures)
        sums[visit.money] += 1
        if visit.end not in ("chat", "button", "unplugged"):
            found.rows.append(row)
    told = ", ".join(f"{count} by “{rule}”" for rule, count in sorted(sums.items()))
    found.note = (
        f"{told}. “usual” is the start fee and the energy, “energy” spares the fee because we "
        "broke it off, “nothing” takes nothing; amounts in cents, shown where a fault touched."
    )
    return found


def _check(
    work: UnitOfWork, visit: Visit, session: ChargingSession, failures: list[str]
) -> tuple[str, ...]:
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    holds = list(
        work.session.scalars(select(Hold).where(Hold.session_id == session.id).order_by(Hold.seq))
    )
    taken = sum(each.captured_minor or 0 for each in holds)
    given = sum(
        each.amount_minor
        for each in work.session.scalars(
            select(Refund).where(
                Refund.hold_id.in_([each.id for each in holds]), Refund.state == "done"
            )
        )
    )
    energy_wh = _billed_wh(bill)
    coupon = work.session.scalars(
        select(Coupon).where(Coupon.session_id == session.id, Coupon.state == "used")
    ).first()
    expected = _expected(visit.money, energy_wh, coupon.worth_minor if coupon else 0)
    billed = bill.total_minor if bill is not None else 0
    name = f"charge {session.id} ({visit.end}, {visit.code})"
    if billed != expected:
        failures.append(f"{name}: billed {billed}, expected {expected}")
    if taken - given != expected:
        failures.append(f"{name}: {taken - given} kept, expected {expected}")
    failures += _meter_faults(work, name, session, bill)
    for hold in holds:
        if hold.state not in _DONE:
            failures.append(f"{name}: hold {hold.id} is {hold.state}")
    held = holds[0].amount_minor if holds else 0
    numbers = (energy_wh, expected, billed, taken, given, held)
    return (str(session.id), visit.end, visit.money, *map(str, numbers))


def _billed_wh(bill: Bill | None) -> int:
    if bill is None:
        return 0
    meter = bill.body["meter"]
    return int(meter["end_wh"]) - int(meter["start_wh"])


def _expected(rule: str, energy_wh: int, coupon_minor: int) -> int:
    """In cents, by arithmetic of its own: each line rounded once, half up. A coupon for a missed
    promise takes off what it is worth; a bill too small to take uses none up."""
    if rule == "nothing" or energy_wh <= 0:
        return 0
    energy = Decimal(energy_wh) * Decimal(KWH) / 10
    total = int(energy.quantize(Decimal(1), ROUND_HALF_UP))
    if rule == "usual":
        total += int(Decimal(START_FEE) * 100)
    left = max(0, total - coupon_minor)
    return left if left >= SMALLEST else 0


def _meter_faults(
    work: UnitOfWork, name: str, session: ChargingSession, bill: Bill | None
) -> list[str]:
    """The bill's two registers are what the pile itself said, and nothing it said later counts."""
    if bill is None:
        return []
    evse = work.session.get_one(Evse, session.evse_id)
    told = []
    events = select(PileEvent).where(
        PileEvent.pile_id == evse.pile_id, PileEvent.action == "TransactionEvent"
    )
    for event in work.session.scalars(events.order_by(PileEvent.id)):
        if event.body["transactionInfo"]["transactionId"] != session.transaction_id:
            continue
        for value in event.body.get("meterValue", []):
            told += [
                round(each["value"]) for each in value["sampledValue"]
                if each.get("measurand") == "Energy.Active.Import.Register"
            ]  # fmt: skip
    meter = bill.body["meter"]
    found = []
    if not told or int(meter["start_wh"]) != told[0]:
        found.append(f"{name}: begins at {meter['start_wh']} Wh, the pile said {told[:1]}")
    if int(meter["end_wh"]) not in told:
        found.append(f"{name}: ends at {meter['end_wh']} Wh, which the pile never said")
    return found
