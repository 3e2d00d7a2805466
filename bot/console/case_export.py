"""A ticket's whole file in one archive: JSON, the photos, and the words of its conversations."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any, Final

from sqlalchemy import select

from bot.console.view import shown_name, shown_phones, shown_text
from bot.domain.cases import CLASSES, PRIORITIES, SOURCES, STATUSES, TEAMS, TOPICS
from bot.services import cases, clocks
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.riders import Media, Message, Rider
from bot.store.staff import Staff

_MESSAGES: Final = 2000


def packed(work: UnitOfWork, case: Case) -> bytes:
    """A ZIP with case.json and photos/; numbers and addresses of riders are masked."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        photos: dict[int, str] = {}
        for entry in cases.entries(work, case.id):
            media = work.session.get(Media, entry.media_id) if entry.media_id else None
            if media is not None:
                photos[entry.id] = f"photos/{entry.id}.{media.content_type.rpartition('/')[2]}"
                archive.writestr(photos[entry.id], media.data)
        told = json.dumps(file_of(work, case, photos), ensure_ascii=False, indent=2)
        archive.writestr("case.json", told)
    return out.getvalue()


def file_of(work: UnitOfWork, case: Case, photos: dict[int, str]) -> dict[str, Any]:
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
                "by": names.get(each.staff_id or 0, ""), "photo": photos.get(each.id),
            }
            for each in cases.entries(work, case.id)
        ],
        "clocks": [clocks.told(each) for each in cases.all_clocks(work, case)],
        "links": [{"kind": each.kind, "ref": each.ref} for each in cases.links(work, case.id)],
        "messages": _messages(work, case, names),
    }  # fmt: skip


def _messages(work: UnitOfWork, case: Case, names: dict[int, str]) -> list[dict[str, Any]]:
    """What was said in its conversations while it was open."""
    chats = [int(each.ref) for each in cases.links(work, case.id) if each.kind == "conversation"]
    rows = select(Message).where(Message.conversation_id.in_(chats), Message.at >= case.happened_at)
    if case.closed_at is not None:
        rows = rows.where(Message.at <= case.closed_at)
    found = work.session.scalars(rows.order_by(Message.id).limit(_MESSAGES))
    return [
        {"at": each.at.isoformat(), "author": each.author, "by": names.get(each.staff_id or 0, ""),
         "text": shown_text(each.text), "status": each.status}
        for each in found
    ]  # fmt: skip
