"""The lines of a conversation as staff see them: messages, notes and marks in one order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.console.view import shown_text
from bot.domain.handoff_reasons import reason as known_reason
from bot.replies import Choose, Document, Picture, Say, Written, load
from bot.services.stations import distance_m
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationMark
from bot.store.queues import Outbox
from bot.store.riders import Conversation, Message
from bot.store.staff import Staff
from bot.store.stations import Pile, Station

PAGE: Final = 60
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_TOGETHER: Final = timedelta(minutes=3)  # lines of one author under one name
_TICKS: Final = {
    "queued": ("clock", "Waiting to be sent"), "accepted": ("clock", "Waiting to be sent"),
    "sending": ("clock", "Being sent"), "sent": ("check", "Sent"),
    "delivered": ("check-check", "Delivered"), "read": ("check-check", "Read"),
    "failed": ("circle-alert", "Failed"), "undelivered": ("circle-alert", "Not delivered"),
}  # fmt: skip
_MARK_ICONS: Final = {
    "claimed": "hand", "queued": "users", "transferred": "arrow-right-left", "handed_back": "bot",
    "returned": "undo-2", "resolved": "circle-check", "reopened": "rotate-ccw", "snoozed": "clock",
    "labelled": "tag", "action": "zap", "incident": "siren", "session": "battery-charging",
}  # fmt: skip


@dataclass(slots=True)
class Line:
    """One line; fields that its kind does not use are empty."""

    id: str
    kind: str  # "message" | "note" | "mark"
    at: datetime
    author: str = ""  # rider bot auto agent system
    who: str = ""
    mine: bool = False
    text: str = ""
    options: Sequence[dict[str, str]] = ()
    list_button: str = ""
    link: dict[str, str] | None = None
    image: str | None = None  # address on the console
    file: dict[str, str] | None = None
    place: dict[str, Any] | None = None
    codes: Sequence[str] = ()
    payload: str = ""
    voice: bool = False
    audio: str | None = None  # address on the console
    hint: str = ""  # what stands where nothing can be shown
    channel: str = ""
    status: str = ""
    tick_icon: str = ""
    tick: str = ""
    error: str = ""
    message_id: int | None = None
    retry: bool = False
    understood: dict[str, Any] | None = None
    icon: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    day: str = ""  # set where a new day begins
    continued: bool = False  # same author as the line above, a moment later


@dataclass(frozen=True, slots=True)
class Transcript:
    """A page of lines, oldest first; `older`: the message id to go on before, if there is more."""

    lines: Sequence[Line]
    older: int | None


def transcript(
    work: UnitOfWork,
    settings: Settings,
    conversation: Conversation,
    *,
    me: int,
    media: Any,
    before: int | None = None,
) -> Transcript:
    """The newest lines, or those before a message; `media` addresses the file of a message."""
    wanted = select(Message).where(Message.conversation_id == conversation.id)
    if before is not None:
        wanted = wanted.where(Message.id < before)
    rows = list(work.session.scalars(wanted.order_by(Message.id.desc()).limit(PAGE + 1)))
    more = len(rows) > PAGE
    rows = rows[:PAGE][::-1]
    marks = _marks(work, conversation.id, rows if more else (), upper=before and rows)
    pending = [] if before is not None else _pending(work, conversation.id)
    names = _names(work, rows, marks, pending)
    lines = [_message(row, names, me, media) for row in rows]
    _explain(lines)
    _tell_nearest(work, lines)
    lines = _merge(lines, [_mark(each, names, me) for each in marks])
    lines += [line for row in pending if (line := _waiting(row, names, me)) is not None]
    _group(lines, ZoneInfo(settings.desk_tz))
    return Transcript(lines, rows[0].id if more else None)


def _marks(
    work: UnitOfWork, conversation_id: int, rows: Sequence[Message], *, upper: Any
) -> list[ConversationMark]:
    wanted = select(ConversationMark).where(
        ConversationMark.conversation_id == conversation_id, ConversationMark.kind != "mention"
    )
    if rows:
        wanted = wanted.where(ConversationMark.at >= rows[0].at)
    if upper:
        wanted = wanted.where(ConversationMark.at <= upper[-1].at)
    newest = wanted.order_by(ConversationMark.id.desc()).limit(4 * PAGE)
    return list(work.session.scalars(newest))[::-1]


def _pending(work: UnitOfWork, conversation_id: int) -> list[Outbox]:
    """What people wrote that has not become a message yet: on its way, or not to be rendered."""
    rows = work.session.scalars(
        select(Outbox)
        .where(
            Outbox.stream == f"conversation:{conversation_id}",
            Outbox.state.in_(("open", "failed")),
            Outbox.created_at > work.now - timedelta(days=2),
        )
        .order_by(Outbox.id)
    ).all()
    written = [row for row in rows if row.body.get("author") == "agent"]
    known = set(
        work.session.scalars(
            select(Message.source_key).where(Message.source_key.in_([row.key for row in written]))
        )
    )
    return [row for row in written if row.key not in known]


def _names(
    work: UnitOfWork,
    rows: Iterable[Message],
    marks: Iterable[ConversationMark],
    pending: Iterable[Outbox],
) -> dict[int, str]:
    ids = {each.staff_id for each in rows} | {each.staff_id for each in marks}
    ids |= {row.body.get("staff_id") for row in pending}
    found = select(Staff.id, Staff.name).where(Staff.id.in_(ids - {None}))
    return {row.id: row.name for row in work.session.execute(found)}


def _message(row: Message, names: dict[int, str], me: int, media: Any) -> Line:
    icon, tick = _TICKS.get(row.status, ("clock", row.status))
    own = row.author == "agent" and row.staff_id == me
    who = {"rider": "Rider", "bot": "Bot", "auto": "Automatic", "system": "System"}
    line = Line(
        id=f"m{row.id}",
        kind="message",
        at=row.at,
        author=row.author,
        who=who.get(row.author) or names.get(row.staff_id or 0, "Staff"),
        mine=own,
        channel=row.channel,
        message_id=row.id,
    )
    _content(line, row.body, row.text)
    if row.author == "rider":
        line.understood = _shown_understood(row.understood)
        entities = (row.understood or {}).get("entities", {})
        if row.body.get("kind") == "image" and entities.get("pile_code"):
            line.codes = [str(entities["pile_code"])]
        line.voice = str(row.body.get("other_media", "")).startswith("audio/")
        _rider_hint(line, row.body)
    else:
        line.status, line.tick_icon, line.tick = row.status, icon, tick
        line.error = shown_text(row.error or "")  # providers quote the number
        line.retry = row.author == "agent" and row.status in ("failed", "undelivered")
    if "media" in row.body:
        kind = str(row.body["media"].get("type", "")).split("/")[0]
        address = media(row.id)
        line.image = address if kind == "image" else None
        line.audio = address if kind == "audio" else None
        if kind not in ("image", "audio"):
            name = shown_text(str(row.body["media"].get("name") or "File"))
            line.file = {"url": address, "name": name}
    return line


def _shown_understood(understood: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was understood, with riders' words in it masked; a pile's code is none."""
    if understood is None:
        return None
    entities = {
        name: str(value) if name == "pile_code" else shown_text(str(value))
        for name, value in understood.get("entities", {}).items()
    }
    return {**understood, "entities": entities}


