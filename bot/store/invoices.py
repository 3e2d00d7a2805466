"""Legal entities, what riders want printed as buyers, and invoices that never change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, ForeignKey, Index, String, event
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.base import Base, BigId


class LegalEntity(Base):
    """Who sells: each has number series of its own, and stations belong to one."""

    __tablename__ = "legal_entity"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    address: Mapped[str] = mapped_column(String(200))
    country: Mapped[str] = mapped_column(String(2))
    tax_id: Mapped[str] = mapped_column(String(24), default="")
    contact: Mapped[str] = mapped_column(String(120), default="")
    prefix: Mapped[str] = mapped_column(String(12), unique=True)  # of its invoice numbers
    simplified_limit_minor: Mapped[int | None]  # None: the rule of bot/domain/invoices.py
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Buyer(Base):
    """How a rider's invoices are made out; kept until they change or erase it."""

    __tablename__ = "buyer"

    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), primary_key=True)
    business: Mapped[bool]
    name: Mapped[str] = mapped_column(String(120))
    address: Mapped[str] = mapped_column(String(240), default="")
    tax_id: Mapped[str] = mapped_column(String(24), default="")
    tax_country: Mapped[str | None] = mapped_column(String(2))  # None: its form was not checked
    updated_at: Mapped[datetime]


class Invoice(Base):
    """An invoice or a credit note: written once. `body` is bot/domain/invoices.py's Paper."""

    __tablename__ = "invoice"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)  # what called for it
    kind: Mapped[str] = mapped_column(String(12))  # "invoice" | "credit_note"
    entity_id: Mapped[int] = mapped_column(ForeignKey("legal_entity.id"))
    rider_id: Mapped[int] = mapped_column(ForeignKey("rider.id"), index=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)  # gap-free per entity and kind
    created_at: Mapped[datetime]
    currency: Mapped[str] = mapped_column(String(3))
    net_minor: Mapped[int]
    tax_minor: Mapped[int]
    gross_minor: Mapped[int]
    buyer: Mapped[str] = mapped_column(String(120), default="")  # its name, to be searched
    refers_to: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"), index=True)
    lang: Mapped[str] = mapped_column(String(8))
    body: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_invoice_created_at", "created_at", "id"),)


class InvoiceFile(Base):
    """The document as it was first made: every later copy is the same."""

    __tablename__ = "invoice_file"

    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), primary_key=True)
    data: Mapped[bytes]
    created_at: Mapped[datetime]


class InvoicedOrder(Base):
    """An order ("session:12", "plan:3") and the one invoice it is on."""

    __tablename__ = "invoiced_order"

    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id"), index=True)


class ReceiptWatch(Base):
    """How long a bill took to reach its rider; bot/domain/late_bills.py."""

    __tablename__ = "receipt_watch"

    bill_id: Mapped[int] = mapped_column(ForeignKey("bill.id"), primary_key=True)
    stopped_at: Mapped[datetime]
    billed_at: Mapped[datetime] = mapped_column(index=True)
    heard_at: Mapped[datetime | None]  # when the pile's stop record reached us
    accepted_at: Mapped[datetime | None]  # by the channel
    late_at: Mapped[datetime | None] = mapped_column(index=True)  # accepted, but too late


# The database itself refuses to change an invoice; migrations carry the same statements.
INVOICE_GUARD_SQLITE = tuple(
    f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, 'an invoice cannot be changed'); END"
    for table in ("invoice", "invoice_file")
    for what in ("UPDATE", "DELETE")
)
INVOICE_GUARD_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION invoice_is_final() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'an invoice cannot be changed'; END $$",
    *(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION invoice_is_final()"
        for table in ("invoice", "invoice_file")
    ),
)
for _table in (Invoice, InvoiceFile):
    for _dialect, _statements in (
        ("sqlite", INVOICE_GUARD_SQLITE),
        ("postgresql", INVOICE_GUARD_POSTGRESQL),
    ):
        for _statement in _statements:
            if (
                f" ON {_table.__tablename__} " in _statement
                or "FUNCTION invoice" in _statement[:40]
            ):
                _guard = DDL(_statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy's
                event.listen(_table.__table__, "after_create", _guard.execute_if(dialect=_dialect))
