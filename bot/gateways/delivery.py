"""Delivers one reply of the outbox: fence, channel, 24-hour window, render, send, record.

Twilio has no idempotency key, so sending is at-least-once: the Message row is written before the
call, and a row whose call had no clear end is looked up in Twilio's list before it is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

import structlog
from requests import RequestException
from sqlalchemy import select
from twilio.base.exceptions import TwilioRestException

from bot.errors import GiveUp, TryAgain
from bot.gateways import contents, templates
from bot.gateways.media import File, media_url, new_file, store_file
from bot.gateways.render import Context, FileRef, Rendered, render
from bot.gateways.translate import language, translate
from bot.gateways.whatsapp import client
from bot.replies import MapPicture, Say, load
from bot.services import clocks, receipt_watch
from bot.settings import Settings
from bot.store.database import Store, UnitOfWork
from bot.store.outbox import emit
from bot.store.riders import Conversation, Media, Message, Rider, RiderAddress

log = structlog.get_logger()

WINDOW: Final = timedelta(hours=24) - timedelta(minutes=5)
WINDOW_CLOSED: Final = 63016
_CONTENT_UNKNOWN: Final = {20404, 21655, 63027}
TAKEN_OVER: Final = "Not sent: a person has taken over."
_LISTING_LAG_S: Final = 5.0
_CLOCK_SKEW: Final = timedelta(minutes=2)
# Failure may be overtaken by the news that the message arrived after all, never the reverse.
_RANK: Final = {
    "accepted": 0, "scheduled": 0, "queued": 0, "sending": 1, "sent": 2,
    "failed": 3, "undelivered": 3, "delivered": 4, "read": 5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of the conversation when a reply is about to leave."""

    channel: str
    to: str
    lang: str
    window_open: bool
    wanted: bool


