"""Photos of a job tell whether they show how it was or how it became."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_entry", sa.Column("shows", sa.String(8), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("job_entry", "shows")
