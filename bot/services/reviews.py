"""Quality by samples: drawn each week, scored by somebody else, answered by whom it is about."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, or_, select, update

from bot.domain import reviews as rules
from bot.domain.reviews import Criterion
from bot.errors import PilebotError
from bot.services import audit, review_orders, weeks
from bot.services.audit import Actor
from bot.services.review_orders import BOT, TEAMS, Work
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.changes import touched
from bot.store.database import Store, UnitOfWork
from bot.store.desk import ConversationMark
from bot.store.quality import QualityRun, Review, ScoreSheet
from bot.store.riders import Message
from bot.store.staff import Staff
from bot.store.upsert import insert

LIVE: Final = "review"
KIND: Final = "reviews"
TEXT_MAX: Final = 2000


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


# --- drawing -------------------------------------------------------------------------------------


def keep(store: Store, settings: Settings) -> None:
    """Draw of the last whole week, once; harmless at any moment and in two processes at once."""
    with store.read() as work:
        week = weeks.last_week(work.now, settings.desk_tz)
        if weeks.is_done(work, KIND, week):
            return
    with store.begin() as work:
        if weeks.begun(work, KIND, week):
            draw(work, settings, week, seed=secrets.token_hex(8))


def draw(work: UnitOfWork, settings: Settings, week: date, *, seed: str) -> list[Review]:
    """The week's sample as open reviews; seed and pool are kept, so that anybody can draw again."""
    pool = {each.key: each for each in done_in(work, *weeks.span(week, settings.desk_tz))}
    strata: dict[str, list[str]] = defaultdict(list)
    for key, each in pool.items():
        strata[each.stratum].append(key)
    drawn = rules.draw(
        strata, seed, percent=settings.review_percent, least=settings.review_least,
        most=settings.review_most,
    )  # fmt: skip
    made = [
        Review(
            week=week, kind=each.kind, ref=each.ref, conversation_id=each.conversation_id,
            case_id=each.case_id, staff_id=each.staff_id, team=each.team, topic=each.topic,
            ended_at=each.ended_at, drawn_at=work.now,
        )
        for key in sorted(key for keys in drawn.values() for key in keys)
        for each in (pool[key],)
    ]  # fmt: skip
    work.session.add_all(made)
    run = work.session.get_one(QualityRun, (KIND, week))
    run.body = {
        "seed": seed, "percent": settings.review_percent, "least": settings.review_least,
        "most": settings.review_most,
        "strata": {name: {"ids": sorted(strata[name]), "drawn": drawn[name]} for name in drawn},
    }  # fmt: skip
    touched(work, LIVE)
    return made


def done_in(work: UnitOfWork, begin: datetime, end: datetime) -> list[Work]:
    """What was finished in a span: conversations that somebody resolved, cases that were closed,
    conversations that the bot had alone, orders that somebody decided about."""
    return [
        *_chats(work, begin, end), *_cases(work, begin, end), *_bots(work, begin, end),
        *review_orders.done_in(work, begin, end),
    ]  # fmt: skip


def _chats(work: UnitOfWork, begin: datetime, end: datetime) -> list[Work]:
    """The last resolving of each conversation."""
    rows = work.session.execute(
        select(ConversationMark, Staff.role)
        .join(Staff, Staff.id == ConversationMark.staff_id)
        .where(
            ConversationMark.kind == "resolved", ConversationMark.at >= begin,
            ConversationMark.at < end,
        )
        .order_by(ConversationMark.id)
    )  # fmt: skip
    last = {mark.conversation_id: (mark, role) for mark, role in rows}
    return [
        Work(
            "chat", mark.id, mark.conversation_id, None, mark.staff_id,
            TEAMS.get(role, "support"), _reason(work, mark), mark.at,
        )
        for mark, role in last.values()
    ]  # fmt: skip


