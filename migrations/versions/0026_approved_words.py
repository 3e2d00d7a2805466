"""Canned replies have versions, and managers approve them for danger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0030"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("canned_reply") as table:
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("approved_version", sa.Integer(), nullable=True))
        table.add_column(sa.Column("approved_by", _BIG, nullable=True))
        table.add_column(sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
        table.create_foreign_key(
            "fk_canned_reply_approved_by_staff", "staff", ["approved_by"], ["id"]
        )
    with op.batch_alter_table("canned_reply") as table:
        table.alter_column("version", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("canned_reply") as table:
        table.drop_constraint("fk_canned_reply_approved_by_staff", type_="foreignkey")
        for name in ("approved_at", "approved_by", "approved_version", "version"):
            table.drop_column(name)