def _content(line: Line, body: dict[str, Any], text: str) -> None:
    line.text = shown_text(text)
    line.options = [
        {key: shown_text(str(value)) for key, value in each.items()}
        for each in body.get("options", ())
    ]
    line.list_button = str(body.get("button", ""))
    line.payload = shown_text(unquote_plus(str(body.get("payload") or "")))
    if "link" in body:
        url = str(body["link"]["url"])
        line.link = {"title": body["link"]["title"], "url": url, "host": urlsplit(url).netloc}
    if "location" in body:
        line.place = {
            key: shown_text(value) if isinstance(value, str) else value
            for key, value in body["location"].items()
        }


def _rider_hint(line: Line, body: dict[str, Any]) -> None:
    """What is said where a line has nothing to show."""
    if line.voice:
        kept = "media" in body
        line.hint = "Voice note" if kept else "Voice note. It was not kept; ask the rider to write."
    elif "other_media" in body:
        line.hint = f"A file the bot cannot read ({body['other_media']})."
    elif body.get("kind") == "image" and "media" not in body:
        line.hint = "Photo, read and not kept." if line.codes else "Photo without a code, not kept."


def _tell_nearest(work: UnitOfWork, lines: Sequence[Line]) -> None:
    """Which station is nearest to each place; the stations are read once."""
    places = [line.place for line in lines if line.author == "rider" and line.place is not None]
    if not places:
        return
    stations = work.session.execute(
        select(Station.id, Station.name, Station.lat, Station.lng)
    ).all()
    for place in places:
        at = (float(place["lat"]), float(place["lng"]))
        nearest = min(stations, key=lambda row: distance_m(*at, row.lat, row.lng), default=None)
        if nearest is None:
            return
        metres = distance_m(*at, nearest.lat, nearest.lng)
        piles = select(Pile.number).where(Pile.station_id == nearest.id).order_by(Pile.number)
        numbers = ", ".join(work.session.scalars(piles.limit(4)))
        away = f"{metres} m" if metres < 1000 else f"{metres / 1000:.1f} km"
        place["near"] = f"{away} from {nearest.name}" + (f" (pile {numbers})" if numbers else "")


