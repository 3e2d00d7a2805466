"""Bills, their gap-free numbers, and the double-entry ledger behind holds, bills and refunds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from bot.domain.money import Money
from bot.domain.pricing import Bill as PricedBill
from bot.domain.pricing import dump_bill, load_bill
from bot.domain.session import SessionFacts, load_facts
from bot.domain.tariffs import Tariff, load_tariff
from bot.services import receipt_watch
from bot.store import inbox
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
from bot.store.invoices import InvoicedOrder
from bot.store.riders import Rider
from bot.store.stations import Evse
from bot.store.upsert import insert
from bot.store.wallet import Wallet, WalletEntry

SERIES, CREDIT_SERIES = "bill", "credit"
# Who owes or owns: a rider's debt to us, money at the provider, what we earned, tax we owe.
PROVIDER, REVENUE, REFUNDS, WAIVED = "provider", "revenue", "refunds", "waived"
HELD = "held"  # money at the provider that is still the rider's
# Reasons of refunds that give back what was never ours.
OWED_BACK = frozenset({"meter", "duplicate", "payout", "plan", "correction"})


@dataclass(frozen=True, slots=True)
class WalletPart:
    """What a wallet paid; `owner` is the name of its owner where that is somebody else."""

    cash: Money
    bonus: Money
    owner: str = ""


@dataclass(frozen=True, slots=True)
class BillView:
    """Everything a receipt shows; times are aware UTC, to be shown in `tz`."""

    bill_id: int
    number: str
    issued_at: datetime
    session_id: int
    rider_id: int
    rider_name: str
    station_name: str
    station_address: str
    country: str
    pile_number: str
    evse_code: str
    connector_type: str
    tz: str
    started_at: datetime
    ended_at: datetime
    meter_start_wh: int
    meter_end_wh: int
    energy_wh: int
    charging_s: int
    idle_s: int
    ended_by: str
    tariff: Tariff
    bill: PricedBill
    hold: Money
    captured: Money
    released: Money
    refunded: Money
    payment_state: str  # the hold's state
    payment_reference: str  # the provider's, "" when none
    card_label: str
    transaction_id: str
    owed: bool = False  # not paid yet
    by_payment: bool = False  # paid afterwards by a payment of its own, nothing was held for it
    wallet: WalletPart | None = None  # paid by a wallet instead of a card

    @property
    def total(self) -> Money:
        """What the rider pays."""
        return self.bill.total


def next_number(work: UnitOfWork, series: str) -> int:
    """The next number of a gap-free series; whoever rolls back gives it back."""
    work.session.execute(
        insert(work, Series)
        .values(name=series, next_number=1)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    row = work.session.get_one(Series, series, with_for_update=True, populate_existing=True)
    number = row.next_number
    row.next_number = number + 1
    work.session.flush()
    return number


def make_bill(
    work: UnitOfWork,
    session: ChargingSession,
    facts: SessionFacts,
    *,
    heard_at: datetime | None = None,
) -> Bill:
    """Write the session's one bill and what it means in the ledger; a repeat returns it.
    `heard_at` is when the pile's stop record that calls for it came in."""
    known = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    if known is not None:
        return known
    priced = facts.bill()
    row = Bill(
        session_id=session.id,
        number=f"R-{next_number(work, SERIES):06d}",
        created_at=work.now,
        currency=priced.currency,
        total_minor=priced.gross_minor,
        body={**dump_bill(priced), "meter": _meter(facts)},
    )
    work.session.add(row)
    work.session.flush()
    receipt_watch.begin(work, row, facts.ended_at or work.now, heard_at)
    post(
        work,
        source=f"bill:{row.id}",
        kind="billed",
        currency=priced.currency,
        amounts={
            f"rider:{session.rider_id}": priced.gross_minor,
            REVENUE: -priced.net_minor,
            **{f"tax:{each.percent}": -each.tax_minor for each in priced.taxes},
        },
    )
    return row


def make_credit_note(
    work: UnitOfWork,
    session: ChargingSession,
    facts: SessionFacts,
    amount_minor: int,
    *,
    reason: str,
    key: str = "",
) -> CreditNote:
    """Take `amount_minor` back of the session's bill, which stays as it is; `facts.bill()` is what
    it should have been. A repeat for the same total, or of `key`, returns the note there is."""
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
    key = key or f"{reason}:{session.id}:{facts.refund_minor}"
    known = work.session.scalars(select(CreditNote).where(CreditNote.key == key)).first()
    if known is not None:
        return known
    latest = work.session.scalars(
        select(CreditNote.body)
        .where(CreditNote.bill_id == bill.id)
        .order_by(CreditNote.id.desc())
        .limit(1)
    ).first()
    before, right = load_bill(latest or bill.body), facts.bill()
    note = CreditNote(
        key=key,
        bill_id=bill.id,
        number=f"C-{next_number(work, CREDIT_SERIES):06d}",
        reason=reason,
        created_at=work.now,
        currency=bill.currency,
        total_minor=amount_minor,
        body={**dump_bill(right), "meter": _meter(facts)},
    )
    work.session.add(note)
    work.session.flush()
    taxes = {each.percent: each.tax_minor for each in before.taxes}
    for each in right.taxes:
        taxes[each.percent] = taxes.get(each.percent, 0) - each.tax_minor
    post(
        work,
        source=f"credit:{note.id}",
        kind="credited",
        currency=bill.currency,
        amounts={
            owing(work, session): -amount_minor,
            REVENUE: amount_minor - sum(taxes.values()),
            **{f"tax:{percent}": tax for percent, tax in taxes.items()},
        },
    )
    return note


