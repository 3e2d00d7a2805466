"""Contested charges: the queue with deadlines, the bill computed again beside it, the decision."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import abort, flash, redirect, request, url_for
from sqlalchemy import func, select

from bot.console.context import Console
from bot.console.guard import Routes
from bot.console.pages.actions import why
from bot.console.view import shown_name, shown_text
from bot.domain.money import Money
from bot.domain.pricing import Bill, load_bill
from bot.domain.staff_actions import KINDS, plain, read_amount
from bot.errors import Refused
from bot.services import actions, disputes, reach, refund_words
from bot.services.action_plans import NotPossible, Target
from bot.services.disputes import Contested
from bot.services.outbound import conversation_of
from bot.store.charging import ChargingSession
from bot.store.database import UnitOfWork
from bot.store.offers import RefundRequest
from bot.store.riders import Rider
from bot.store.staff import Staff

REASONS: Final = {
    "overcharged": "Cost too much", "not_refunded": "Refund did not come",
    "coupon": "Coupon did not count", "twice": "Charged twice", "failed": "Payment failed",
    "not_me": "It was not them",
}  # fmt: skip
STATES: Final = {
    "open": ("Open", "warn", "clock"), "waiting": ("Second person", "info", "clock"),
    "granted": ("Given back", "good", "check"), "part": ("Part given back", "good", "check"),
    "declined": ("Declined", "neutral", "x"),
    "automatic": ("Decided by the clock", "bad", "circle-alert"),
}  # fmt: skip
UNDECIDED: Final = ("open", "waiting")
SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Row:
    """A request as lists show it."""

    id: int
    code: str
    reason: str
    rider: str
    amount: str
    asked_at: datetime
    deadline_at: datetime
    late: bool
    state: tuple[str, str, str]
    given: str
    by: str
    decided_at: datetime | None


def add_routes(routes: Routes, console: Console) -> None:
    """Routes: /disputes, its list and count, one with its decision."""

    @routes.page("/disputes", right="dispute.read")
    def page() -> Any:
        return console.page("disputes", **_lists(console))

    @routes.page("/disputes/list", right="dispute.read")
    def list_() -> Any:
        return console.page("disputes_list", **_lists(console))

    @routes.page("/disputes/count", right="dispute.read")
    def count() -> Any:
        with console.store.read() as work:
            open_ = select(func.count()).where(RefundRequest.state == "open")
            return str(work.session.scalar(open_) or "")

    @routes.page("/disputes/<int:request_id>", right="dispute.read")
    def one(request_id: int) -> Any:
        return _one(console, request_id)

    @routes.action("/disputes/<int:request_id>/grant", right="dispute.decide")
    def grant(request_id: int) -> Any:
        return _grant(console, request_id)

    @routes.action("/disputes/<int:request_id>/decline", right="dispute.decide")
    def decline(request_id: int) -> Any:
        said = request.form.get("explanation", "").strip()
        if not said:
            return _one(console, request_id, "Explain it: the rider reads why.")
        with console.store.begin() as work:
            row = _readable(console, work, request_id)
            done = disputes.decline(work, console.me().actor(), row, explanation=said)
        flash(*(("Declined; the rider is told.", "good") if done else _BEATEN))
        return redirect(url_for("console.disputes_page"), 303)


_BEATEN: Final = ("Somebody was faster: this is decided already.", "bad")


def _grant(console: Console, request_id: int) -> Any:
    """The refund goes the way of all refunds: limits, a second person, the audit log."""
    form, me = request.form, console.me()
    said, key = form.get("explanation", "").strip(), form.get("key", "")
    if not said or not key:
        return _one(console, request_id, "Explain it: the rider reads why.")
    try:
        with console.store.begin() as work:
            row = _readable(console, work, request_id)
            disputes.lock(work, row)
            if row.state != "open":
                raise NotPossible(_BEATEN[0])
            target = Target(conversation_of(work, row.rider_id).id, row.session_id)
            action = actions.ask(
                work, console.settings, me.actor(), KINDS["refund"], target,
                reason=f"{disputes.code(row)}: {said}", key=key,
                amount=read_amount(form.get("amount", ""), row.currency),
            )  # fmt: skip
            if not disputes.granted(work, me.actor(), row, action, explanation=said):
                raise NotPossible(_BEATEN[0])
            waits = action.state == "waiting"
    except (NotPossible, Refused) as error:
        return _one(console, request_id, why(error))
    told = "A second person has to approve it." if waits else "The money is on its way."
    flash(f"Granted. {told}", "good")
    return redirect(url_for("console.disputes_page"), 303)


def _readable(console: Console, work: UnitOfWork, request_id: int) -> RefundRequest:
    """The request, if its conversation is in this person's reach."""
    row = work.session.get(RefundRequest, request_id)
    if row is None:
        abort(404)
    chat = conversation_of(work, row.rider_id)
    if not reach.may_read(work, console.me().actor(), chat.id):
        abort(404)
    return row


