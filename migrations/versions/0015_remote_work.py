"""Remote work at piles, changes that two people make, the end of an outage, answers by mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "outage_rider",
        sa.Column("outage_id", _BIG, nullable=False),
        sa.Column("rider_id", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["outage_id"], ["outage.id"], name="fk_outage_rider_outage_id_outage"
        ),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name="fk_outage_rider_rider_id_rider"),
        sa.PrimaryKeyConstraint("outage_id", "rider_id", name="pk_outage_rider"),
    )
    op.create_table(
        "firmware",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("model", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("staff_id", _BIG, nullable=True),
        sa.Column("withdrawn_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_firmware_staff_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_firmware"),
        sa.UniqueConstraint("model", "version", name="uq_firmware_model_version"),
    )
    op.create_table(
        "policy_change",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("open_key", sa.String(length=120), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("valid_from", _AT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", _BIG, nullable=False),
        sa.Column("asked_at", _AT, nullable=False),
        sa.Column("decided_by", _BIG, nullable=True),
        sa.Column("decided_at", _AT, nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("applied_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name="fk_policy_change_asked_by_staff"),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["staff.id"], name="fk_policy_change_decided_by_staff"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_policy_change"),
        sa.UniqueConstraint("key", name="uq_policy_change_key"),
        sa.UniqueConstraint("open_key", name="uq_policy_change_open_key"),
    )
    op.create_index("ix_policy_change_state", "policy_change", ["state"])
    op.create_table(
        "rollout",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("firmware_id", _BIG, nullable=False),
        sa.Column("open_key", sa.String(length=80), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("confirmed_by", _BIG, nullable=True),
        sa.Column("confirmed_at", _AT, nullable=True),
        sa.Column("ended_at", _AT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], name="fk_rollout_asked_by_staff"),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["staff.id"], name="fk_rollout_confirmed_by_staff"
        ),
        sa.ForeignKeyConstraint(
            ["firmware_id"], ["firmware.id"], name="fk_rollout_firmware_id_firmware"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_rollout"),
        sa.UniqueConstraint("open_key", name="uq_rollout_open_key"),
    )
    op.create_table(
        "pile_variable",
        sa.Column("pile_id", sa.String(length=48), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("read_at", _AT, nullable=True),
        sa.Column("previous", sa.String(length=200), nullable=True),
        sa.Column("changed_at", _AT, nullable=True),
        sa.Column("changed_by", _BIG, nullable=True),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["staff.id"], name="fk_pile_variable_changed_by_staff"
        ),
        sa.ForeignKeyConstraint(["pile_id"], ["pile.id"], name="fk_pile_variable_pile_id_pile"),
        sa.PrimaryKeyConstraint("pile_id", "name", name="pk_pile_variable"),
    )
    op.create_table(
        "firmware_update",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("firmware_id", _BIG, nullable=False),
        sa.Column("pile_id", sa.String(length=48), nullable=False),
        sa.Column("rollout_id", _BIG, nullable=True),
        sa.Column("action_id", _BIG, nullable=True),
        sa.Column("before", sa.String(length=50), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("state_at", _AT, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["staff_action.id"], name="fk_firmware_update_action_id_staff_action"
        ),
        sa.ForeignKeyConstraint(
            ["firmware_id"], ["firmware.id"], name="fk_firmware_update_firmware_id_firmware"
        ),
        sa.ForeignKeyConstraint(["pile_id"], ["pile.id"], name="fk_firmware_update_pile_id_pile"),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollout.id"], name="fk_firmware_update_rollout_id_rollout"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_firmware_update"),
        sa.UniqueConstraint("action_id", name="uq_firmware_update_action_id"),
        sa.UniqueConstraint("rollout_id", "pile_id", name="uq_firmware_update_rollout_id_pile_id"),
    )
    op.create_index("ix_firmware_update_pile_id", "firmware_update", ["pile_id", "id"])
    op.create_index("ix_firmware_update_rollout_id", "firmware_update", ["rollout_id"])
    op.create_table(
        "pile_log",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("pile_id", sa.String(length=48), nullable=False),
        sa.Column("action_id", _BIG, nullable=False),
        sa.Column("log_type", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("asked_at", _AT, nullable=False),
        sa.Column("state_at", _AT, nullable=False),
        sa.Column("expires_at", _AT, nullable=False),
        sa.Column("used_at", _AT, nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("media_id", _BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["action_id"], ["staff_action.id"], name="fk_pile_log_action_id_staff_action"
        ),
        sa.ForeignKeyConstraint(["pile_id"], ["pile.id"], name="fk_pile_log_pile_id_pile"),
        sa.PrimaryKeyConstraint("id", name="pk_pile_log"),
        sa.UniqueConstraint("action_id", name="uq_pile_log_action_id"),
    )
    op.create_index("ix_pile_log_pile_id", "pile_log", ["pile_id"])
    with op.batch_alter_table("support_case") as table:
        table.add_column(sa.Column("lang", sa.String(8), nullable=False, server_default=""))
    with op.batch_alter_table("support_case") as table:
        table.alter_column(
            "lang", existing_type=sa.String(8), existing_nullable=False, server_default=None
        )
    with op.batch_alter_table("evse") as table:
        table.add_column(
            sa.Column("in_service", sa.Boolean(), nullable=False, server_default=sa.true())
        )
    with op.batch_alter_table("evse") as table:
        table.alter_column(
            "in_service", existing_type=sa.Boolean(), existing_nullable=False, server_default=None
        )


def downgrade() -> None:
    with op.batch_alter_table("evse") as table:
        table.drop_column("in_service")
    with op.batch_alter_table("support_case") as table:
        table.drop_column("lang")
    for name in (
        "pile_log", "firmware_update", "pile_variable", "rollout", "policy_change", "firmware",
        "outage_rider",
    ):  # fmt: skip
        op.drop_table(name)
