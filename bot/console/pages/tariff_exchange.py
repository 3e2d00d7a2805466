"""Tariffs as OCPI files: a version to download, a document to propose."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, abort, flash, redirect, request, url_for

from bot.console import tariff_words
from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.ocpi_tariffs import OcpiError
from bot.services import tariff_exchange
from bot.services.tariff_changes import NotPossible
from bot.store.database import UnitOfWork
from bot.store.stations import Tariff


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /tariffs/<id>/export and …/import."""

    @routes.page("/tariffs/<int:tariff_id>/export", right="tariff.read")
    def export_page(tariff_id: int) -> Any:
        version = request.args.get("version", type=int)
        with console.store.read() as work:
            tariff = _found(work, tariff_id)
            try:
                text = tariff_exchange.document(work, console.settings, tariff, version)
            except NotPossible:
                abort(404)
        name = f"tariff-{tariff_id}{f'-{version}' if version else ''}.json"
        return Response(
            text, mimetype="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )  # fmt: skip

    @routes.page("/tariffs/<int:tariff_id>/import", right="tariff.edit")
    def import_form(tariff_id: int) -> Any:
        with console.store.read() as work:
            return _form(console, _found(work, tariff_id), {})

    @routes.action("/tariffs/<int:tariff_id>/import", right="tariff.edit")
    def import_(tariff_id: int) -> Any:
        return _import(console, tariff_id)


def _import(console: Console, tariff_id: int) -> Any:
    given = {name: request.form.get(name, "") for name in ("text", "reason", "key")}
    given["text"] = _uploaded() or given["text"]
    with console.store.read() as work:
        tariff = _found(work, tariff_id)
    try:
        with console.store.begin() as work:
            found = tariff_exchange.understood(work, tariff, given["text"])
            lines = tariff_words.told(found.body, tariff.currency)
            if request.form.get("do") == "check" or (
                found.unknown and not request.form.get("without")
            ):
                return _form(console, tariff, given, found=found, lines=lines)
            tariff_exchange.propose(
                work, console.me().actor(), tariff, found, reason=given["reason"],
                key=given["key"], without=bool(request.form.get("without")),
            )  # fmt: skip
    except OcpiError as error:
        return _form(console, tariff, given, problems=error.problems)
    except NotPossible as error:
        return _form(console, tariff, given, problems=[("", str(error))])
    flash("Proposed. It counts when finance has approved it.", "good")
    return redirect(url_for("console.tariffs_one_page", tariff_id=tariff_id), 303)


def _form(console: Console, tariff: Tariff, given: dict[str, str], **values: Any) -> Any:
    refused = values.get("problems") or (values.get("found") and values["found"].unknown)
    key = given.get("key") or secrets.token_urlsafe(18)
    return console.page(
        "tariff_import", 422 if refused else 200, tariff=tariff,
        **{"given": {**given, "key": key}, "problems": (), "found": None, "lines": (), **values},
    )  # fmt: skip


def _uploaded() -> str:
    file = request.files.get("file")
    if file is None or not file.filename:
        return ""
    raw: bytes = file.read(tariff_exchange.LONGEST + 1)
    return raw.decode("utf-8", "replace")


def _found(work: UnitOfWork, tariff_id: int) -> Tariff:
    tariff = work.session.get(Tariff, tariff_id)
    return tariff if tariff is not None else abort(404)
