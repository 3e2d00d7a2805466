"""Root causes: the tree with its cases, what is done against each, and the weeks before and
after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from flask import abort, flash, redirect, request, url_for

from bot.console.context import Console
from bot.console.figure_view import names as staff_names
from bot.console.guard import Routes
from bot.console.pages.tickets import mates
from bot.domain import causes as rules
from bot.domain.cases import STATUSES, TOPICS
from bot.services import causes, reach, weeks
from bot.services.causes import NotPossible
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.quality import CauseAction

WEEKS: Final = 13  # of the tree's counts
CHART: Final = 26  # weeks of a cause's chart
BAR: Final = 12  # width of a week in it
TALL: Final = 90


def add_routes(routes: Routes, console: Console) -> None:
    """Routes below /causes, and the root cause of a ticket."""
    _add_pages(routes, console)
    _add_actions(routes, console)


def _add_pages(routes: Routes, console: Console) -> None:
    tz = console.settings.desk_tz

    @routes.page("/causes", right="cause.read")
    def page() -> Any:
        with console.store.read() as work:
            now = weeks.monday(work.now, tz)
            tree = causes.tree(work)
            found = causes.counts(work, tz, since=now - (WEEKS - 1) * weeks.WEEK)
            actions = causes.actions(work)
            rows = [
                {
                    "node": node, "cases": causes.together(found, ids).total(),
                    "open": sum(each.done_at is None and each.cause_id in ids for each in actions),
                }
                for node in rules.in_order(tree)
                for ids in (rules.under(tree, node.cause.id),)
            ]  # fmt: skip
            values: dict[str, Any] = {
                "rows": rows, "weeks": WEEKS, "today": work.now.date(),
                "actions": [_action(work, tz, each) for each in actions],
                "names": staff_names(work), "titles": {each.id: each.title for each in tree},
            }  # fmt: skip
        name = "causes_list" if console.wants_fragment() else "causes"
        return console.page(name, me_id=console.me().staff_id, **values)

    @routes.page("/causes/<int:cause_id>", right="cause.read")
    def one(cause_id: int) -> Any:
        with console.store.read() as work:
            tree = causes.tree(work)
            node = next((n for n in rules.in_order(tree) if n.cause.id == cause_id), None)
            if node is None:
                abort(404)
            ids = rules.under(tree, cause_id)
            now = weeks.monday(work.now, tz)
            first = now - (CHART - 1) * weeks.WEEK
            by_week = causes.together(causes.counts(work, tz, since=first), ids)
            actions = causes.actions(work, ids)
            values: dict[str, Any] = {
                "weeks": rules.weeks_of(by_week, first, now), "node": node,
                "chart": _chart(rules.weeks_of(by_week, first, now), actions, tz),
                "actions": [_action(work, tz, each) for each in actions],
                "cases": [_case(each) for each in causes.cases_of(work, ids)
                          if reach.may_read_case(work, console.me().actor(), each.id)],
                "names": staff_names(work), "mates": mates(work), "today": work.now.date(),
                "parents": _parents(tree, cause_id), "titles": {c.id: c.title for c in tree},
            }  # fmt: skip
        return console.page("cause", me_id=console.me().staff_id, **values)


def _add_actions(routes: Routes, console: Console) -> None:
    @routes.action("/causes", right="cause.edit")
    def save() -> Any:
        cause_id = _number(request.form.get("id", ""))

        def act(work: UnitOfWork) -> str:
            causes.save(
                work, console.me().actor(), cause_id, title=request.form.get("title", ""),
                parent_id=_number(request.form.get("parent", "")),
                retired=request.form.get("retired") == "yes",
            )  # fmt: skip
            return "Saved."

        return _do(console, act, url_for("console.causes_page"))

    @routes.action("/causes/usual", right="cause.edit")
    def usual() -> Any:
        def act(work: UnitOfWork) -> str:
            causes.start(work, console.me().actor())
            return "The usual causes are there. Rename, move or add what you need."

        return _do(console, act, url_for("console.causes_page"))

    @routes.action("/causes/<int:cause_id>/actions", right="cause.edit")
    def add(cause_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            causes.add_action(
                work, console.me().actor(), cause_id, text=request.form.get("text", ""),
                owner_id=_number(request.form.get("owner", "")) or 0,
                due_on=_day(request.form.get("due", "")),
            )  # fmt: skip
            return "Noted. When it is done, the weeks before and after are compared."

        return _do(console, act, url_for("console.causes_one", cause_id=cause_id))

    @routes.action("/causes/actions/<int:action_id>/done", right="cause.work")
    def done(action_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            causes.finish(work, console.me().actor(), action_id)
            return "Done. Its effect is counted from next week on."

        return _do(console, act, url_for("console.causes_page"))

    @routes.action("/tickets/<int:case_id>/root-cause", right="case.work")
    def give(case_id: int) -> Any:
        def act(work: UnitOfWork) -> str:
            if not reach.may_read_case(work, console.me().actor(), case_id):
                abort(404)
            case = work.session.get_one(Case, case_id)
            chosen = _number(request.form.get("root_cause", ""))
            causes.give(work, console.me().actor(), case, chosen)
            return "Saved."

        return _do(console, act, url_for("console.ticket_one", case_id=case_id))


def _do(console: Console, act: Callable[[UnitOfWork], str], back: str) -> Any:
    try:
        with console.store.begin() as work:
            flash(act(work), "good")
    except NotPossible as problem:
        flash(str(problem), "bad")
    return redirect(back, 303)


def _number(raw: str) -> int | None:
    return int(raw) if raw.isdecimal() and len(raw) < 18 else None


def _day(raw: str) -> date | None:
    try:
        return date.fromisoformat(raw)
    except ValueError:
        return None


def _parents(tree: list[rules.Cause], cause_id: int) -> list[tuple[Any, str]]:
    """Where a cause may stand."""
    places = [
        (node.cause.id, node.path)
        for node in rules.in_order(tree)
        if rules.may_stand(tree, cause_id, node.cause.id)
    ]
    return [("", "At the top"), *places]


def _case(case: Case) -> dict[str, Any]:
    return {
        "id": case.id, "title": TOPICS[case.code].title, "status": STATUSES[case.status],
        "at": case.created_at,
    }  # fmt: skip


def _action(work: UnitOfWork, tz: str, row: CauseAction) -> dict[str, Any]:
    """An action and, where it is done, what came of it in words."""
    found = causes.came(work, tz, row)
    shown: dict[str, Any] = {"row": row, "late": False, "words": "", "tone": "neutral"}
    if found is None:
        shown["late"] = row.due_on < work.now.date()
        return shown
    effect = found.effect
    if effect.after is None:
        shown["words"] = f"{effect.before / 100:.1f} a week before; too early to tell"
        return shown
    change = effect.change
    sign = f" ({change:+d} %)" if change is not None else ""
    shown["words"] = (
        f"{effect.before / 100:.1f} a week in {effect.weeks_before} weeks before, "
        f"{effect.after / 100:.1f} in {effect.weeks_after} after{sign}"
    )
    if effect.after != effect.before:
        shown["tone"] = "good" if effect.after < effect.before else "bad"
    return shown


def _chart(found: list[tuple[date, int]], actions: list[CauseAction], tz: str) -> dict[str, Any]:
    """Bars a week and a line where an action was done, in the units of the drawing."""
    most = max((count for _, count in found), default=0) or 1
    bars = [
        {
            "x": number * BAR + 2, "height": count * TALL // most,
            "y": TALL - count * TALL // most, "words": f"{week:%-d %b}: {count}",
        }
        for number, (week, count) in enumerate(found)
    ]  # fmt: skip
    place = {week: number * BAR for number, (week, _) in enumerate(found)}
    lines = sorted(
        place[week]
        for each in actions
        if each.done_at is not None and (week := weeks.monday(each.done_at, tz)) in place
    )
    return {"bars": bars, "lines": lines, "width": len(found) * BAR, "most": most, "tall": TALL}
