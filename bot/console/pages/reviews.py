"""Reviews: the week's random sample, the score sheet, what people get to read of their own work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import select

from bot.console.context import Console
from bot.console.figure_view import share
from bot.console.guard import Routes
from bot.console.view import shown_text
from bot.domain.cases import TEAMS, TOPICS
from bot.domain.reviews import CRITERIA_MAX, SHEET_ORDERS, WORDS
from bot.services import reach, review_orders, reviews, weeks
from bot.services.reviews import Mean, NotPossible
from bot.store.database import UnitOfWork
from bot.store.quality import QualityRun, Review
from bot.store.staff import Staff

KINDS: Final = {
    "chat": ("Conversation", "messages-square"), "bot": ("The bot alone", "bot"),
    "case": ("Ticket", "ticket"), "order": ("Order", "receipt"),
    "dispute": ("Contested charge", "undo-2"),
}  # fmt: skip
SPANS: Final = (("4", "4 weeks"), ("13", "13 weeks"), ("52", "A year"))


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /reviews."""
    _add_pages(routes, console)
    _add_actions(routes, console)


def _add_pages(routes: Routes, console: Console) -> None:
    @routes.page("/reviews", right="review.read")
    def page() -> Any:
        """Everything for who scores; for others what was said of their own work."""
        me = console.me()
        with console.store.read() as work:
            names = _names(work)
            if not me.may("review.score"):
                rows = [_shown(each, names) for each in reviews.about(work, me.staff_id)]
                return console.page("reviews_own", rows=rows)
            done = weeks.done(work, reviews.KIND)
            week = _week(request.args.get("week", ""), done)
            found = reviews.of_week(work, week) if week else []
            run = work.session.get(QualityRun, (reviews.KIND, week)) if week else None
            values: dict[str, Any] = {
                "rows": [_shown(each, names) for each in found], "run": run, "week": week,
                "weeks": [(each.isoformat(), f"Week of {each:%-d %b %Y}") for each in done],
                "own": [_shown(each, names) for each in reviews.about(work, me.staff_id)],
                "means": _means(work, console, names), "strata": _strata(run, names),
            }  # fmt: skip
        name = "reviews_list" if console.wants_fragment() else "reviews"
        return console.page(
            name, spans=SPANS, span=_span(), me_id=me.staff_id,
            here=request.full_path.rstrip("?"), **values,
        )  # fmt: skip

    @routes.page("/reviews/count", right="review.read")
    def count() -> Any:
        me = console.me()
        with console.store.read() as work:
            found = reviews.waiting(work, me.staff_id, reviewer=me.may("review.score"))
        return str(found or "")

    @routes.page("/reviews/<int:review_id>", right="review.read")
    def one(review_id: int) -> Any:
        me = console.me()
        with console.store.read() as work:
            row = work.session.get(Review, review_id)
            if row is None or not (me.may("review.score") or row.staff_id == me.staff_id):
                abort(404)
            if row.state != "done" and row.staff_id == me.staff_id:
                abort(404)  # nobody learns beforehand what of their work was drawn
            version, criteria = reviews.sheet_of(work, row)
            order = review_orders.order_of(work, row)
            readable = (
                row.conversation_id is not None
                and reach.may_read(work, me.actor(), row.conversation_id)
            )  # fmt: skip
            shown = _shown(row, _names(work))
        return console.page(
            "review", shown=shown, row=row, criteria=criteria, version=version, words=WORDS,
            readable=readable, mine=row.staff_id == me.staff_id,
            whole=sum(each.weight for each in criteria), order=order,
            order_facts=[(name, shown_text(text)) for name, text in order.facts] if order else [],
        )  # fmt: skip

    @routes.page("/reviews/sheet", right="review.score")
    def sheet() -> Any:
        with console.store.read() as work:
            version, criteria = reviews.sheet(work)
        return console.page(
            "review_sheet", version=version, criteria=criteria, rows_max=CRITERIA_MAX,
            of_orders=SHEET_ORDERS,
        )  # fmt: skip


