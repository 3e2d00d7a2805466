"""Reading the audit log: filters, pages, and rows as a file; finance reads money only."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true

from bot.domain.masking import mask_text
from bot.services.audit import Actor, record
from bot.store.database import UnitOfWork
from bot.store.staff import Audit, Staff

PAGE: Final = 50
EXPORT_MAX: Final = 100_000
# Actions about money: one of these, or below one ("refund.failed"). Only money waits for a second
# person, so every decision on an action is one of them.
MONEY: Final = (
    "refund", "payment", "credit", "receipt", "tariff", "bill", "debt", "money",
    "action.refund", "action.payment_link", "action.receipt", "action.credit",
    "action.approved", "action.rejected", "action.withdrawn",
)  # fmt: skip
_COLUMNS: Final = (
    "id", "at", "who", "login", "role", "session", "ip", "action", "object", "before", "after",
    "reason", "key", "hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """What somebody looks for; empty fields match all. Dates are whole UTC days, both included."""

    staff_id: int | None = None
    action: str = ""
    object_: str = ""
    first: date | None = None
    last: date | None = None
    before_id: int | None = None
    money_only: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions on Audit, without the place in the pages."""
        found: list[ColumnElement[bool]] = [_is_money() if self.money_only else true()]
        if self.staff_id is not None:
            found.append(Audit.staff_id == self.staff_id)
        if self.action:
            found.append(_begins(self.action))
        if self.object_:
            found.append(Audit.object == self.object_)
        if self.first:
            found.append(Audit.at >= _midnight(self.first))
        if self.last:
            found.append(Audit.at < _midnight(self.last) + timedelta(days=1))
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the log as people read it."""

    row: Audit
    who: str
    login: str
    reason: str
    change: tuple[tuple[str, str, str], ...]  # what, before, after


def page(work: UnitOfWork, wanted: Filter) -> tuple[list[Line], int | None]:
    """The newest rows that fit, and the id to go on before; None: these were the last."""
    rows = list(work.session.execute(_rows(wanted, wanted.before_id).limit(PAGE + 1)))
    lines = [_line(row, staff) for row, staff in rows[:PAGE]]
    return lines, lines[-1].row.id if len(rows) > PAGE else None


def actions(work: UnitOfWork, *, money_only: bool) -> list[str]:
    """Every action that occurs, for the filter."""
    seen = select(Audit.action).distinct().order_by(Audit.action)
    return list(work.session.scalars(seen.where(_is_money() if money_only else true())))


def people(work: UnitOfWork) -> list[tuple[int, str]]:
    """Everybody who ever had an account, for the filter."""
    found = select(Staff.id, Staff.name).order_by(func.lower(Staff.name))
    return [(staff_id, name) for staff_id, name in work.session.execute(found)]


def export(work: UnitOfWork, actor: Actor, wanted: Filter) -> str:
    """The rows that fit as CSV, oldest last; that somebody took them is itself a row."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    count = 0
    for row, staff in work.session.execute(_rows(wanted, None).limit(EXPORT_MAX)):
        line = _line(row, staff)
        writer.writerow(
            safe_cells(
                (
                    row.id, row.at.isoformat(), line.who, line.login, row.role, row.session_id,
                    row.ip, row.action, row.object, _json(row.before), _json(row.after),
                    line.reason, row.key, row.hash,
                )
            )
        )  # fmt: skip
        count += 1
    action = "payment.audit_export" if wanted.money_only else "audit.export"
    record(work, actor, action, after={"rows": count, "action": wanted.action})
    return out.getvalue()


def safe_cells(values: Iterable[Any]) -> Iterator[str]:
    """Cells that no spreadsheet takes for a formula. Source: OWASP, CSV injection."""
    for value in values:
        text = "" if value is None else str(value)
        yield f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _rows(wanted: Filter, before_id: int | None) -> Select[Audit, Staff]:
    rows = (
        select(Audit, Staff)
        .outerjoin(Staff, Staff.id == Audit.staff_id)
        .where(and_(*wanted.conditions()))
        .order_by(Audit.id.desc())
    )
    return rows if before_id is None else rows.where(Audit.id < before_id)


def _line(row: Audit, staff: Staff | None) -> Line:
    keys = sorted({*(row.before or {}), *(row.after or {})})
    change = tuple(
        (key, _told((row.before or {}).get(key)), _told((row.after or {}).get(key))) for key in keys
    )
    who = staff.name if staff else "System" if row.staff_id is None else f"Staff {row.staff_id}"
    return Line(row, who, staff.login if staff else "", mask_text(row.reason), change)


def _told(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_told(each) for each in value)
    return mask_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _json(value: Any) -> str:
    return "" if value is None else mask_text(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _is_money() -> ColumnElement[bool]:
    return or_(*(_begins(word) for word in MONEY))


def _begins(word: str) -> ColumnElement[bool]:
    """The action itself, or one below it: "refund" and "refund.approved"."""
    return or_(Audit.action == word, Audit.action.startswith(f"{word}.", autoescape=True))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
