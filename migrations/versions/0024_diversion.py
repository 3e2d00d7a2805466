"""Alternatives that were offered to riders at piles which do not work, and whether they went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0028"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "diversion",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("rider_id", _BIG, nullable=False),
        sa.Column("pile_id", sa.String(48), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("stations", sa.JSON(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_by", sa.String(8), nullable=False),
        sa.Column("taken_evse_id", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name="fk_diversion_rider_id_rider"),
        sa.ForeignKeyConstraint(["pile_id"], ["pile.id"], name="fk_diversion_pile_id_pile"),
        sa.ForeignKeyConstraint(
            ["taken_evse_id"], ["evse.id"], name="fk_diversion_taken_evse_id_evse"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_diversion"),
        sa.UniqueConstraint("key", name="uq_diversion_key"),
    )
    op.create_index("ix_diversion_rider_id", "diversion", ["rider_id", "at"])
    op.create_index("ix_diversion_pile_id", "diversion", ["pile_id", "at"])


def downgrade() -> None:
    op.drop_table("diversion")
