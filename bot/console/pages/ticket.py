"""One ticket: its file, clocks and links; what people do with it; its export."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

from flask import Response, abort, flash, redirect, request, url_for

from bot.console import case_export, chat, ticket_view
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.pages.tickets import mates
from bot.console.uploads import IMAGES, NotAPicture, kept_photo
from bot.domain.cases import CLASSES, DANGER, PRIORITIES, STATUSES, TEAMS, TOPICS
from bot.services import (
    audit,
    case_calls,
    case_intake,
    case_mail,
    case_people,
    case_readers,
    case_review,
    case_work,
    cases,
    causes,
    job_cases,
    reach,
    safety,
    wording,
)
from bot.services.case_work import NotPossible
from bot.services.wording import Locked
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry
from bot.store.database import UnitOfWork
from bot.store.riders import Media

Act = Callable[[UnitOfWork], str]


def add_routes(routes: Routes, console: Console) -> None:
    """Routes under /tickets/<id>, and opening one from a conversation."""
    _add_pages(routes, console)
    _add_actions(routes, console)
    _add_more_actions(routes, console)


def _add_pages(routes: Routes, console: Console) -> None:
    @routes.page("/tickets/<int:case_id>", right="case.read")
    def one(case_id: int) -> Any:
        with console.store.read() as work:
            values = _values(console, work, case_id)
        name = "ticket_live" if console.wants_fragment() else "ticket"
        return console.page(name, **values)

    @routes.page("/tickets/<int:case_id>/photos/<int:entry_id>", right="case.read")
    def photo(case_id: int, entry_id: int) -> Any:
        with console.store.read() as work:
            _readable(console, work, case_id)
            entry = work.session.get(CaseEntry, entry_id)
            if entry is None or entry.case_id != case_id or entry.media_id is None:
                abort(404)
            media = work.session.get(Media, entry.media_id)
            if media is None or media.content_type not in IMAGES:
                abort(404)
            answer = Response(media.data, mimetype=media.content_type)
        answer.headers["Cache-Control"] = "private, max-age=300"
        return answer

    @routes.page("/tickets/<int:case_id>/print", right="case.read")
    def printable(case_id: int) -> Any:
        with console.store.read() as work:
            values = _values(console, work, case_id)
        return console.page("ticket_print", **values)

    @routes.action("/tickets/<int:case_id>/export", right="case.export")
    def export(case_id: int) -> Any:
        me = console.me()
        if not console.fresh_factor(me):
            return redirect(url_for("console.ticket_one", case_id=case_id), 303)
        with console.store.begin() as work:
            case = _readable(console, work, case_id)
            actor = me.actor()
            packed = case_export.packed(
                work, case, lambda chat_id: reach.may_read(work, actor, chat_id)
            )
            cases.entry(work, case, "exported", "The whole file was exported", actor=me.actor())
            audit.record(work, me.actor(), "case_export", f"case:{case_id}")
        name = f"case-{case_id}.zip"
        return Response(
            packed, mimetype="application/zip",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )  # fmt: skip


def _add_actions(routes: Routes, console: Console) -> None:
    settings = console.settings

    @routes.action("/tickets/<int:case_id>/assign", right="case.work")
    def assign(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            to = request.form.get("to", "")
            owner = int(to) if to.isdecimal() and len(to) < 18 else None
            team = request.form.get("team", "")
            case_work.assign(work, settings, _me(), case_id, owner_id=owner, team=team)
            return "Assigned."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/take", right="case.work")
    def take(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            me = console.me()
            case_work.assign(work, settings, me.actor(), case_id, owner_id=me.staff_id)
            return "It is yours."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/status", right="case.work")
    def status(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            to, why = request.form.get("status", ""), request.form.get("why", "")
            case_work.move(work, settings, _me(), case_id, to, why=why)
            return f"Changed. {_heard(work, settings, case_id)}"

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/classify", right="case.work")
    def classify(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            priority = request.form.get("priority", type=int)
            code = request.form.get("code", "")
            case_work.classify(work, settings, _me(), case_id, code, priority=priority)
            return "Classified."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/facts", right="case.work")
    def complete(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            given = {
                name: request.form.get(name, "")
                for name in ("pile", "place", "contact_name", "contact")
            }
            case_work.complete(work, settings, _me(), case_id, **given)
            return "Filled in."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/solve", right="case.work")
    def solve(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            said = {name: request.form.get(name, "") for name in ("cause", "fix", "result")}
            case = case_work.solve(work, settings, _me(), case_id, **said)
            wording.for_case(work, _me(), case, " ".join(said.values()))
            return f"Done. {_heard(work, settings, case_id)}"

        return done_to(console, case_id, act)

    def _me() -> audit.Actor:
        return console.me().actor()


_HEARD: Final = {
    "chat": "The rider hears of it in the chat.", "mail": "They hear of it by e-mail.",
    "partner": "The partner reads it.", "phone": "They have a phone only: call them.",
    "": "Nobody can be told: there is no contact.",
}  # fmt: skip


def _heard(work: UnitOfWork, settings: Settings, case_id: int) -> str:
    """Who hears of a step, and who has to be called."""
    return _HEARD[case_people.door(settings, work.session.get_one(Case, case_id))]


def _add_more_actions(routes: Routes, console: Console) -> None:
    settings = console.settings

    @routes.action("/tickets/<int:case_id>/note", right="note.write")
    def note(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            media_id = kept_photo(work)
            text = request.form.get("text", "") or ("A photo." if media_id else "")
            case_work.note(work, console.me().actor(), case_id, text, media_id=media_id)
            return "Noted."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/contact", right="case.work")
    def contact(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            text = request.form.get("text", "")
            case = case_work.contacted(work, console.me().actor(), case_id, text)
            if request.form.get("mail") != "yes":
                return "Noted. The clocks that waited for a person have stopped."
            wording.for_case(work, console.me().actor(), case, text)
            key = request.form.get("key", "") or secrets.token_hex(8)
            if not case_mail.send(work, settings, case, key=key, text=text.strip()):
                raise NotPossible("It cannot be sent: no mail server is set (SMTP_URL).")
            return "Sent. The clocks that waited for a person have stopped."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/link", right="case.work")
    def link(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            kind, ref = request.form.get("kind", ""), request.form.get("ref", "")
            case_work.tie(work, console.me().actor(), case_id, kind, ref)
            return "Linked."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/unlink", right="case.work")
    def unlink(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            kind, ref = request.form.get("kind", ""), request.form.get("ref", "")
            case_work.untie(work, console.me().actor(), case_id, kind, ref)
            return "Taken away."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/merge", right="case.work")
    def merge(case_id: int) -> Any:
        into = request.form.get("into", "").strip().lstrip("#")

        def act(work: UnitOfWork) -> str:
            if not into.isdecimal() or len(into) > 17:
                raise NotPossible("Name the other ticket by its number.")
            _readable(console, work, int(into))
            case_work.merge(work, settings, console.me().actor(), case_id, int(into))
            return f"Merged into {into}."

        return done_to(console, case_id, act)

    @routes.action("/tickets/<int:case_id>/photos/<int:entry_id>", right="pile.out_of_service")
    def review(case_id: int, entry_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            actor = console.me().actor()
            if request.form.get("fault") == "yes":
                case_review.confirm(work, settings, actor, case_id, entry_id)
                return "Confirmed. The pile is out of service until somebody puts it back."
            case_review.reject(work, actor, case_id, entry_id)
            return "Noted: no fault."

        return done_to(console, case_id, act)

    @routes.action("/conversations/<int:conversation_id>/ticket", right="case.work")
    def from_conversation(conversation_id: int) -> Any:
        code = request.form.get("code", "")
        text = request.form.get("text", "").strip()
        if code not in TOPICS or not text:
            flash("Choose what it is about and say it in a sentence.", "bad")
            return redirect(
                url_for("console.conversation_page", conversation_id=conversation_id), 303
            )
        with console.store.begin() as work:
            conversation = chat.readable(console, work, conversation_id)
            once = f"{console.me().staff_id}:{request.form.get('key') or secrets.token_hex(8)}"
            case = case_intake.by_staff(work, conversation, code=code, text=text, key=once)
            if code in DANGER:
                safety.from_case(work, settings, case, key=f"staff:{once}", text=text)
            audit.record(work, console.me().actor(), "case_open", f"case:{case.id}")
            number = case.id
        flash(f"Ticket {number} is open.", "good")
        return redirect(url_for("console.ticket_one", case_id=number), 303)


def _readable(console: Console, work: UnitOfWork, case_id: int) -> Case:
    """A ticket within reach of whoever asks, else the page "not found"."""
    if not reach.may_read_case(work, console.me().actor(), case_id):
        abort(404)
    return work.session.get_one(Case, case_id)


def _values(console: Console, work: UnitOfWork, case_id: int) -> dict[str, Any]:
    case, me = _readable(console, work, case_id), console.me()

    def readable(conversation_id: int) -> bool:
        return reach.may_read(work, me.actor(), conversation_id)

    shown = ticket_view.ticket(work, me.actor(), case, readable)
    return {
        "shown": shown, "case": case, "row": shown.row, "statuses": STATUSES,
        "tones": ticket_view.STATUS_TONES, "teams": TEAMS, "mates": mates(work),
        "topics": [(code, f"{CLASSES[each.class_]}: {each.title}")
                   for code, each in TOPICS.items()],
        "priorities": PRIORITIES, "now": work.now, "root_causes": causes.choices(work),
        "root_cause": causes.of_case(work, case.id), "call_answers": case_calls.ANSWERS,
        "door": case_people.door(console.settings, case),
        "partner": case_readers.partner_of(work, case), "readers": case_readers.readers(work, case),
        "station": cases.station_of(work, case),
        "send_to": job_cases.places(work, case),
    }  # fmt: skip


def done_to(console: Console, case_id: int, act: Act) -> Any:
    """Do something to a ticket and show it again, with what came of it."""
    try:
        with console.store.begin() as work:
            _readable(console, work, case_id)
            flash(act(work), "good")
    except (NotPossible, NotAPicture, Locked) as error:
        flash(str(error), "bad")
    return redirect(url_for("console.ticket_one", case_id=case_id), 303)
