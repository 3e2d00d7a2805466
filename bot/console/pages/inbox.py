"""The inbox: conversations by queue, owner and status; saved views; one's own presence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from flask import abort, flash, g, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import delete, select

from bot.console import worklist
from bot.console.addresses import inside
from bot.console.context import Console
from bot.console.fragments import fragment
from bot.console.guard import Routes
from bot.console.view import LANGUAGES
from bot.console.worklist import Filters
from bot.domain.handoff_reasons import REASONS
from bot.services import audit, desk, handoff, threads
from bot.store.database import UnitOfWork
from bot.store.desk import SavedView
from bot.store.riders import Conversation
from bot.store.staff import Staff
from bot.store.stations import Station
from bot.store.upsert import insert

PRESENCES: Final = {"online": "Online", "busy": "Busy", "away": "Away"}
MAX_VIEWS: Final = 20
MAX_BULK: Final = 200
MAX_LABEL: Final = 40


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: / /inbox/count /inbox/bulk /views /views/<id>/delete /presence
    /offers/<id>/decline."""

    @routes.page("/", right="conversation.read")
    def page() -> Any:
        actor, filters = console.me().actor(), _filters(request.args, console.me().role)
        with console.store.read() as work:
            values = _shown(work, actor, filters)
        if console.wants_fragment():
            return render_template("console/inbox_list.html", **values)
        with console.store.read() as work:
            labels = worklist.known_labels(work)
            values |= {
                "counts": worklist.counts(work, actor),
                "labels": labels,
                "options": _options(work, labels),
                "views": _views(work, actor.staff_id),
                "mates": _mates(work),
            }
        return console.page("inbox", tabs=worklist.tabs_for(actor.role), **values)

    @routes.page("/inbox/count", right="conversation.read")
    def count() -> Any:
        with console.store.read() as work:
            waiting = worklist.counts(work, console.me().actor())["queue"]
        return str(waiting or "")

    @routes.action("/inbox/bulk", right="conversation.work")
    def bulk() -> Any:
        what = request.form.get("what", "")
        ids = request.form.getlist("id", type=int)[:MAX_BULK]
        if not ids:
            flash("Tick the conversations first.", "bad")
        elif what == "label":
            _label_all(console, ids, request.form.get("label", ""))
        elif what == "resolve":
            _resolve_all(console, ids)
        elif what == "assign":
            _assign_all(console, ids, request.form.get("to", ""))
        else:
            abort(400)
        return redirect(_back(), 303)

    @routes.action("/views", right="conversation.read")
    def save_view() -> Any:
        name = " ".join(request.form.get("name", "").split())[:60]
        query = urlencode(parse_qsl(request.form.get("query", "")[:500]))
        staff_id = console.me().staff_id
        with console.store.begin() as work:
            if not name:
                flash("Give the view a name.", "bad")
            elif len(_views(work, staff_id)) >= MAX_VIEWS:
                flash(f"{MAX_VIEWS} views are the most. Delete one first.", "bad")
            else:
                work.session.execute(
                    insert(work, SavedView)
                    .values(staff_id=staff_id, name=name, query=query)
                    .on_conflict_do_update(
                        index_elements=["staff_id", "name"], set_={"query": query}
                    )
                )
                flash(f"View “{name}” saved.", "good")
        return redirect(f"{url_for('console.inbox_page')}?{query}", 303)

    @routes.action("/views/<int:view_id>/delete", right="conversation.read")
    def delete_view(view_id: int) -> Any:
        with console.store.begin() as work:
            work.session.execute(
                delete(SavedView).where(
                    SavedView.id == view_id, SavedView.staff_id == console.me().staff_id
                )
            )
        flash("View deleted.", "good")
        return redirect(url_for("console.inbox_page"), 303)

    @routes.action("/presence", right="self")
    def presence() -> Any:
        chosen = request.form.get("presence", "")
        if chosen not in PRESENCES:
            abort(400)
        with console.store.begin() as work:
            desk.set_presence(work, console.me().staff_id, chosen)
        if console.wants_fragment():
            return _presence_switch(console)
        return redirect(_back(), 303)

    @routes.page("/offers", right="self")
    def offers() -> Any:
        return _offers(console)

    @routes.action("/offers/<int:conversation_id>/decline", right="conversation.work")
    def decline(conversation_id: int) -> Any:
        with console.store.begin() as work:
            desk.decline(work, console.me().staff_id, conversation_id)
        return redirect(_back(), 303)


def shared(console: Console) -> dict[str, Any]:
    """For all templates: the switch of one's own presence, and what is offered to one."""
    return {
        "presence_switch": lambda: _presence_switch(console),
        "my_offers": lambda: _offers(console),
    }


def _presence_switch(console: Console) -> Markup:
    me = g.get("me")
    if me is None:
        return Markup()
    with console.store.read() as work:
        staff = work.session.get_one(Staff, me.staff_id)
    return fragment("console/presence.html", presence=staff.presence, presences=PRESENCES)


