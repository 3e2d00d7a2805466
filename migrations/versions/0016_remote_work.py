"""Remote work at piles, changes that two people make, the end of an outage, answers by mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
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


def downgrade() -> None:
    op.drop_table("outage_rider")
