"""Finding riders, messages, piles and bills by what staff have in hand: a name, a number, words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, or_, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import InstrumentedAttribute

from bot.domain import codes
from bot.domain.masking import mask_text
from bot.services import audit
from bot.services.audit import Actor
from bot.services.reach import visible
from bot.store.charging import Bill, ChargingSession
from bot.store.database import UnitOfWork
from bot.store.riders import Conversation, Message, Rider, RiderAddress
from bot.store.stations import Pile, Station

MOST: Final = 50  # of each kind
_SEARCH_LASTS_MS: Final = 4_000  # PostgreSQL gives a word that is nowhere up after this
_PHONE_DIGITS: Final = 6  # fewer would find half the town
WHOLE_EMAIL: Final = mask_text("name@example.com")
_PHONE: Final = re.compile(r"\+?[\d\s().-]+")


@dataclass(slots=True)
class Found:
    """What a search found; conversations are narrowed to what the searcher may read."""

    chats: list[Conversation] = field(default_factory=list)  # by the rider's name or number
    messages: list[Message] = field(default_factory=list)
    piles: list[tuple[Pile, Station]] = field(default_factory=list)
    bills: list[tuple[Bill, Conversation]] = field(default_factory=list)
    by_phone: bool = False
    cut_short: bool = False  # the messages were too many to look through in time

    def __bool__(self) -> bool:
        return bool(self.chats or self.messages or self.piles or self.bills)


def search(work: UnitOfWork, actor: Actor, asked: str) -> Found:
    """Everything that fits `asked`, newest first; all times, any script. `work` is a reading one:
    a search by phone number must be noted with `note_phone_search` in a writing one."""
    asked = clean(asked)
    found = Found()
    if not asked:
        return found
    digits = re.sub(r"\D", "", asked)
    found.by_phone = bool(_PHONE.fullmatch(asked)) and len(digits) >= _PHONE_DIGITS
    found.chats = _chats(work, actor, asked, digits if found.by_phone else "")
    found.piles = _piles(work, asked)
    found.bills = _bills(work, actor, asked)
    if not found.by_phone:
        _messages(work, actor, asked, found)
        found.messages = [one for one in found.messages if not _only_hidden(one.text, asked)]
        names = _rider_names(work, found.chats)
        found.chats = [one for one in found.chats if not _only_hidden(names[one.rider_id], asked)]
    return found


def _only_hidden(text: str, asked: str) -> bool:
    """Whether `asked` stands only where a number or address is masked: to find it would tell it,
    some digits at a time. Who types an address whole knows it already."""
    wanted = asked.casefold()
    if mask_text(asked) == WHOLE_EMAIL or wanted not in text.casefold():
        return False
    return wanted not in mask_text(text).casefold()


def _rider_names(work: UnitOfWork, chats: Sequence[Conversation]) -> dict[int, str]:
    ids = {one.rider_id for one in chats}
    rows = work.session.execute(select(Rider.id, Rider.name).where(Rider.id.in_(ids)))
    return dict(rows.all())


def clean(asked: str) -> str:
    """What was typed, fit for a search: one line, no control characters, at most 200."""
    return " ".join("".join(c if c.isprintable() else " " for c in asked).split())[:200]


def note_phone_search(work: UnitOfWork, actor: Actor, hits: int) -> None:
    """Searching by a number is looking at a number: it stands in the audit log, without it."""
    audit.record(work, actor, "search_phone", after={"hits": hits})


def _like(column: InstrumentedAttribute[str], asked: str) -> ColumnElement[bool]:
    return column.icontains(asked, autoescape=True)


def _chats(work: UnitOfWork, actor: Actor, asked: str, digits: str) -> list[Conversation]:
    chats = select(Conversation).where(visible(actor))
    if digits:
        numbers = select(RiderAddress.rider_id).where(RiderAddress.value.endswith(digits))
        chats = chats.where(Conversation.rider_id.in_(numbers))
    else:
        named = select(Rider.id).where(_like(Rider.name, asked)).limit(10 * MOST)
        chats = chats.where(Conversation.rider_id.in_(named))
    return list(work.session.scalars(chats.order_by(Conversation.last_at.desc()).limit(MOST)))


def _piles(work: UnitOfWork, asked: str) -> list[tuple[Pile, Station]]:
    code = codes.parse(asked)
    number = code.pile_number if code else asked
    rows = (
        select(Pile, Station)
        .join(Station, Station.id == Pile.station_id)
        .where(or_(Pile.number == number, Pile.id == asked, _like(Station.name, asked)))
        .order_by(Pile.number)
        .limit(MOST)
    )
    return [(pile, station) for pile, station in work.session.execute(rows)]


def _bills(work: UnitOfWork, actor: Actor, asked: str) -> list[tuple[Bill, Conversation]]:
    rows = (
        select(Bill, Conversation)
        .join(ChargingSession, ChargingSession.id == Bill.session_id)
        .join(Conversation, Conversation.rider_id == ChargingSession.rider_id)
        .where(Bill.number.istartswith(asked, autoescape=True), visible(actor))
        .order_by(Bill.id.desc())
        .limit(MOST)
    )
    return [(bill, chat) for bill, chat in work.session.execute(rows)]


def _messages(work: UnitOfWork, actor: Actor, asked: str, found: Found) -> None:
    """Words anywhere in what was said. The newest are found first, so a common word is quick."""
    rows = (
        select(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(_like(Message.text, asked), visible(actor))
        .order_by(Message.id.desc())
        .limit(MOST)
    )
    on_postgresql = work.session.get_bind().dialect.name == "postgresql"
    if not on_postgresql:
        found.messages = list(work.session.scalars(rows))
        return
    work.session.execute(text(f"SET LOCAL statement_timeout = {_SEARCH_LASTS_MS}"))
    try:
        with work.session.begin_nested():
            found.messages = list(work.session.scalars(rows))
    except OperationalError:
        found.cut_short = True
    work.session.execute(text("SET LOCAL statement_timeout = 0"))


def conversations_of(work: UnitOfWork, messages: Sequence[Message]) -> dict[int, Conversation]:
    """The conversations these messages stand in."""
    ids = {one.conversation_id for one in messages}
    rows = select(Conversation).where(Conversation.id.in_(ids))
    return {chat.id: chat for chat in work.session.scalars(rows)}
