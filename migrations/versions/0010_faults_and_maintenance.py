"""Jobs for technicians."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("open_key", sa.String(length=120), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("pile_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", _BIG, nullable=True),
        sa.Column("case_id", _BIG, nullable=True),
        sa.Column("fault_code", sa.String(length=60), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("planned_at", _AT, nullable=True),
        sa.Column("offered_to", _BIG, nullable=True),
        sa.Column("offered_until", _AT, nullable=True),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("passed", sa.JSON(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("technician_id", _BIG, nullable=True),
        sa.Column("accepted_at", _AT, nullable=True),
        sa.Column("on_way_at", _AT, nullable=True),
        sa.Column("arrived_at", _AT, nullable=True),
        sa.Column("arrived_m", sa.Integer(), nullable=True),
        sa.Column("done_at", _AT, nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["pile_id"], ["pile.id"], name="fk_job_pile_id_pile"),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_job_evse_id_evse"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["support_case.id"], name="fk_job_case_id_support_case"
        ),
        sa.ForeignKeyConstraint(["offered_to"], ["staff.id"], name="fk_job_offered_to_staff"),
        sa.ForeignKeyConstraint(["technician_id"], ["staff.id"], name="fk_job_technician_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("key", name="uq_job_key"),
        sa.UniqueConstraint("open_key", name="uq_job_open_key"),
    )
    for column in ("state", "pile_id", "case_id", "offered_to", "technician_id"):
        op.create_index(f"ix_job_{column}", "job", [column])
    op.create_index("ix_job_technician_id_state", "job", ["technician_id", "state"])
    op.create_table(
        "job_entry",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("job_id", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("staff_id", _BIG, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("media_id", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_entry_job_id_job"),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_job_entry_staff_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_job_entry"),
    )
    op.create_index("ix_job_entry_job_id", "job_entry", ["job_id"])


def downgrade() -> None:
    op.drop_table("job_entry")
    op.drop_table("job")
