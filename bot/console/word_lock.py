"""The composer's lock while danger is open: why, and the approved answers to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.console.canned_values import values_for
from bot.console.chat import Draft
from bot.console.composing import Unsendable, replies
from bot.console.context import Console
from bot.gateways.translate import say
from bot.replies import Reply
from bot.services import canned, wording
from bot.store.database import UnitOfWork
from bot.store.desk import CannedReply
from bot.store.riders import Conversation, Rider

_TEXT = "text:"  # the names of safety texts; canned replies go by their number
MOST = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that may be sent."""

    name: str
    shortcut: str
    text: str
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class Lock:
    """Why words are locked, and what goes instead."""

    incident_id: int
    why: str
    answers: Sequence[Answer]


def shown(console: Console, work: UnitOfWork, conversation: Conversation) -> Lock | None:
    """The lock of a conversation, None while no danger is open."""
    incident = wording.lock_of(work, conversation)
    if incident is None:
        return None
    texts = wording.offered(work, console.settings, conversation, incident)
    answers = [Answer(f"{_TEXT}{name}", "", say("en", each), ()) for name, each in texts.items()]
    rider = work.session.get_one(Rider, conversation.rider_id)
    values = values_for(work, console.settings, console.me(), conversation)
    for each in canned.find(work, "", rider.lang, limit=MOST, only_approved=True):
        text, missing = canned.fill(each.text, values)
        answers.append(Answer(str(each.id), each.shortcut, text, missing))
    return Lock(incident.id, wording.why(work, incident), answers)


def chosen(
    console: Console, work: UnitOfWork, conversation: Conversation, name: str
) -> list[Reply]:
    """The approved answer of this name. Raises Unsendable."""
    incident = wording.lock_of(work, conversation)
    if incident is not None and name.startswith(_TEXT):
        texts = wording.offered(work, console.settings, conversation, incident)
        if (safe := texts.get(name.removeprefix(_TEXT))) is not None:
            return [safe]
    row = work.session.get(CannedReply, int(name)) if name.isdecimal() else None
    if row is None or not canned.is_approved(row):
        raise Unsendable("That answer is not approved any more. Nothing was sent.")
    values = values_for(work, console.settings, console.me(), conversation)
    text, missing = canned.fill(row.text, values)
    if missing:
        raise Unsendable(f"Nothing is known for {{{missing[0]}}}. Nothing was sent.")
    titles = [{"title": each["title"], "detail": "", "action": ""} for each in row.options]
    return replies(Draft(text=text, options=titles))
