"""What the rider's panel shows: pile, charge, money, history and what may be done, as of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import url_for
from sqlalchemy import select

from bot.console.action_view import Asked, recent
from bot.console.guard import Me
from bot.console.ticket_view import Row, of_rider
from bot.console.view import language_name, shown_name, shown_phones, shown_text
from bot.domain.availability import Availability
from bot.domain.money import Money
from bot.domain.staff_actions import KINDS, plain
from bot.gateways.translate import say
from bot.services import (
    auto_top_ups,
    charging,
    coupons,
    family,
    fault_words,
    payouts,
    refunds,
    stations,
    wallet,
    wallet_view,
)
from bot.services.booked import live_of
from bot.settings import Settings
from bot.store.bookings import Booking
from bot.store.charging import Bill, ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationMark, Incident
from bot.store.riders import Conversation, Rider
from bot.store.staff import Staff
from bot.store.stations import Evse
from bot.store.wallet import Wallet

HISTORY: Final = 6
MOVES: Final = 5
NOTES: Final = 3

_STATES: Final = {
    "holding": ("Waiting for payment", "warn"), "starting": ("Starting", "info"),
    "charging": ("Charging", "good"), "suspended": ("Paused", "warn"),
    "stopping": ("Stopping", "info"), "billing": ("Being paid", "info"),
    "settled": ("Paid", "good"), "releasing": ("Hold being released", "info"),
    "void": ("Nothing to pay", "neutral"), "failed": ("Did not start", "bad"),
    "debt": ("Not paid", "bad"),
}  # fmt: skip
_WAITS: Final = {
    "payment": "The rider has to pay on the payment page", "pile": "The pile has to answer",
    "plug": "The rider has to plug in", "energy": "Energy has to flow",
    "vehicle": "The vehicle takes no energy", "stop": "The pile has to confirm the stop",
}  # fmt: skip
_HOLDS: Final = {
    "creating": ("Being held", "info"), "waiting": ("Payment page open", "warn"),
    "held": ("Held", "good"), "capturing": ("Being taken", "info"),
    "captured": ("Taken", "good"), "voiding": ("Being released", "info"),
    "void": ("Released", "neutral"), "failed": ("Refused", "bad"), "expired": ("Lapsed", "bad"),
}  # fmt: skip
_PLUGS: Final = {
    Availability.FREE: ("Free", "good"), Availability.PLUGGED: ("Cable plugged in", "info"),
    Availability.BUSY: ("In use", "info"), Availability.RESERVED: ("Reserved", "warn"),
    Availability.FAULTED: ("Faulted", "bad"), Availability.NOT_CONFIRMED: ("Not confirmed", "warn"),
    Availability.OUT_OF_SERVICE: ("Out of service", "bad"),
    Availability.IN_REPAIR: ("Under repair", "bad"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Badge:
    """A word with a tone of parts.html."""

    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Do:
    """A link to the preview of an action."""

    label: str
    icon: str
    url: str
    danger: bool
    id: str  # keeps the focus when the panel is fetched anew


@dataclass(frozen=True, slots=True)
class PileCard:
    """The pile of the running charge, else of the last one."""

    pile_id: str
    number: str
    station: str
    code: str
    plug: Badge
    fault: str
    online: bool
    seen_at: datetime | None
    incident_id: int | None
    actions: Sequence[Do]


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge; the newest is shown whole, earlier ones in a row each."""

    id: int
    code: str
    station: str
    state: Badge
    waits: str
    at: datetime
    open: bool
    energy: str
    power: str
    cost: str
    cost_minor: int
    hold_minor: int
    minutes: int
    meter_at: datetime | None
    offline_since: datetime | None
    money: Sequence[tuple[str, str]]
    hold: Badge | None
    hold_reason: str
    actions: Sequence[Do]


@dataclass(frozen=True, slots=True)
class WalletCard:
    """A wallet: what is free and reserved, its standing order, the last movements."""

    facts: Sequence[tuple[str, str]]
    moves: Sequence[tuple[str, str, datetime]]


@dataclass(frozen=True, slots=True)
class Panel:
    """The whole panel; `live` is what it hangs on."""

    rider_id: int
    conversation_id: int
    live: str
    name: str
    phone: str
    lang: str
    card: str
    since: datetime
    muted_at: datetime | None
    pile: PileCard | None
    now: Charge | None
    history: Sequence[Charge]
    debts: Sequence[Charge]
    asked: Sequence[Asked]
    notes: Sequence[tuple[str, str, datetime]]
    tickets: Sequence[Row]
    take_over_first: bool
    start: Do | None
    wallets: Sequence[WalletCard]
    wallet_actions: Sequence[Do]
    coupon: Do | None
    coupons: Sequence[str]
    booking: tuple[Booking, str, str] | None  # what, where, and when on the station's clock


