"""What we keep about Twilio's side of our messages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base


class ContentTemplate(Base):
    """A content (buttons, list, link) once made at Twilio; `key` is the hash of its definition."""

    __tablename__ = "content_template"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    sid: Mapped[str] = mapped_column(String(34))
    created_at: Mapped[datetime]
