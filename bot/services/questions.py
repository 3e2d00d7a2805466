"""The questions of a week that the bot had no good answer to, grouped by what they ask."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from bot.domain import questions as rules
from bot.domain.questions import Asked
from bot.services import knowledge, weeks
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import Store, UnitOfWork
from bot.store.knowledge import AnswerGiven, Question
from bot.store.riders import Conversation, Message, Rider

LIVE: Final = knowledge.LIVE_QUESTIONS
KIND: Final = "questions"
KEPT: Final = timedelta(days=365)
MOST: Final = 5_000  # questions of a week that are looked at
SHORTEST, LONGEST = 4, 300  # characters: "ok?" asks nothing, an essay many things
SURE: Final = 0.5
# What nobody could answer, or answered with the cards for everybody.
_UNANSWERED: Final = frozenset({"unclear", "out_of_scope", "unsupported", "faq_howto", "community"})
_READ: Final = frozenset({"rasa", "keywords"})


def keep(store: Store, settings: Settings) -> None:
    """Group the questions of the last whole week, once; harmless at any moment and in two
    processes at once."""
    with store.read() as work:
        week = weeks.last_week(work.now, settings.desk_tz)
        if weeks.is_done(work, KIND, week):
            return
    with store.begin() as work:
        if weeks.begun(work, KIND, week):
            group(work, week, settings.desk_tz)
            work.session.execute(delete(Question).where(Question.week < (work.now - KEPT).date()))


def group(work: UnitOfWork, week: date, tz: str) -> list[Question]:
    """The week's questions by language, as rows; what the knowledge base answers by now is left
    out."""
    by_lang: dict[str, list[Asked]] = defaultdict(list)
    for text, lang, rider_id in _asked(work, *weeks.span(week, tz)):
        by_lang[lang].append(Asked(text, rider_id))
    made = []
    for lang, asked in sorted(by_lang.items()):
        for each in rules.groups(asked):
            if knowledge.find(work, each.text, lang) is not None:
                continue
            examples = [{"text": text, "count": count} for text, count in each.examples]
            made.append(
                Question(
                    week=week, lang=lang, text=each.text[:LONGEST], count=each.count,
                    riders=each.riders, examples=examples,
                )
            )  # fmt: skip
    work.session.add_all(made)
    touched(work, LIVE)
    return made


def _asked(work: UnitOfWork, begin: datetime, end: datetime) -> list[tuple[str, str, int]]:
    """(masked text, language, rider) of what was not answered well, of riders who agreed to the
    terms and did not opt out."""
    helped = select(AnswerGiven.key).where(
        AnswerGiven.at >= begin, AnswerGiven.at < end, AnswerGiven.outcome.in_(("", "yes"))
    )
    answered = set(work.session.scalars(helped))
    rows = work.session.execute(
        select(Message.text, Message.understood, Message.body, Message.source_key, Rider)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Rider, Rider.id == Conversation.rider_id)
        .where(
            Message.at >= begin, Message.at < end, Message.author == "rider",
            Rider.welcomed_at.is_not(None), Rider.muted_at.is_(None),
        )
        .order_by(Message.id)
    )  # fmt: skip
    found: list[tuple[str, str, int]] = []
    for text, understood, body, key, rider in rows:
        heard = understood or {}
        doubtful = heard.get("intent") in _UNANSWERED or float(heard.get("confidence", 0.0)) < SURE
        typed = heard.get("engine") in _READ and "payload" not in body
        if not typed or not doubtful or key in answered or len(text) > LONGEST:
            continue
        bare = rules.masked(text)
        if len(bare) >= SHORTEST or not bare.isascii():
            found.append((bare, rider.lang or "en", rider.id))
        if len(found) == MOST:
            break
    return found


def of_week(work: UnitOfWork, week: date) -> list[Question]:
    """A week's list, what most asked first."""
    rows = select(Question).where(Question.week == week)
    return list(work.session.scalars(rows.order_by(Question.count.desc(), Question.id)))


def dismiss(work: UnitOfWork, question_id: int) -> None:
    """It needs no answer; nothing happens where it has one or is gone."""
    row = work.session.get(Question, question_id, with_for_update=True)
    if row is not None and row.state == "open":
        row.state = "dismissed"
        touched(work, LIVE)