def _lists(console: Console) -> dict[str, Any]:
    with console.store.read() as work:
        undecided = select(RefundRequest).where(RefundRequest.state.in_(UNDECIDED))
        decided = select(RefundRequest).where(RefundRequest.state.not_in(UNDECIDED))
        waiting = work.session.scalars(undecided.order_by(RefundRequest.deadline_at))
        done = work.session.scalars(decided.order_by(RefundRequest.decided_at.desc()).limit(SHOWN))
        return {
            "waiting": [_row(work, each) for each in waiting],
            "decided": [_row(work, each) for each in done],
        }


def _row(work: UnitOfWork, row: RefundRequest) -> Row:
    found = disputes.look(work, work.session.get_one(ChargingSession, row.session_id))
    by = work.session.get(Staff, row.decided_by or 0)
    amount = found.bill.total_minor if found is not None else 0
    return Row(
        id=row.id,
        code=disputes.code(row),
        reason=REASONS[row.reason],
        rider=shown_name(work.session.get_one(Rider, row.rider_id)),
        amount=plain(Money(amount, row.currency)),
        asked_at=row.asked_at,
        deadline_at=row.deadline_at,
        late=row.deadline_at <= work.now,
        state=STATES[row.state],
        given=plain(Money(row.amount_minor, row.currency)) if row.amount_minor else "",
        by=by.name if by else "",
        decided_at=row.decided_at,
    )


def _one(console: Console, request_id: int, problem: str = "") -> Any:
    with console.store.read() as work:
        row = _readable(console, work, request_id)
        found = disputes.look(work, work.session.get_one(ChargingSession, row.session_id))
        assert found is not None
        chat = conversation_of(work, row.rider_id)
        values = {
            "row": _row(work, row),
            "open": row.state == "open",
            "text": shown_text(row.text),
            "explanation": row.explanation,
            "facts": _facts(found),
            "left": str(found.amount(max(0, found.money.kept)).major()),
            "currency": row.currency,
            "compared": _compared(found),
            "refunds": [
                (refund_words.reference(each), plain(found.amount(each.amount_minor)), each.state,
                 each.created_at, each.reason)
                for each in found.refunds
            ],
            "chat": f"/conversations/{chat.id}",
        }  # fmt: skip
    given = request.form if problem else {}
    return console.page(
        "dispute", 409 if problem else 200, **values, problem=problem, given=given,
        key=given.get("key") or secrets.token_urlsafe(18),
    )  # fmt: skip


def _facts(found: Contested) -> list[tuple[str, str]]:
    money, amount = found.money, found.amount
    return [
        ("Charge", f"{found.session.id} at {found.evse.code}, {found.evse.pile.station.name}"),
        ("Bill", found.bill.number),
        ("Due", plain(amount(money.due))),
        ("Computed again", plain(amount(money.right))),
        ("Taken and kept", plain(amount(money.kept))),
        ("Given back", plain(amount(money.given_back))),
        ("On its way back", plain(amount(money.going_back))),
        ("A coupon would have saved", plain(amount(money.coupon_saves))),
    ]


def _compared(found: Contested) -> list[tuple[str, str, str, bool]]:
    """Each line as billed and as computed again now."""
    billed, again = _by_line(load_bill(found.bill.body)), _by_line(found.facts.bill())
    rows = []
    for what in dict.fromkeys([*billed, *again]):
        before, now = billed.get(what, 0), again.get(what, 0)
        shown = plain(found.amount(before)), plain(found.amount(now))
        rows.append((what, *shown, before != now))
    return rows


def _by_line(bill: Bill) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in bill.lines:
        name = f"{line.what} {line.window} {line.quantity} {line.unit}".strip()
        sums[name] = sums.get(name, 0) + line.gross_minor
    return sums