def _explain(lines: Sequence[Line]) -> None:
    """What was understood stands folded at the bot's answer, else at the rider's own line."""
    asked: Line | None = None
    for line in lines:
        if line.author == "rider":
            asked = line
        elif asked is not None:
            if line.author in ("bot", "auto"):
                line.understood, asked.understood = asked.understood, None
            asked = None


def _mark(row: ConversationMark, names: dict[int, str], me: int) -> Line:
    line = Line(
        id=f"k{row.id}",
        kind="note" if row.kind == "note" else "mark",
        at=row.at,
        who=names.get(row.staff_id or 0, ""),
        mine=row.staff_id == me,
        text=shown_text(row.text),
        icon=_MARK_ICONS.get(row.kind, "info"),
        body=_shown_body(row.body or {}),
    )
    line.author = row.kind
    return line


def _shown_body(body: dict[str, Any]) -> dict[str, Any]:
    """A mark's details with riders' words masked."""
    shown: dict[str, Any] = {
        key: shown_text(value) if isinstance(value, str) else value for key, value in body.items()
    }
    for key in ("settled", "settled_before", "tried", "intents"):
        if key in shown:
            shown[key] = [shown_text(str(each)) for each in shown[key]]
    if "slots" in shown:
        shown["slots"] = {key: shown_text(str(value)) for key, value in shown["slots"].items()}
    if body.get("reason"):
        shown["why"] = known_reason(str(body["reason"])).title
    return shown


def _waiting(row: Outbox, names: dict[int, str], me: int) -> Line | None:
    """A line for an effect still in the outbox."""
    failed = row.state == "failed"
    staff_id = row.body.get("staff_id")
    icon, tick = _TICKS["failed" if failed else "queued"]
    return Line(
        id=f"o{row.id}",
        kind="message",
        at=row.created_at,
        author="agent",
        who=names.get(staff_id or 0, "Staff"),
        mine=staff_id == me,
        text=shown_text(plain(load(row.body["reply"]))),
        status="failed" if failed else "queued",
        tick_icon=icon,
        tick=tick,
        error=shown_text(row.error or ""),
    )


def plain(value: Any) -> str:
    """The words of a reply by staff."""
    match value:
        case Written(text):
            return text
        case Say(text, values):
            return _PLACEHOLDER.sub(lambda found: plain(values.get(found[1], found[0])), text)
        case Choose(prompt=words) | Picture(caption=words) | Document(caption=words):
            return plain(words)
    return str(value)


def _merge(lines: Sequence[Line], marks: Sequence[Line]) -> list[Line]:
    """Messages keep the order of their ids; a mark stands after what was there at its moment."""
    merged: list[Line] = []
    rest = list(marks)
    for line in lines:
        while rest and rest[0].at < line.at:
            merged.append(rest.pop(0))
        merged.append(line)
    return [*merged, *rest]


def _group(lines: Sequence[Line], zone: ZoneInfo) -> None:
    """Times are the desk's; a new day gets its date, lines in a row one name."""
    before: Line | None = None
    for line in lines:
        line.at = line.at.astimezone(zone)
        if before is None or before.at.date() != line.at.date():
            line.day = line.at.strftime("%A, %-d %B %Y")
        elif line.kind == before.kind == "message":
            same = (line.author, line.who) == (before.author, before.who)
            line.continued = same and line.at - before.at < _TOGETHER
        before = line