def _offers(console: Console) -> Markup:
    me = g.get("me")
    if me is None or not me.may("conversation.work"):
        return Markup()
    with console.store.read() as work:
        rows = worklist.rows_of(work, desk.offers_to(work, me.staff_id))
    return fragment("console/offers.html", rows=rows)


def _shown(work: UnitOfWork, actor: audit.Actor, filters: Filters) -> dict[str, Any]:
    chats = worklist.conversations(work, actor, filters)
    older = None
    if worklist.pages_back(filters.tab) and len(chats) > worklist.PER_PAGE:
        chats = chats[: worklist.PER_PAGE]
        last = chats[-1]
        assert last.last_at is not None
        mark = f"{last.last_at.isoformat()}~{last.id}"
        older = url_for("console.inbox_page", **filters.query(before=mark))
    tab = next(one for one in worklist.TABS if one.name == filters.tab)
    return {
        "rows": worklist.rows_of(work, chats), "filters": filters, "tab": tab, "older": older,
        "now": work.now, "here": url_for("console.inbox_page", **_address(filters)),
    }  # fmt: skip


def _address(filters: Filters) -> dict[str, Any]:
    if filters.before is None:
        return filters.query()
    return filters.query(before=f"{filters.before[0].isoformat()}~{filters.before[1]}")


def _filters(asked: Mapping[str, str], role: str) -> Filters:
    """The filters of an address; what makes no sense is ignored."""
    tabs = [tab.name for tab in worklist.tabs_for(role)]
    tab = asked.get("tab", "")
    station = asked.get("station", "")
    return Filters(
        tab=tab if tab in tabs else tabs[0],
        label=asked.get("label", "")[:MAX_LABEL],
        reason=asked.get("reason", "") if asked.get("reason") in REASONS else "",
        lang=asked.get("lang", "") if asked.get("lang") in LANGUAGES else "",
        station=int(station) if station.isdecimal() and len(station) < 18 else None,
        before=_keyset(asked.get("before", "")),
    )


def _keyset(mark: str) -> tuple[datetime, int] | None:
    at, _, number = mark.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return (moment, int(number)) if moment.tzinfo else None
    except ValueError:
        return None


def _views(work: UnitOfWork, staff_id: int) -> list[SavedView]:
    mine = select(SavedView).where(SavedView.staff_id == staff_id).order_by(SavedView.name)
    return list(work.session.scalars(mine))


def _options(work: UnitOfWork, labels: list[str]) -> dict[str, list[tuple[Any, str]]]:
    """What each filter can be set to."""
    anything: list[tuple[Any, str]] = [("", "Any")]
    stations = work.session.execute(select(Station.id, Station.name).order_by(Station.name))
    return {
        "reason": anything + [(name, one.title) for name, one in REASONS.items()],
        "lang": anything + list(LANGUAGES.items()),
        "label": anything + [(label, label) for label in labels],
        "station": anything + [(number, name) for number, name in stations],
    }


def _mates(work: UnitOfWork) -> list[Staff]:
    """Whom conversations can be assigned to."""
    able = select(Staff).where(Staff.active, Staff.role.in_(("agent", "finance", "manager")))
    return list(work.session.scalars(able.order_by(Staff.name)))


def _label_all(console: Console, ids: list[int], label: str) -> None:
    label = " ".join(label.casefold().split())[:MAX_LABEL].strip()
    if not label:
        flash("Write the label to put on them.", "bad")
        return
    actor = console.me().actor()
    with console.store.begin() as work:
        chats = list(work.session.scalars(worklist.matching(actor, ids)))
        for chat in chats:
            threads.add_label(work, actor, chat.id, label)
    flash(f"Labelled {len(chats)}.", "good")


def _resolve_all(console: Console, ids: list[int]) -> None:
    """Each on its own: what somebody else has, or danger holds open, stays."""
    actor, done, left = console.me().actor(), 0, 0
    for conversation_id in ids:
        try:
            with console.store.begin() as work:
                chat = work.session.get(Conversation, conversation_id)
                if chat is None:
                    continue
                handoff.resolve(work, actor, conversation_id, epoch=chat.epoch)
            done += 1
        except (handoff.Beaten, handoff.NotPossible):
            left += 1
    rest = f" {left} are not yours or must stay open." if left else ""
    flash(f"Resolved {done}.{rest}", "good" if done else "bad")


def _assign_all(console: Console, ids: list[int], to: str) -> None:
    me = console.me()
    if not me.may("conversation.assign"):
        abort(403)
    done = 0
    for conversation_id in ids:
        try:
            with console.store.begin() as work:
                if to.isdecimal():
                    handoff.force(work, me.actor(), conversation_id, int(to), reason="Bulk")
                    done += 1
        except (handoff.Beaten, handoff.NotPossible) as error:
            flash(str(error), "bad")
            break
    flash(f"Assigned {done}.", "good" if done else "bad")


def _back() -> str:
    """The page the form was on, if it is one of ours."""
    return inside(request.form.get("back") or request.referrer or "", request.host) or "/"
