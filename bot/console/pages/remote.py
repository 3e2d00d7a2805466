"""Remote work at one pile: its settings, logs and firmware, and every order that it was given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.domain import firmware as rules
from bot.domain.pile_variables import Variable, variables
from bot.services import audit, pile_files, pile_log
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.devices import Command
from bot.store.remote import Firmware, FirmwareUpdate, PileLog, PileVariable
from bot.store.staff import Staff
from bot.store.stations import Pile

_SHOWN: Final = 20
_PER_PAGE: Final = 50
_BY: Final = (("", "Anybody"), ("staff", "Staff"), ("bot", "Bot"))
_OUTCOMES: Final = (("", "Any"), ("taken", "Taken"), ("failed", "Failed"), ("open", "Open"))


@dataclass(frozen=True, slots=True)
class Line:
    """A setting as the page shows it."""

    variable: Variable
    row: PileVariable | None
    by: str

    @property
    def value(self) -> str:
        """What it is, in words."""
        if self.row is None or self.row.read_at is None:
            return "not read yet"
        if not self.row.known:
            return "not there"
        return f"{self.row.value} {self.variable.unit}".strip()


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log as the page shows it; `there` while its file is kept."""

    row: PileLog
    by: str
    there: bool
    until: datetime | None
    badge: tuple[str, str]


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /piles/<pile_id>/remote …/history …/logs/<id> (a file, by POST)."""

    @routes.page("/piles/<pile_id>/remote", right="pile.read")
    def page(pile_id: str) -> Any:
        with console.store.read() as work:
            pile = _pile(work, pile_id)
            values: dict[str, Any] = {
                "pile": pile, "station": pile.station, "lines": _lines(work, pile),
                "logs": _logs(work, pile_id), "updates": _updates(work, pile_id),
                "steps": rules.STEPS, "step": rules.step, "words": rules.words,
                "tone": rules.tone, "is_over": rules.is_over,
            }  # fmt: skip
        if console.wants_fragment():
            return render_template("console/remote_live.html", **values)
        return console.page("remote", **values)

    @routes.page("/piles/<pile_id>/history", right="pile.read")
    def history(pile_id: str) -> Any:
        asked = {name: request.args.get(name, "")[:32] for name in ("kind", "by", "outcome")}
        before = request.args.get("before", type=int)
        with console.store.read() as work:
            pile = _pile(work, pile_id)
            found = pile_log.commands(work, pile_id, _PER_PAGE + 1, before=before, **asked)
            kinds = work.session.scalars(
                select(Command.kind).where(Command.pile_id == pile_id).distinct()
            ).all()
        older = None
        if len(found) > _PER_PAGE:
            last = found[_PER_PAGE - 1].command.id
            given: dict[str, Any] = {name: value for name, value in asked.items() if value}
            older = url_for("console.remote_history", pile_id=pile_id, before=last, **given)
        named = [("", "Any"), *((each, _words(each)) for each in sorted(kinds))]
        return console.page(
            "remote_history", pile=pile, commands=found[:_PER_PAGE], asked=asked, older=older,
            kinds=named, by=_BY, outcomes=_OUTCOMES,
        )  # fmt: skip

    @routes.action("/piles/<pile_id>/logs/<int:log_id>", right="pile.log")
    def log(pile_id: str, log_id: int) -> Any:
        """The file; taking it is in the audit log."""
        with console.store.begin() as work:
            row = work.session.get(PileLog, log_id)
            if row is None or row.pile_id != pile_id:
                abort(404)
            media = pile_files.kept(work, row)
            if media is None:
                flash("This log is not kept any more.", "bad")
                return redirect(url_for("console.remote_page", pile_id=pile_id), 303)
            audit.record(work, console.me().actor(), "pile_log.taken", f"pile:{pile_id}",
                         after={"log": row.id, "size": row.size})  # fmt: skip
            answer = Response(media.data, mimetype="application/octet-stream")
            answer.headers["Content-Disposition"] = f'attachment; filename="{media.name}"'
        answer.headers["Cache-Control"] = "private, no-store"
        return answer


def _words(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


def _pile(work: UnitOfWork, pile_id: str) -> Pile:
    pile = work.session.get(Pile, pile_id)
    return pile if pile is not None else abort(404)


def _lines(work: UnitOfWork, pile: Pile) -> list[Line]:
    rows = work.session.execute(
        select(PileVariable, Staff.name)
        .outerjoin(Staff, Staff.id == PileVariable.changed_by)
        .where(PileVariable.pile_id == pile.id)
    )
    told = {row.name: (row, name or "") for row, name in rows}
    return [
        Line(each, *told.get(each.name, (None, ""))) for each in variables(pile.kind, pile.model)
    ]


def _logs(work: UnitOfWork, pile_id: str) -> list[LogLine]:
    rows = work.session.execute(
        select(PileLog, Staff.name, StaffAction.state)
        .join(StaffAction, StaffAction.id == PileLog.action_id)
        .join(Staff, Staff.id == StaffAction.asked_by)
        .where(PileLog.pile_id == pile_id)
        .order_by(PileLog.id.desc())
        .limit(_SHOWN)
    )
    found = []
    for row, by, state in rows:
        media = pile_files.kept(work, row)
        badge = ("here", "good") if media else ("no longer kept", "neutral")
        if row.media_id is None:
            badge = ("on its way", "info") if state == "running" else ("did not come", "bad")
        until = media.expires_at if media else None
        found.append(LogLine(row, by, media is not None, until, badge))
    return found


def _updates(work: UnitOfWork, pile_id: str) -> list[tuple[FirmwareUpdate, str, str]]:
    """The newest updates with version and who asked for them."""
    rows = work.session.execute(
        select(FirmwareUpdate, Firmware.version, Staff.name)
        .join(Firmware, Firmware.id == FirmwareUpdate.firmware_id)
        .outerjoin(StaffAction, StaffAction.id == FirmwareUpdate.action_id)
        .outerjoin(Staff, Staff.id == StaffAction.asked_by)
        .where(FirmwareUpdate.pile_id == pile_id)
        .order_by(FirmwareUpdate.id.desc())
        .limit(5)
    )
    return [(row, version, by or "") for row, version, by in rows]