def refund_credited(work: UnitOfWork, session_id: int, refund: Refund) -> None:
    """The money of the session's credit notes goes back by this refund."""
    work.session.execute(
        update(CreditNote)
        .where(
            CreditNote.bill_id.in_(select(Bill.id).where(Bill.session_id == session_id)),
            CreditNote.refund_id.is_(None),
        )
        .values(refund_id=refund.id)
    )


def credited_minor(work: UnitOfWork, bill_id: int) -> int:
    """How much of a bill was taken back."""
    total = select(func.sum(CreditNote.total_minor)).where(CreditNote.bill_id == bill_id)
    return int(work.session.scalar(total) or 0)


def _meter(facts: SessionFacts) -> dict[str, int]:
    usage = facts.usage()
    start_wh = usage.readings[0].wh if usage.readings else 0
    return {
        "start_wh": start_wh,
        "end_wh": start_wh + usage.energy_wh(),
        "charging_s": usage.charging_s(),
        "idle_s": sum(span.seconds() for span in usage.idle),
    }


def owing(work: UnitOfWork, session: ChargingSession) -> str:
    """The account that what the rider pays for a session goes to: their debts, once it is one."""
    bill_id = work.session.scalars(select(Bill.id).where(Bill.session_id == session.id)).first()
    owed = select(LedgerEntry.id).where(
        LedgerEntry.source == f"bill:{bill_id}", LedgerEntry.kind == "owed"
    )
    side = "debt" if work.session.scalars(owed).first() is not None else "rider"
    return f"{side}:{session.rider_id}"


def post_held(work: UnitOfWork, hold: Hold, *, held: bool) -> None:
    """The provider holds a rider's money for us, or does no longer: for information only, as it
    is not ours. What was never held is not released."""
    source = f"hold:{hold.id}"
    if not held:
        known = select(LedgerEntry.id).where(
            LedgerEntry.source == source, LedgerEntry.kind == "held"
        )
        if work.session.scalars(known).first() is None:
            return
    sign = 1 if held else -1
    amounts = {
        HELD: sign * hold.amount_minor,
        f"{HELD}:{hold.rider_id}": -sign * hold.amount_minor,
    }
    kind = "held" if held else "released"
    post(work, source=source, kind=kind, currency=hold.currency, amounts=amounts)


def post_captured(work: UnitOfWork, hold: Hold, amount_minor: int, account: str) -> None:
    """The provider took money of a rider for us, which belongs to `account`."""
    amounts = {PROVIDER: amount_minor, account: -amount_minor}
    kind = "paid" if hold.purpose == "debt" else "captured"
    post(work, source=f"hold:{hold.id}", kind=kind, currency=hold.currency, amounts=amounts)


def post_owed(work: UnitOfWork, session: ChargingSession) -> None:
    """What the rider has to pay for a session could not be taken: it is a debt."""
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
    due = bill.total_minor - credited_minor(work, bill.id)
    amounts = {f"debt:{session.rider_id}": due, f"rider:{session.rider_id}": -due}
    post(work, source=f"bill:{bill.id}", kind="owed", currency=bill.currency, amounts=amounts)


def post_refunded(work: UnitOfWork, refund: Refund, account: str, *, failed: bool = False) -> None:
    """The provider gave money back to a rider for us; `failed`: that came back to us. What the
    rider was owed comes out of `account`, the rest is given."""
    account = account if refund.reason in OWED_BACK else REFUNDS
    sign = -1 if failed else 1
    amounts = {account: sign * refund.amount_minor, PROVIDER: -sign * refund.amount_minor}
    kind = "refund_failed" if failed else "refunded"
    source = f"refund:{refund.id}"
    post(work, source=source, kind=kind, currency=refund.currency, amounts=amounts)
    if not failed:
        tell_invoices(work, refund)


