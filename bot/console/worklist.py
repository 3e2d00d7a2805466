"""The rows of the inbox: which conversations a tab holds, in which order, and what a row tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, select, tuple_

from bot.console import ticket_view
from bot.console.ticket_view import Ring
from bot.console.view import language_name, shown_name, shown_phones, shown_text
from bot.domain.desk_rules import answer_due_s
from bot.domain.handoff_reasons import reason
from bot.domain.rights import conversation_scope
from bot.services.audit import Actor
from bot.services.reach import visible
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import ConversationLabel, Viewer
from bot.store.riders import Conversation, Message, Rider
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile, Station

PER_PAGE: Final = 50
WINDOW: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the inbox; `hint` is what its emptiness teaches."""

    name: str
    label: str
    title: str
    hint: str


TABS: Final = (
    Tab("queue", "Queue", "Nobody is waiting",
        "Riders who ask for a person, and those the bot cannot help, appear here: danger first, "
        "then by priority and waiting time. Take one over with T."),
    Tab("mine", "Mine", "You have no open conversations",
        "Take one from the queue. It stays here until you resolve it or hand it back to the bot."),
    Tab("bot", "Bot", "No riders are chatting with the bot",
        "What the bot is doing right now: watch live, and take over when it struggles."),
    Tab("snoozed", "Snoozed", "Nothing is snoozed",
        "Snooze a conversation to bring it back at a time you choose, or when the rider writes."),
    Tab("resolved", "Resolved", "Nothing has been resolved yet",
        "Closed conversations stay readable. A rider who writes within a day comes back to you."),
    Tab("all", "All", "No conversations yet",
        "Every conversation your role may read, newest first."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address of the inbox says."""

    tab: str = "queue"
    label: str = ""
    reason: str = ""
    lang: str = ""
    station: int | None = None
    before: tuple[datetime, int] | None = None  # keyset: rows behind this one

    def query(self, **changes: Any) -> dict[str, Any]:
        """The same filters as arguments of a link, with some changed; empty ones left out."""
        values = {
            "tab": self.tab, "label": self.label, "reason": self.reason, "lang": self.lang,
            "station": self.station,
        } | changes  # fmt: skip
        return {name: value for name, value in values.items() if value not in ("", None)}


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation in the list; riders' data is masked already."""

    id: int
    name: str
    phone: str
    language: str
    preview: str
    preview_from: str
    last_at: datetime | None
    owner: str
    owner_name: str
    status: str
    epoch: int
    reason: str
    priority: int
    waiting_since: datetime | None
    due_s: int | None
    reply: Ring | None  # what the rider was promised: a first reply
    snoozed_until: datetime | None
    station: str
    charging: bool
    window_s: int | None  # seconds until WhatsApp takes templates only; None: closed or not there
    labels: Sequence[str]
    viewers: Sequence[str]


def tabs_for(role: str) -> Sequence[Tab]:
    """The tabs that mean something to a role: who cannot work on chats has no "mine"."""
    if conversation_scope(role) in ("linked", "money"):
        return [tab for tab in TABS if tab.name in ("queue", "mine", "resolved", "all")]
    return TABS


def _in_tab(tab: str, actor: Actor) -> ColumnElement[bool]:
    chat = Conversation
    match tab:
        case "queue":
            return chat.owner == "queue"
        case "mine":
            mine = and_(chat.owner == "human", chat.owner_id == actor.staff_id)
            return and_(mine, chat.status != "snoozed")
        case "bot":
            return and_(chat.owner == "bot", chat.status == "open", chat.last_at.is_not(None))
        case "snoozed":
            return chat.status == "snoozed"
        case "resolved":
            return chat.status == "resolved"
    return chat.last_at.is_not(None)


def _sorted(rows: Select[Any], tab: str) -> Select[Any]:
    chat = Conversation
    if tab == "queue":
        return rows.order_by(chat.priority, chat.queued_at, chat.id)
    if tab == "mine":
        return rows.order_by(chat.waiting_since.is_(None), chat.waiting_since, chat.last_at.desc())
    if tab == "snoozed":
        return rows.order_by(chat.snoozed_until, chat.id)
    return rows.order_by(chat.last_at.desc(), chat.id.desc())


def pages_back(tab: str) -> bool:
    """Whether a tab is so long that it is read page by page."""
    return tab in ("bot", "resolved", "all")


def _narrowed(filters: Filters) -> list[ColumnElement[bool]]:
    chat = Conversation
    conditions: list[ColumnElement[bool]] = []
    if filters.label:
        labelled = exists().where(
            ConversationLabel.conversation_id == chat.id, ConversationLabel.label == filters.label
        )
        conditions.append(labelled)
    if filters.reason:
        conditions.append(chat.handoff_reason == filters.reason)
    if filters.lang:
        speaks = exists().where(Rider.id == chat.rider_id, Rider.lang == filters.lang)
        conditions.append(speaks)
    if filters.station is not None:
        charged = (
            exists()
            .where(ChargingSession.rider_id == chat.rider_id)
            .where(ChargingSession.evse_id == Evse.id, Evse.pile_id == Pile.id)
            .where(Pile.station_id == filters.station)
        )
        conditions.append(charged)
    if filters.before is not None and pages_back(filters.tab):
        conditions.append(tuple_(chat.last_at, chat.id) < tuple_(*filters.before))
    return conditions


def conversations(work: UnitOfWork, actor: Actor, filters: Filters) -> list[Conversation]:
    """The conversations of a tab, one more than a page where there are more."""
    rows = select(Conversation).where(
        _in_tab(filters.tab, actor), visible(actor), *_narrowed(filters)
    )
    limit = PER_PAGE + 1 if pages_back(filters.tab) else 4 * PER_PAGE
    return list(work.session.scalars(_sorted(rows, filters.tab).limit(limit)))


def counts(work: UnitOfWork, actor: Actor) -> dict[str, int]:
    """How many wait in the queue, and how many of one's own wait for an answer."""
    queue = select(func.count()).where(Conversation.owner == "queue", visible(actor))
    mine = select(func.count()).where(
        Conversation.owner == "human",
        Conversation.owner_id == actor.staff_id,
        Conversation.status != "snoozed",
    )
    snoozed = select(func.count()).where(
        Conversation.status == "snoozed", Conversation.owner_id == actor.staff_id
    )
    return {
        "queue": work.session.scalar(queue) or 0,
        "mine": work.session.scalar(mine) or 0,
        "snoozed": work.session.scalar(snoozed) or 0,
    }


def rows_of(work: UnitOfWork, chats: Sequence[Conversation]) -> list[Row]:
    """What a list shows of these conversations: a fixed number of queries, however many."""
    if not chats:
        return []
    ids = [chat.id for chat in chats]
    rider_ids = [chat.rider_id for chat in chats]
    riders = {one.id: one for one in work.session.scalars(_by_id(Rider, rider_ids))}
    phones = shown_phones(work, rider_ids)
    names = dict(
        work.session.execute(
            select(Staff.id, Staff.name).where(
                Staff.id.in_({chat.owner_id for chat in chats if chat.owner_id})
            )
        ).all()
    )
    last, labels = _last_lines(work, ids), _labels(work, ids)
    viewers, charging = _viewers(work, ids), _charging(work, rider_ids)
    replies = ticket_view.first_replies(work, ids)
    return [
        _row(
            work.now, chat, riders[chat.rider_id],
            phone=phones.get(chat.rider_id, ""),
            owner_name=names.get(chat.owner_id or 0, ""),
            last=last.get(chat.id),
            labels=labels.get(chat.id, ()),
            viewers=viewers.get(chat.id, ()),
            reply=replies.get(chat.id),
            station=charging.get(chat.rider_id),
        )
        for chat in chats
    ]  # fmt: skip


def _by_id(table: Any, ids: Sequence[int]) -> Select[Any]:
    return select(table).where(table.id.in_(ids))


def _row(
    now: datetime,
    chat: Conversation,
    rider: Rider,
    *,
    phone: str,
    owner_name: str,
    last: Message | None,
    labels: Sequence[str],
    viewers: Sequence[str],
    reply: Ring | None,
    station: str | None,
) -> Row:
    waited = None if chat.waiting_since is None else int((now - chat.waiting_since).total_seconds())
    left = None
    if chat.last_whatsapp_at is not None:
        left = int((chat.last_whatsapp_at + WINDOW - now).total_seconds())
    return Row(
        id=chat.id,
        name=shown_name(rider),
        phone=phone,
        language=language_name(rider.lang) if rider.lang else "",
        preview=_preview(last),
        preview_from=last.author if last else "",
        last_at=chat.last_at,
        owner=chat.owner,
        owner_name=owner_name,
        status=chat.status,
        epoch=chat.epoch,
        reason=reason(chat.handoff_reason).title if chat.handoff_reason else "",
        priority=chat.priority,
        waiting_since=chat.waiting_since,
        due_s=None if waited is None else answer_due_s(chat.priority, waited),
        reply=reply,
        snoozed_until=chat.snoozed_until,
        station=station or "",
        charging=station is not None,
        window_s=left if left and left > 0 else None,
        labels=labels,
        viewers=viewers,
    )


_KINDS: Final[Mapping[str, str]] = {
    "image": "Photo", "document": "Document", "location": "Location", "audio": "Voice note",
    "video": "Video",
}  # fmt: skip


def _preview(last: Message | None) -> str:
    if last is None:
        return ""
    text = " ".join(shown_text(last.text).split())
    return text[:140] or _KINDS.get(str(last.body.get("kind")), "Message")


def _last_lines(work: UnitOfWork, ids: Sequence[int]) -> dict[int, Message]:
    newest = (
        select(func.max(Message.id))
        .where(Message.conversation_id.in_(ids))
        .group_by(Message.conversation_id)
    )
    found = work.session.scalars(select(Message).where(Message.id.in_(newest)))
    return {one.conversation_id: one for one in found}


def _labels(work: UnitOfWork, ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    rows = select(ConversationLabel).where(ConversationLabel.conversation_id.in_(ids))
    for one in work.session.scalars(rows.order_by(ConversationLabel.label)):
        found.setdefault(one.conversation_id, []).append(one.label)
    return found


def _viewers(work: UnitOfWork, ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    rows = (
        select(Viewer.conversation_id, Staff.name)
        .join(Staff, Staff.id == Viewer.staff_id)
        .where(Viewer.conversation_id.in_(ids), Viewer.expires_at > work.now)
        .order_by(Staff.name)
    )
    for conversation_id, name in work.session.execute(rows):
        found.setdefault(conversation_id, []).append(name)
    return found


def _charging(work: UnitOfWork, rider_ids: Sequence[int]) -> dict[int, str]:
    """The station where each rider charges now."""
    rows = (
        select(ChargingSession.rider_id, Station.name)
        .join(Evse, Evse.id == ChargingSession.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
        .join(Station, Station.id == Pile.station_id)
        .where(ChargingSession.rider_id.in_(rider_ids), ChargingSession.open)
    )
    return dict(work.session.execute(rows).all())


def known_labels(work: UnitOfWork) -> list[str]:
    """Every label in use."""
    rows = select(ConversationLabel.label).distinct().order_by(ConversationLabel.label)
    return list(work.session.scalars(rows))


def matching(actor: Actor, ids: Sequence[int]) -> Select[Any]:
    """Those of these conversations that somebody may read (bulk actions, search)."""
    return select(Conversation).where(Conversation.id.in_(ids), visible(actor))
