"""Writing to a rider, or a note beside: what is refused keeps its draft."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select

from bot.console import chat, word_lock
from bot.console.canned_values import values_for
from bot.console.composing import Unsendable, attachment, draft_of, rendered, replies, written
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.pages.conversation import canned_replies, show
from bot.gateways import templates
from bot.gateways.media import File, store_file
from bot.replies import Document, Picture, Reply, Say, load
from bot.services import canned, threads, wording
from bot.services.handoff import Beaten, NotPossible
from bot.services.wording import Locked
from bot.store.database import UnitOfWork
from bot.store.outbox import emit
from bot.store.queues import Outbox
from bot.store.riders import Conversation, Message, Rider

WINDOW_CLOSED = (
    "The 24-hour window is closed, so WhatsApp takes no free text. Nothing was sent, and your text "
    "is still here. Pick a template instead."
)


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /conversations/<id>/send, note, template, preview, messages/<id>/retry."""

    @routes.action("/conversations/<int:conversation_id>/send", right="conversation.work")
    def send(conversation_id: int) -> Any:
        draft = draft_of(request.form)
        doing = request.form.get("do", "")
        if doing:
            return _redraw(console, conversation_id, draft, doing)
        if draft.mode == "note":
            return _note(console, conversation_id, draft)
        if approved := request.form.get("approved", ""):
            return _send_approved(console, conversation_id, draft, approved)
        try:
            file = _uploaded()
            said = replies(draft)
            _check(draft, said, file)
            with console.store.begin() as work:
                conversation = _locked(console, work, conversation_id)
                threads.require_owner(work, console.me().actor(), conversation)
                if not chat.window_of(work, conversation).open:
                    raise Unsendable(WINDOW_CLOSED)
                if file is not None:
                    said = _with_file(work, file, draft, said)
                threads.say(
                    work, console.me().actor(), conversation, said, key=draft.key,
                    values=values_for(work, console.settings, console.me(), conversation),
                    reason=request.form.get("own_reason", ""),
                )  # fmt: skip
        except Beaten as beaten:
            problem = f"Nothing was sent. {beaten}"
            return show(console, conversation_id, draft, problem=problem, status=409)
        except (Unsendable, Locked) as refused:
            return show(console, conversation_id, draft, problem=str(refused), status=409)
        return _done(conversation_id)

    @routes.action("/conversations/<int:conversation_id>/note", right="note.write")
    def note(conversation_id: int) -> Any:
        return _note(console, conversation_id, draft_of(request.form))

    @routes.action("/conversations/<int:conversation_id>/template", right="conversation.work")
    def template(conversation_id: int) -> Any:
        """Send an approved template with its variables filled."""
        draft = draft_of(request.form)
        name, lang = request.form.get("name", ""), request.form.get("lang", "")
        values = {key: value.strip() for key, value in draft.template.items() if value.strip()}
        choice = {"name": name, "lang": lang, "variables": values}
        offered = templates.offered(console.settings, lang)
        picked = next((each for each in offered if each.name == name), None)
        try:
            if picked is None:
                raise Unsendable("That template is not approved any more.")
            missing = [each for each in picked.variables if not values.get(each)]
            if missing:
                raise Unsendable(f"The template needs its {missing[0]}.")
            if "url" in values and not values["url"].startswith("https://"):
                raise Unsendable("The address in a template begins with https://.")
            filled = templates.chosen(console.settings, choice)
            assert filled is not None
            with console.store.begin() as work:
                conversation = _locked(console, work, conversation_id)
                threads.say(
                    work, console.me().actor(), conversation, [written(filled.text)],
                    key=draft.key, template=choice, reason=request.form.get("own_reason", ""),
                )  # fmt: skip
        except Beaten as beaten:
            problem = f"Nothing was sent. {beaten}"
            return show(console, conversation_id, draft, problem=problem, status=409)
        except (Unsendable, Locked) as refused:
            return show(console, conversation_id, draft, problem=str(refused), status=409)
        flash("The template is on its way.", "good")
        return _done(conversation_id)

    @routes.action("/conversations/<int:conversation_id>/preview", right="conversation.work")
    def preview(conversation_id: int) -> Any:
        """How the rider will see what stands in the composer; changes nothing."""
        with console.store.read() as work:
            conversation = chat.readable(console, work, conversation_id)
            lang = work.session.get_one(Rider, conversation.rider_id).lang
        try:
            parts, problem = rendered(draft_of(request.form), lang), ""
        except Unsendable as refused:
            parts, problem = [], str(refused)
        return render_template("console/preview.html", preview=parts, problem=problem)

    @routes.action(
        "/conversations/<int:conversation_id>/messages/<int:message_id>/retry",
        right="conversation.work",
    )
    def retry(conversation_id: int, message_id: int) -> Any:
        """Send once more what failed; each failed message once."""
        try:
            with console.store.begin() as work:
                conversation = _locked(console, work, conversation_id)
                threads.require_owner(work, console.me().actor(), conversation)
                _send_again(console, work, conversation, message_id)
        except (Beaten, Unsendable, Locked) as refused:
            return show(console, conversation_id, chat.Draft(), problem=str(refused), status=409)
        flash("Trying again.", "good")
        return _done(conversation_id)