class DrawMap(Protocol):
    """Makes a PNG or JPEG of a map; `translate` turns its English words."""

    def __call__(self, picture: MapPicture, translate: Callable[[str], str]) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivers outbox rows of kind "message"; call it outside any transaction."""

    store: Store
    settings: Settings
    draw_map: DrawMap
    receipt: Callable[[int, str], tuple[bytes, str, Say]]
    invoice: Callable[[int, str], tuple[bytes, str, Say]]

    def __post_init__(self) -> None:
        # The SDK loads an API when it is first named, which takes a third of a second: do it now.
        twilio = client(self.settings)
        _ = twilio.messages, twilio.content.v1.contents, twilio.messaging.v2.typing_indicator

    def __call__(self, key: str, body: Mapping[str, Any]) -> str:
        """Deliver {conversation_id, reply, author, epoch}; `key` is the outbox row's.

        Answers "done", or "dropped" when nobody wants it any more (a person owns the chat, the
        rider opted out). Raises TryAgain (Twilio away, limits) and GiveUp (refused for good).
        """
        with self.store.read() as work:
            plan = _plan(work, body)
            rows = _rows(work, key)
        begun = bool(rows)
        if not begun:
            if not plan.wanted:
                return "dropped"
            parts, files = self._render(plan, body)
            recorded = self._record(key, body, plan, parts, files)
            if recorded is None:
                return "dropped"
            rows = recorded
        elif not plan.wanted:
            self._settle(rows, "failed", TAKEN_OVER)
            return "dropped"
        for row in rows:
            if row.channel == "whatsapp" and row.provider_id is None and row.status == "queued":
                self._send(key, body, plan, row, look_first=begun)
        if body["reply"].get("_") == "Receipt":
            self._note_receipt(key, body)
        return "done"

    def _render(
        self, plan: _Plan, body: Mapping[str, Any]
    ) -> tuple[list[Rendered], dict[str, File]]:
        """The messages in the rider's language and the files they show, by address."""
        files: dict[str, File] = {}

        def keep(data: bytes, content_type: str, name: str) -> FileRef:
            file = new_file(data, content_type, name)
            url = media_url(self.settings, file.token, file.name)
            files[url] = file
            return FileRef(url, content_type, name)

        draw = partial(self.draw_map, translate=partial(translate, plan.lang))
        context = Context(self._stored, keep, draw, self.receipt, self.invoice)
        try:
            parts = render(load(body["reply"]), plan.lang, context)
        except ValueError as error:
            raise GiveUp(f"cannot be rendered: {error}") from error
        chosen = body.get("template")
        if plan.channel == "web" or (plan.window_open and not chosen):
            return parts, files
        if isinstance(chosen, Mapping):  # picked and filled by somebody of the staff
            return [_templated(templates.chosen(self.settings, chosen), parts)], files
        if body["author"] == "agent":  # a person's words never turn into other words by themselves
            return [_blocked(parts)], files
        return [_templated(templates.fill(self.settings, plan.lang, parts), parts)], files

    def _stored(self, media_id: int) -> FileRef:
        with self.store.read() as work:
            media = work.session.get(Media, media_id)
            if media is None:
                raise ValueError(f"media {media_id} is gone")
            url = media_url(self.settings, media.token, media.name)
            return FileRef(url, media.content_type, media.name)

    def _record(
        self,
        key: str,
        body: Mapping[str, Any],
        plan: _Plan,
        parts: Sequence[Rendered],
        files: Mapping[str, File],
    ) -> list[Message] | None:
        """Write the Message rows, unless a person took the chat over while we rendered.

        Raises GiveUp after recording a message that may not leave, so that staff see it.
        """
        with self.store.begin() as work:
            conversation = _conversation(work, body, lock=True)
            if not _fence_open(conversation, body):
                return None
            for file in files.values():
                store_file(work, file)
            rows = [
                Message(
                    conversation_id=conversation.id,
                    at=work.now,
                    author=body["author"],
                    channel=plan.channel,
                    text=part["text"],
                    body=part,
                    source_key=key if number == 0 else f"{key}#{number}",
                    status="queued" if plan.channel == "whatsapp" else "sent",
                    staff_id=body.get("staff_id"),
                )
                for number, part in enumerate(parts)
            ]
            blocked = rows and "blocked" in rows[0].body
            if blocked:
                rows[0].status = "failed"
                rows[0].error = "The 24-hour window is closed and no approved template is set."
            work.session.add_all(rows)
            conversation.last_at = work.now
        if blocked:
            raise GiveUp(str(rows[0].error))
        return rows

    def _send(
        self,
        key: str,
        body: Mapping[str, Any],
        plan: _Plan,
        row: Message,
        *,
        look_first: bool,
    ) -> None:
        """Send one message and keep its SID; look for an earlier try of it first."""
        if look_first:
            known = self._find_sent(plan.to, row)
            if known is not None:
                self._sent(row, known.sid, known.status)
                return
            if not plan.window_open and "template" not in row.body:
                self._fall_back(key, body, row, "The 24-hour window closed before it was sent.")
                return
        content_sid = None
        try:
            arguments = self._arguments(plan, row)
            content_sid = arguments.get("content_sid")
            if not self._still_ours(body):
                self._settle([row], "failed", TAKEN_OVER)
                return
            made = client(self.settings).messages.create(
                to=plan.to,
                from_=self.settings.twilio_from,
                status_callback=self._callback(row),
                **arguments,
            )
        except TwilioRestException as error:
            if error.code in _CONTENT_UNKNOWN and content_sid and "template" not in row.body:
                contents.forget(self.store, content_sid)
                raise TryAgain("a content was gone at Twilio", after_s=0.5) from error
            if error.code == WINDOW_CLOSED:
                self._fall_back(key, body, row, f"{error.code}: {error.msg}")
                return
            self._refused(row, error)
        except RequestException as error:
            self._note(row, f"unknown: {type(error).__name__}")
            raise TryAgain(f"Twilio: {error}", after_s=_LISTING_LAG_S) from error
        else:
            self._sent(row, made.sid, made.status)

    def _note_receipt(self, key: str, body: Mapping[str, Any]) -> None:
        """When the channel had taken every part of a receipt: its clock stops."""
        with self.store.begin() as work:
            if all(row.channel == "web" or row.provider_id for row in _rows(work, key)):
                receipt_watch.accepted(work, int(body["reply"]["bill_id"]))
                clocks.bill_sent(work, int(body["reply"]["bill_id"]))

    def _still_ours(self, body: Mapping[str, Any]) -> bool:
        """The fence once more, at the last moment: making a content and sending the parts before
        took time."""
        if body["author"] != "bot":
            return True
        with self.store.read() as work:
            return _fence_open(_conversation(work, body), body)

    def _refused(self, row: Message, error: TwilioRestException) -> None:
        if error.status == 429:
            raise TryAgain("Twilio: too many requests") from error
        if error.status >= 500:
            self._note(row, f"unknown: HTTP {error.status}")
            raise TryAgain(f"Twilio: HTTP {error.status}") from error
        why = f"{error.code or error.status}: {error.msg}"
        self._settle([row], "failed", why)
        raise GiveUp(f"Twilio refused: {why}") from error

    def _arguments(self, plan: _Plan, row: Message) -> dict[str, Any]:
        """What Messages.create takes for a message, besides the addresses."""
        message = row.body
        if "template" in message:
            variables = templates.variables_json(message["template"]["variables"])
            return {"content_sid": message["template"]["sid"], "content_variables": variables}
        match message["kind"]:
            case "text":
                return {"body": message["text"]}
            case "image" | "document":
                caption = {"body": message["text"]} if message["text"] else {}
                return {"media_url": [message["media"]["url"]], **caption}
            case "location":
                place = message["location"]
                where = (place["address"] or place["label"]).replace("|", " ")
                return {
                    "body": place["label"],
                    "persistent_action": [f"geo:{place['lat']},{place['lng']}|{where}"],
                }
        content = contents.content_of(message)
        twilio = client(self.settings)
        lang = language(plan.lang).replace("-", "_")
        return {
            "content_sid": contents.sid_of(self.store, twilio, content, lang),
            "content_variables": templates.variables_json(content.variables),
        }

    def _callback(self, row: Message) -> str:
        # The row's id in the address finds the row even when the answer with the SID was lost.
        return f"{self.settings.public_url.rstrip('/')}/webhooks/whatsapp/status?m={row.id}"

    def _find_sent(self, to: str, row: Message) -> Any | None:
        """The message at Twilio that an earlier try of this row made, or None."""
        try:
            listed = client(self.settings).messages.list(
                to=to, from_=self.settings.twilio_from, limit=50
            )
        except (TwilioRestException, RequestException) as error:
            raise TryAgain(f"Twilio's list: {error}") from error
        wanted = " ".join(row.text.split())
        with_media = "media" in row.body
        for each in listed:
            if each.date_created is None or each.date_created < row.at - _CLOCK_SKEW:
                continue
            same = " ".join((each.body or "").split()) == wanted
            if same and (int(each.num_media or 0) > 0) == with_media and not self._taken(each.sid):
                return each
        return None

    def _taken(self, sid: str) -> bool:
        with self.store.read() as work:
            return (
                work.session.scalars(select(Message.id).where(Message.provider_id == sid)).first()
                is not None
            )

    def _sent(self, row: Message, sid: str, status: str) -> None:
        with self.store.begin() as work:
            message = work.session.get_one(Message, row.id, with_for_update=True)
            message.provider_id = message.provider_id or sid
            message.error = None if message.status == "queued" else message.error
            advance(message, status)

    def _note(self, row: Message, error: str) -> None:
        with self.store.begin() as work:
            work.session.get_one(Message, row.id, with_for_update=True).error = error

    def _settle(self, rows: Sequence[Message], status: str, error: str) -> None:
        with self.store.begin() as work:
            for row in rows:
                message = work.session.get_one(Message, row.id, with_for_update=True)
                if message.provider_id is None:
                    message.error = error
                    advance(message, status)

    def _fall_back(self, key: str, body: Mapping[str, Any], row: Message, why: str) -> None:
        with self.store.begin() as work:
            message = work.session.get_one(Message, row.id, with_for_update=True)
            message.error = why
            advance(message, "failed")
            send_as_template(work, key, body)


