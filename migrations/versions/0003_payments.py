"""Payments of more than sessions: what each is for, how it is paid and what the rider reads."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NOTE = "Held on your card. You pay only for what you charge; the rest is released."
_DEBT_NOTE = "Payment of bill {number} for your charge at {evse}."

_HOLD = sa.table(
    "hold",
    sa.column("id", sa.BigInteger),
    sa.column("subject", sa.String),
    sa.column("session_id", sa.BigInteger),
    sa.column("purpose", sa.String),
    sa.column("about", sa.JSON),
    sa.column("captures", sa.Integer),
)


def upgrade() -> None:
    with op.batch_alter_table("hold") as table:
        table.add_column(sa.Column("subject", sa.String(40), nullable=True))
        table.add_column(
            sa.Column("method", sa.String(8), nullable=False, server_default=sa.text("'card'"))
        )
        table.add_column(sa.Column("about", sa.JSON(), nullable=True))
        table.add_column(
            sa.Column("captures", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
    _fill()
    with op.batch_alter_table("hold") as table:
        table.alter_column("subject", existing_type=sa.String(40), nullable=False)
        table.alter_column("about", existing_type=sa.JSON(), nullable=False)
        table.alter_column(
            "method", existing_type=sa.String(8), existing_nullable=False, server_default=None
        )
        table.alter_column(
            "captures", existing_type=sa.Integer(), existing_nullable=False, server_default=None
        )
        table.alter_column("session_id", existing_type=sa.BigInteger(), nullable=True)
        table.drop_constraint("uq_hold_session_id_seq", type_="unique")
        table.create_unique_constraint("uq_hold_subject_seq", ["subject", "seq"])
        table.create_index("ix_hold_rider_id", ["rider_id"])


def _fill() -> None:
    """Until now every payment was a session's, and its words were made when they were needed."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT hold.id, hold.session_id, hold.purpose, evse.code, bill.number,"
            " charging_session.facts FROM hold"
            " JOIN charging_session ON charging_session.id = hold.session_id"
            " JOIN evse ON evse.id = charging_session.evse_id"
            " LEFT JOIN bill ON bill.session_id = hold.session_id"
        )
    ).all()
    for hold_id, session_id, purpose, code, number, facts in rows:
        known = json.loads(facts) if isinstance(facts, str) else facts
        title, note = _say("{text}", {"text": code}), _say(_NOTE, {})
        if purpose == "debt":
            title = _say("{text}", {"text": number or code})
            note = _say(_DEBT_NOTE, {"number": number or "", "evse": code})
        connection.execute(
            _HOLD.update()
            .where(_HOLD.c.id == hold_id)
            .values(
                subject=f"session:{session_id}",
                about={"title": title, "note": note},
                captures=int(known.get("captures", 0)),
            )
        )


def _say(text: str, values: dict[str, str]) -> dict[str, Any]:
    return {"_": "Say", "text": text, "values": values}


def downgrade() -> None:
    others = "SELECT id FROM hold WHERE session_id IS NULL"
    op.execute(sa.text(f"DELETE FROM refund WHERE hold_id IN ({others})"))  # noqa: S608 - ours
    op.execute(sa.text("DELETE FROM hold WHERE session_id IS NULL"))
    with op.batch_alter_table("hold") as table:
        table.drop_index("ix_hold_rider_id")
        table.drop_constraint("uq_hold_subject_seq", type_="unique")
        table.create_unique_constraint("uq_hold_session_id_seq", ["session_id", "seq"])
        table.alter_column("session_id", existing_type=sa.BigInteger(), nullable=False)
        for name in ("captures", "about", "method", "subject"):
            table.drop_column(name)
