"""Where a job comes from, which order keeps a pile out, faults of a socket, results by code."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0024"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("job", sa.Column("source", sa.String(8), nullable=False, server_default="staff"))
    op.add_column(
        "support_case",
        sa.Column("result_code", sa.String(16), nullable=False, server_default=""),
    )
    op.add_column("evse", sa.Column("faults", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("pile", sa.Column("out_action_id", _BIG, nullable=True))
    op.execute(  # piles that staff keep out as this is installed stay out, too
        "UPDATE pile SET out_action_id = (SELECT max(a.id) FROM staff_action a "
        "WHERE a.pile_id = pile.id AND a.kind = 'out_of_service' "
        "AND a.state NOT IN ('waiting', 'refused')) WHERE NOT in_service"
    )


def downgrade() -> None:
    op.drop_column("pile", "out_action_id")
    op.drop_column("evse", "faults")
    op.drop_column("support_case", "result_code")
    op.drop_column("job", "source")
