"""Bookings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bookings, their cells of time and changes, and rules by station."""
    op.create_table(
        "booking",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("rider_id", _ID, nullable=False),
        sa.Column("evse_id", _ID, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("tariff", sa.JSON(), nullable=False),
        sa.Column("starts_at", _AT, nullable=False),
        sa.Column("ends_at", _AT, nullable=False),
        sa.Column("session_id", _ID, nullable=True),
        sa.Column("forgiven", sa.Boolean(), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name="fk_booking_rider_id_rider"),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_booking_evse_id_evse"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["charging_session.id"], name="fk_booking_session_id_charging_session"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_booking"),
        sa.UniqueConstraint("key", name="uq_booking_key"),
    )
    op.create_index("ix_booking_state", "booking", ["state"])
    op.create_index("ix_booking_session_id", "booking", ["session_id"])
    op.create_index("ix_booking_rider_id", "booking", ["rider_id", "created_at"])
    op.create_index("ix_booking_evse_id", "booking", ["evse_id", "starts_at"])
    op.create_index(
        "uq_booking_live_rider",
        "booking",
        ["rider_id"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_table(
        "booking_cell",
        sa.Column("evse_id", _ID, nullable=False),
        sa.Column("number", _ID, autoincrement=False, nullable=False),
        sa.Column("booking_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_booking_cell_evse_id_evse"),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name="fk_booking_cell_booking_id_booking"
        ),
        sa.PrimaryKeyConstraint("evse_id", "number", name="pk_booking_cell"),
    )
    op.create_index("ix_booking_cell_booking_id", "booking_cell", ["booking_id"])
    op.create_table(
        "booking_change",
        sa.Column("id", _ID, nullable=False),
        sa.Column("booking_id", _ID, nullable=False),
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("by", sa.String(24), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name="fk_booking_change_booking_id_booking"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_booking_change"),
        sa.UniqueConstraint("booking_id", "key", name="uq_booking_change_booking_id_key"),
    )
    op.create_index("ix_booking_change_booking_id", "booking_change", ["booking_id"])
    op.create_table(
        "booking_rules",
        sa.Column("station_id", _ID, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("changed_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name="fk_booking_rules_station_id_station"
        ),
        sa.PrimaryKeyConstraint("station_id", name="pk_booking_rules"),
    )


def downgrade() -> None:
    """No bookings."""
    op.drop_table("booking_rules")
    op.drop_table("booking_change")
    op.drop_table("booking_cell")
    op.drop_table("booking")
