"""The knowledge base: entries with what riders say of them, their versions, and who decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import language_name
from bot.domain.knowledge import ANSWER_MAX, QUESTION_MAX
from bot.services import knowledge
from bot.services.knowledge import Counted, NotPossible
from bot.store.database import UnitOfWork
from bot.store.knowledge import Article, ArticleVersion
from bot.store.staff import Staff

STATES: Final = {
    "proposed": ("Waits for approval", "warn", "clock"), "approved": ("Approved", "good", "check"),
    "rejected": ("Rejected", "neutral", "x"), "withdrawn": ("Withdrawn", "neutral", "archive"),
    "live": ("The bot answers this", "good", "bot"), "ahead": ("Begins later", "info", "calendar"),
    "past": ("Replaced", "neutral", "history"),
}  # fmt: skip


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /knowledge."""
    _add_pages(routes, console)
    _add_actions(routes, console)


def _add_pages(routes: Routes, console: Console) -> None:
    @routes.page("/knowledge", right="knowledge.read")
    def page() -> Any:
        with console.store.read() as work:
            live, counted = knowledge.live(work), knowledge.counts(work)
            waiting = select(ArticleVersion).where(ArticleVersion.state == "proposed")
            values: dict[str, Any] = {
                "waiting": [_shown(each, live, counted, work.now)
                            for each in work.session.scalars(waiting.order_by(ArticleVersion.id))],
                "rows": [_shown(each, live, counted, work.now) for _, each in sorted(live.items())],
            }  # fmt: skip
        name = "knowledge_list" if console.wants_fragment() else "knowledge"
        return console.page(name, **values)

    @routes.page("/knowledge/new", right="knowledge.read")
    def new() -> Any:
        return console.page("knowledge_new", langs=_langs(), **_LIMITS)

    @routes.page("/knowledge/<int:article_id>", right="knowledge.read")
    def one(article_id: int) -> Any:
        with console.store.read() as work:
            if work.session.get(Article, article_id) is None:
                abort(404)
            live, counted = knowledge.live(work), knowledge.counts(work)
            rows = select(ArticleVersion).where(ArticleVersion.article_id == article_id)
            newest_first = (ArticleVersion.lang, ArticleVersion.version.desc())
            versions = [
                _shown(each, live, counted, work.now)
                for each in work.session.scalars(rows.order_by(*newest_first))
            ]
            names = dict(work.session.execute(select(Staff.id, Staff.name)).all())
        return console.page(
            "knowledge_one", article_id=article_id, versions=versions, names=names,
            langs=_langs(), me_id=console.me().staff_id, **_LIMITS,
        )  # fmt: skip


def _add_actions(routes: Routes, console: Console) -> None:
    @routes.action("/knowledge", right="knowledge.propose")
    def propose() -> Any:
        form = request.form
        article_id = _number(form.get("article", ""))
        try:
            with console.store.begin() as work:
                row = knowledge.propose(
                    work, console.me().actor(), lang=form.get("lang", ""),
                    question=form.get("question", ""), answer=form.get("answer", ""),
                    phrasings=form.get("phrasings", "").splitlines(),
                    article_id=article_id, question_id=_number(form.get("asked", "")),
                )  # fmt: skip
                article_id = row.article_id
        except NotPossible as problem:
            flash(str(problem), "bad")
            return redirect(request.referrer or url_for("console.knowledge_page"), 303)
        flash("Proposed. The bot answers it when a manager has approved it.", "good")
        return redirect(url_for("console.knowledge_one", article_id=article_id), 303)

    @routes.action("/knowledge/versions/<int:version_id>/approve", right="knowledge.approve")
    def approve(version_id: int) -> Any:
        begins = _moment(request.form.get("from", ""), console.settings.desk_tz)
        return _decided(
            console, "Approved.",
            lambda work: knowledge.approve(
                work, console.me().actor(), version_id, valid_from=begins
            ),
        )  # fmt: skip

    @routes.action("/knowledge/versions/<int:version_id>/reject", right="knowledge.approve")
    def reject(version_id: int) -> Any:
        why = request.form.get("why", "")
        return _decided(
            console, "Rejected.",
            lambda work: knowledge.reject(work, console.me().actor(), version_id, why),
        )  # fmt: skip

    @routes.action("/knowledge/versions/<int:version_id>/withdraw", right="knowledge.approve")
    def withdraw(version_id: int) -> Any:
        why = request.form.get("why", "")
        return _decided(
            console, "Withdrawn. The bot does not say it any more.",
            lambda work: knowledge.withdraw(work, console.me().actor(), version_id, why),
        )  # fmt: skip


_LIMITS: Final = {"answer_max": ANSWER_MAX, "question_max": QUESTION_MAX}


def _decided(console: Console, said: str, act: Callable[[UnitOfWork], ArticleVersion]) -> Any:
    try:
        with console.store.begin() as work:
            article_id = act(work).article_id
    except NotPossible as problem:
        flash(str(problem), "bad")
        return redirect(request.referrer or url_for("console.knowledge_page"), 303)
    flash(said, "good")
    return redirect(url_for("console.knowledge_one", article_id=article_id), 303)


def _shown(
    row: ArticleVersion,
    live: dict[tuple[int, str], ArticleVersion],
    counted: Any,
    now: datetime,
) -> dict[str, Any]:
    """A version with its state in words and what riders said of it."""
    state = row.state
    if state == "approved" and row.valid_from is not None:
        counts = live.get((row.article_id, row.lang))
        state = "ahead" if row.valid_from > now else "past"
        state = "live" if counts is not None and counts.id == row.id else state
    numbers: Counted = counted.get(row.id, Counted())
    rate = f"{100 * numbers.yes // numbers.rated} %" if numbers.rated else "–"
    return {
        "row": row, "state": STATES[state], "kind": state, "language": language_name(row.lang),
        "counts": numbers, "rate": rate,
    }  # fmt: skip


def _langs() -> list[tuple[str, str]]:
    return [(each, language_name(each)) for each in knowledge.LANGS]


def _number(raw: str) -> int | None:
    return int(raw) if raw.isdecimal() and len(raw) < 18 else None


def _moment(raw: str, tz: str) -> datetime | None:
    """Midnight of a day in the desk's zone; None: at once."""
    try:
        return datetime.combine(date.fromisoformat(raw), time(), ZoneInfo(tz))
    except ValueError:
        return None