def tell_invoices(work: UnitOfWork, refund: Refund, *, bounced: bool = False) -> None:
    """Money went back, or (`bounced`) it did and then came back to us: what is on an invoice needs
    a credit note, or that note has to be set right (bot/services/invoices.py)."""
    subject = work.session.get_one(Hold, refund.hold_id).subject
    on_invoice = select(InvoicedOrder.subject).where(InvoicedOrder.subject == subject)
    if work.session.scalars(on_invoice).first() is not None:
        inbox.put(
            work,
            source="refund",
            source_id=f"invoice:{refund.id}" + (":bounced" if bounced else ""),
            stream=subject,
            kind="invoice.refunded",
            body={"refund_id": refund.id, "subject": subject},
        )


def post_waived(work: UnitOfWork, session: ChargingSession) -> None:
    """What is left of the session's bill is too small for the provider to take: it is given up."""
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
    due = bill.total_minor - credited_minor(work, bill.id)
    amounts = {WAIVED: due, owing(work, session): -due}
    post(work, source=f"bill:{bill.id}", kind="waived", currency=bill.currency, amounts=amounts)


def post(
    work: UnitOfWork, *, source: str, kind: str, currency: str, amounts: dict[str, int]
) -> None:
    """One balanced entry (debits positive); unique by source and kind, a repeat changes nothing."""
    assert sum(amounts.values()) == 0, f"{source} {kind} does not balance: {amounts}"
    rows = [
        {"source": source, "kind": kind, "account": account, "amount_minor": amount,
         "currency": currency, "at": work.now}
        for account, amount in amounts.items()
        if amount
    ]  # fmt: skip
    if rows:
        work.session.execute(
            insert(work, LedgerEntry)
            .values(rows)
            .on_conflict_do_nothing(index_elements=["source", "kind", "account"])
        )


def bill_view(work: UnitOfWork, bill_id: int) -> BillView:
    """A bill with all that is printed around it. Raises NoResultFound for an unknown id."""
    row = work.session.get_one(Bill, bill_id)
    session = work.session.get_one(ChargingSession, row.session_id)
    hold = work.session.scalars(
        select(Hold).where(Hold.session_id == session.id).order_by(Hold.seq.desc())
    ).first()
    refunds = work.session.scalars(
        select(Refund).where(Refund.hold_id == hold.id, Refund.state != "failed")
        if hold
        else select(Refund).where(Refund.id.is_(None))
    ).all()
    evse = work.session.get_one(Evse, session.evse_id)
    rider = work.session.get_one(Rider, session.rider_id)
    station = evse.pile.station
    tariff = load_tariff(session.tariff)
    facts = load_facts(session.facts, tariff)
    bill, meter = load_bill(row.body), row.body["meter"]
    held = hold.amount_minor if hold else 0
    taken = row.total_minor if hold and hold.state in {"capturing", "captured"} else 0
    if hold is not None and hold.purpose == "debt":  # taken whole, nothing is released
        held = hold.captured_minor or 0
    return BillView(
        bill_id=row.id,
        number=row.number,
        issued_at=row.created_at,
        session_id=session.id,
        rider_id=rider.id,
        rider_name=rider.name,
        station_name=station.name,
        station_address=station.address,
        country=station.country,
        pile_number=evse.pile.number,
        evse_code=evse.code,
        connector_type=evse.connector_type,
        tz=station.tz,
        started_at=session.started_at or session.created_at,
        ended_at=session.ended_at or row.created_at,
        meter_start_wh=meter["start_wh"],
        meter_end_wh=meter["end_wh"],
        energy_wh=meter["end_wh"] - meter["start_wh"],
        charging_s=meter["charging_s"],
        idle_s=meter["idle_s"],
        ended_by=facts.stop_by,
        tariff=tariff,
        bill=bill,
        hold=Money(held, row.currency),
        captured=Money(taken, row.currency),
        released=Money(held - taken, row.currency),
        refunded=Money(sum(each.amount_minor for each in refunds), row.currency),
        payment_state=hold.state if hold else "none",
        payment_reference=(hold.payment_intent if hold else None) or "",
        card_label=(rider.card_label or "") if hold is None or hold.method == "card" else "",
        transaction_id=session.transaction_id or "",
        owed=session.state == "debt",
        by_payment=hold is not None and hold.purpose == "debt",
        wallet=_of_wallet(work, hold) if hold is not None and hold.method == "wallet" else None,
    )


def _of_wallet(work: UnitOfWork, hold: Hold) -> WalletPart:
    """What a wallet paid of a hold."""
    taken = WalletEntry.source == f"hold:{hold.id}", WalletEntry.kind == "captured"
    entry = work.session.scalars(select(WalletEntry).where(*taken)).first()
    cash, bonus = (-entry.cash_held_minor, -entry.bonus_held_minor) if entry else (0, 0)
    owner = ""
    if entry is not None:
        owned = work.session.get_one(Wallet, entry.wallet_id)
        if owned.rider_id != hold.rider_id:
            owner = work.session.get_one(Rider, owned.rider_id).name
    return WalletPart(Money(cash, hold.currency), Money(bonus, hold.currency), owner)
