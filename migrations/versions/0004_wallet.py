"""Prepaid wallets: balances and movements, top-ups, pay-outs, families."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wallet",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rider_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("cash_minor", sa.Integer(), nullable=False),
        sa.Column("bonus_minor", sa.Integer(), nullable=False),
        sa.Column("cash_held_minor", sa.Integer(), nullable=False),
        sa.Column("bonus_held_minor", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("bonus_held_minor >= 0", name=op.f("ck_wallet_bonus_held")),
        sa.CheckConstraint("bonus_minor >= 0", name=op.f("ck_wallet_bonus")),
        sa.CheckConstraint("cash_held_minor >= 0", name=op.f("ck_wallet_cash_held")),
        sa.CheckConstraint("cash_minor >= 0", name=op.f("ck_wallet_cash")),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name=op.f("fk_wallet_rider_id_rider")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet")),
        sa.UniqueConstraint("rider_id", "currency", name=op.f("uq_wallet_rider_id_currency")),
    )
    op.create_table(
        "auto_top_up",
        sa.Column(
            "wallet_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("trigger_minor", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("cap_minor", sa.Integer(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=16), nullable=True),
        sa.Column("told_capped_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_auto_top_up_wallet_id_wallet")
        ),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("pk_auto_top_up")),
    )
    op.create_table(
        "top_up",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column(
            "wallet_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("bonus_minor", sa.Integer(), nullable=False),
        sa.Column("counted_minor", sa.Integer(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("payment_intent", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_top_up_wallet_id_wallet")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_top_up")),
        sa.UniqueConstraint("key", name=op.f("uq_top_up_key")),
        sa.UniqueConstraint("payment_intent", name=op.f("uq_top_up_payment_intent")),
    )
    with op.batch_alter_table("top_up", schema=None) as batch_op:
        batch_op.create_index("ix_top_up_wallet_id", ["wallet_id", "id"], unique=False)
        batch_op.create_index(
            "uq_top_up_automatic",
            ["wallet_id"],
            unique=True,
            sqlite_where=sa.text("automatic AND state = 'open'"),
            postgresql_where=sa.text("automatic AND state = 'open'"),
        )
    op.create_table(
        "wallet_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "wallet_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("cash_minor", sa.Integer(), nullable=False),
        sa.Column("bonus_minor", sa.Integer(), nullable=False),
        sa.Column("cash_held_minor", sa.Integer(), nullable=False),
        sa.Column("bonus_held_minor", sa.Integer(), nullable=False),
        sa.Column(
            "spender_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["spender_id"], ["rider.id"], name=op.f("fk_wallet_entry_spender_id_rider")
        ),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_wallet_entry_wallet_id_wallet")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_entry")),
        sa.UniqueConstraint("source", "kind", name=op.f("uq_wallet_entry_source_kind")),
    )
    with op.batch_alter_table("wallet_entry", schema=None) as batch_op:
        batch_op.create_index(
            "ix_wallet_entry_spender_id", ["wallet_id", "spender_id", "at"], unique=False
        )
        batch_op.create_index("ix_wallet_entry_wallet_id", ["wallet_id", "id"], unique=False)
    op.create_table(
        "wallet_member",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "wallet_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("invited", sa.String(length=160), nullable=False),
        sa.Column("rider_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("limit_minor", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["rider_id"], ["rider.id"], name=op.f("fk_wallet_member_rider_id_rider")
        ),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_wallet_member_wallet_id_wallet")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_member")),
        sa.UniqueConstraint("code", name=op.f("uq_wallet_member_code")),
    )
    with op.batch_alter_table("wallet_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wallet_member_wallet_id"), ["wallet_id"], unique=False)
        batch_op.create_index(
            "uq_wallet_member_active",
            ["rider_id"],
            unique=True,
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
    op.create_table(
        "payout",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column(
            "wallet_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("refund_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refund.id"], name=op.f("fk_payout_refund_id_refund")
        ),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_payout_wallet_id_wallet")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout")),
        sa.UniqueConstraint("key", name=op.f("uq_payout_key")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_payout_refund_id")),
    )
    with op.batch_alter_table("payout", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payout_wallet_id"), ["wallet_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("payout", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payout_wallet_id"))

    op.drop_table("payout")
    with op.batch_alter_table("wallet_member", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_wallet_member_active",
            sqlite_where=sa.text("state = 'active'"),
            postgresql_where=sa.text("state = 'active'"),
        )
        batch_op.drop_index(batch_op.f("ix_wallet_member_wallet_id"))

    op.drop_table("wallet_member")
    with op.batch_alter_table("wallet_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_wallet_entry_wallet_id")
        batch_op.drop_index("ix_wallet_entry_spender_id")

    op.drop_table("wallet_entry")
    with op.batch_alter_table("top_up", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_top_up_automatic",
            sqlite_where=sa.text("automatic AND state = 'open'"),
            postgresql_where=sa.text("automatic AND state = 'open'"),
        )
        batch_op.drop_index("ix_top_up_wallet_id")

    op.drop_table("top_up")
    op.drop_table("auto_top_up")
    op.drop_table("wallet")
