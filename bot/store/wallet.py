"""Prepaid money of riders: wallets with their movements, top-ups, pay-outs, families."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class Wallet(Base):
    """What a rider has in one currency: free to spend as cash and bonus, and reserved of each.

    The ledger's accounts "wallet:<id>:cash" and so on say the same; bot/services/wallet.py is the
    only writer of both, under this row's lock.
    """

    __tablename__ = "wallet"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"))
    currency: Mapped[str] = mapped_column(String(3))
    cash_minor: Mapped[int] = mapped_column(default=0)
    bonus_minor: Mapped[int] = mapped_column(default=0)
    cash_held_minor: Mapped[int] = mapped_column(default=0)
    bonus_held_minor: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("rider_id", "currency"),
        CheckConstraint("cash_minor >= 0", name="cash"),
        CheckConstraint("bonus_minor >= 0", name="bonus"),
        CheckConstraint("cash_held_minor >= 0", name="cash_held"),
        CheckConstraint("bonus_held_minor >= 0", name="bonus_held"),
    )


class WalletEntry(Base):
    """One movement of a wallet, what it changed of each part; once for its source and kind.

    `source` and `kind` are those of the ledger's posting: "hold:12" reserved, captured, released;
    "topup:3" paid; "refund:4" refunded; "payout:5" asked. `spender_id` is the rider a reservation
    is for, the owner or one of the family.
    """

    __tablename__ = "wallet_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallet.id"))
    source: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(32))
    cash_minor: Mapped[int] = mapped_column(default=0)
    bonus_minor: Mapped[int] = mapped_column(default=0)
    cash_held_minor: Mapped[int] = mapped_column(default=0)
    bonus_held_minor: Mapped[int] = mapped_column(default=0)
    spender_id: Mapped[int | None] = mapped_column(ForeignKey("rider.id"))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("source", "kind"),
        Index("ix_wallet_entry_wallet_id", "wallet_id", "id"),
        Index("ix_wallet_entry_spender_id", "wallet_id", "spender_id", "at"),
    )


class TopUp(Base):
    """Money on its way into a wallet. `state`: open → paid | failed | expired.

    `bonus_minor` is what was promised with it, `counted_minor` the part of it that earned the
    bonus; `automatic`: by the rider's standing order, without being asked.
    """

    __tablename__ = "top_up"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)  # the yes that called for it
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallet.id"))
    amount_minor: Mapped[int]
    bonus_minor: Mapped[int] = mapped_column(default=0)
    counted_minor: Mapped[int] = mapped_column(default=0)
    automatic: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(12), default="open")
    payment_intent: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_top_up_wallet_id", "wallet_id", "id"),
        # One automatic top-up at a time.
        Index(
            "uq_top_up_automatic",
            "wallet_id",
            unique=True,
            sqlite_where=text("automatic AND state = 'open'"),
            postgresql_where=text("automatic AND state = 'open'"),
        ),
    )


class AutoTopUp(Base):
    """A rider's standing order to top up; `state` "on" or "off", with why it went off."""

    __tablename__ = "auto_top_up"

    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallet.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    trigger_minor: Mapped[int]
    amount_minor: Mapped[int]
    cap_minor: Mapped[int]
    agreed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None] = mapped_column(String(16))  # rider | declined | no_card
    told_capped_at: Mapped[datetime | None]  # of the month whose cap the rider was told of


class Payout(Base):
    """A part of a wallet's cash on its way back. `state`: open → done | returned (to the wallet);
    "staff" where no payment takes it back, until a person has sent it: → done.

    The parts of one request share `key` up to its last colon.
    """

    __tablename__ = "payout"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallet.id"), index=True)
    refund_id: Mapped[int | None] = mapped_column(ForeignKey("refund.id"), unique=True)
    amount_minor: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), default="open")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class WalletMember(Base):
    """Somebody who may charge on another rider's wallet, up to a limit in a calendar month.

    `state`: invited → active → left | removed, or declined. `invited` is the number the owner
    named (only it may accept), empty for a code that is forwarded.
    """

    __tablename__ = "wallet_member"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallet.id"), index=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    invited: Mapped[str] = mapped_column(String(160), default="")
    rider_id: Mapped[int | None] = mapped_column(ForeignKey("rider.id"))
    limit_minor: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), default="invited")
    created_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        # Nobody is in two families.
        Index(
            "uq_wallet_member_active",
            "rider_id",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )
