"""The register of invoices, receipts that came late, and the legal entities that sell."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

from flask import Response, abort, flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import shown_text
from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.gateways.invoices import Invoices
from bot.services import audit, entities, invoices, receipt_watch
from bot.store.database import UnitOfWork
from bot.store.invoices import Invoice, LegalEntity
from bot.store.stations import Station

EXPORTED: Final = 10_000
_FIELDS: Final = (*entities.LONGEST, "prefix", "simplified_limit")


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /invoices and /entities."""

    @routes.page("/invoices", right="invoice.read")
    def page() -> Any:
        words, before = request.args.get("q", "")[:80], request.args.get("before", "")
        known = int(before) if before.isdecimal() and len(before) < 19 else None
        with console.store.read() as work:
            rows, more = invoices.register(work, words=words, before=known)
            shown = [_row(work, each) for each in rows]
            waiting = receipt_watch.waiting(work)
        return console.page(
            "invoices", rows=shown, words=words, waiting=waiting,
            first_page=url_for("console.invoices_page", q=words) if known else None,
            next_page=url_for("console.invoices_page", q=words, before=more) if more else None,
        )  # fmt: skip

    @routes.page("/invoices/count", right="invoice.read")
    def count() -> Any:
        """Riders who wait for a late receipt: the alarm of the clock "bill"."""
        with console.store.read() as work:
            return str(receipt_watch.alarms(work) or "")

    @routes.page("/invoices/<int:invoice_id>/pdf", right="invoice.read")
    def pdf(invoice_id: int) -> Any:
        with console.store.begin() as work:
            if work.session.get(Invoice, invoice_id) is None:
                abort(404)
            audit.record(work, console.me().actor(), "invoice_read", f"invoice:{invoice_id}")
        data, name, _ = Invoices(console.store, console.settings.brand)(invoice_id, "en")
        place = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(data, mimetype="application/pdf", headers=place)

    @routes.action("/invoices/export", right="invoice.read")
    def export() -> Any:
        me, words = console.me(), request.form.get("q", "")[:80]
        if not console.fresh_factor(me):
            return redirect(url_for("console.invoices_page", q=words), 303)
        with console.store.begin() as work:
            rows, _ = invoices.register(work, words=words, limit=EXPORTED)
            text = _csv(rows)
            audit.record(work, me.actor(), "invoices_export", after={"rows": len(rows)})
            name = f"invoices-{work.now:%Y%m%d-%H%M}.csv"
        place = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response("\ufeff" + text, mimetype="text/csv", headers=place)

    @routes.page("/invoices/late", right="invoice.read")
    def late() -> Any:
        with console.store.read() as work:
            now = work.now
            rows = [
                (bill, rider_id, row, receipt_watch.times(row).delta_s(now),
                 receipt_watch.times(row).silent_s(), receipt_watch.times(row).counted_s(now))
                for row, bill, rider_id in receipt_watch.late(work)
            ]  # fmt: skip
        return console.page("invoices_late", rows=rows)

    @routes.page("/entities", right="invoice.read")
    def entity_list() -> Any:
        with console.store.read() as work:
            rows = entities.every(work)
        return console.page("entities", rows=rows)

    @routes.page("/entities/new", right="entity.edit")
    def entity_new() -> Any:
        return _form(console, None, dict.fromkeys(_FIELDS, ""))

    @routes.page("/entities/<int:entity_id>", right="entity.edit")
    def entity_edit(entity_id: int) -> Any:
        with console.store.read() as work:
            entity = work.session.get(LegalEntity, entity_id) or abort(404)
        limit = entity.simplified_limit_minor
        given = {name: getattr(entity, name) for name in (*entities.LONGEST, "prefix")}
        given["simplified_limit"] = "" if limit is None else str(limit // 100)
        return _form(console, entity_id, given)

    @routes.action("/entities/save", right="entity.edit")
    def entity_save() -> Any:
        given = {name: request.form.get(name, "") for name in _FIELDS}
        raw = request.form.get("id", "")
        entity_id = int(raw) if raw.isdecimal() and len(raw) < 19 else None
        picked = request.form.getlist("station")
        chosen = [int(each) for each in picked if each.isdecimal() and len(each) < 19]
        try:
            with console.store.begin() as work:
                actor = console.me().actor()
                entity = entities.save(work, actor, entity_id, given)
                entities.give_stations(work, actor, entity.id, chosen)
        except entities.NotPossible as error:
            return _form(console, entity_id, given, str(error))
        flash("Saved. Documents made before stay as they are.", "good")
        return redirect(url_for("console.invoices_entity_list"), 303)


def _form(console: Console, entity_id: int | None, given: dict[str, str], problem: str = "") -> Any:
    with console.store.read() as work:
        stations = work.session.scalars(select(Station).order_by(Station.name)).all()
    return console.page(
        "entity", 422 if problem else 200,
        entity_id=entity_id, given=given, stations=stations, problem=problem,
        longest=entities.LONGEST,
    )  # fmt: skip


def _row(work: UnitOfWork, each: Invoice) -> dict[str, Any]:
    old = work.session.get(Invoice, each.refers_to) if each.refers_to else None
    return {
        "id": each.id, "number": each.number, "credit": each.kind == "credit_note",
        "at": each.created_at, "buyer": shown_text(each.buyer), "rider": each.rider_id,
        "form": each.body["form"], "seller": each.body["seller"]["name"],
        "net": plain(Money(each.net_minor, each.currency)),
        "tax": plain(Money(each.tax_minor, each.currency)),
        "gross": plain(Money(each.gross_minor, each.currency)),
        "refers": old.number if old is not None else "",
    }  # fmt: skip


def _csv(rows: Any) -> str:
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow(["number", "kind", "issued_utc", "seller", "buyer", "rider", "currency", "net",
                    "tax", "gross"])  # fmt: skip
    for each in rows:
        buyer = shown_text(each.buyer)
        safe = f"'{buyer}" if buyer[:1] in "=+-@\t\r" else buyer  # no formula in a spreadsheet
        sums = (Money(each.net_minor, each.currency), Money(each.tax_minor, each.currency),
                Money(each.gross_minor, each.currency))  # fmt: skip
        write.writerow([
            each.number, each.kind, each.created_at.isoformat(), each.body["seller"]["name"], safe,
            each.rider_id, each.currency, *(str(money.major()) for money in sums),
        ])  # fmt: skip
    return out.getvalue()
