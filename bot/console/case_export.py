"""A ticket's whole file in one archive: JSON, the files, the words of its conversations, and a
README that says what is where."""

from __future__ import annotations

import io
import json
import mimetypes
import re
import zipfile
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import select

from bot.console import case_links
from bot.console.case_links import Keep
from bot.console.view import shown_name, shown_phones, shown_text
from bot.domain.cases import CLASSES, PRIORITIES, SOURCES, STATUSES, TEAMS, TOPICS
from bot.gateways.media import find_media
from bot.services import cases, clocks
from bot.store.cases import Case, ClockEvent
from bot.store.database import UnitOfWork
from bot.store.riders import Media, Message, Rider
from bot.store.staff import Staff

_MESSAGES: Final = 2000
_TOKEN: Final = re.compile(r"/media/([A-Za-z0-9_-]{16,48})")
_README: Final = """Case {case}, exported {at} UTC.

case.json            the whole file: facts, result, and
  file               each line of it, who wrote it, its photo
  clocks             each promise: its limit, when it began, paused, was due, how it ended
  links              charges with bill, readings and payments, refunds, jobs, incidents with their
                     log, outages, bookings, partners who read the case
  messages           what was said in its conversations{messages}
photos/              photos of the case's own file
jobs/<job>/          photos of technicians
incidents/<number>/  evidence of an incident
chat/                photos, voice messages and files of the conversations

Amounts are whole numbers of the currency's smallest coin: {{"minor": 250, "currency": "EUR"}} is
EUR 2.50. Times are UTC. Phone numbers and e-mail addresses of riders are masked. Files whose time
to be kept is over are named as null.
"""


def packed(work: UnitOfWork, case: Case, readable: Callable[[int], bool]) -> bytes:
    """A ZIP with all of it; numbers and addresses of riders are masked, and of conversations there
    is what whoever exports may read: `readable(conversation id)`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def keep(media_id: int | None, place: str) -> str | None:
            media = work.session.get(Media, media_id) if media_id else None
            if media is None:
                return None
            name = f"{place}{mimetypes.guess_extension(media.content_type) or '.bin'}"
            archive.writestr(name, media.data)
            return name

        chats = [
            int(each.ref) for each in cases.links(work, case.id) if each.kind == "conversation"
        ]
        told = file_of(work, case, keep, [each for each in chats if readable(each)])
        archive.writestr("case.json", json.dumps(told, ensure_ascii=False, indent=2, default=str))
        left_out = "" if all(readable(each) for each in chats) else (
            "; some are left out: who exported it may not read them"
        )  # fmt: skip
        archive.writestr(
            "README.txt",
            _README.format(case=case.id, at=f"{work.now:%Y-%m-%d %H:%M}", messages=left_out),
        )
    return out.getvalue()


def file_of(work: UnitOfWork, case: Case, keep: Keep, chats: list[int]) -> dict[str, Any]:
    """The file as JSON."""
    names = {row.id: row.name for row in work.session.execute(select(Staff.id, Staff.name))}
    topic = TOPICS[case.code]
    rider = work.session.get(Rider, case.rider_id) if case.rider_id else None
    phone = shown_phones(work, [rider.id]).get(rider.id, "") if rider else ""
    return {
        "case": case.id, "kind": case.kind, "class": CLASSES[topic.class_], "code": topic.title,
        "priority": PRIORITIES[case.priority], "status": STATUSES[case.status],
        "team": TEAMS[case.team], "owner": names.get(case.owner_id or 0, ""),
        "source": SOURCES[case.source],
        "person": shown_name(rider) if rider else shown_text(case.contact_name),
        "contact": phone or shown_text(case.contact),
        "pile": case.pile_id, "place": shown_text(case.place), "charge": case.session_id,
        "text": shown_text(case.text), "happened_at": case.happened_at.isoformat(),
        "opened_at": case.created_at.isoformat(),
        "cause": shown_text(case.cause), "fix": shown_text(case.fix),
        "result": shown_text(case.result), "answer": case.answer,
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
        "close_reason": case.close_reason, "merged_into": case.merged_into,
        "file": [
            {
                "at": each.at.isoformat(), "kind": each.kind, "text": shown_text(each.text),
                "by": names.get(each.staff_id or 0, ""),
                "photo": keep(each.media_id, f"photos/{each.id}"),
            }
            for each in cases.entries(work, case.id)
        ],
        "front_line": case.front_line,
        "clocks": [
            clocks.told(each)
            | {"limit_s": each.policy["limit_s"], "events": _events(work, each.id)}
            for each in cases.all_clocks(work, case)
        ],
        "links": [
            case_links.told(work, case, each, names, keep) for each in cases.links(work, case.id)
        ],
        "messages": _messages(work, case, names, keep, chats),
    }  # fmt: skip


def _events(work: UnitOfWork, clock_id: int) -> list[dict[str, Any]]:
    rows = select(ClockEvent).where(ClockEvent.clock_id == clock_id).order_by(ClockEvent.id)
    return [
        {"at": each.at.isoformat(), "kind": each.kind, "text": each.text, "spent_s": each.spent_s}
        for each in work.session.scalars(rows)
    ]


def _messages(
    work: UnitOfWork, case: Case, names: dict[int, str], keep: Keep, chats: list[int]
) -> list[dict[str, Any]]:
    """What was said in these conversations while it was open, with its files."""
    rows = select(Message).where(Message.conversation_id.in_(chats), Message.at >= case.happened_at)
    if case.closed_at is not None:
        rows = rows.where(Message.at <= case.closed_at)
    found = work.session.scalars(rows.order_by(Message.id).limit(_MESSAGES))
    return [
        {"at": each.at.isoformat(), "author": each.author, "by": names.get(each.staff_id or 0, ""),
         "text": shown_text(each.text), "status": each.status} | _file(work, each, keep)
        for each in found
    ]  # fmt: skip


def _file(work: UnitOfWork, message: Message, keep: Keep) -> dict[str, Any]:
    """The photo, voice message or file of a line; nothing where it has none."""
    media = message.body.get("media")
    if not media:
        return {}
    token = _TOKEN.search(str(media.get("url", "")))
    found = find_media(work, token[1]) if token else None
    return {"file": keep(found.id if found else None, f"chat/{message.id}")}