def _add_actions(routes: Routes, console: Console) -> None:
    @routes.action("/reviews/<int:review_id>/score", right="review.score")
    def score(review_id: int) -> Any:
        version = request.form.get("sheet", 0, type=int)

        def act(work: UnitOfWork) -> str:
            _, criteria = reviews.sheet(work, version)
            given = {
                each.key: _score(raw)
                for each in criteria
                if (raw := request.form.get(f"score-{each.key}", ""))
            }
            reviews.score(
                work, console.me().actor(), review_id, given, sheet_version=version,
                comment=request.form.get("comment", ""),
            )  # fmt: skip
            return "Scored. Whom it is about can read and answer it."

        return _do(console, act, url_for("console.reviews_one", review_id=review_id))

    @routes.action("/reviews/<int:review_id>/answer", right="review.answer")
    def answer(review_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            text = request.form.get("text", "")
            reviews.seen(work, console.me().actor(), review_id, text)
            return "Your answer stands beside the review." if text.strip() else "Noted as read."

        return _do(console, act, url_for("console.reviews_page"))

    @routes.action("/reviews/sheet", right="review.score")
    def save_sheet() -> Any:
        titles, weights = request.form.getlist("title"), request.form.getlist("weight")

        def act(work: UnitOfWork) -> str:
            given = [
                (title, int(weight) if weight.isdecimal() and len(weight) < 4 else 0)
                for title, weight in zip(titles, weights, strict=False)
                if title.strip()
            ]
            row = reviews.save_sheet(
                work, console.me().actor(), given, seen=request.form.get("seen", 0, type=int),
                reason=request.form.get("reason", ""),
            )  # fmt: skip
            return f"Version {row.version} counts for what is scored from now on."

        return _do(console, act, url_for("console.reviews_sheet"))


def _do(console: Console, act: Callable[[UnitOfWork], str], back: str) -> Any:
    try:
        with console.store.begin() as work:
            flash(act(work), "good")
    except NotPossible as problem:
        flash(str(problem), "bad")
    return redirect(back, 303)


def _score(raw: str) -> int | None:
    """A choice of the form; "na" does not apply, anything else no score can be is refused."""
    if raw == "na":
        return None
    return int(raw) if raw.isdecimal() and len(raw) == 1 else -1


def _week(raw: str, done: list[date]) -> date | None:
    return next((each for each in done if each.isoformat() == raw), done[0] if done else None)


def _span() -> int:
    raw = request.args.get("span", "")
    return int(raw) if raw in {key for key, _ in SPANS} else 13


def _names(work: UnitOfWork) -> dict[int, str]:
    return {row.id: row.name for row in work.session.execute(select(Staff.id, Staff.name))}


def _shown(row: Review, names: dict[int, str]) -> dict[str, Any]:
    """A review with everything in words."""
    kind, icon = KINDS[row.kind]
    is_order = row.kind in review_orders.KINDS
    topic = TOPICS[row.topic].title if row.topic in TOPICS else row.topic.replace("_", " ")
    return {
        "row": row, "kind": kind, "icon": icon, "topic": topic,
        "team": TEAMS.get(row.team, "The bot"),
        "who": names.get(row.staff_id or 0, "The bot"),
        "by": names.get(row.reviewer_id or 0, ""), "total": share(row.total),
        "number": row.ref if is_order else row.case_id or row.conversation_id,
    }  # fmt: skip


def _means(
    work: UnitOfWork, console: Console, names: dict[int, str]
) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """By person, team and topic: name, how many reviews, what they come to."""
    since = weeks.monday(work.now, console.settings.desk_tz) - _span() * weeks.WEEK

    def table(by: str, name: Callable[[Mean], str]) -> list[tuple[str, int, str]]:
        return [(name(each), each.n, share(each.score)) for each in reviews.means(work, since, by)]

    return [
        ("Person", table("staff_id", lambda one: names.get(int(one.name or 0), "The bot"))),
        ("Team", table("team", lambda one: TEAMS.get(one.name, "The bot"))),
        ("Topic", table("topic", lambda one: _topic(one.name))),
    ]


def _topic(name: str) -> str:
    return TOPICS[name].title if name in TOPICS else name.replace("_", " ") or "–"


def _strata(run: QualityRun | None, names: dict[int, str]) -> list[tuple[str, int, int]]:
    """How many were drawn of how many."""
    strata = run.body.get("strata", {}) if run is not None else {}
    return [
        (
            _whose(name, names),
            len(each["drawn"]), len(each["ids"]),
        )
        for name, each in sorted(strata.items())
    ]  # fmt: skip


def _whose(stratum: str, names: dict[int, str]) -> str:
    if stratum == review_orders.BOT:
        return "The bot"
    kind, _, number = stratum.partition(":")
    return names.get(int(number), "") + (", orders" if kind == "orders" else "")
