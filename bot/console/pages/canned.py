"""Canned replies: the list, and a form for each."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request, url_for

from bot.console.composing import Unsendable, draft_of, replies
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import LANGUAGES
from bot.errors import PilebotError
from bot.services import canned
from bot.services.canned import BadReply
from bot.store.desk import CannedReply
from bot.store.staff import Staff


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /canned, /canned/new, /canned/<id>, and to save, delete and approve."""

    @routes.page("/canned", right="canned.edit")
    def page() -> Any:
        with console.store.read() as work:
            found = canned.all_of(work)
        wanted = request.args.get("q", "").strip().casefold()
        if wanted:
            found = [each for each in found if wanted in f"{each.shortcut} {each.text}".casefold()]
        safe = {each.id for each in found if canned.is_approved(each)}
        return console.page("canned", found=found, languages=LANGUAGES, q=wanted, safe=safe)

    @routes.page("/canned/new", right="canned.edit")
    def new() -> Any:
        return _form(console, {"shortcut": "", "lang": "en", "text": "", "options": []}, None)

    @routes.page("/canned/<int:canned_id>", right="canned.edit")
    def edit(canned_id: int) -> Any:
        with console.store.read() as work:
            row = work.session.get(CannedReply, canned_id)
            if row is None:
                abort(404)
            by = work.session.get(Staff, row.approved_by) if row.approved_by else None
        values = {
            "shortcut": row.shortcut, "lang": row.lang, "text": row.text,
            "options": [each["title"] for each in row.options], "version": row.version,
            "approved": canned.is_approved(row), "approved_at": row.approved_at,
            "approved_by": by.name if by else "",
        }  # fmt: skip
        return _form(console, values, canned_id)

    @routes.action("/canned/save", right="canned.edit")
    def save() -> Any:
        canned_id = request.form.get("id", type=int)
        draft = draft_of(request.form)
        titles = [each["title"] for each in draft.options if each["title"]]
        shortcut, lang = request.form.get("shortcut", ""), request.form.get("lang", "en")
        values = {"shortcut": shortcut, "lang": lang, "text": draft.text, "options": titles}
        if lang not in LANGUAGES:
            abort(400)
        try:
            replies(draft)
            if len(titles) > 3:
                raise Unsendable("A canned reply has at most 3 buttons.")
            with console.store.begin() as work:
                canned.save(
                    work, console.me().actor(), id_=canned_id, shortcut=shortcut,
                    lang=lang, text=draft.text,
                    options=[{"payload": "", "title": title} for title in titles],
                )  # fmt: skip
        except PilebotError as refused:
            return _form(console, values, canned_id, problem=str(refused), status=422)
        flash("Saved.", "good")
        return redirect(url_for("console.canned_page"), 303)

    @routes.action("/canned/<int:canned_id>/delete", right="canned.edit")
    def delete(canned_id: int) -> Any:
        try:
            with console.store.begin() as work:
                gone = canned.delete(work, console.me().actor(), canned_id)
        except BadReply as refused:
            flash(str(refused), "bad")
            return redirect(url_for("console.canned_edit", canned_id=canned_id), 303)
        flash("Deleted." if gone else "It was gone already.", "good")
        return redirect(url_for("console.canned_page"), 303)

    @routes.action("/canned/<int:canned_id>/approve", right="danger.approve")
    def approve(canned_id: int) -> Any:
        """For danger, as its words stand; or not any more."""
        actor = console.me().actor()
        try:
            with console.store.begin() as work:
                if request.form.get("do") == "withdraw":
                    canned.withdraw(work, actor, canned_id)
                    flash("It is not sent in danger any more.", "good")
                else:
                    version = request.form.get("version", type=int) or 0
                    canned.approve(work, actor, canned_id, version=version)
                    flash("Approved for danger.", "good")
        except BadReply as refused:
            flash(str(refused), "bad")
        return redirect(url_for("console.canned_edit", canned_id=canned_id), 303)


def _form(
    console: Console,
    values: dict[str, Any],
    canned_id: int | None,
    *,
    problem: str = "",
    status: int = 200,
) -> Any:
    titles = [*values["options"], "", "", ""][:3]
    return console.page(
        "canned_edit", status, values=values, titles=titles, id=canned_id, problem=problem,
        languages=LANGUAGES, variables=canned.VARIABLES,
    )  # fmt: skip
