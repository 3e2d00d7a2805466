"""Messages worth labelling: what was understood with doubt, or turned out to be wrong."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Understood(Base):
    """One rider's message, masked, kept for `./run nlu-review`.

    `why`: "unsure" (low confidence), "rephrased" (said again in other words), "corrected" (another
    option was tapped, or the answer was no) or "person" (a person was called for right after).
    `hint` is the intent that the rider's next step suggests.
    """

    __tablename__ = "understood"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), unique=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    text: Mapped[str] = mapped_column(Text)
    lang: Mapped[str | None] = mapped_column(String(8))
    intent: Mapped[str] = mapped_column(String(32))
    confidence: Mapped[float]
    why: Mapped[str] = mapped_column(String(16))
    hint: Mapped[str | None] = mapped_column(String(32))
