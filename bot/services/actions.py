"""Things staff do with consequences: asked for once, approved by a second person where due.

Previewed and checked by bot/services/action_plans.py, carried on by bot/services/action_results.py
when the pile or the payment provider has answered. Every step is in the audit log and, as a mark,
in the conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from bot.domain.money import Money
from bot.domain.staff_actions import KINDS, Kind, plain
from bot.errors import Refused
from bot.replies import Choose, Option, Receipt, Say
from bot.services import (
    action_results,
    audit,
    charging,
    coupons,
    disputes,
    marks,
    payouts,
    pile_orders,
    recalculation,
    refunds,
    wallet,
)
from bot.services.action_plans import NotPossible, Plan, Target, make_plan
from bot.services.audit import Actor
from bot.services.outbound import tell_rider
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.devices import Command
from bot.store.riders import Rider
from bot.store.staff import Staff
from bot.store.stations import Evse

REASON_MAX: Final = 500


def ask(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    kind: Kind,
    target: Target,
    *,
    reason: str,
    key: str,
    amount: Money | None = None,
    more: Mapping[str, str] | None = None,
) -> StaffAction:
    """Order an action; a repeat of `key` by the same person returns what stands.

    A refund above the person's limit waits for a second one; with `more` {"correct": version} it
    is the difference of a bill's recalculation, and credited. Raises NotPossible or Refused.
    """
    if (known := asked_before(work, actor, key)) is not None:
        return known
    key = _key(actor, key)
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Please say why: the reason is kept with the action.")
    if kind.name in {"refund", "waive_idle"}:
        refunds.lock_charge(work, target.session_id or 0)
    plan = make_plan(work, settings, actor, kind, target, deciding=True)
    waits = _check_amount(plan, amount)
    amount = plan.amount or amount
    action = StaffAction(
        key=key,
        kind=kind.name,
        state="waiting" if waits else "running",
        conversation_id=plan.conversation.id if plan.conversation else None,
        rider_id=plan.rider_id,
        pile_id=plan.pile.id if plan.pile else None,
        session_id=plan.session.id if plan.session else None,
        amount_minor=amount.amount_minor if amount else None,
        currency=amount.currency if amount else None,
        body={**plan.body, **(more or {})},
        reason=reason,
        asked_by=actor.staff_id,
        asked_at=work.now,
    )
    try:
        with work.session.begin_nested():
            work.session.add(action)
            work.session.flush()
    except IntegrityError:  # the same form twice at the same moment
        known = _by_key(work, key)
        assert known is not None
        return known
    audit.record(
        work, actor, f"action.{kind.name}", f"action:{action.id}", after=_figures(action),
        reason=reason, key=key,
    )  # fmt: skip
    _mark(work, action, actor, _told(action, plan), step="asked")
    if not waits:
        _RUNS[kind.name](work, settings, action, plan)
    return action


def _check_amount(plan: Plan, amount: Money | None) -> bool:
    """Whether a refund needs a second person."""
    if plan.left is None or plan.limit is None:
        return False
    if amount is None or amount.currency != plan.left.currency:
        raise NotPossible(f"Please give an amount in {plan.left.currency}, like 12.50.")
    if amount.amount_minor > plan.left.amount_minor:
        raise NotPossible(f"At most {plain(plan.left)} can be given back.")
    return amount.amount_minor > plan.limit.amount_minor


def approve(work: UnitOfWork, actor: Actor, action_id: int) -> StaffAction:
    """A second person says yes, and the money moves. Raises NotPossible: too late, or their own."""
    asked = work.session.get(StaffAction, action_id)
    if asked is not None and asked.session_id is not None:
        refunds.lock_charge(work, asked.session_id)
    action = _decide(work, actor, action_id, "running")
    assert action.amount_minor is not None and action.currency is not None
    audit.record(
        work, actor, "action.approved", f"action:{action.id}",
        before={"state": "waiting"}, after=_figures(action),
    )  # fmt: skip
    amount = Money(action.amount_minor, action.currency)
    what = KINDS[action.kind].label.casefold()
    _mark(work, action, actor, f"Approved ({what}): {plain(amount)}", step="approved")
    if action.kind == "credit":
        _give_credit(work, action)
        return action
    _send_money(work, action)
    disputes.action_ended(work, action)
    return action


def reject(work: UnitOfWork, actor: Actor, action_id: int, *, reason: str) -> StaffAction:
    """A second person says no; the one who asked may also take it back. Raises NotPossible."""
    reason = reason.strip()[:REASON_MAX]
    if not reason:
        raise NotPossible("Please say why: whoever asked wants to know.")
    action = _decide(work, actor, action_id, "refused", own=True)
    action.outcome = reason
    withdrawn = action.asked_by == actor.staff_id
    what = "withdrawn" if withdrawn else "rejected"
    audit.record(
        work, actor, f"action.{what}", f"action:{action.id}",
        before={"state": "waiting"}, after=_figures(action), reason=reason,
    )  # fmt: skip
    _mark(
        work,
        action,
        actor,
        f"{what.capitalize()} ({KINDS[action.kind].label.casefold()}): {reason}",
        step=what,
    )
    disputes.action_ended(work, action)
    return action


def _decide(
    work: UnitOfWork, actor: Actor, action_id: int, state: str, *, own: bool = False
) -> StaffAction:
    """Take a waiting action out of the queue: one statement, so that one person wins."""
    action = work.session.get(StaffAction, action_id)
    if action is None:
        raise NotPossible("There is no such request.")
    if action.asked_by == actor.staff_id and not own:
        raise NotPossible("Somebody else has to approve what you asked for yourself.")
    won = work.session.execute(
        update(StaffAction)
        .where(StaffAction.id == action_id, StaffAction.state == "waiting")
        .values(state=state, decided_by=actor.staff_id, decided_at=work.now)
        .returning(StaffAction.id)
        .execution_options(synchronize_session=False)
    ).first()
    work.session.refresh(action)
    if won is None:
        by = work.session.get(Staff, action.decided_by or 0)
        raise NotPossible(f"{by.name if by else 'Somebody'} was faster: this is decided already.")
    touched(work, f"action:{action.id}", f"rider:{action.rider_id}")
    return action


def asked_before(work: UnitOfWork, actor: Actor, key: str) -> StaffAction | None:
    """What stands of a form that was sent already."""
    return _by_key(work, _key(actor, key))


def _key(actor: Actor, key: str) -> str:
    return f"form:{actor.staff_id}:{key}"[:160]


def _by_key(work: UnitOfWork, key: str) -> StaffAction | None:
    return work.session.scalars(select(StaffAction).where(StaffAction.key == key)).first()


def _figures(action: StaffAction) -> dict[str, str | int | None]:
    """What the audit log keeps: references and figures."""
    told = {
        "kind": action.kind, "state": action.state, "session": action.session_id,
        "pile": action.pile_id, "amount_minor": action.amount_minor, "currency": action.currency,
        "asked_by": action.asked_by, "forced": action.body.get("forced"),
        "setting": action.body.get("variable"), "value": action.body.get("value"),
        "was": action.body.get("before"), "firmware": action.body.get("firmware_id"),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def _told(action: StaffAction, plan: Plan) -> str:
    """The action as a line of the transcript."""
    money = ""
    if action.amount_minor is not None and action.currency is not None:
        money = f" of {plain(Money(action.amount_minor, action.currency))}"
    waits = ", waiting for a second person" if action.state == "waiting" else ""
    return f"{plan.kind.label}{money}: {plan.subject}{waits}. Reason: {action.reason}"


def _mark(work: UnitOfWork, action: StaffAction, actor: Actor, text: str, *, step: str) -> None:
    if action.conversation_id is not None:
        marks.mark(
            work, action.conversation_id, "action", text, actor=actor,
            body={"action_id": action.id}, key=f"action:{action.id}:{step}",
        )  # fmt: skip
        touched(work, f"conversation:{action.conversation_id}")


# --- carrying out


def _refund(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    _send_money(work, action)


def _send_money(work: UnitOfWork, action: StaffAction) -> None:
    assert action.session_id is not None and action.amount_minor is not None
    hold = refunds.lock_charge(work, action.session_id)
    assert hold is not None
    corrects = "correct" in action.body
    if corrects and not recalculation.still_due(work, action):
        action_results.finish(work, action, "failed", "The bill was corrected otherwise meanwhile.")
        return
    reason = "correction" if corrects else f"staff action {action.id}"
    try:
        refund = refunds.give_back(work, hold.id, action.amount_minor, reason=reason)
    except refunds.TooMuch as error:  # something else gave money back while this waited
        left = plain(error.left)
        action_results.finish(work, action, "failed", f"Only {left} is left to give back.")
        return
    assert refund is not None
    action.refund_id = refund.id
    action.outcome = "Asked the payment provider"
    if corrects:
        recalculation.credit(work, action, refund)


def _credit(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    _give_credit(work, action)


def _give_credit(work: UnitOfWork, action: StaffAction) -> None:
    assert action.amount_minor is not None and action.currency is not None and action.rider_id
    money, bonus = Money(action.amount_minor, action.currency), bool(action.body["bonus"])
    source = f"action:{action.id}"
    wallet.credit(work, action.rider_id, money, bonus=bonus, source=source, kind="given")
    text = Say("We have put {amount} into your wallet as cash.", {"amount": money})
    if bonus:
        text = Say("We have put {amount} of bonus into your wallet.", {"amount": money})
    reply = Choose(text, [Option("wallet", Say("Wallet"))])
    tell_rider(work, action.rider_id, reply, key=source)
    action_results.finish(work, action, "done", f"{plain(money)} is in the rider's wallet.")


def _payout_sent(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    if payouts.sent_by_hand(work, int(plan.body["payout_id"])) is None:
        action_results.finish(work, action, "failed", "Somebody else has noted this already.")
        return
    action_results.finish(work, action, "done", "It is in the books, and the rider is told.")


def _stop(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    session = plan.session
    assert session is not None
    charging.request_stop(work, settings, session, by="staff", key=f"action:{action.id}")
    command = work.session.scalars(
        select(Command)
        .where(Command.session_id == session.id, Command.kind == "stop")
        .order_by(Command.id.desc())
    ).first()
    if command is None:  # nothing ran at the pile yet
        action_results.finish(work, action, "done", "The start was called off.")
        return
    action.command_id = command.id
    action.outcome = "Told the pile to stop"


def _start(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    if plan.offer is None or plan.rider_id is None:
        raise NotPossible("Please say at which connector, like 1023-27.")
    options = [
        Option(f"agree_start?action={action.id}", Say("Yes, start")),
        Option("deny", Say("Not now")),
    ]
    tell_rider(work, plan.rider_id, Choose(plan.offer.text, options), key=f"action:{action.id}")
    action.outcome = "Waiting for the rider's yes"


def _payment_link(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    session = plan.session
    assert session is not None
    if (page := plan.pay_page) is None:
        action.outcome = "Asked the payment provider"
        work.session.flush()
        charging.collect(work, session)
        return
    assert plan.rider_id is not None
    tell_rider(work, plan.rider_id, page, key=f"action:{action.id}")
    action_results.finish(work, action, "done", "The link was sent again.")


def _receipt(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    assert plan.rider_id is not None
    receipt = Receipt(int(plan.body["bill_id"]))
    tell_rider(work, plan.rider_id, receipt, key=f"action:{action.id}")
    action_results.finish(work, action, "done", "Sent into the chat.")


def _coupon(work: UnitOfWork, settings: Settings, action: StaffAction, plan: Plan) -> None:
    assert plan.rider_id is not None
    coupon = coupons.issue_of(
        work, plan.rider_id, int(plan.body["template_id"]), cause=f"action:{action.id}",
        key=action.key,
    )  # fmt: skip
    if coupon is None:  # somebody was faster with the last of the budget
        action_results.finish(work, action, "failed", "The budget is used up.")
        return
    coupons.tell_issued(work, coupon)
    action_results.finish(work, action, "done", f"Coupon {coupon.code} is in the rider's chat.")


_RUNS: Final[Mapping[str, Callable[[UnitOfWork, Settings, StaffAction, Plan], None]]] = {
    "refund": _refund, "waive_idle": _refund, "coupon": _coupon, "credit": _credit,
    "payout_sent": _payout_sent,
    "stop": _stop, "start": _start, "payment_link": _payment_link,
    "receipt": _receipt, **dict.fromkeys(pile_orders.COMMANDS, pile_orders.run),
}  # fmt: skip
assert set(_RUNS) == set(KINDS)


def agreed(
    work: UnitOfWork, settings: Settings, *, action_id: int, rider_id: int
) -> Refused | None:
    """The rider's yes to an offer that staff sent; answers what to tell them if it cannot start."""
    action = work.session.get(StaffAction, action_id, with_for_update=True)
    if action is None or action.kind != "start" or action.rider_id != rider_id:
        return Refused("I do not know that offer. Please send the code of the pile again.")
    if action.session_id is not None:
        return None  # tapped twice
    offer = action.body["offer"]
    evse = work.session.get_one(Evse, int(offer["evse_id"]))
    if action.state != "running":
        return Refused(
            "That offer is no longer open. Please send {evse} again to see the price that applies "
            "now.",
            {"evse": evse.code},
        )
    rider = work.session.get_one(Rider, rider_id)
    key = f"action:{action.id}"
    try:
        session = charging.start(work, settings, rider=rider, evse=evse, offer_body=offer, key=key)
    except Refused as error:
        why = "The rider said yes, but it could not start any more; they were told why."
        action_results.finish(work, action, "failed", why)
        return error
    action.session_id = session.id
    action.outcome = "The rider said yes"
    if action.conversation_id is not None:
        text = f"The rider said yes: charge {session.id} is being started"
        marks.mark(
            work, action.conversation_id, "action", text,
            body={"action_id": action.id}, key=f"action:{action.id}:agreed",
        )  # fmt: skip
    return None
