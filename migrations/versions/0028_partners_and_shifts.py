"""Who owns or runs a site, and when people of the staff are on shift."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0029"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "site_partner",
        sa.Column("station_id", _BIG, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=160), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("key_id", _BIG, nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["partner_key.id"], name=op.f("fk_site_partner_key_id_partner_key")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_site_partner_station_id_station")
        ),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_site_partner")),
    )
    op.create_table(
        "staff_shift",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("staff_id", _BIG, nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("begins_min", sa.Integer(), nullable=False),
        sa.Column("ends_min", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_shift_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_shift")),
        sa.UniqueConstraint("staff_id", "weekday", name=op.f("uq_staff_shift_staff_id_weekday")),
    )


def downgrade() -> None:
    op.drop_table("staff_shift")
    op.drop_table("site_partner")
