"""Commands to piles and what piles report."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Command(Base):
    """One thing asked of a pile. The id is OCPP's remoteStartId and, as "c-%012d", its messageId.

    `kind` is ours; devices/actions.py maps it to an OCPP message. What `body` holds:

        start                   {"id_token": "rider:12"} and `evse_number`
        stop                    {"transaction_id"}
        unlock                  {} and `evse_number`
        reset                   {"type": "Immediate" | "OnIdle"}
        change_availability     {"status": "Operative" | "Inoperative"}, `evse_number` or whole pile
        get_transaction_status  {"transaction_id": … | None}
        trigger                 {"message": OCPP's MessageTrigger, "StatusNotification"}
        reserve                 {"id_token", "until": ISO time}; the command id is the reservation,
                                else "reservation_id": one that is moved to another time
        cancel_reservation      {"reservation_id": id of the reserve command}
        set_profile             {"limit_w", "transaction_id": … | None} and `evse_number`
        get_log                 {"log_type": "DiagnosticsLog" | "SecurityLog", "location"}
        get_variables           {"variables": ["TxCtrlr.EVConnectionTimeOut", …]}
        set_variable            {"variable", "value"}
        update_firmware         {"location", "sha256", "at": ISO time}

    `state`: new → sent → accepted → confirmed | rejected | error | unknown → timeout | expired.
    """

    __tablename__ = "command"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    pile_id: Mapped[str] = mapped_column(ForeignKey("pile.id"), index=True)
    evse_number: Mapped[int | None]
    session_id: Mapped[int | None] = mapped_column(BigId, index=True)
    kind: Mapped[str] = mapped_column(String(32))
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(12), default="new")
    reason: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    late: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    next_at: Mapped[datetime | None]  # when the current wait runs out
    answered_at: Mapped[datetime | None]
    answer: Mapped[dict[str, Any] | None]

    __table_args__ = (Index("ix_command_state_next_at", "state", "next_at"),)


class PileEvent(Base):
    """What a pile said, kept raw once: unique per (pile, key), key being the transaction and seqNo
    of a TransactionEvent, the messageId and a digest of anything else (cheap firmware counts its
    messages from 1 after every power-up)."""

    __tablename__ = "pile_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    pile_id: Mapped[str] = mapped_column(String(48))
    key: Mapped[str] = mapped_column(String(96))
    action: Mapped[str] = mapped_column(String(40))
    body: Mapped[dict[str, Any]]
    device_at: Mapped[datetime | None]
    received_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("pile_id", "key"),
        Index("ix_pile_event_received_at", "received_at"),
        Index("ix_pile_event_pile_id", "pile_id", "received_at"),
    )
