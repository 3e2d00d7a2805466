"""What speaks for a contested charge: the price agreed, the meter, the bill and the chat, as text
to hand to the bank."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from bot.domain.money import Money
from bot.domain.session import load_facts
from bot.domain.staff_actions import plain
from bot.domain.tariffs import load_tariff
from bot.store.charging import Bill, ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.riders import Message
from bot.store.stations import Evse

MESSAGES: Final = 60  # the last ones
WORDS: Final = 300  # of one message


def text(work: UnitOfWork, hold: Hold, conversation_id: int) -> str:
    """The evidence, a line each; times are UTC."""
    amount = plain(Money(hold.captured_minor or hold.amount_minor, hold.currency))
    lines = [
        f"Payment {hold.payment_intent or hold.id}: {amount}, agreed {hold.created_at:%F %T} UTC"
    ]
    session = work.session.get(ChargingSession, hold.session_id) if hold.session_id else None
    if session is not None:
        lines += _charge(work, session)
    lines.append("Messages:")
    rows = work.session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.id.desc())
        .limit(MESSAGES)
    ).all()
    for row in reversed(rows):
        words = " ".join(row.text.split())[:WORDS]
        lines.append(f"{row.at:%F %T} {row.author}: {words}")
    return "\n".join(lines)


def _charge(work: UnitOfWork, session: ChargingSession) -> list[str]:
    facts = load_facts(session.facts, load_tariff(session.tariff))
    code = work.session.get_one(Evse, session.evse_id).code
    lines = [f"Charge {session.id} at {code}, ended by {facts.stop_by or 'nobody yet'}"]
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    if bill is not None:
        lines.append(f"Bill {bill.number}: {plain(Money(bill.total_minor, bill.currency))}")
    lines.append("Meter:")
    lines += [f"{each.at:%F %T} {each.wh} Wh" for each in facts.readings]
    return lines
