"""Counters of wear, predictions and their outcomes; the maintenance calendar; stale statuses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "visit_plan",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("every_days", sa.Integer(), nullable=True),
        sa.Column("every_cycles", sa.Integer(), nullable=True),
        sa.Column("at_minute", sa.Integer(), nullable=False),
        sa.Column("length_min", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("made_by", _BIG, nullable=False),
        sa.Column("made_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name="fk_visit_plan_made_by_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_visit_plan"),
    )
    op.create_table(
        "visit",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("pile_id", sa.String(length=48), nullable=False),
        sa.Column("plan_id", _BIG, nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("starts_at", _AT, nullable=False),
        sa.Column("ends_at", _AT, nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("made_by", _BIG, nullable=True),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("changed_by", _BIG, nullable=True),
        sa.Column("changed_at", _AT, nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("job_id", _BIG, nullable=True),
        sa.Column("took_out", sa.Boolean(), nullable=False),
        sa.Column("began_at", _AT, nullable=True),
        sa.Column("over_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["pile_id"], ["pile.id"], name="fk_visit_pile_id_pile"),
        sa.ForeignKeyConstraint(["plan_id"], ["visit_plan.id"], name="fk_visit_plan_id_visit_plan"),
        sa.ForeignKeyConstraint(["made_by"], ["staff.id"], name="fk_visit_made_by_staff"),
        sa.ForeignKeyConstraint(["changed_by"], ["staff.id"], name="fk_visit_changed_by_staff"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_visit_job_id_job"),
        sa.PrimaryKeyConstraint("id", name="pk_visit"),
        sa.UniqueConstraint("key", name="uq_visit_key"),
    )
    op.create_index("ix_visit_job_id", "visit", ["job_id"])
    op.create_index("ix_visit_pile_id", "visit", ["pile_id", "starts_at"])
    op.create_index("ix_visit_plan_id", "visit", ["plan_id"])
    op.create_index("ix_visit_state", "visit", ["state"])
    op.create_table(
        "stale_status",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("open_key", sa.String(length=24), nullable=True),
        sa.Column("evse_id", _BIG, nullable=False),
        sa.Column("heard_at", _AT, nullable=True),
        sa.Column("at", _AT, nullable=False),
        sa.Column("told_at", _AT, nullable=True),
        sa.Column("over_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_stale_status_evse_id_evse"),
        sa.PrimaryKeyConstraint("id", name="pk_stale_status"),
        sa.UniqueConstraint("open_key", name="uq_stale_status_open_key"),
    )
    op.create_index("ix_stale_status_evse_id", "stale_status", ["evse_id"])
    op.create_table(
        "evse_day",
        sa.Column("evse_id", _BIG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cycles", sa.Integer(), nullable=False),
        sa.Column("failed_starts", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("command_failures", sa.Integer(), nullable=False),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("offline", sa.Integer(), nullable=False),
        sa.Column("heat_min", sa.Integer(), nullable=False),
        sa.Column("rise_mk", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_evse_day_evse_id_evse"),
        sa.PrimaryKeyConstraint("evse_id", "day", name="pk_evse_day"),
    )
    op.create_index("ix_evse_day_day", "evse_day", ["day"])
    op.create_table(
        "evse_risk",
        sa.Column("evse_id", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("risk", sa.Integer(), nullable=False),
        sa.Column("signs", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_evse_risk_evse_id_evse"),
        sa.PrimaryKeyConstraint("evse_id", name="pk_evse_risk"),
    )
    op.create_index("ix_evse_risk_risk", "evse_risk", ["risk"])
    op.create_table(
        "prediction",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("open_key", sa.String(length=24), nullable=True),
        sa.Column("slot", sa.String(length=24), nullable=False),
        sa.Column("evse_id", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("risk", sa.Integer(), nullable=False),
        sa.Column("signs", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("from_at", _AT, nullable=False),
        sa.Column("until_at", _AT, nullable=False),
        sa.Column("job_id", _BIG, nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("outcome_at", _AT, nullable=True),
        sa.Column("told", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_prediction_evse_id_evse"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_prediction_job_id_job"),
        sa.PrimaryKeyConstraint("id", name="pk_prediction"),
        sa.UniqueConstraint("open_key", name="uq_prediction_open_key"),
        sa.UniqueConstraint("slot", name="uq_prediction_slot"),
    )
    op.create_index("ix_prediction_at", "prediction", ["at"])
    op.create_index("ix_prediction_evse_id", "prediction", ["evse_id"])
    op.create_index("ix_prediction_job_id", "prediction", ["job_id"])
    op.create_table(
        "fault_seen",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("job_id", _BIG, nullable=False),
        sa.Column("pile_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", _BIG, nullable=True),
        sa.Column("at", _AT, nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("prediction_id", _BIG, nullable=True),
        sa.Column("lead_s", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_fault_seen_job_id_job"),
        sa.ForeignKeyConstraint(["pile_id"], ["pile.id"], name="fk_fault_seen_pile_id_pile"),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_fault_seen_evse_id_evse"),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["prediction.id"], name="fk_fault_seen_prediction_id_prediction"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_fault_seen"),
        sa.UniqueConstraint("job_id", name="uq_fault_seen_job_id"),
    )
    op.create_index("ix_fault_seen_at", "fault_seen", ["at"])
    op.create_index("ix_fault_seen_pile_id", "fault_seen", ["pile_id", "at"])
    op.create_index("ix_fault_seen_prediction_id", "fault_seen", ["prediction_id"])
    op.create_table(
        "risk_model",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("examples", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("loss_before", sa.Double(), nullable=False),
        sa.Column("loss_after", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_risk_model"),
    )
    op.add_column("job", sa.Column("found_wear", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("job", "found_wear")
    op.drop_table("risk_model")
    op.drop_table("fault_seen")
    op.drop_table("prediction")
    op.drop_table("evse_risk")
    op.drop_table("evse_day")
    op.drop_table("stale_status")
    op.drop_table("visit")
    op.drop_table("visit_plan")
