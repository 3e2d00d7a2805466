"""Invoices: who sells, who buys, documents that never change, and how long receipts take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Documents are final: the database itself refuses anything else.
_GUARD = {
    "sqlite": tuple(
        f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'an invoice cannot be changed'); END"
        for table in ("invoice", "invoice_file")
        for what in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION invoice_is_final() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'an invoice cannot be changed'; END $$",
        *(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION invoice_is_final()"
            for table in ("invoice", "invoice_file")
        ),
    ),
}


def upgrade() -> None:
    op.create_table(
        "legal_entity",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("tax_id", sa.String(length=24), nullable=False),
        sa.Column("contact", sa.String(length=120), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("simplified_limit_minor", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_entity")),
        sa.UniqueConstraint("prefix", name=op.f("uq_legal_entity_prefix")),
    )
    op.create_table(
        "buyer",
        sa.Column("rider_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("business", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=240), nullable=False),
        sa.Column("tax_id", sa.String(length=24), nullable=False),
        sa.Column("tax_country", sa.String(length=2), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name=op.f("fk_buyer_rider_id_rider")),
        sa.PrimaryKeyConstraint("rider_id", name=op.f("pk_buyer")),
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column(
            "entity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("rider_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("net_minor", sa.Integer(), nullable=False),
        sa.Column("tax_minor", sa.Integer(), nullable=False),
        sa.Column("gross_minor", sa.Integer(), nullable=False),
        sa.Column("buyer", sa.String(length=120), nullable=False),
        sa.Column("refers_to", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_id"], ["legal_entity.id"], name=op.f("fk_invoice_entity_id_legal_entity")
        ),
        sa.ForeignKeyConstraint(
            ["refers_to"], ["invoice.id"], name=op.f("fk_invoice_refers_to_invoice")
        ),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name=op.f("fk_invoice_rider_id_rider")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("key", name=op.f("uq_invoice_key")),
        sa.UniqueConstraint("number", name=op.f("uq_invoice_number")),
    )
    with op.batch_alter_table("invoice", schema=None) as batch_op:
        batch_op.create_index("ix_invoice_created_at", ["created_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_refers_to"), ["refers_to"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_rider_id"), ["rider_id"], unique=False)

    op.create_table(
        "invoice_file",
        sa.Column(
            "invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_file_invoice_id_invoice")
        ),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoice_file")),
    )
    op.create_table(
        "invoiced_order",
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column(
            "invoice_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_invoiced_order_invoice_id_invoice")
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_invoiced_order")),
    )
    with op.batch_alter_table("invoiced_order", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_invoiced_order_invoice_id"), ["invoice_id"], unique=False
        )

    op.create_table(
        "receipt_watch",
        sa.Column("bill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("billed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["bill_id"], ["bill.id"], name=op.f("fk_receipt_watch_bill_id_bill")
        ),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_receipt_watch")),
    )
    with op.batch_alter_table("receipt_watch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipt_watch_late_at"), ["late_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_receipt_watch_billed_at"), ["billed_at"], unique=False)

    _station_column()
    for statement in _GUARD[op.get_bind().dialect.name]:
        op.execute(statement)


def _station_column() -> None:
    """SQLite would copy the table to add a constraint, and lose what hangs on its rows."""
    name = "fk_station_legal_entity_id_legal_entity"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"ALTER TABLE station ADD COLUMN legal_entity_id INTEGER CONSTRAINT {name} "
            "REFERENCES legal_entity (id)"
        )
        return
    op.add_column("station", sa.Column("legal_entity_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(name, "station", "legal_entity", ["legal_entity_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("station", schema=None) as batch_op:
        batch_op.drop_constraint("fk_station_legal_entity_id_legal_entity", type_="foreignkey")
        batch_op.drop_column("legal_entity_id")

    with op.batch_alter_table("receipt_watch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_receipt_watch_billed_at"))
        batch_op.drop_index(batch_op.f("ix_receipt_watch_late_at"))

    op.drop_table("receipt_watch")
    with op.batch_alter_table("invoiced_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invoiced_order_invoice_id"))

    op.drop_table("invoiced_order")
    op.drop_table("invoice_file")
    with op.batch_alter_table("invoice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invoice_rider_id"))
        batch_op.drop_index(batch_op.f("ix_invoice_refers_to"))
        batch_op.drop_index("ix_invoice_created_at")

    op.drop_table("invoice")
    op.drop_table("buyer")
    op.drop_table("legal_entity")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION invoice_is_final")