def _send_approved(console: Console, conversation_id: int, draft: chat.Draft, name: str) -> Any:
    """An approved answer, as it stands; what was typed stays."""
    actor = console.me().actor()
    try:
        if not draft.key:
            raise Unsendable("This page is too old. Please send it again.")
        with console.store.begin() as work:
            conversation = _locked(console, work, conversation_id)
            threads.require_owner(work, actor, conversation)
            if not chat.window_of(work, conversation).open:
                raise Unsendable(WINDOW_CLOSED)
            said = word_lock.chosen(console, work, conversation, name)
            values = values_for(work, console.settings, console.me(), conversation)
            threads.say(work, actor, conversation, said, key=draft.key, values=values)
    except Beaten as beaten:
        problem = f"Nothing was sent. {beaten}"
        return show(console, conversation_id, draft, problem=problem, status=409)
    except (Unsendable, Locked) as refused:
        return show(console, conversation_id, draft, problem=str(refused), status=409)
    if draft.text.strip():
        return show(console, conversation_id, draft)
    return _done(conversation_id)


def _redraw(console: Console, conversation_id: int, draft: chat.Draft, doing: str) -> Any:
    """What the composer does without scripts: more rows, a preview, a canned reply put in."""
    problem, parts = "", None
    if doing == "more":
        draft.options += [{"title": "", "detail": "", "action": ""}] * 3
    elif doing == "preview":
        try:
            with console.store.read() as work:
                conversation = chat.readable(console, work, conversation_id)
                lang = work.session.get_one(Rider, conversation.rider_id).lang
            parts = rendered(draft, lang)
        except Unsendable as refused:
            problem = str(refused)
    elif doing.startswith("canned:"):
        with console.store.read() as work:
            conversation = chat.readable(console, work, conversation_id)
            found = canned_replies(console, work, conversation, "")
        for each in found:
            if doing == f"canned:{each['id']}":
                draft.text = f"{draft.text.strip()}\n{each['text']}".strip()
    draft.options = draft.options[:10]
    return show(console, conversation_id, draft, problem=problem, preview=parts)


def _note(console: Console, conversation_id: int, draft: chat.Draft) -> Any:
    draft.mode = "note"
    try:
        with console.store.begin() as work:
            conversation = chat.readable(console, work, conversation_id)
            threads.note(work, console.me().actor(), conversation, draft.text, key=draft.key)
    except NotPossible as refused:
        return show(console, conversation_id, draft, problem=str(refused), status=409)
    return _done(conversation_id)


def _uploaded() -> File | None:
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        return None
    return attachment(upload.read(), upload.filename)


def _check(draft: chat.Draft, said: list[Reply], file: File | None) -> None:
    if not said and file is None:
        raise Unsendable("Write something first.")
    if not draft.key:
        raise Unsendable("This page is too old. Please send it again.")
    left = canned.unfilled(draft.text)
    if left:
        raise Unsendable(f"Nothing is known for {{{left[0]}}}: write it yourself or take it out.")


def _with_file(work: UnitOfWork, file: File, draft: chat.Draft, said: list[Reply]) -> list[Reply]:
    """The file with the text as its caption; buttons follow in a message of their own."""
    media = store_file(work, file)
    work.session.flush()
    plain = [each for each in said if isinstance(each, Say)]
    caption = plain[0] if plain else written("")
    rest = [each for each in said if not isinstance(each, Say)]
    if file.content_type == "application/pdf":
        return [Document(media.id, file.name, caption), *rest]
    return [Picture(media.id, caption), *rest]


def _send_again(
    console: Console, work: UnitOfWork, conversation: Conversation, message_id: int
) -> None:
    message = work.session.get(Message, message_id)
    if message is None or message.conversation_id != conversation.id or message.author != "agent":
        raise Unsendable("That message cannot be sent again.")
    if message.status not in ("failed", "undelivered"):
        raise Unsendable("That message did not fail.")
    key = (message.source_key or "").split("#")[0]
    effect = work.session.scalars(select(Outbox).where(Outbox.key == key)).first()
    if effect is None:
        raise Unsendable("What was sent is not kept any more: write it again.")
    if not effect.body.get("template") and not chat.window_of(work, conversation).open:
        raise Unsendable(WINDOW_CLOSED)
    again = load(effect.body["reply"])
    incident = wording.may_say(
        work, console.me().actor(), conversation, [again], reason="",
        values=values_for(work, console.settings, console.me(), conversation),
    )  # fmt: skip
    if incident is not None:
        wording.log(work, console.me().actor(), incident, conversation.rider_id, [again])
    fresh = emit(
        work, key=f"{key}:again"[:160], lane="worker", stream=effect.stream, kind="message",
        body=dict(effect.body),
    )  # fmt: skip
    if not fresh:
        raise Unsendable("It is being sent again already.")


def _locked(console: Console, work: UnitOfWork, conversation_id: int) -> Conversation:
    """The conversation, held so that nobody takes it away while its owner's words are filed."""
    chat.readable(console, work, conversation_id)
    return work.session.get_one(
        Conversation, conversation_id, with_for_update=True, populate_existing=True
    )


def _done(conversation_id: int) -> Any:
    page = url_for("console.conversation_page", conversation_id=conversation_id)
    return redirect(f"{page}#composer", 303)