def panel(work: UnitOfWork, settings: Settings, me: Me, conversation: Conversation) -> Panel:
    """The panel of a conversation's rider, for somebody's eyes."""
    rider = work.session.get_one(Rider, conversation.rider_id)
    sessions = work.session.scalars(
        select(ChargingSession)
        .where(ChargingSession.rider_id == rider.id)
        .order_by(ChargingSession.id.desc())
        .limit(HISTORY + 1)
    ).all()
    mine = conversation.owner == "human" and conversation.owner_id == me.staff_id
    able = me.role != "agent" or mine
    links = _Links(me, conversation.id, able)
    charges = [_charge(work, each, links) for each in sessions]
    newest = sessions[0] if sessions else None
    pile = _pile(work, settings, newest, links) if newest is not None else None
    live = f"rider:{rider.id}" + (f" pile:{pile.pile_id}" if pile else "")
    running = any(each.open for each in charges)
    owing = select(ChargingSession).where(
        ChargingSession.rider_id == rider.id, ChargingSession.state == "debt"
    )
    return Panel(
        rider_id=rider.id,
        conversation_id=conversation.id,
        live=live,
        name=shown_name(rider),
        phone=shown_phones(work, [rider.id]).get(rider.id, ""),
        lang=language_name(rider.lang),
        card=rider.card_label or "",
        since=rider.created_at,
        muted_at=rider.muted_at,
        pile=pile,
        now=charges[0] if charges else None,
        history=charges[1:],
        debts=[_charge(work, each, links) for each in work.session.scalars(owing)],
        asked=recent(work, me, rider_id=rider.id),
        notes=_notes(work, conversation.id),
        tickets=of_rider(work, rider.id),
        take_over_first=not able and me.may("conversation.work"),
        start=None if running else links.to("start"),
        wallets=[_wallet(work, each) for each in wallet.wallets_of(work, rider.id)],
        wallet_actions=_wallet_actions(work, settings, rider.id, links),
        coupon=links.to("coupon"),
        coupons=[say("en", coupons.describe(work, each)) for each in coupons.mine(work, rider.id)],
        booking=_booking(work, rider.id),
    )


def _booking(work: UnitOfWork, rider_id: int) -> tuple[Booking, str, str] | None:
    booking = live_of(work, rider_id)
    if booking is None:
        return None
    evse = work.session.get_one(Evse, booking.evse_id)
    zone = ZoneInfo(evse.pile.station.tz)
    start, end = booking.starts_at.astimezone(zone), booking.ends_at.astimezone(zone)
    return booking, f"{evse.code}, {evse.pile.station.name}", f"{start:%d %b %H:%M} to {end:%H:%M}"


@dataclass(frozen=True, slots=True)
class _Links:
    """Makes the links this person may follow."""

    me: Me
    conversation_id: int
    able: bool

    def to(self, name: str, **target: Any) -> Do | None:
        kind = KINDS[name]
        if not self.able or not self.me.may(kind.right):
            return None
        url = url_for(f"console.actions_{name}_form", conversation=self.conversation_id, **target)
        about = "-".join(str(value) for value in target.values())
        return Do(kind.label, kind.icon, url, kind.danger, f"do-{kind.path}-{about}".rstrip("-"))


def _pile(
    work: UnitOfWork, settings: Settings, session: ChargingSession, links: _Links
) -> PileCard:
    evse = work.session.get_one(Evse, session.evse_id)
    seen = stations.evse_view(work, settings, evse)
    pile = evse.pile
    incident = select(Incident.id).where(Incident.pile_id == pile.id, Incident.state != "closed")
    busy = seen.state is Availability.BUSY
    possible = (
        links.to("unlock", evse=evse.id) if pile.online and not busy else None,
        links.to("soft_restart", pile=pile.id) if pile.online else None,
        links.to("hard_restart", pile=pile.id) if pile.online and not session.open else None,
        links.to("out_of_service" if pile.in_service else "in_service", pile=pile.id),
    )
    return PileCard(
        pile_id=pile.id,
        number=pile.number,
        station=pile.station.name,
        code=evse.code,
        plug=Badge(*_PLUGS[seen.state]),
        fault=fault_words.in_english(pile.model, evse.fault_code or ""),
        online=pile.online,
        seen_at=pile.seen_at,
        incident_id=work.session.scalars(incident).first(),
        actions=[each for each in possible if each is not None],
    )