def _templated(filled: templates.Filled | None, parts: Sequence[Rendered]) -> Rendered:
    if filled is None:
        return _blocked(parts)
    template = {"sid": filled.sid, "variables": filled.variables}
    return {"kind": "text", "text": filled.text, "template": template}


def _blocked(parts: Sequence[Rendered]) -> Rendered:
    text = "\n\n".join(part["text"] for part in parts if part["text"])
    return {"kind": "text", "text": text, "blocked": "window"}


def advance(message: Message, status: str) -> bool:
    """Move a message's status up in rank; False when the news is old."""
    if _RANK.get(status, -1) <= _RANK.get(message.status, -1):
        return False
    message.status = status
    return True


def send_as_template(work: UnitOfWork, key: str, body: Mapping[str, Any]) -> None:
    """Say the same by an approved template, once; what a person wrote is theirs to send anew."""
    if body.get("template") or body["author"] == "agent":
        return
    emit(
        work,
        key=f"{key}:template",
        lane="worker",
        stream=f"conversation:{body['conversation_id']}",
        kind="message",
        body={**body, "template": True},
    )


def window_open(conversation: Conversation, now: datetime) -> bool:
    """Whether WhatsApp takes free-form messages to this rider now."""
    heard = conversation.last_whatsapp_at
    return heard is not None and now - heard < WINDOW


