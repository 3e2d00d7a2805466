"""What a person should know when a conversation comes to them: gathered once, at the handoff."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from bot.domain.handoff_reasons import reason as known_reason
from bot.store.charging import ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationMark
from bot.store.devices import Command
from bot.store.riders import Conversation, Message, Rider
from bot.store.stations import Evse, Pile

_LINES: Final = 12
_WORDS_MAX: Final = 160


def packet(work: UnitOfWork, conversation: Conversation, *, reason: str) -> dict[str, Any]:
    """JSON for the mark: reason, what the rider wanted and said, open question, live state, what
    was tried, what people settled before. Riders' words are in it: mask them when shown."""
    lines = list(
        work.session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation.id)
            .order_by(Message.id.desc())
            .limit(_LINES)
        )
    )
    rider = work.session.get_one(Rider, conversation.rider_id)
    wanted = [_intent(line) for line in reversed(lines) if line.author == "rider"]
    words = [line.text for line in lines if line.author == "rider" and line.text.strip()]
    answers = [line.text for line in lines if line.author == "bot" and line.text.strip()]
    dialog = conversation.dialog or {}
    session, evse, pile, hold = _charge(work, rider.id)
    told: dict[str, Any] = {
        "reason": reason,
        "why": known_reason(reason).title,
        "said": _cut(words[0]) if words else "",
        "answered": _cut(answers[0]) if answers else "",
        "intents": list(dict.fromkeys(name for name in wanted if name))[-5:],
        "slots": dict(dialog.get("slots", {})),
        "asking": dialog.get("asking"),
        "lang": rider.lang,
        "fallbacks": conversation.fallbacks,
        "window_from": _iso(conversation.last_whatsapp_at),
    }
    if session is not None and evse is not None and pile is not None:
        told["session"] = {
            "id": session.id, "state": session.state, "evse": evse.code,
            "energy_wh": (session.meter_wh or 0) - (session.meter_start_wh or 0),
            "ended_at": _iso(session.ended_at),
        }  # fmt: skip
        told["pile"] = {"number": pile.number, "online": pile.online, "status": evse.status}
        told["tried"] = _tried(work, session.id)
    if hold is not None:
        told["payment"] = {
            "state": hold.state, "held_minor": hold.amount_minor,
            "captured_minor": hold.captured_minor, "currency": hold.currency,
        }  # fmt: skip
    settled = _settled_before(work, conversation.id)
    if settled:
        told["settled_before"] = settled
    return told


def _charge(
    work: UnitOfWork, rider_id: int
) -> tuple[ChargingSession | None, Evse | None, Pile | None, Hold | None]:
    session = work.session.scalars(
        select(ChargingSession)
        .where(ChargingSession.rider_id == rider_id)
        .order_by(ChargingSession.id.desc())
        .limit(1)
    ).first()
    if session is None:
        return None, None, None, None
    evse = work.session.get_one(Evse, session.evse_id)
    hold = work.session.scalars(
        select(Hold).where(Hold.session_id == session.id).order_by(Hold.id.desc()).limit(1)
    ).first()
    return session, evse, evse.pile, hold


def _tried(work: UnitOfWork, session_id: int) -> list[str]:
    """The commands of this charge, as "start timeout"."""
    commands = work.session.scalars(
        select(Command).where(Command.session_id == session_id).order_by(Command.id).limit(8)
    )
    return [f"{each.kind.replace('_', ' ')} {each.state}" for each in commands]


def _settled_before(work: UnitOfWork, conversation_id: int) -> list[str]:
    newest = work.session.scalars(
        select(ConversationMark)
        .where(
            ConversationMark.conversation_id == conversation_id,
            ConversationMark.kind == "handed_back",
        )
        .order_by(ConversationMark.id.desc())
        .limit(1)
    ).first()
    return list(newest.body.get("settled", [])) if newest else []


def _intent(line: Message) -> str:
    return str((line.understood or {}).get("intent", ""))


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _WORDS_MAX else flat[: _WORDS_MAX - 1] + "…"


def _iso(at: Any) -> str | None:
    return at.isoformat() if at else None
