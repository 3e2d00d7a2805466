"""The knowledge base: proposed by who hears the questions, approved by somebody else, given by
the bot, and counted by whether it helped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, case, func, select, update

from bot.domain import knowledge as rules
from bot.errors import PilebotError
from bot.services import audit
from bot.services.audit import Actor
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.knowledge import AnswerGiven, Article, ArticleVersion, Question
from bot.store.upsert import insert

LIVE: Final = "knowledge"
LIVE_QUESTIONS: Final = "question"
LANGS: Final = ("en", "es", "pt-BR", "zh", "fr", "de")
OUTCOMES: Final = ("yes", "no", "person")
LISTED: Final = 9  # of a list of ten rows one is for a person
LATELY: Final = timedelta(days=28)
WHY_MAX: Final = 300


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


@dataclass(frozen=True, slots=True)
class Found:
    """The entry that fits a question."""

    version_id: int
    score: float


# --- for riders ----------------------------------------------------------------------------------


def live(work: UnitOfWork) -> dict[tuple[int, str], ArticleVersion]:
    """What the bot may answer from now, by (article, language)."""
    rows = work.session.scalars(
        select(ArticleVersion)
        .where(ArticleVersion.state.in_(("approved", "withdrawn")))
        .order_by(ArticleVersion.id)
    ).all()
    facts = [
        rules.Version(
            each.id, each.article_id, each.lang, each.version, each.state == "approved",
            each.valid_from, each.withdrawn_at,
        )
        for each in rows
        if each.valid_from is not None
    ]  # fmt: skip
    by_id = {each.id: each for each in rows}
    return {key: by_id[each.id] for key, each in rules.live(facts, work.now).items()}


def find(work: UnitOfWork, text: str, lang: str, *, aside: bool = False) -> Found | None:
    """The entry that answers a question, in the rider's language where there is one in it.

    `aside`: the bot waits for an answer, so the likeness must be beyond doubt.
    """
    entries = live(work)
    asked = [
        (each.id, way)
        for _, each in sorted(entries.items())
        for way in (each.question, *each.phrasings)
    ]
    found = rules.best(text, asked, enough=rules.ENOUGH_ASIDE if aside else rules.ENOUGH)
    if found is None:
        return None
    by_id = {each.id: each for each in entries.values()}
    same = entries.get((by_id[found[0]].article_id, lang))
    return Found(same.id if same is not None else found[0], found[1])


def given(
    work: UnitOfWork, rider_id: int, version_id: int, *, key: str, score: int | None
) -> tuple[ArticleVersion, AnswerGiven] | None:
    """The entry as it is given to a rider, noted once for a message; None: it counts no more."""
    version = work.session.get(ArticleVersion, version_id)
    if version is None or version.id not in {each.id for each in live(work).values()}:
        return None
    work.session.execute(
        insert(work, AnswerGiven)
        .values(version_id=version.id, rider_id=rider_id, key=key, at=work.now, score=score,
                outcome="")
        .on_conflict_do_nothing(index_elements=["key"])
    )  # fmt: skip
    touched(work, LIVE)
    return version, work.session.scalars(select(AnswerGiven).where(AnswerGiven.key == key)).one()


def rated(work: UnitOfWork, rider_id: int, use_id: int, outcome: str) -> bool:
    """What the rider says of an answer they got; a later word counts. False: not theirs."""
    use = work.session.get(AnswerGiven, use_id, with_for_update=True)
    if use is None or use.rider_id != rider_id or outcome not in OUTCOMES:
        return False
    use.outcome, use.outcome_at = outcome, work.now
    touched(work, LIVE)
    return True


def top(work: UnitOfWork, lang: str) -> list[ArticleVersion]:
    """What riders ask most, of the last four weeks, in their language, else in English.

    Asked is what was written: taps on this very list say nothing of what is missing from it.
    """
    entries = live(work)
    mine: dict[int, ArticleVersion] = {}
    for (article_id, of), each in entries.items():
        if of == lang or (of == "en" and article_id not in mine):
            mine[article_id] = each
    counted = dict(
        work.session.execute(
            select(ArticleVersion.article_id, func.count())
            .join(AnswerGiven, AnswerGiven.version_id == ArticleVersion.id)
            .where(AnswerGiven.at > work.now - LATELY, AnswerGiven.score.is_not(None))
            .group_by(ArticleVersion.article_id)
        ).all()
    )
    order = sorted(mine, key=lambda article_id: (-counted.get(article_id, 0), article_id))
    return [mine[article_id] for article_id in order[:LISTED]]


# --- for staff -----------------------------------------------------------------------------------


def propose(
    work: UnitOfWork,
    actor: Actor,
    *,
    lang: str,
    question: str,
    phrasings: Sequence[str],
    answer: str,
    article_id: int | None = None,
    question_id: int | None = None,
) -> ArticleVersion:
    """A new version in one language, of an entry or of a new one. Raises NotPossible.

    `question_id` is the question of the week that it answers.
    """
    question, answer = " ".join(question.split()), answer.strip()
    ways = list(dict.fromkeys(filter(None, (" ".join(each.split()) for each in phrasings))))
    if lang not in LANGS:
        raise NotPossible("Choose a language.")
    if not question or not answer:
        raise NotPossible("Write the question and its answer.")
    if len(question) > rules.QUESTION_MAX or len(answer) > rules.ANSWER_MAX:
        raise NotPossible(
            f"A question has at most {rules.QUESTION_MAX} characters, an answer {rules.ANSWER_MAX}."
        )
    asked = _asked(work, question_id)
    if article_id is None:
        article = Article(created_at=work.now, created_by=actor.staff_id)
        work.session.add(article)
        work.session.flush()
    else:
        found = work.session.get(Article, article_id, with_for_update=True)
        if found is None:
            raise NotPossible("There is no such entry.")
        article = found
    row = ArticleVersion(
        article_id=article.id, lang=lang, version=_newest(work, article.id, lang) + 1,
        question=question, answer=answer, proposed_by=actor.staff_id, proposed_at=work.now,
        phrasings=[each[: rules.QUESTION_MAX] for each in ways[: rules.PHRASINGS_MAX]],
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    if asked is not None:
        asked.state, asked.article_id = "proposed", article.id
        touched(work, LIVE_QUESTIONS)
    _note(work, actor, "propose", row)
    return row


def _asked(work: UnitOfWork, question_id: int | None) -> Question | None:
    """The question of the week that an answer is for; somebody may have been faster."""
    if question_id is None:
        return None
    row = work.session.get(Question, question_id, with_for_update=True)
    if row is not None and row.article_id is not None:
        raise NotPossible("An answer to this question was proposed already: look at that one.")
    return row


def _questions_follow(work: UnitOfWork, article_id: int) -> None:
    """Questions have an answer while their entry has one that counts or is yet to count; they
    wait with a proposal, and are open again when nothing is left of it."""
    work.session.flush()
    coming = select(ArticleVersion.id).where(
        ArticleVersion.article_id == article_id, ArticleVersion.state == "approved",
        ArticleVersion.valid_from > work.now,
    )  # fmt: skip
    proposed = select(ArticleVersion.id).where(
        ArticleVersion.article_id == article_id, ArticleVersion.state == "proposed"
    )
    if any(of == article_id for of, _ in live(work)) or work.session.scalars(coming).first():
        state = "answered"
    else:
        state = "proposed" if work.session.scalars(proposed).first() else "open"
    kept = article_id if state != "open" else None
    work.session.execute(
        update(Question)
        .where(Question.article_id == article_id)
        .values(state=state, article_id=kept)
    )
    touched(work, LIVE_QUESTIONS)


def _newest(work: UnitOfWork, article_id: int, lang: str) -> int:
    newest = select(func.max(ArticleVersion.version)).where(
        ArticleVersion.article_id == article_id, ArticleVersion.lang == lang
    )
    return work.session.scalar(newest) or 0


def approve(
    work: UnitOfWork, actor: Actor, version_id: int, *, valid_from: datetime | None = None
) -> ArticleVersion:
    """The bot gives it from now, or from a moment ahead. Raises NotPossible: nobody approves what
    they wrote, and of two who decide the second is told."""
    row = _of(work, version_id)
    if row.proposed_by == actor.staff_id:
        raise NotPossible("Somebody else approves what you wrote.")
    begins = max(valid_from or work.now, work.now)
    _decide(work, actor, row, state="approved", valid_from=begins)
    _questions_follow(work, row.article_id)
    _note(work, actor, "approve", row)
    return row


def reject(work: UnitOfWork, actor: Actor, version_id: int, why: str) -> ArticleVersion:
    """Not like this; its author reads why. Raises NotPossible."""
    row, why = _of(work, version_id), _reason(why)
    _decide(work, actor, row, state="rejected", why=why)
    _questions_follow(work, row.article_id)
    _note(work, actor, "reject", row, why)
    return row


def withdraw(work: UnitOfWork, actor: Actor, version_id: int, why: str) -> ArticleVersion:
    """The bot gives it no more; nothing older comes back in its place. Raises NotPossible."""
    row, why = _of(work, version_id), _reason(why)
    done = work.session.scalar(
        update(ArticleVersion)
        .where(ArticleVersion.id == row.id, ArticleVersion.state == "approved")
        .values(state="withdrawn", withdrawn_by=actor.staff_id, withdrawn_at=work.now, why=why)
        .returning(ArticleVersion.id)
    )
    if done is None:
        raise NotPossible("It does not count any more, or does not count yet.")
    work.session.refresh(row)
    _questions_follow(work, row.article_id)
    _note(work, actor, "withdraw", row, why)
    return row


def _of(work: UnitOfWork, version_id: int) -> ArticleVersion:
    row = work.session.get(ArticleVersion, version_id)
    if row is None:
        raise NotPossible("There is no such version.")
    return row


def _reason(why: str) -> str:
    why = why.strip()[:WHY_MAX]
    if not why:
        raise NotPossible("Say why: it is kept with the version.")
    return why


def _decide(work: UnitOfWork, actor: Actor, row: ArticleVersion, **values: object) -> None:
    done = work.session.scalar(
        update(ArticleVersion)
        .where(ArticleVersion.id == row.id, ArticleVersion.state == "proposed")
        .values(decided_by=actor.staff_id, decided_at=work.now, **values)
        .returning(ArticleVersion.id)
    )
    if done is None:
        raise NotPossible("Somebody has decided it already: look at it again.")
    work.session.refresh(row)


def _note(work: UnitOfWork, actor: Actor, what: str, row: ArticleVersion, reason: str = "") -> None:
    after = {"version": row.version, "lang": row.lang, "row": row.id}
    object_ = f"knowledge:{row.article_id}"
    audit.record(work, actor, f"knowledge_{what}", object_, after=after, reason=reason)
    touched(work, LIVE, object_)


@dataclass(frozen=True, slots=True)
class Counted:
    """How often an entry was given and what riders said of it."""

    given: int = 0
    yes: int = 0
    no: int = 0
    person: int = 0

    @property
    def rated(self) -> int:
        """Those that riders said something of."""
        return self.yes + self.no + self.person


def counts(work: UnitOfWork, *, since: datetime | None = None) -> Mapping[int, Counted]:
    """By version."""

    def said(outcome: str) -> ColumnElement[int]:
        return func.sum(case((AnswerGiven.outcome == outcome, 1), else_=0))

    query = select(AnswerGiven.version_id, func.count(), *(said(each) for each in OUTCOMES))
    if since is not None:
        query = query.where(AnswerGiven.at >= since)
    rows = work.session.execute(query.group_by(AnswerGiven.version_id))
    return {row[0]: Counted(*(int(each) for each in row[1:])) for row in rows}
