"""Figures by the hour, and the indexes that reports read by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

_BY_TIME = (
    ("bill", "created_at"),
    ("credit_note", "created_at"),
    ("refund", "created_at"),
    ("charging_session", "ended_at"),
    ("message", "at"),
    ("conversation_mark", "at"),
)


def upgrade() -> None:
    op.create_table(
        "station_hour",
        sa.Column(
            "station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sockets_s", sa.Integer(), nullable=False),
        sa.Column("away_s", sa.Integer(), nullable=False),
        sa.Column("occupied_s", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("energy_wh", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_station_hour_station_id_station")
        ),
        sa.PrimaryKeyConstraint("station_id", "hour", name=op.f("pk_station_hour")),
    )
    op.create_index(op.f("ix_station_hour_hour"), "station_hour", ["hour"])
    op.create_table(
        "staff_hour",
        sa.Column("staff_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("online_s", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_hour_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("staff_id", "hour", name=op.f("pk_staff_hour")),
    )
    for table, column in _BY_TIME:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    for table, column in _BY_TIME:
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
    op.drop_table("staff_hour")
    op.drop_table("station_hour")
