"""Refunds above somebody's limit, waiting for a second person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import func, select

from bot.console.action_view import Asked, listed
from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.pages.actions import back
from bot.console.view import shown_name, shown_phones
from bot.domain.money import Money
from bot.domain.staff_actions import plain
from bot.services import actions, reach, refund_words, refunds, wallet
from bot.services.action_plans import NotPossible
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.riders import Rider
from bot.store.stations import Evse

DECIDED: Final = 20
_MONEY = StaffAction.kind.in_(("refund", "credit"))
_WAITING = _MONEY & (StaffAction.state == "waiting")


@dataclass(frozen=True, slots=True)
class Case:
    """What a second person has to know."""

    asked: Asked
    rider: str
    phone: str
    charge: str
    facts: list[tuple[str, str]]
    conversation_url: str


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /approvals and what can be said to one of them."""

    @routes.page("/approvals", right="refund.approve")
    def page() -> Any:
        return console.page("approvals", **_lists(console))

    @routes.page("/approvals/list", right="refund.approve")
    def list_() -> Any:
        return console.page("approvals_list", **_lists(console))

    @routes.page("/approvals/count", right="refund.approve")
    def count() -> Any:
        return str(_count(console) or "")

    @routes.page("/approvals/<int:action_id>", right="refund.approve")
    def one(action_id: int) -> Any:
        return _one(console, action_id)

    @routes.action("/approvals/<int:action_id>/approve", right="refund.approve")
    def approve(action_id: int) -> Any:
        me = console.me()
        if not console.fresh_factor(me):
            return _one(console, action_id, 409)
        try:
            with console.store.begin() as work:
                action = actions.approve(work, me.actor(), action_id)
                said = action.outcome, "bad" if action.state == "failed" else "good"
        except NotPossible as error:
            said = str(error), "bad"
        if said[1] == "good":
            said = "Approved. The money is on its way.", "good"
        flash(*said)
        return redirect(url_for("console.approvals_page"), 303)

    @routes.action("/approvals/<int:action_id>/reject", right="refund.approve")
    def reject(action_id: int) -> Any:
        return _say_no(console, action_id, url_for("console.approvals_page"))

    @routes.page("/approvals/<int:action_id>/withdraw", right="refund.request")
    def withdraw_form(action_id: int) -> Any:
        return _one(console, action_id, own=True)

    @routes.action("/approvals/<int:action_id>/withdraw", right="refund.request")
    def withdraw(action_id: int) -> Any:
        with console.store.read() as work:
            action = work.session.get(StaffAction, action_id)
            if action is None or action.asked_by != console.me().staff_id:
                abort(404)
        return _say_no(console, action_id, back(action.conversation_id))


def _say_no(console: Console, action_id: int, then: str) -> Any:
    try:
        with console.store.begin() as work:
            actor, reason = console.me().actor(), request.form.get("reason", "")
            actions.reject(work, actor, action_id, reason=reason)
    except NotPossible as error:
        flash(str(error), "bad")
    else:
        flash("It is not given.", "good")
    return redirect(then, 303)


def _count(console: Console) -> int:
    with console.store.read() as work:
        mine = StaffAction.asked_by == console.me().staff_id
        return work.session.scalar(select(func.count()).where(_WAITING, ~mine)) or 0


def _lists(console: Console) -> dict[str, Any]:
    me = console.me()
    decided = _MONEY & (StaffAction.state != "waiting") & StaffAction.decided_by.is_not(None)
    with console.store.read() as work:
        waiting = listed(work, me, _WAITING, 100)
        return {"waiting": waiting[::-1], "decided": listed(work, me, decided, DECIDED)}


def _one(console: Console, action_id: int, status: int = 200, *, own: bool = False) -> Any:
    with console.store.read() as work:
        found = listed(work, console.me(), StaffAction.id == action_id, 1)
        if not found or not found[0].amount or (own and not found[0].mine):
            abort(404)
        case = _case(console, work, found[0])
    name = "approval_sheet" if console.wants_fragment() else "approval"
    return console.page(name, status, case=case, back=back(case.asked.conversation_id))


def _case(console: Console, work: UnitOfWork, asked: Asked) -> Case:
    if asked.session_id is None:
        return _of_wallet(console, work, asked)
    session = work.session.get_one(ChargingSession, asked.session_id)
    rider = work.session.get_one(Rider, session.rider_id)
    evse = work.session.get_one(Evse, session.evse_id)
    hold = refunds.hold_with_money(work, session.id)
    facts = []
    if hold is not None:
        stands = refunds.balance(work, hold)
        facts = [
            ("Taken", plain(Money(stands.captured_minor, stands.currency))),
            ("Given back before", plain(Money(stands.refunded_minor, stands.currency))),
            ("Left", plain(stands.left)),
            ("Way back", refund_words.for_staff(work, hold)),
        ]
    number = asked.conversation_id or 0
    near = reach.may_read(work, console.me().actor(), number)
    return Case(
        asked=asked,
        rider=shown_name(rider),
        phone=shown_phones(work, [rider.id]).get(rider.id, ""),
        charge=f"Charge {session.id} at {evse.code}, {evse.pile.station.name}",
        facts=facts,
        conversation_url=f"/conversations/{number}" if near else "",
    )


def _of_wallet(console: Console, work: UnitOfWork, asked: Asked) -> Case:
    rider = work.session.get_one(Rider, asked.rider_id)
    facts = []
    for owned in wallet.wallets_of(work, rider.id):
        stands = wallet.stand(owned)
        facts += [("Cash", plain(stands.cash)), ("Bonus", plain(stands.bonus))]
    number = asked.conversation_id or 0
    near = reach.may_read(work, console.me().actor(), number)
    return Case(
        asked=asked,
        rider=shown_name(rider),
        phone=shown_phones(work, [rider.id]).get(rider.id, ""),
        charge="The rider's wallet",
        facts=facts,
        conversation_url=f"/conversations/{number}" if near else "",
    )