def _plan(work: UnitOfWork, body: Mapping[str, Any]) -> _Plan:
    conversation = _conversation(work, body)
    rider = work.session.get_one(Rider, conversation.rider_id)
    addresses = {
        address.kind: address.value
        for address in work.session.scalars(
            select(RiderAddress).where(RiderAddress.rider_id == rider.id).order_by(RiderAddress.id)
        )
    }
    value = addresses.get("whatsapp") or addresses.get("bsuid")
    on_whatsapp = conversation.last_channel == "whatsapp" or body["author"] == "auto"
    is_open = window_open(conversation, work.now)
    channel = "whatsapp" if value and on_whatsapp else "web"
    return _Plan(
        channel=channel,
        to=f"whatsapp:{value}",
        lang=language(rider.lang),
        window_open=is_open,
        wanted=_fence_open(conversation, body)
        and not _unwelcome(rider, body, answering=channel == "web" or is_open),
    )


def _unwelcome(rider: Rider, body: Mapping[str, Any], *, answering: bool) -> bool:
    """Who opted out still gets facts about a running charge, and answers to what they write."""
    if rider.muted_at is None or body["author"] == "auto":
        return False
    return body["author"] == "system" or not answering


def _fence_open(conversation: Conversation, body: Mapping[str, Any]) -> bool:
    if body["author"] != "bot":
        return True
    return conversation.owner == "bot" and conversation.epoch == body["epoch"]


def _conversation(work: UnitOfWork, body: Mapping[str, Any], *, lock: bool = False) -> Conversation:
    return work.session.get_one(Conversation, body["conversation_id"], with_for_update=lock)


def _rows(work: UnitOfWork, key: str) -> list[Message]:
    """The Message rows an earlier try made of this outbox row, in order."""
    first = work.session.scalars(select(Message).where(Message.source_key == key)).first()
    if first is None:
        return []
    more = work.session.scalars(
        select(Message)
        .where(Message.source_key.startswith(f"{key}#", autoescape=True))
        .order_by(Message.id)
    )
    return [first, *more]
