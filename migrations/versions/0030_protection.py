"""A cap of power for a socket, and certificates that end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0022"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("evse", sa.Column("power_cap_w", sa.Integer(), nullable=True))
    op.create_table(
        "certificate",
        sa.Column("id", _BIG, primary_key=True),
        sa.Column("station_id", _BIG, sa.ForeignKey("station.id"), nullable=False),
        sa.Column("pile_id", sa.String(48), sa.ForeignKey("pile.id")),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reference", sa.String(120), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("media_id", _BIG, sa.ForeignKey("media.id")),
        sa.Column("added_by", _BIG, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("added_at", _AT, nullable=False),
        sa.Column("ended_by", _BIG, sa.ForeignKey("staff.id")),
        sa.Column("ended_at", _AT),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("ix_certificate_station_id", "certificate", ["station_id"])
    op.create_index("ix_certificate_pile_id", "certificate", ["pile_id"])


def downgrade() -> None:
    op.drop_table("certificate")
    op.drop_column("evse", "power_cap_w")
