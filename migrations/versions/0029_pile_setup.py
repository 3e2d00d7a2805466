"""Piles that are made ready in the console, and the test charges of their sockets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0021"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "pile_setup",
        sa.Column("pile_id", sa.String(48), sa.ForeignKey("pile.id"), primary_key=True),
        sa.Column("added_by", _BIG, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("added_at", _AT, nullable=False),
        sa.Column("live_by", _BIG, sa.ForeignKey("staff.id")),
        sa.Column("live_at", _AT),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_table(
        "socket_test",
        sa.Column("id", _BIG, primary_key=True),
        sa.Column("evse_id", _BIG, sa.ForeignKey("evse.id"), nullable=False),
        sa.Column("command_id", _BIG),
        sa.Column("transaction_id", sa.String(64)),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("start_wh", _BIG),
        sa.Column("energy_wh", sa.Integer(), nullable=False),
        sa.Column("asked_by", _BIG, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("asked_at", _AT, nullable=False),
        sa.Column("over_at", _AT),
    )
    op.create_index("ix_socket_test_evse_id", "socket_test", ["evse_id"])
    op.create_index("ix_socket_test_command_id", "socket_test", ["command_id"])


def downgrade() -> None:
    op.drop_table("socket_test")
    op.drop_table("pile_setup")
