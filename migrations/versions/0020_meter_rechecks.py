"""Charges that are rechecked because a later test of their meter failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("meter_check", sa.Column("recheck_of", _BIG, nullable=True))
    op.create_index("ix_meter_check_recheck_of", "meter_check", ["recheck_of"])


def downgrade() -> None:
    op.drop_index("ix_meter_check_recheck_of", "meter_check")
    op.drop_column("meter_check", "recheck_of")