def _charge(work: UnitOfWork, session: ChargingSession, links: _Links) -> Charge:
    progress = charging.progress(work, session)
    hold = work.session.scalars(
        select(Hold).where(Hold.session_id == session.id).order_by(Hold.seq.desc())
    ).first()
    paid = refunds.hold_with_money(work, session.id)
    stands = refunds.balance(work, paid) if paid is not None else None
    owed = session.state == "debt" or (session.state == "holding" and progress.pay_url)
    possible = (
        links.to("stop", session=session.id)
        if session.open and session.state != "stopping"
        else None,
        links.to("payment_link", session=session.id) if owed else None,
        links.to("refund", session=session.id) if stands and stands.left.amount_minor else None,
        links.to("waive_idle", session=session.id) if stands and _idle(work, progress) else None,
        links.to("receipt", session=session.id) if progress.bill_id is not None else None,
    )
    return Charge(
        id=session.id,
        code=progress.evse_code,
        station=progress.station_name,
        state=Badge(*_STATES[session.state]),
        waits=_WAITS.get(progress.waiting_for, ""),
        at=session.started_at or session.created_at,
        open=session.open,
        energy=f"{progress.energy_wh / 1000:.2f} kWh",
        power=f"{progress.power_w / 1000:.1f} kW" if progress.power_w is not None else "",
        cost=plain(progress.cost),
        cost_minor=progress.cost.amount_minor,
        hold_minor=progress.hold.amount_minor,
        minutes=progress.seconds // 60,
        meter_at=progress.meter_at,
        offline_since=progress.offline_since,
        money=_money(work, session, hold, stands),
        hold=Badge(*_HOLDS[hold.state]) if hold is not None else None,
        hold_reason=shown_text(hold.reason or "") if hold is not None else "",
        actions=[each for each in possible if each is not None],
    )


def _idle(work: UnitOfWork, progress: charging.Progress) -> bool:
    """Whether staying plugged in stands on the bill."""
    bill = work.session.get(Bill, progress.bill_id or 0)
    return bill is not None and any(each["what"] == "idle" for each in bill.body["lines"])


def _money(
    work: UnitOfWork,
    session: ChargingSession,
    hold: Hold | None,
    stands: refunds.Balance | None,
) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if hold is not None:
        rows.append(("Hold", plain(Money(hold.amount_minor, hold.currency))))
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    if bill is not None:
        rows.append((f"Bill {bill.number}", plain(Money(bill.total_minor, bill.currency))))
    if stands is not None:
        rows.append(("Taken", plain(Money(stands.captured_minor, stands.currency))))
        if stands.refunded_minor:
            rows.append(("Given back", plain(Money(stands.refunded_minor, stands.currency))))
    return rows


def _wallet(work: UnitOfWork, owned: Wallet) -> WalletCard:
    stands = wallet.stand(owned)
    facts = [
        ("Cash", plain(stands.cash)),
        ("Bonus", plain(stands.bonus)),
        ("Reserved", plain(stands.reserved)),
    ]
    waits = sum(each.amount_minor for each in payouts.waiting_for_staff(work, owned.id))
    if waits:
        facts.append(("To be paid out by hand", plain(Money(waits, owned.currency))))
    if (order := auto_top_ups.of(work, owned.rider_id)) and order.wallet_id == owned.id:
        amount = plain(Money(order.amount_minor, owned.currency))
        facts.append(
            (
                "Automatic top-up",
                f"{amount} below {plain(Money(order.trigger_minor, owned.currency))}",
            )
        )
    if people := len(family.members(work, owned.id)):
        facts.append(("Family", f"{people} with a share"))
    moves = [
        (say("en", wallet_view.named(each)), plain(each.total), each.at)
        for each in wallet_view.movements(work, [owned.id], limit=MOVES)
    ]
    return WalletCard(facts, moves)


def _wallet_actions(work: UnitOfWork, settings: Settings, rider_id: int, links: _Links) -> list[Do]:
    owed = any(
        payouts.waiting_for_staff(work, each.id) for each in wallet.wallets_of(work, rider_id)
    )
    possible = (
        links.to("credit") if settings.wallet == "on" else None,
        links.to("payout_sent") if owed else None,
    )
    return [each for each in possible if each is not None]


def _notes(work: UnitOfWork, conversation_id: int) -> list[tuple[str, str, datetime]]:
    rows = work.session.execute(
        select(ConversationMark.text, Staff.name, ConversationMark.at)
        .join(Staff, Staff.id == ConversationMark.staff_id)
        .where(ConversationMark.conversation_id == conversation_id, ConversationMark.kind == "note")
        .order_by(ConversationMark.id.desc())
        .limit(NOTES)
    )
    return [(shown_text(text), name, at) for text, name, at in rows]
