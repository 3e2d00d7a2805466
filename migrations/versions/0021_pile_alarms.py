"""What was wrong with sockets and piles, from beginning to end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "pile_alarm",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("open_key", sa.String(length=160), nullable=True),
        sa.Column("pile_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", _BIG, nullable=True),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("about", sa.String(length=110), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("cleared_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["evse_id"], ["evse.id"], name="fk_pile_alarm_evse_id_evse"),
        sa.ForeignKeyConstraint(["pile_id"], ["pile.id"], name="fk_pile_alarm_pile_id_pile"),
        sa.PrimaryKeyConstraint("id", name="pk_pile_alarm"),
        sa.UniqueConstraint("open_key", name="uq_pile_alarm_open_key"),
    )
    op.create_index("ix_pile_alarm_evse_id", "pile_alarm", ["evse_id"])
    op.create_index("ix_pile_alarm_pile_id", "pile_alarm", ["pile_id"])


def downgrade() -> None:
    op.drop_table("pile_alarm")
