"""A small world for the charging service: a station, its EVSEs, riders, and what piles report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from bot.replies import Reply, Say, load
from bot.services import (
    auto_top_ups,
    case_timers,
    charging,
    charging_facts,
    clock_breach,
    credit_notes,
    dispute_cases,
    feedback,
    later,
    payment_results,
    site,
    site_news,
    waiting,
)
from bot.settings import Settings
from bot.store.charging import Bill, ChargingSession, CreditNote, Hold, LedgerEntry
from bot.store.database import Store, UnitOfWork
from bot.store.devices import Command
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Conversation, Rider
from bot.store.stations import Evse, Pile, Station, Tariff, TariffVersion

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
PILE = "P001023"
TARIFF: dict[str, Any] = {
    "elements": [
        {"kind": "flat", "price": "1.00", "per": "start"},
        {"kind": "energy", "price": "0.40", "per": "kwh"},
        {"kind": "idle", "price": "0.10", "per": "min"},
    ],
    "idle_grace_s": 600,
}

SETTINGS = Settings(
    public_url="https://pile.example",
    database_url="sqlite://",
    redis_url="redis://localhost",
    mqtt_url="mqtt://localhost",
    secret_key="s" * 32,
    twilio_account_sid="AC",
    twilio_auth_token="t",
    twilio_from="whatsapp:+1",
    stripe_secret_key="sk",
    stripe_webhook_secret="wh",
    meter_pace=1_000,  # charges here take seconds
)


class World:
    """Time stands still until `passes`; `drain` serves what is due in the inbox."""

    def __init__(
        self, engine: Engine, *, evses: int = 3, tariff: dict[str, Any] | None = None
    ) -> None:
        self.now = NOW
        self.store = Store(engine, clock=lambda: self.now)
        self.seq = 0
        with self.store.begin() as work:
            add = work.session.add
            add(Tariff(id=1, name="AC", currency="EUR"))
            work.session.flush()
            body = tariff or TARIFF
            add(TariffVersion(id=7, tariff_id=1, valid_from=NOW - timedelta(days=9), body=body))
            add(
                Station(
                    id=1, name="Kamppi", address="Urho Kekkosen katu 1", lat=60.168, lng=24.93,
                    tz="Europe/Helsinki", country="FI", currency="EUR", tax_percent="25.5",
                )
            )  # fmt: skip
            work.session.flush()
            add(Pile(id=PILE, number="1023", station_id=1, kind="ac", online=True, seen_at=NOW))
            work.session.flush()
            for number in range(1, evses + 1):
                add(
                    Evse(
                        id=number, pile_id=PILE, number=number, code=f"1023-{number}0",
                        connector_type="IEC_62196_T2", max_power_w=11_000, tariff_id=1,
                        status="Available", status_at=NOW,
                    )
                )  # fmt: skip

    @contextmanager
    def work(self) -> Iterator[UnitOfWork]:
        with self.store.begin() as work:
            yield work

    def rider(self, rider_id: int = 1) -> int:
        with self.work() as work:
            work.session.add(Rider(id=rider_id, created_at=self.now, name=f"Rider {rider_id}"))
            work.session.flush()
            work.session.add(
                Conversation(rider_id=rider_id, created_at=self.now, dialog={}, status="open")
            )
        return rider_id

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        with self.work() as work:  # piles stay in touch unless a test says otherwise
            for pile in work.session.scalars(select(Pile).where(Pile.online)):
                pile.seen_at = self.now
        self.drain()

    # --- the rider

    def offer(self, evse_id: int = 1, rider_id: int = 1) -> dict[str, Any]:
        with self.work() as work:
            evse = work.session.get_one(Evse, evse_id)
            rider = work.session.get_one(Rider, rider_id)
            return charging.offer(work, SETTINGS, evse=evse, rider=rider).body

    def says_yes(
        self, evse_id: int = 1, rider_id: int = 1, *, key: str = "yes-1",
        body: dict[str, Any] | None = None, deposit: int | None = None,
    ) -> int:  # fmt: skip
        body = body or self.offer(evse_id, rider_id)
        with self.work() as work:
            session = charging.start(
                work, SETTINGS, rider=work.session.get_one(Rider, rider_id),
                evse=work.session.get_one(Evse, evse_id), offer_body=body, key=key,
                deposit=work.session.get(Hold, deposit) if deposit else None,
            )  # fmt: skip
            return session.id

    def says_stop(self, session_id: int = 1, *, by: str = "rider", key: str = "stop-1") -> None:
        with self.work() as work:
            session = work.session.get_one(ChargingSession, session_id)
            charging.request_stop(work, SETTINGS, session, by=by, key=key)
        self.drain()

    def progress(self, session_id: int = 1) -> charging.Progress:
        with self.work() as work:
            return charging.progress(work, work.session.get_one(ChargingSession, session_id))

    # --- the provider

    def pays(self, session_id: int, outcome: str, **more: Any) -> None:
        with self.work() as work:
            hold = work.session.scalars(select(Hold).where(Hold.session_id == session_id)).one()
            if outcome == "captured":
                more.setdefault("amount_minor", hold.capture_minor)
            body = {"hold_id": hold.id, "outcome": outcome, **more}
            payment_results.on_payment_result(work, SETTINGS, body)
        self.drain()

    # --- the pile

    def answers(self, kind: str, outcome: str, **more: Any) -> None:
        """The newest command of a kind gets an outcome."""
        with self.work() as work:
            command = work.session.scalars(
                select(Command).where(Command.kind == kind).order_by(Command.id.desc())
            ).first()
            assert command is not None, f"no {kind} was sent"
            body = {"command_id": command.id, "session_id": command.session_id, "kind": kind,
                    "outcome": outcome, "reason": None, "transaction_id": None,
                    "late": False, **more}  # fmt: skip
            charging_facts.on_command_result(work, SETTINGS, body)
        self.drain()

    def reports(
        self, event: str, wh: int | None = None, *, tx: str = "T1", state: str | None = "Charging",
        reason: str | None = None, evse: int = 1, start: bool = True, at: datetime | None = None,
        heard: datetime | None = None,
    ) -> None:  # fmt: skip
        self.seq += 1
        at = at or self.now
        with self.work() as work:
            command = work.session.scalars(
                select(Command)
                .where(Command.kind == "start", Command.evse_number == evse)
                .order_by(Command.id.desc())
            ).first()
            body = {
                "pile_id": PILE, "evse_number": evse, "transaction_id": tx, "event": event,
                "seq": self.seq, "at": at.isoformat(), "trigger": "MeterValuePeriodic",
                "charging_state": state, "stopped_reason": reason, "power_w": 11_000,
                "remote_start_id": command.id if command and start else None,
                "readings": [] if wh is None else [{"at": at.isoformat(), "wh": wh}],
            }  # fmt: skip
            if heard is not None:
                body["heard_at"] = heard.isoformat()
            charging_facts.on_transaction(work, SETTINGS, body)
        self.drain()

    def status(self, status: str, evse: int = 1) -> None:
        with self.work() as work:
            row = work.session.scalars(select(Evse).where(Evse.number == evse)).one()
            row.status = status
            body = {"pile_id": PILE, "evse_number": evse, "status": status,
                    "at": self.now.isoformat()}  # fmt: skip
            charging_facts.on_pile_status(work, SETTINGS, body)
        self.drain()

    def presence(self, online: bool) -> None:
        with self.work() as work:
            work.session.get_one(Pile, PILE).online = online
            body = {"pile_id": PILE, "online": online, "at": self.now.isoformat()}
            charging_facts.on_pile_presence(work, SETTINGS, body)
        self.drain()

    # --- the machinery

    def drain(self) -> None:
        """Serve due timers and command results as the worker does."""
        handlers = {
            "session.timer": charging_facts.on_timer,
            "command.result": charging_facts.on_command_result,
            "case.timer": case_timers.on_timer,
            dispute_cases.MOVED: dispute_cases.on_moved,
            "clock.timer": clock_breach.on_timer,
            site_news.KIND: site.on_look,
            waiting.TIMER: waiting.on_timer,
            "invoice.refunded": credit_notes.on_refunded,
            "payment.result": payment_results.on_payment_result,
            auto_top_ups.KIND: auto_top_ups.on_settled,
            later.TIMER: later.on_timer,
            "feedback.timer": feedback.on_timer,
        }
        served = Inbox.kind.in_(list(handlers))
        while True:
            with self.work() as work:
                row = work.session.scalars(
                    select(Inbox)
                    .where(Inbox.state == "open", Inbox.available_at <= self.now, served)
                    .order_by(Inbox.id)
                    .limit(1)
                ).first()
                if row is None:
                    return
                row.state = "done"
                work.session.flush()
                handlers[row.kind](work, SETTINGS, row.body)

    # --- what a test may ask

    def session(self, session_id: int = 1) -> ChargingSession:
        with self.work() as work:
            return work.session.get_one(ChargingSession, session_id)

    def hold(self, session_id: int = 1) -> Hold:
        with self.work() as work:
            return work.session.scalars(select(Hold).where(Hold.session_id == session_id)).one()

    def bill(self, session_id: int = 1) -> Bill | None:
        with self.work() as work:
            return work.session.scalars(select(Bill).where(Bill.session_id == session_id)).first()

    def effects(self, kind: str) -> list[dict[str, Any]]:
        with self.work() as work:
            rows = work.session.scalars(
                select(Outbox).where(Outbox.kind == kind).order_by(Outbox.id)
            )
            return [row.body for row in rows]

    def commands(self, kind: str) -> list[Command]:
        with self.work() as work:
            rows = work.session.scalars(
                select(Command).where(Command.kind == kind).order_by(Command.id)
            )
            return list(rows)

    def told(self) -> list[Reply]:
        return [load(body["reply"]) for body in self.effects("message")]

    def heard(self) -> list[str]:
        """Source texts of what riders were told; receipts by name."""
        return [_words(reply) for reply in self.told()]

    def balance(self, account: str) -> int:
        with self.work() as work:
            total = work.session.scalar(
                select(func.sum(LedgerEntry.amount_minor)).where(LedgerEntry.account == account)
            )
            return int(total or 0)

    def credit_notes(self) -> list[tuple[str, int]]:
        with self.work() as work:
            rows = work.session.scalars(select(CreditNote).order_by(CreditNote.id))
            return [(each.number, each.total_minor) for each in rows]

    def charges(self, session_id: int, *, tx: str = "T1", evse: int = 1) -> None:
        """From the yes to a moving meter, as a well-behaved pile does it."""
        self.pays(session_id, "held")
        self.answers("start", "accepted")
        self.reports("Started", 1000, tx=tx, evse=evse)
        self.passes(60)
        self.reports("Updated", 2000, tx=tx, evse=evse)


def _words(reply: Reply) -> str:
    if isinstance(reply, Say):
        return _filled(reply)
    prompt = getattr(reply, "prompt", None)
    return _filled(prompt) if isinstance(prompt, Say) else type(reply).__name__


def _filled(say: Say) -> str:
    values = {
        name: _filled(value) if isinstance(value, Say) else str(value)
        for name, value in say.values.items()
    }
    return say.text.format(**values)
