"""Tariffs: what each costs, from when; proposals, their approval, and what a charge would cost."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import select

from bot.console import tariff_form, tariff_words
from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain.money import exponent
from bot.domain.tariff_checks import doubts, wrong
from bot.domain.tariffs import Tariff as Rules
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
    lines: list[tariff_words.Told]
    reason: str
    by: str
    at: datetime
    mine: bool


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /tariffs /tariffs/<id> …/edit …/check …/propose /tariffs/proposals/<id>/approve
    …/reject …/withdraw."""

    @routes.page("/tariffs", right="tariff.read")
    def page() -> Any:
        with console.store.read() as work:
            rows = []
            for tariff in work.session.scalars(select(Tariff).order_by(Tariff.name)):
                versions = tariff_changes.versions(work, tariff.id)
                listed = tariff_words.listed(versions, work.now, tariff.currency)
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
                "versions": tariff_words.listed(versions, work.now, tariff.currency),
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
            stations = tariff_changes.stations_of(work, tariff_id)
        body = current.body if current else {}
        included = not stations or stations[0].prices_include_tax
        given = tariff_form.rest_of(body, includes_tax=included)
        return _form(console, tariff, tariff_form.rows_of(body), given)

    @routes.action("/tariffs/<int:tariff_id>/check", right="tariff.edit")
    def check(tariff_id: int) -> Any:
        with console.store.read() as work:
            tariff = _found(work, tariff_id)
            problems, checked = _checked(work, tariff, request.form)
        if console.wants_fragment():
            return console.page("tariff_checked", tariff=tariff, problems=problems, checked=checked)
        rows = tariff_form.given_rows(request.form)
        status = 422 if problems else 200
        return _form(console, tariff, rows, request.form, problems, checked, status)

    @routes.action("/tariffs/<int:tariff_id>/propose", right="tariff.edit")
    def propose(tariff_id: int) -> Any:
        form = request.form
        with console.store.read() as work:
            tariff = _found(work, tariff_id)
            problems, checked = _checked(work, tariff, form)
            current = tariff_changes.current(tariff_changes.versions(work, tariff_id), work.now)
        try:
            if problems:
                raise tariff_form.FormError(problems)
            body = tariff_form.read(form)
            if current and "ocpi" in current.body:  # of an import: there is no field for it
                body["ocpi"] = current.body["ocpi"]
            with console.store.begin() as work:
                tariff_changes.propose(
                    work, console.me().actor(), tariff_id, body=body,
                    valid_from=_moment(console, form.get("valid_from", "")) or work.now,
                    reason=form.get("reason", ""), key=form.get("key", ""),
                )  # fmt: skip
        except (NotPossible, TariffError) as error:
            problems = problems or {"": str(error).rstrip(".") + "."}
            return _form(
                console, tariff, tariff_form.given_rows(form), form, problems, checked, 422
            )
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
        lines = tariff_words.told(row.body, tariff.currency)
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
    problems: Mapping[str, str] | None = None,
    checked: Mapping[str, Any] | None = None,
    status: int = 200,
) -> Any:
    days = tariff_form.days_options([*rows, tariff_form.Row(days=given.get("idle_free_days", ""))])
    return console.page(
        "tariff_edit", status, tariff=tariff, rows=rows, given=given, problems=problems or {},
        checked=checked, kinds=tariff_form.KINDS, days=days, reserving=tariff_form.RESERVING,
        more=tariff_form.MORE, zone=console.settings.desk_tz,
        key=given.get("key") or secrets.token_urlsafe(18),
    )  # fmt: skip


def _checked(
    work: UnitOfWork, tariff: Tariff, form: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Any] | None]:
    """What is wrong with a form, by field; and how its prices read, of a week, and of a charge."""
    try:
        body = tariff_form.read(form)
    except tariff_form.FormError as error:
        return error.problems, None
    stations = tariff_changes.stations_of(work, tariff.id)
    if not stations:
        return {}, None
    station = stations[0]
    try:
        rules = snapshot(body, station, name=tariff.name, version="")
    except TariffError as error:
        return {"": f"{error}."}, None
    numbers = tariff_form.numbers(form)
    side = "after" if rules.includes_tax else "before"
    problems = {}
    for each in wrong(rules):
        if isinstance(each.where, int):
            problems[f"price-{numbers[each.where]}"] = each.what
        else:
            problems[each.where if each.where == "idle_cap" else f"{each.where}_{side}"] = each.what
    if problems:
        return problems, None
    main, days = tariff_words.week(rules, work.now)
    values: dict[str, Any] = {
        "sentences": [tariff_words.sentence(each, rules.currency) for each in rules.elements],
        "doubts": doubts(rules), "main": main, "days": days, "station": station.name,
    }  # fmt: skip
    try:
        at = _start(form.get("s_at", ""), station, work.now).astimezone(UTC)
        sizes = [_size(form.get(name) or usual) for name, usual in _SAMPLE]
    except NotPossible as error:
        return {}, values | {"problem": str(error)}
    return {}, values | _bill(rules, at, sizes)


_SAMPLE: Final = (("s_kwh", "20"), ("s_kw", "11"), ("s_idle", "0"))


def _bill(rules: Rules, at: datetime, sizes: Sequence[Decimal]) -> dict[str, Any]:
    """A charge of so many kWh at so many kW, so many minutes plugged in after."""
    bill = tariff_changes.cost(
        rules, at, energy_wh=int(sizes[0] * 1000), power_w=max(1, int(sizes[1] * 1000)),
        idle_s=int(sizes[2] * 60),
    )  # fmt: skip
    scale = exponent(rules.currency)
    return {
        "bill": bill,
        "total": f"{tariff_words.amount(bill.gross_minor, scale)} {bill.currency}",
        "tax": f"{tariff_words.amount(bill.tax_minor, scale)} {bill.currency}",
        "lines": tariff_words.bill_lines(bill, scale),
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
        rules = snapshot(body, station, name=tariff.name, version="")
        return values | _bill(rules, at, sizes)
    except (NotPossible, TariffError) as error:
        return values | {"problem": str(error)}


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


def _size(text: str) -> Decimal:
    try:
        size = Decimal(text.strip().replace(",", "."))
    except InvalidOperation as error:
        raise NotPossible("Energy, power and minutes are numbers.") from error
    if size.is_nan():
        raise NotPossible("Energy, power and minutes are numbers.")
    if not 0 <= size <= 2000:
        raise NotPossible("Energy, power and minutes lie between 0 and 2000.")
    return size
