"""What sockets measure, alarms of limits, limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "evse_sample",
        sa.Column("evse_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("minute", _AT, nullable=False),
        sa.Column("low", _BIG, nullable=False),
        sa.Column("high", _BIG, nullable=False),
        sa.Column("last", _BIG, nullable=False),
        sa.Column("last_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_evse_sample_evse_id_evse"),
        sa.PrimaryKeyConstraint("evse_id", "kind", "minute", name="pk_evse_sample"),
    )
    op.create_index("ix_evse_sample_minute", "evse_sample", ["minute"])
    op.create_table(
        "sensor_alarm",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("evse_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("value", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("cleared_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_sensor_alarm_evse_id_evse"),
        sa.PrimaryKeyConstraint("id", name="pk_sensor_alarm"),
    )
    op.create_index("ix_sensor_alarm_evse_id", "sensor_alarm", ["evse_id"])
    op.create_index(
        "uq_sensor_alarm_open",
        "sensor_alarm",
        ["evse_id", "kind"],
        unique=True,
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "sensor_limit",
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("warn_low", _BIG, nullable=True),
        sa.Column("warn_high", _BIG, nullable=True),
        sa.Column("stop_high", _BIG, nullable=True),
        sa.Column("updated_at", _AT, nullable=False),
        sa.Column("updated_by", _BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["updated_by"], ["staff.id"], name="fk_sensor_limit_updated_by_staff"
        ),
        sa.PrimaryKeyConstraint("model", "kind", name="pk_sensor_limit"),
    )


def downgrade() -> None:
    op.drop_table("sensor_limit")
    op.drop_table("sensor_alarm")
    op.drop_table("evse_sample")
