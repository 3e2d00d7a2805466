"""Everything that the conversation's page and its fragments show, gathered in one read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import abort, current_app, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Me
from bot.console.transcript import Line, Transcript, transcript
from bot.console.view import language_name, shown_name, shown_phones
from bot.console.window import Window, window
from bot.domain.handoff_reasons import Reason, reason
from bot.domain.rights import RIGHTS
from bot.services import reach, threads
from bot.services.handoff import owner_name
from bot.store.database import UnitOfWork
from bot.store.desk import Incident
from bot.store.riders import Conversation, Rider
from bot.store.staff import Staff


@dataclass(frozen=True, slots=True)
class Head:
    """Who, whose, how urgent: what stands above the transcript."""

    id: int
    rider_id: int
    name: str
    phone: str
    lang: str
    channel: str
    owner: str
    owner_id: int | None
    owner_name: str
    mine: bool
    epoch: int
    status: str
    reason: Reason | None
    priority: int
    waiting_since: datetime | None
    snoozed_until: datetime | None
    resolved_at: datetime | None
    labels: Sequence[str]
    viewers: Sequence[tuple[str, bool]]
    danger: bool  # an incident of this conversation is open


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has a conversation, where no more of its head is shown."""

    owner: str
    owner_name: str
    mine: bool


@dataclass(slots=True)
class Draft:
    """What stands in the composer; it survives every refusal."""

    text: str = ""
    mode: str = "reply"
    options: list[dict[str, str]] = field(default_factory=list)
    list_button: str = ""
    key: str = ""
    template: Mapping[str, str] = field(default_factory=dict)


def readable(console: Console, work: UnitOfWork, conversation_id: int) -> Conversation:
    """A conversation within reach of whoever asks, else the page "not found"."""
    if not reach.may_read(work, console.me().actor(), conversation_id):
        abort(404)
    return work.session.get_one(Conversation, conversation_id)


def head(work: UnitOfWork, me: Me, conversation: Conversation) -> Head:
    """The head of a conversation as somebody sees it."""
    rider = work.session.get_one(Rider, conversation.rider_id)
    danger = select(Incident.id).where(
        Incident.conversation_id == conversation.id, Incident.state != "closed"
    )
    why = conversation.handoff_reason
    return Head(
        id=conversation.id,
        rider_id=rider.id,
        name=shown_name(rider),
        phone=shown_phones(work, [rider.id]).get(rider.id, ""),
        lang=language_name(rider.lang),
        channel=conversation.last_channel,
        owner=conversation.owner,
        owner_id=conversation.owner_id,
        owner_name=owner_name(work, conversation),
        mine=conversation.owner == "human" and conversation.owner_id == me.staff_id,
        epoch=conversation.epoch,
        status=conversation.status,
        reason=reason(why) if why else None,
        priority=conversation.priority,
        waiting_since=conversation.waiting_since,
        snoozed_until=conversation.snoozed_until,
        resolved_at=conversation.resolved_at,
        labels=threads.labels_of(work, conversation.id),
        viewers=threads.viewers_of(work, conversation.id, but=me.staff_id),
        danger=work.session.scalars(danger).first() is not None,
    )


def owner_of(work: UnitOfWork, me: Me, conversation: Conversation) -> Owner:
    """Who has a conversation, as somebody sees it."""
    mine = conversation.owner == "human" and conversation.owner_id == me.staff_id
    return Owner(conversation.owner, owner_name(work, conversation), mine)


def lines(
    console: Console, work: UnitOfWork, conversation: Conversation, before: int | None = None
) -> Transcript:
    """A page of the transcript."""
    return transcript(
        work,
        console.settings,
        conversation,
        me=console.me().staff_id,
        before=before,
        media=lambda message_id: url_for(
            "console.conversation_media", conversation_id=conversation.id, message_id=message_id
        ),
    )


def window_of(work: UnitOfWork, conversation: Conversation) -> Window:
    """WhatsApp's window now."""
    return window(conversation, work.now)


def colleagues(work: UnitOfWork, me: Me) -> list[tuple[int, str]]:
    """Who else can take a conversation, those at their desk first."""
    able = select(Staff).where(
        Staff.active, Staff.role.in_(sorted(RIGHTS["conversation.work"])), Staff.id != me.staff_id
    )
    people = sorted(
        work.session.scalars(able),
        key=lambda each: (not threads.is_there(each, work.now), each.name),
    )
    return [
        (each.id, f"{each.name} · {each.presence if threads.is_there(each, work.now) else 'away'}")
        for each in people
    ]


def rider_panel_url(rider_id: int) -> str:
    """The address of the rider's panel, a part of its own; "" while there is none."""
    if "console.rider_panel" not in current_app.view_functions:
        return ""
    return url_for("console.rider_panel", rider_id=rider_id)


def packet_of(shown: Sequence[Line]) -> dict[str, Any] | None:
    """The newest handoff packet among the lines."""
    for line in reversed(shown):
        if line.kind == "mark" and line.body.get("why"):
            return line.body
    return None
