"""Staff accounts, their second factors and browser sessions, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, ForeignKey, String, Text, event
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Staff(Base):
    """A person who works in the console. `role` is one of bot/domain/rights.py's."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    login: Mapped[str] = mapped_column(String(120), unique=True)  # lower case, mostly an e-mail
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(16))
    active: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str] = mapped_column(String(160), default="")  # Argon2id
    password_set_at: Mapped[datetime | None]
    totp_secret: Mapped[str | None] = mapped_column(String(200))  # encrypted
    totp_last_step: Mapped[int | None] = mapped_column(BigId)  # a used step is refused
    created_at: Mapped[datetime]
    langs: Mapped[list[Any]] = mapped_column(default=list)  # spoken: ["en", "fi", "zh"]
    skills: Mapped[list[Any]] = mapped_column(default=list)  # of "finance", "technical"
    capacity: Mapped[int] = mapped_column(default=4)
    presence: Mapped[str] = mapped_column(String(8), default="away")  # chosen: online busy away
    seen_at: Mapped[datetime | None]  # last sign of an open console; presence counts with it only
    page_address: Mapped[str] = mapped_column(String(160), default="")  # for emergencies
    preferences: Mapped[dict[str, Any]] = mapped_column(default=dict)  # theme, keys, sounds


class RecoveryCode(Base):
    """A one-time code that stands in for the second factor; only its hash is kept."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None]


class StaffSession(Base):
    """A browser of somebody of the staff; the cookie holds the token, the row its hash."""

    __tablename__ = "staff_session"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    totp_at: Mapped[datetime | None]  # None: the second factor is still to be given
    ip: Mapped[str] = mapped_column(String(64), default="")
    browser: Mapped[str] = mapped_column(String(160), default="")


class LoginThrottle(Base):
    """Failed logins of one account ("account:…") or network ("network:…"): the next try waits."""

    __tablename__ = "login_throttle"

    key: Mapped[str] = mapped_column(String(160), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]


class Audit(Base):
    """What staff did, tried or looked at; rows are chained by hash and never change.

    `before` and `after` hold references and figures, never personal data: erasing a rider must
    leave the chain whole. `hash` covers every other column and the row before.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    staff_id: Mapped[int | None] = mapped_column(BigId, index=True)  # None: a command or the system
    role: Mapped[str] = mapped_column(String(16), default="")
    session_id: Mapped[int | None] = mapped_column(BigId)
    ip: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(48), index=True)
    object: Mapped[str] = mapped_column(String(80), default="", index=True)  # "conversation:12"
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    key: Mapped[str | None] = mapped_column(String(160))  # idempotency key of the request
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


# The database itself refuses to change the log; migrations carry the same statements.
AUDIT_GUARD_SQLITE = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
)
AUDIT_GUARD_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit log cannot be changed'; END $$",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
)
for _dialect, _statements in (
    ("sqlite", AUDIT_GUARD_SQLITE),
    ("postgresql", AUDIT_GUARD_POSTGRESQL),
):
    for _statement in _statements:
        _guard = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy's
        event.listen(Audit.__table__, "after_create", _guard.execute_if(dialect=_dialect))
