"""Units of plans that come back, the one grace of a coupon, when a pile's stop record arrived."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("plan_use") as batch:
        batch.add_column(sa.Column("key", sa.String(length=80), nullable=True))
    op.execute("UPDATE plan_use SET key = 'used:' || session_id")
    with op.batch_alter_table("plan_use") as batch:
        batch.alter_column("key", existing_type=sa.String(length=80), nullable=False)
        batch.drop_constraint("uq_plan_use_session_id", type_="unique")
        batch.create_unique_constraint("uq_plan_use_key", ["key"])
        batch.create_index("ix_plan_use_session_id", ["session_id"])
    with op.batch_alter_table("coupon") as batch:
        batch.add_column(sa.Column("graced_at", _AT, nullable=True))
    with op.batch_alter_table("receipt_watch") as batch:
        batch.add_column(sa.Column("heard_at", _AT, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("receipt_watch") as batch:
        batch.drop_column("heard_at")
    with op.batch_alter_table("coupon") as batch:
        batch.drop_column("graced_at")
    op.execute("DELETE FROM plan_use WHERE key <> 'used:' || session_id")
    with op.batch_alter_table("plan_use") as batch:
        batch.drop_index("ix_plan_use_session_id")
        batch.drop_constraint("uq_plan_use_key", type_="unique")
        batch.create_unique_constraint("uq_plan_use_session_id", ["session_id"])
        batch.drop_column("key")
