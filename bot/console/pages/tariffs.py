"""Tariffs: what each costs, from when; proposals, their approval, and what a charge would cost."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import select

from bot.console import tariff_form
from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.money import exponent
from bot.domain.tariffs import TariffError
from bot.services import tariff_changes
from bot.services.tariff_changes import Beaten, NotPossible
from bot.services.tariffs import snapshot
from bot.store.database import UnitOfWork
from bot.store.staff import Staff
from bot.store.stations import Station, Tariff, TariffProposal

WHEN = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as pages show it."""

    id: int
    tariff_id: int
    tariff: str
    valid_from: datetime
    lines: list[tariff_form.Told]
    reason: str
    by: str
    at: datetime
    mine: bool


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /tariffs /tariffs/<id> …/edit …/propose /tariffs/proposals/<id>/approve …/reject
    …/withdraw."""

    @routes.page("/tariffs", right="tariff.read")
    def page() -> Any:
        with console.store.read() as work:
            rows = []
            for tariff in work.session.scalars(select(Tariff).order_by(Tariff.name)):
                versions = tariff_changes.versions(work, tariff.id)
                listed = tariff_form.listed(versions, work.now, tariff.currency)
                rows.append(
                    {
                        "tariff": tariff,
                        "now": next((each for each in listed if each.state == "now"), None),
                        "ahead": sum(each.state == "ahead" for each in listed),
                        "stations": tariff_changes.stations_of(work, tariff.id),
                    }
                )
            waiting = _proposals(console, work)
        return console.page("tariffs", rows=rows, waiting=waiting)

    @routes.page("/tariffs/<int:tariff_id>", right="tariff.read")
    def one_page(tariff_id: int) -> Any:
        with console.store.read() as work:
            tariff = _found(work, tariff_id)
            versions = tariff_changes.versions(work, tariff_id)
            values: dict[str, Any] = {
                "tariff": tariff,
                "versions": tariff_form.listed(versions, work.now, tariff.currency),
                "stations": tariff_changes.stations_of(work, tariff_id),
                "waiting": _proposals(console, work, tariff_id),
            }
            values |= _preview(console, work, tariff)
        return console.page("tariff", **values)

    @routes.page("/tariffs/<int:tariff_id>/edit", right="tariff.edit")
    def edit(tariff_id: int) -> Any:
        with console.store.read() as work:
            tariff = _found(work, tariff_id)
            current = tariff_changes.current(tariff_changes.versions(work, tariff_id), work.now)
        body = current.body if current else {}
        return _form(console, tariff, tariff_form.rows_of(body), _rest(body))

    @routes.action("/tariffs/<int:tariff_id>/propose", right="tariff.edit")
    def propose(tariff_id: int) -> Any:
        form = request.form
        with console.store.read() as work:
            tariff = _found(work, tariff_id)
        try:
            with console.store.begin() as work:
                tariff_changes.propose(
                    work, console.me().actor(), tariff_id, body=tariff_form.read(form),
                    valid_from=_moment(console, form.get("valid_from", "")) or work.now,
                    reason=form.get("reason", ""), key=form.get("key", ""),
                )  # fmt: skip
        except (NotPossible, TariffError) as error:
            problem = str(error).rstrip(".") + "."
            return _form(console, tariff, tariff_form.given_rows(form), form, problem)
        flash("Proposed. It counts when finance has approved it.", "good")
        return redirect(url_for("console.tariffs_one_page", tariff_id=tariff_id), 303)

    @routes.action("/tariffs/proposals/<int:proposal_id>/approve", right="tariff.approve")
    def approve(proposal_id: int) -> Any:
        def decide(work: UnitOfWork) -> str:
            version = tariff_changes.approve(work, console.me().actor(), proposal_id)
            ahead = version.valid_from > work.now
            return f"Approved. It counts {'from its moment on' if ahead else 'from now on'}."

        return _decided(console, proposal_id, decide)

    @routes.action("/tariffs/proposals/<int:proposal_id>/reject", right="tariff.approve")
    def reject(proposal_id: int) -> Any:
        def decide(work: UnitOfWork) -> str:
            reason = request.form.get("reason", "")
            tariff_changes.reject(work, console.me().actor(), proposal_id, reason=reason)
            return "Rejected."

        return _decided(console, proposal_id, decide)

    @routes.action("/tariffs/proposals/<int:proposal_id>/withdraw", right="tariff.edit")
    def withdraw(proposal_id: int) -> Any:
        def decide(work: UnitOfWork) -> str:
            tariff_changes.withdraw(work, console.me().actor(), proposal_id)
            return "Withdrawn."

        return _decided(console, proposal_id, decide)


def _decided(console: Console, proposal_id: int, decide: Any) -> Any:
    with console.store.read() as work:
        row = work.session.get(TariffProposal, proposal_id)
        if row is None:
            abort(404)
    try:
        with console.store.begin() as work:
            flash(decide(work), "good")
    except (Beaten, NotPossible) as error:
        flash(str(error), "bad")
    return redirect(url_for("console.tariffs_one_page", tariff_id=row.tariff_id), 303)


def _found(work: UnitOfWork, tariff_id: int) -> Tariff:
    tariff = work.session.get(Tariff, tariff_id)
    return tariff if tariff is not None else abort(404)


def _proposals(console: Console, work: UnitOfWork, tariff_id: int | None = None) -> list[Proposal]:
    me = console.me()
    found = []
    for row in tariff_changes.waiting(work, tariff_id):
        tariff = work.session.get_one(Tariff, row.tariff_id)
        by = work.session.get(Staff, row.asked_by)
        lines = tariff_form.told(row.body, tariff.currency)
        found.append(
            Proposal(
                row.id, tariff.id, tariff.name, row.valid_from, lines, row.reason,
                by.name if by else "", row.asked_at, row.asked_by == me.staff_id,
            )
        )  # fmt: skip
    return found


def _form(
    console: Console,
    tariff: Tariff,
    rows: list[tariff_form.Row],
    given: Mapping[str, str],
    problem: str = "",
) -> Any:
    days = tariff_form.days_options([*rows, tariff_form.Row(days=given.get("idle_free_days", ""))])
    return console.page(
        "tariff_edit", 422 if problem else 200, tariff=tariff, rows=rows, given=given,
        problem=problem, kinds=tariff_form.KINDS, days=days, zone=console.settings.desk_tz,
        key=given.get("key") or secrets.token_urlsafe(18),
    )  # fmt: skip


def _rest(body: Mapping[str, Any]) -> dict[str, str]:
    """What holds for all prices, as the form has it."""
    free = body.get("idle_free") or {}
    given = {name: str(body.get(name) or "") for name in ("minimum", "maximum", "idle_cap")}
    grace = body.get("idle_grace_s") or 0
    return given | {
        "idle_grace": str(grace // 60) if grace else "",
        "idle_free_start": free.get("start") or "",
        "idle_free_end": free.get("end") or "",
        "idle_free_days": ",".join(str(day) for day in sorted(free.get("weekdays") or ())),
    }


def _moment(console: Console, text: str) -> datetime | None:
    """A local date and time of a form. Raises NotPossible."""
    if not text.strip():
        return None
    try:
        local = datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError as error:
        raise NotPossible("From when? Give a date and a time.") from error
    return local.replace(tzinfo=ZoneInfo(console.settings.desk_tz)).astimezone(UTC)


# --- what would a charge cost --------------------------------------------------------------------


def _preview(console: Console, work: UnitOfWork, tariff: Tariff) -> dict[str, Any]:
    """The bill of a charge as asked for in the address, by a version or a proposal."""
    stations = tariff_changes.stations_of(work, tariff.id)
    asked = {
        "kwh": request.args.get("kwh", "20"), "kw": request.args.get("kw", "11"),
        "idle": request.args.get("idle", "0"), "at": request.args.get("at", ""),
        "by": request.args.get("by", ""), "station": request.args.get("station", ""),
    }  # fmt: skip
    values: dict[str, Any] = {"asked": asked, "bill": None, "lines": [], "problem": ""}
    if not stations:
        return values
    chosen = [each for each in stations if str(each.id) == asked["station"]]
    station = chosen[0] if chosen else stations[0]
    local = _start(asked["at"], station, work.now)
    asked["at"] = local.strftime(WHEN)
    values["by"] = _bases(work, tariff)
    try:
        at = local.astimezone(UTC)
        body = _body(work, tariff, asked["by"], at)
        sizes = [_size(asked[name]) for name in ("kwh", "kw", "idle")]
        bill = tariff_changes.cost(
            snapshot(body, station, name=tariff.name, version=""), at,
            energy_wh=int(sizes[0] * 1000), power_w=max(1, int(sizes[1] * 1000)),
            idle_s=int(sizes[2] * 60),
        )  # fmt: skip
    except (NotPossible, TariffError) as error:
        return values | {"problem": str(error)}
    scale = exponent(tariff.currency)
    return values | {
        "bill": bill,
        "total": f"{bill.gross_minor / 10**scale:.{scale}f} {bill.currency}",
        "tax": f"{bill.tax_minor / 10**scale:.{scale}f} {bill.currency}",
        "lines": tariff_form.bill_lines(bill, scale),
    }


def _start(text: str, station: Station, now: datetime) -> datetime:
    zone = ZoneInfo(station.tz)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        return now.astimezone(zone)


def _bases(work: UnitOfWork, tariff: Tariff) -> list[tuple[str, str]]:
    """By which prices a preview can be made."""
    options = [("", "The version that counts then")]
    for row in tariff_changes.waiting(work, tariff.id):
        options.append((f"p{row.id}", f"Proposal {row.id}"))
    for version in tariff_changes.versions(work, tariff.id):
        options.append((f"v{version.id}", f"Version {version.id}"))
    return options


def _body(work: UnitOfWork, tariff: Tariff, by: str, at: datetime) -> Mapping[str, Any]:
    number = int(by[1:]) if by[1:].isdecimal() and len(by) < 18 else 0
    versions = tariff_changes.versions(work, tariff.id)
    if by.startswith("p"):
        found = next((p for p in tariff_changes.waiting(work, tariff.id) if p.id == number), None)
        if found is not None:
            return found.body
    version = next((v for v in versions if v.id == number), None)
    version = version or tariff_changes.current(versions, at)
    if version is None:
        raise NotPossible("No version counts at that time.")
    return version.body


def _size(text: str) -> float:
    try:
        size = float(text.strip().replace(",", "."))
    except ValueError as error:
        raise NotPossible("Energy, power and minutes are numbers.") from error
    if not 0 <= size <= 2000:
        raise NotPossible("Energy, power and minutes lie between 0 and 2000.")
    return size