def _reason(work: UnitOfWork, resolved: ConversationMark) -> str:
    """Why the conversation had come to people."""
    queued = work.session.scalars(
        select(ConversationMark)
        .where(
            ConversationMark.conversation_id == resolved.conversation_id,
            ConversationMark.kind == "queued", ConversationMark.id < resolved.id,
        )
        .order_by(ConversationMark.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    return queued.text[:64] if queued is not None else ""


def _cases(work: UnitOfWork, begin: datetime, end: datetime) -> list[Work]:
    rows = select(Case).where(
        Case.closed_at >= begin, Case.closed_at < end, Case.merged_into.is_(None),
        Case.owner_id.is_not(None),
    )  # fmt: skip
    return [
        Work("case", case.id, case.conversation_id, case.id, case.owner_id, case.team, case.code,
             case.closed_at or end)
        for case in work.session.scalars(rows.order_by(Case.id))
    ]  # fmt: skip


def _bots(work: UnitOfWork, begin: datetime, end: datetime) -> list[Work]:
    """Conversations with riders' lines in which nobody of the staff had a hand; their topic is
    what was understood most."""
    people = select(ConversationMark.conversation_id).where(
        ConversationMark.at >= begin, ConversationMark.at < end,
        ConversationMark.kind.in_(("claimed", "queued", "resolved")),
    )  # fmt: skip
    rows = work.session.execute(
        select(Message.conversation_id, Message.at, Message.understood)
        .where(
            Message.at >= begin, Message.at < end, Message.author == "rider",
            Message.conversation_id.not_in(people),
        )
        .order_by(Message.id)
    )  # fmt: skip
    ended: dict[int, datetime] = {}
    meant: dict[int, Counter[str]] = defaultdict(Counter)
    for conversation_id, at, understood in rows:
        ended[conversation_id] = at
        meant[conversation_id][str((understood or {}).get("intent", ""))] += 1
    return [
        Work(BOT, conversation_id, conversation_id, None, None, BOT,
             meant[conversation_id].most_common(1)[0][0][:64], at)
        for conversation_id, at in ended.items()
    ]  # fmt: skip


# --- the sheet -----------------------------------------------------------------------------------


def sheet(work: UnitOfWork, version: int | None = None) -> tuple[int, Sequence[Criterion]]:
    """A version of the score sheet, the newest where none is named."""
    rows = select(ScoreSheet).order_by(ScoreSheet.version.desc()).limit(1)
    if version is not None:
        rows = rows.where(ScoreSheet.version == version)
    if version == rules.ORDERS:
        return rules.ORDERS, rules.SHEET_ORDERS
    row = work.session.scalars(rows).first()
    if row is None:
        return 1, rules.SHEET_1
    return row.version, [Criterion(**each) for each in row.criteria]


def sheet_of(work: UnitOfWork, row: Review) -> tuple[int, Sequence[Criterion]]:
    """The sheet that a review was or is to be scored with."""
    if row.kind in review_orders.KINDS:
        return sheet(work, rules.ORDERS)
    return sheet(work, row.sheet)


def save_sheet(
    work: UnitOfWork, actor: Actor, given: Sequence[tuple[str, int]], *, seen: int, reason: str
) -> ScoreSheet:
    """A new version, of (title, weight); what was scored keeps its own. Raises NotPossible.

    `seen` is the version its editor looked at: of two who save at once the second is told.
    """
    named = [(" ".join(title.split())[:120], weight) for title, weight in given]
    criteria = [
        Criterion(f"c{number}", title, weight)
        for number, (title, weight) in enumerate(named)
        if title
    ][: rules.CRITERIA_MAX]
    if not criteria or any(not 1 <= each.weight <= 100 for each in criteria):
        raise NotPossible("Name at least one criterion; weights go from 1 to 100.")
    if not reason.strip():
        raise NotPossible("Say why: the reason is kept with the version.")
    saved = work.session.scalars(
        insert(work, ScoreSheet)
        .values(
            version=seen + 1, at=work.now, staff_id=actor.staff_id, reason=reason.strip()[:300],
            criteria=[
                {"key": each.key, "title": each.title, "weight": each.weight} for each in criteria
            ],
        )
        .on_conflict_do_nothing(index_elements=["version"])
        .returning(ScoreSheet)
    ).first()  # fmt: skip
    if saved is None or sheet(work)[0] != seen + 1:
        raise NotPossible("Somebody has changed the sheet meanwhile: look at it again.")
    audit.record(work, actor, "score_sheet", f"sheet:{saved.version}", reason=saved.reason)
    return saved


# --- scoring and answering -----------------------------------------------------------------------


def score(
    work: UnitOfWork,
    actor: Actor,
    review_id: int,
    scores: Mapping[str, int | None],
    *,
    sheet_version: int,
    comment: str,
) -> Review:
    """Fill in the sheet; whom it is about reads it at once. Raises NotPossible: nobody reviews
    themselves, each is scored once, and by the version of the sheet that was looked at."""
    row = work.session.get(Review, review_id)
    if row is None:
        raise NotPossible("There is no such review.")
    if row.staff_id == actor.staff_id:
        raise NotPossible("Somebody else looks at your work.")
    version, criteria = sheet(work, sheet_version)
    if version != sheet_version or (version == rules.ORDERS) != (row.kind in review_orders.KINDS):
        raise NotPossible("There is no such sheet.")
    try:
        total = rules.total(criteria, scores)
    except ValueError as problem:
        raise NotPossible("Give a score for each criterion, or say that it does not apply.") from (
            problem
        )
    if total is None:
        raise NotPossible("At least one criterion must apply.")
    done = work.session.scalar(
        update(Review)
        .where(
            Review.id == review_id, Review.state == "open",
            or_(Review.staff_id.is_(None), Review.staff_id != actor.staff_id),
        )
        .values(
            state="done", sheet=version, scores=dict(scores), total=total,
            comment=comment.strip()[:TEXT_MAX], reviewer_id=actor.staff_id, done_at=work.now,
        )
        .returning(Review.id)
    )  # fmt: skip
    if done is None:
        raise NotPossible("Somebody has scored it already.")
    work.session.refresh(row)
    after = {"total": total, "sheet": version}
    audit.record(work, actor, "review_score", f"review:{review_id}", after=after)
    touched(work, LIVE, f"review:{review_id}")
    return row


def seen(work: UnitOfWork, actor: Actor, review_id: int, answer: str = "") -> Review:
    """Whom it is about has read it, and may answer once. Raises NotPossible."""
    row = work.session.get(Review, review_id, with_for_update=True)
    if row is None or row.staff_id != actor.staff_id or row.state != "done":
        raise NotPossible("This review is not about you.")
    answer = answer.strip()[:TEXT_MAX]
    if answer and row.answer:
        raise NotPossible("You have answered it already.")
    row.seen_at = row.seen_at or work.now
    if answer:
        row.answer, row.answered_at = answer, work.now
        audit.record(work, actor, "review_answer", f"review:{review_id}")
    touched(work, LIVE, f"review:{review_id}")
    return row


# --- reading -------------------------------------------------------------------------------------


def of_week(work: UnitOfWork, week: date) -> list[Review]:
    """A week's sample."""
    rows = select(Review).where(Review.week == week).order_by(Review.team, Review.id)
    return list(work.session.scalars(rows))


def about(work: UnitOfWork, staff_id: int, *, limit: int = 100) -> list[Review]:
    """What was said of somebody's work, newest first."""
    rows = select(Review).where(Review.staff_id == staff_id, Review.state == "done")
    return list(work.session.scalars(rows.order_by(Review.done_at.desc()).limit(limit)))


def waiting(work: UnitOfWork, staff_id: int, *, reviewer: bool) -> int:
    """How many wait for somebody: theirs to read, and a reviewer's to score."""
    mine = (Review.staff_id == staff_id, Review.state == "done", Review.seen_at.is_(None))
    count = work.session.scalar(select(func.count()).select_from(Review).where(*mine)) or 0
    if reviewer:
        others = or_(Review.staff_id.is_(None), Review.staff_id != staff_id)
        to_score = select(func.count()).select_from(Review).where(Review.state == "open", others)
        count += work.session.scalar(to_score) or 0
    return count


@dataclass(frozen=True, slots=True)
class Mean:
    """What so many reviews come to, in thousandths."""

    name: str
    n: int
    score: int


def means(work: UnitOfWork, since: date, by: str) -> list[Mean]:
    """Averages with counts by "staff_id", "team" or "topic" of the weeks from `since`."""
    groups: dict[Any, list[int]] = defaultdict(list)
    rows = select(Review).where(Review.state == "done", Review.week >= since)
    for each in work.session.scalars(rows):
        groups[getattr(each, by)].append(each.total or 0)
    found = [
        Mean("" if name is None else str(name), len(totals), rules.average(totals) or 0)
        for name, totals in groups.items()
    ]
    return sorted(found, key=lambda mean: (-mean.n, mean.name))
