"""Sockets on the watch-list, targets beside the limits of promises, tests of meters judged anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "socket_watch",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("open_key", sa.String(length=24), nullable=True),
        sa.Column("evse_id", _BIG, nullable=False),
        sa.Column("job_id", _BIG, nullable=True),
        sa.Column("at", _AT, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.Column("ended_by", _BIG, nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_socket_watch_evse_id_evse"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_socket_watch_job_id_job"),
        sa.ForeignKeyConstraint(["ended_by"], ["staff.id"], name="fk_socket_watch_ended_by_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_socket_watch"),
        sa.UniqueConstraint("open_key", name="uq_socket_watch_open_key"),
    )
    op.create_index("ix_socket_watch_evse_id", "socket_watch", ["evse_id"])
    op.add_column("clock", sa.Column("target_s", sa.Integer(), nullable=True))
    op.add_column("clock_policy", sa.Column("target_s", sa.Integer(), nullable=True))
    # A meter that is off by more than 1 % is no good test, whatever was owed for the charge.
    op.execute(
        "UPDATE meter_check SET state = 'tested' WHERE state = 'fair' "
        "AND abs(shown_wh - true_wh) * 100 > true_wh"
    )


def downgrade() -> None:
    op.drop_column("clock_policy", "target_s")
    op.drop_column("clock", "target_s")
    op.drop_index("ix_socket_watch_evse_id", "socket_watch")
    op.drop_table("socket_watch")
