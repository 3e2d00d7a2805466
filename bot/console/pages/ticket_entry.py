"""Tickets for who is in no chat: entered by hand, their contact shown for a reason, called back."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, request, url_for

from bot.console import ticket_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import LANGUAGES, shown_text
from bot.domain.cases import BY_HAND, CLASSES, DANGER, SOURCES, STATUSES, TOPICS
from bot.domain.masking import mask_phone
from bot.services import audit, case_by_hand, case_calls, finding, reach
from bot.services.case_work import NotPossible
from bot.store.cases import Case
from bot.store.database import UnitOfWork

_FIELDS = ("code", "text", "source", "name", "contact", "lang", "pile", "place", "at", "key")
_TOPICS = [(code, f"{CLASSES[each.class_]}: {each.title}") for code, each in TOPICS.items()]


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /tickets/new /tickets/<id>/contact-shown …/call-back."""
    settings = console.settings

    @routes.page("/tickets/new", right="case.work")
    def form() -> Any:
        given = {"source": "phone", "pile": request.args.get("pile", "")[:12]}
        return _form(console, given)

    @routes.action("/tickets/new", right="case.work")
    def enter() -> Any:
        given = {name: request.form.get(name, "") for name in _FIELDS}
        actor, key = console.me().actor(), given["key"] or secrets.token_hex(8)
        try:
            with console.store.begin() as work:
                heard = _heard(console, work, given)
                into = request.form.get("into", type=int)
                if into is not None and not reach.may_read_case(work, actor, into):
                    raise NotPossible("There is no such ticket.")
                likely = case_by_hand.alike(work, actor, heard)
                # Danger waits for no question: it is the ticket that is open, or a new one.
                asks = into is None and heard.code not in DANGER
                if likely and asks and request.form.get("anyway") != "yes":
                    if heard.contact.startswith("+"):
                        finding.note_phone_search(work, actor, len(likely))
                    return _form(console, given, rows=ticket_view.rows_of(work, likely))
                if into is not None:
                    case = case_by_hand.join(work, settings, actor, into, heard, key=key)
                    said = f"It joined ticket {case.id}."
                else:
                    case, new = case_by_hand.enter(work, settings, actor, heard, key=key)
                    said = _opened(case, new)
                number, mine = case.id, reach.may_read_case(work, actor, case.id)
        except NotPossible as error:
            return _form(console, given, problem=str(error))
        flash(said, "good")
        if mine:
            return redirect(url_for("console.ticket_one", case_id=number), 303)
        return redirect(url_for("console.tickets_page"), 303)

    @routes.page("/tickets/<int:case_id>/contact-shown", right="phone.reveal")
    def contact(case_id: int) -> Any:
        with console.store.read() as work:
            return _contact(_readable(console, work, case_id), console)

    @routes.action("/tickets/<int:case_id>/contact-shown", right="phone.reveal")
    def show_contact(case_id: int) -> Any:
        reason = request.form.get("reason", "").strip()[:500]
        with console.store.begin() as work:
            case = _readable(console, work, case_id)
            if not reason:
                refused = "Please say why: it is kept in the audit log."
                return _contact(case, console, refused=refused)
            audit.record(
                work, console.me().actor(), "reveal_contact", f"case:{case_id}", reason=reason
            )
            # Shown in this answer only: a redirect would have to carry it.
            return _contact(case, console, number=case.contact)

    @routes.action("/tickets/<int:case_id>/call-back", right="case.work")
    def called(case_id: int) -> Any:
        answer = request.form.get("answer", "")
        try:
            with console.store.begin() as work:
                _readable(console, work, case_id)
                case_calls.note(work, settings, console.me().actor(), case_id, answer)
            flash("Noted.", "good")
        except NotPossible as error:
            flash(str(error), "bad")
        return redirect(url_for("console.ticket_one", case_id=case_id), 303)


def _opened(case: Case, new: bool) -> str:
    told = " It is in their chat, too." if case.conversation_id is not None else ""
    if new:
        return f"Ticket {case.id} is open. Tell them this number.{told}"
    return f"The same was open already: it joined ticket {case.id}. Tell them this number.{told}"


def _heard(console: Console, work: UnitOfWork, given: dict[str, str]) -> case_by_hand.Heard:
    heard = case_by_hand.hear(
        work, **{name: given[name] for name in _FIELDS if name not in ("at", "key")}
    )
    if not given["at"]:
        return heard
    tz = heard.pile.station.tz if heard.pile else console.settings.desk_tz
    try:
        at = datetime.fromisoformat(given["at"][:16]).replace(tzinfo=ZoneInfo(tz)).astimezone(UTC)
    except ValueError as error:
        raise NotPossible("Give the time as day and hour.") from error
    return case_by_hand.since(heard, at, now=work.now)


def _form(
    console: Console, given: dict[str, str], *, problem: str = "",
    rows: list[ticket_view.Row] | None = None,
) -> Any:  # fmt: skip
    return console.page(
        "ticket_new", 422 if problem else 200, given=given, problem=problem, alike=rows or [],
        key=given.get("key") or secrets.token_hex(8), topics=_TOPICS,
        sources=[(each, SOURCES[each]) for each in BY_HAND], statuses=STATUSES,
        tones=ticket_view.STATUS_TONES, langs=list(LANGUAGES.items()),
    )  # fmt: skip


def _readable(console: Console, work: UnitOfWork, case_id: int) -> Case:
    """A ticket within reach of whoever asks, of somebody who is no rider."""
    if not reach.may_read_case(work, console.me().actor(), case_id):
        abort(404)
    return work.session.get_one(Case, case_id)


def _contact(case: Case, console: Console, *, refused: str = "", number: str = "") -> Any:
    if case.rider_id is not None or not case.contact:
        abort(404)
    masked = shown_text(case.contact) if "@" in case.contact else mask_phone(case.contact)
    return console.page(
        "contact_shown", 409 if refused else 200, case_id=case.id, masked=masked, number=number,
        refused=refused,
    )  # fmt: skip
