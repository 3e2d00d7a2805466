"""The queue at full stations, forecasts and their outcomes, later starts, shared power."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "habit",
        sa.Column("rider_id", BIG, nullable=False),
        sa.Column("derived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("usual", sa.JSON(), nullable=False),
        sa.Column("warn", sa.Boolean(), nullable=False),
        sa.Column("warned", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name=op.f("fk_habit_rider_id_rider")),
        sa.PrimaryKeyConstraint("rider_id", name=op.f("pk_habit")),
    )
    op.create_table(
        "hour_forecast",
        sa.Column("id", BIG, nullable=False),
        sa.Column("station_id", BIG, nullable=False),
        sa.Column("hour_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("actual", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_hour_forecast_station_id_station")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hour_forecast")),
        sa.UniqueConstraint(
            "station_id", "hour_at", name=op.f("uq_hour_forecast_station_id_hour_at")
        ),
    )
    op.create_table(
        "blocked_bay",
        sa.Column("id", BIG, nullable=False),
        sa.Column("evse_id", BIG, nullable=False),
        sa.Column("rider_id", BIG, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name=op.f("fk_blocked_bay_evse_id_evse")),
        sa.ForeignKeyConstraint(
            ["rider_id"], ["rider.id"], name=op.f("fk_blocked_bay_rider_id_rider")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_bay")),
        sa.UniqueConstraint("key", name=op.f("uq_blocked_bay_key")),
    )
    op.create_index(op.f("ix_blocked_bay_evse_id"), "blocked_bay", ["evse_id"], unique=False)
    op.create_table(
        "free_estimate",
        sa.Column("id", BIG, nullable=False),
        sa.Column("station_id", BIG, nullable=False),
        sa.Column("connector_type", sa.String(length=24), nullable=False),
        sa.Column("slot", BIG, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("estimate_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evse_id", BIG, nullable=False),
        sa.Column("basis", sa.String(length=12), nullable=False),
        sa.Column("actual_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_s", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["evse_id"], ["evse.id"], name=op.f("fk_free_estimate_evse_id_evse")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_free_estimate_station_id_station")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_free_estimate")),
        sa.UniqueConstraint(
            "station_id",
            "connector_type",
            "slot",
            name=op.f("uq_free_estimate_station_id_connector_type_slot"),
        ),
    )
    op.create_index(
        "ix_free_estimate_station_id", "free_estimate", ["station_id", "actual_at"], unique=False
    )
    op.create_table(
        "later_start",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("rider_id", BIG, nullable=False),
        sa.Column("evse_id", BIG, nullable=False),
        sa.Column("offer", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name=op.f("fk_later_start_evse_id_evse")),
        sa.ForeignKeyConstraint(
            ["rider_id"], ["rider.id"], name=op.f("fk_later_start_rider_id_rider")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_later_start")),
        sa.UniqueConstraint("key", name=op.f("uq_later_start_key")),
    )
    op.create_index(
        "uq_later_start_evse_id",
        "later_start",
        ["evse_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "uq_later_start_rider_id",
        "later_start",
        ["rider_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "waiter",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("rider_id", BIG, nullable=False),
        sa.Column("station_id", BIG, nullable=False),
        sa.Column("connector_type", sa.String(length=24), nullable=False),
        sa.Column("rank", BIG, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("near", sa.Boolean(), nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("evse_id", BIG, nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reserve_id", BIG, nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name=op.f("fk_waiter_evse_id_evse")),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name=op.f("fk_waiter_rider_id_rider")),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_waiter_station_id_station")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiter")),
        sa.UniqueConstraint("key", name=op.f("uq_waiter_key")),
    )
    op.create_index(
        "ix_waiter_station_id",
        "waiter",
        ["station_id", "connector_type", "live", "rank"],
        unique=False,
    )
    op.create_index(
        "uq_waiter_held_evse",
        "waiter",
        ["evse_id"],
        unique=True,
        sqlite_where=sa.text("live AND evse_id IS NOT NULL"),
        postgresql_where=sa.text("live AND evse_id IS NOT NULL"),
    )
    op.create_index(
        "uq_waiter_live_rider",
        "waiter",
        ["rider_id"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_table(
        "power_share",
        sa.Column("session_id", BIG, nullable=False),
        sa.Column("station_id", BIG, nullable=False),
        sa.Column("evse_id", BIG, nullable=False),
        sa.Column("limit_w", sa.Integer(), nullable=False),
        sa.Column("sent_w", sa.Integer(), nullable=True),
        sa.Column("taken_w", sa.Integer(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("command_id", BIG, nullable=True),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name=op.f("fk_power_share_evse_id_evse")),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["charging_session.id"],
            name=op.f("fk_power_share_session_id_charging_session"),
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_power_share_station_id_station")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_power_share")),
    )
    op.create_index(op.f("ix_power_share_station_id"), "power_share", ["station_id"], unique=False)
    op.create_table(
        "queue_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("waiter_id", BIG, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=24), nullable=False),
        sa.Column("evse_id", BIG, nullable=True),
        sa.Column("staff_id", BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["waiter_id"], ["waiter.id"], name=op.f("fk_queue_event_waiter_id_waiter")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_event")),
    )
    op.create_index(op.f("ix_queue_event_waiter_id"), "queue_event", ["waiter_id"], unique=False)
    op.add_column("station", sa.Column("power_cap_w", sa.Integer(), nullable=True))


def downgrade() -> None:

    op.drop_column("station", "power_cap_w")
    op.drop_index(op.f("ix_queue_event_waiter_id"), table_name="queue_event")
    op.drop_table("queue_event")
    op.drop_index(op.f("ix_power_share_station_id"), table_name="power_share")
    op.drop_table("power_share")
    op.drop_index(
        "uq_waiter_live_rider",
        table_name="waiter",
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.drop_index(
        "uq_waiter_held_evse",
        table_name="waiter",
        sqlite_where=sa.text("live AND evse_id IS NOT NULL"),
        postgresql_where=sa.text("live AND evse_id IS NOT NULL"),
    )
    op.drop_index("ix_waiter_station_id", table_name="waiter")
    op.drop_table("waiter")
    op.drop_index(
        "uq_later_start_rider_id",
        table_name="later_start",
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_index(
        "uq_later_start_evse_id",
        table_name="later_start",
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_table("later_start")
    op.drop_index("ix_free_estimate_station_id", table_name="free_estimate")
    op.drop_table("free_estimate")
    op.drop_index(op.f("ix_blocked_bay_evse_id"), table_name="blocked_bay")
    op.drop_table("blocked_bay")
    op.drop_table("hour_forecast")
    op.drop_table("habit")
