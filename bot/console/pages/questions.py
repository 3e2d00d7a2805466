"""What riders asked in a week without getting a good answer, and the way to give them one."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import abort, redirect, request, url_for

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.view import language_name
from bot.domain.knowledge import ANSWER_MAX, QUESTION_MAX
from bot.services import knowledge, questions, weeks
from bot.store.knowledge import Question


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /questions, /questions/<id>, its dismissal."""

    @routes.page("/questions", right="knowledge.read")
    def page() -> Any:
        with console.store.read() as work:
            found_weeks = weeks.done(work, questions.KIND)
            week = _week(request.args.get("week", ""), found_weeks)
            found = questions.of_week(work, week) if week is not None else []
        lang = request.args.get("lang", "")
        langs = sorted({each.lang for each in found})
        shown = [each for each in found if lang in ("", each.lang)]
        name = "questions_list" if console.wants_fragment() else "questions"
        return console.page(
            name, groups=_by_lang(shown), week=week, lang=lang,
            weeks=[(each.isoformat(), f"Week of {each:%-d %b %Y}") for each in found_weeks],
            langs=[(each, language_name(each)) for each in langs],
            total=sum(each.count for each in shown), here=request.full_path.rstrip("?"),
        )  # fmt: skip

    @routes.page("/questions/<int:question_id>", right="knowledge.read")
    def one(question_id: int) -> Any:
        with console.store.read() as work:
            row = work.session.get(Question, question_id)
            entries = [(each.article_id, each.question) for each in knowledge.live(work).values()]
        if row is None:
            abort(404)
        return console.page(
            "question", row=row, language=language_name(row.lang), langs=_langs(),
            entries=sorted(dict(reversed(entries)).items(), key=lambda pair: pair[1]),
            answer_max=ANSWER_MAX, question_max=QUESTION_MAX,
        )  # fmt: skip

    @routes.action("/questions/<int:question_id>/dismiss", right="knowledge.propose")
    def dismiss(question_id: int) -> Any:
        with console.store.begin() as work:
            questions.dismiss(work, question_id)
        return redirect(url_for("console.questions_page"), 303)


def _week(raw: str, found: list[date]) -> date | None:
    return next((each for each in found if each.isoformat() == raw), found[0] if found else None)


def _by_lang(found: list[Question]) -> list[tuple[str, list[Question]]]:
    """The languages in which most was asked first."""
    by_lang: dict[str, list[Question]] = {}
    for each in found:
        by_lang.setdefault(each.lang, []).append(each)
    order = sorted(by_lang.items(), key=lambda pair: -sum(each.count for each in pair[1]))
    return [(language_name(lang), rows) for lang, rows in order]


def _langs() -> list[tuple[str, str]]:
    return [(each, language_name(each)) for each in knowledge.LANGS]
