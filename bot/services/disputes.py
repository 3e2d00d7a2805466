"""Contested charges: checked by rule at once, else a request with a clock that people decide.

One request for each charge and reason, ever. Granted money goes through bot/services/actions.py,
so limits and the second person hold here too; what the clock decides is within a cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, update

from bot.domain.discounts import unfit
from bot.domain.disputes import (
    ChargeMoney,
    Decision,
    Reason,
    decide,
    for_the_rider,
    request_code,
)
from bot.domain.money import Money, exponent
from bot.domain.pricing import price
from bot.domain.session import SessionFacts, load_facts
from bot.domain.staff_actions import plain
from bot.domain.tariffs import load_tariff
from bot.replies import Moment, Say, Value
from bot.services import audit, coupons, dispute_cases, marks, money_watch, refund_words, refunds
from bot.services.billing import credited_minor
from bot.services.outbound import conversation_of, tell_rider
from bot.settings import Settings
from bot.store import inbox
from bot.store.changes import touched
from bot.store.charging import Bill, ChargingSession, Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.desk import StaffAction
from bot.store.offers import Coupon, RefundRequest
from bot.store.stations import Evse
from bot.store.upsert import insert

CONTESTED: Final = timedelta(days=120)  # how long after a charge it can be contested
WHY: Final = {
    "twice": Say("It was taken twice."),
    "failed": Say("It was taken although nothing was due."),
    "overcharged": Say("The bill comes to less when it is computed again."),
    "coupon": Say("Your coupon should have counted."),
    "not_me": Say("You told us that it was not you."),
    "not_refunded": Say("You asked for it back."),
}


@dataclass(frozen=True, slots=True)
class Contested:
    """A billed charge with everything that is looked at."""

    session: ChargingSession
    bill: Bill
    evse: Evse
    facts: SessionFacts
    money: ChargeMoney
    refunds: Sequence[Refund]
    coupon_id: int | None  # that would have counted

    @property
    def currency(self) -> str:
        """Of the bill."""
        return self.bill.currency

    def amount(self, minor: int) -> Money:
        """An amount in the bill's currency."""
        return Money(minor, self.bill.currency)


def contestable(work: UnitOfWork, rider_id: int, *, limit: int = 9) -> Sequence[ChargingSession]:
    """The rider's billed charges that can be contested, newest first."""
    return work.session.scalars(
        select(ChargingSession)
        .join(Bill, Bill.session_id == ChargingSession.id)
        .where(ChargingSession.rider_id == rider_id, Bill.created_at > work.now - CONTESTED)
        .order_by(ChargingSession.id.desc())
        .limit(limit)
    ).all()


def look(work: UnitOfWork, session: ChargingSession) -> Contested | None:
    """A charge with its money as it stands; None while it has no bill."""
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).first()
    if bill is None:
        return None
    facts = load_facts(session.facts, load_tariff(session.tariff))
    holds = list(work.session.scalars(select(Hold).where(Hold.session_id == session.id)))
    kept = sum(
        each.captured_minor - each.refunded_minor for each in refunds.balances(work, holds).values()
    )
    back = work.session.scalars(
        select(Refund)
        .where(Refund.hold_id.in_([each.id for each in holds]))
        .order_by(Refund.id.desc())
    ).all()
    coupon, saves = _missed_coupon(work, session, facts, bill)
    money = ChargeMoney(
        due=bill.total_minor - credited_minor(work, bill.id),
        right=facts.bill().gross_minor,
        kept=kept,
        going_back=sum(each.amount_minor for each in back if each.state in {"open", "sent"}),
        given_back=sum(each.amount_minor for each in back if each.state == "done"),
        coupon_saves=saves,
    )
    evse = work.session.get_one(Evse, session.evse_id)
    return Contested(session, bill, evse, facts, money, back, coupon)


def _missed_coupon(
    work: UnitOfWork, session: ChargingSession, facts: SessionFacts, bill: Bill
) -> tuple[int | None, int]:
    """The coupon the rider had at the yes that saves most and did not count, and how much."""
    pinned = [each for each in facts.terms.discounts if each.kind == "coupon"]
    if pinned:
        return None, 0  # one for an order
    rows = work.session.scalars(
        select(Coupon).where(
            Coupon.rider_id == session.rider_id,
            Coupon.state == "open",
            Coupon.issued_at <= session.created_at,
        )
    )
    station = work.session.get_one(Evse, session.evse_id).pile.station
    found: tuple[int | None, int] = (None, 0)
    for row in rows:
        coupon = coupons.as_rule(row)
        why = unfit(
            coupon, at=session.created_at, station_id=station.id, country=station.country,
            currency=station.currency, tz=station.tz,
        )  # fmt: skip
        if why is not None:
            continue
        terms = facts.terms
        less = price(
            terms.tariff, facts.usage(), discounts=[*terms.discounts, coupon.discount()],
            limit_minor=terms.hold_minor,
        ).gross_minor  # fmt: skip
        if bill.total_minor - less > found[1]:
            found = row.id, bill.total_minor - less
    return found


# --- by rule, at once


def check(work: UnitOfWork, found: Contested, reason: Reason) -> tuple[Decision, Refund | None]:
    """What a rule says, and the money that goes back by it, under the lock of the charge."""
    hold = refunds.lock_charge(work, found.session.id)
    fresh = look(work, found.session)
    assert fresh is not None
    decision = decide(reason, fresh.money)
    if decision.verdict != "refund":
        return decision, None
    if hold is None or not refunds.balance(work, hold).left.amount_minor:
        return Decision("explain"), None
    told = "duplicate" if reason in {"twice", "failed"} else f"dispute: {reason}"
    amount = decision.amount_minor
    if reason == "coupon":
        amount = min(amount, refunds.balance(work, hold).left.amount_minor)
        coupon = fresh.coupon_id or 0
        if not coupons.count_late(work, coupon, session_id=found.session.id, saves=amount):
            return Decision("explain"), None  # another charge has it now
    refund = refunds.give_back(work, hold.id, amount, reason=told, at_most=True)
    assert refund is not None
    _note(work, found.session.rider_id, f"Refund of {plain(_money(refund))} by rule: {reason}",
          key=f"refund:{refund.id}:rule")  # fmt: skip
    return Decision("refund", refund.amount_minor), refund


def _money(refund: Refund) -> Money:
    return Money(refund.amount_minor, refund.currency)


def _note(work: UnitOfWork, rider_id: int, text: str, *, key: str) -> None:
    marks.mark(work, conversation_of(work, rider_id).id, "money", text, key=key)


# --- by people, with a clock


def code(request: RefundRequest) -> str:
    """What riders and staff call a request by."""
    return request_code(request.id)


def known(work: UnitOfWork, session_id: int, reason: Reason) -> RefundRequest | None:
    """The request about a charge for a reason."""
    key = _key(session_id, reason)
    return work.session.scalars(select(RefundRequest).where(RefundRequest.key == key)).first()


def _key(session_id: int, reason: Reason) -> str:
    return f"dispute:{session_id}:{reason}"


def open_request(
    work: UnitOfWork, settings: Settings, found: Contested, reason: Reason, *, text: str
) -> RefundRequest:
    """A request that people decide; a repeat returns the one there is."""
    key, session = _key(found.session.id, reason), found.session
    row = work.session.scalars(
        insert(work, RefundRequest)
        .values(
            key=key, rider_id=session.rider_id, session_id=session.id, reason=reason,
            text=text[:1000], state="open", currency=found.currency, asked_at=work.now,
            explanation="", deadline_at=work.now + timedelta(hours=settings.dispute_hours),
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(RefundRequest)
    ).first()  # fmt: skip
    if row is None:
        return work.session.scalars(select(RefundRequest).where(RefundRequest.key == key)).one()
    inbox.put(
        work,
        source="timer",
        source_id=f"dispute:{row.id}",
        stream=f"dispute:{row.id}",
        kind="dispute.timer",
        body={"request_id": row.id},
        available_at=row.deadline_at,
    )
    dispute_cases.begin(work, row, text=text)
    _note(work, session.rider_id, f"Contests charge {session.id} ({reason}): {code(row)}",
          key=f"{key}:opened")  # fmt: skip
    touched(work, "dispute:0", f"rider:{session.rider_id}")
    return row


def status(work: UnitOfWork, request: RefundRequest) -> Say:
    """How a request stands, for its rider."""
    tz = work.session.get_one(
        Evse, work.session.get_one(ChargingSession, request.session_id).evse_id
    ).pile.station.tz
    values: dict[str, Value] = {
        "code": code(request), "time": Moment(request.deadline_at, tz, "date_time"),
    }  # fmt: skip
    if request.state in {"open", "waiting"}:
        return Say("Request {code}: a person decides it by {time} and tells you here.", values)
    if request.state == "declined":
        return Say("Request {code} was declined. Write AGENT to talk to a person about it.", values)
    if request.refund_id is None:
        return Say("Request {code} was granted; the money is on its way.", values)
    refund = work.session.get_one(Refund, request.refund_id)
    return Say("Request {code}: {refund}", {**values, "refund": refund_words.stands(work, refund)})


def decline(
    work: UnitOfWork, actor: audit.Actor, request: RefundRequest, *, explanation: str
) -> bool:
    """A person says no and why; False when it is decided already."""
    if not _move(work, request, "open", state="declined", explanation=explanation.strip(),
                 decided_by=actor.staff_id, decided_at=work.now):  # fmt: skip
        return False
    audit.record(
        work, actor, "dispute.declined", f"dispute:{request.id}", after={"state": "declined"},
        reason=explanation,
    )  # fmt: skip
    tell_rider(
        work,
        request.rider_id,
        Say(
            "Your request {code} was looked at by a person, and nothing is given back. {why} Write "
            "AGENT to talk about it.",
            {"code": code(request), "why": Say("“{text}”", {"text": request.explanation})},
        ),
        key=f"dispute:{request.id}:declined",
    )
    _note(work, request.rider_id, f"Declined {code(request)}", key=f"{request.key}:declined")
    return True


def granted(
    work: UnitOfWork, actor: audit.Actor, request: RefundRequest, action: StaffAction,
    *, explanation: str,
) -> bool:  # fmt: skip
    """A person grants it, by an action of theirs; the rider is told when the money moves."""
    waits = action.state == "waiting"
    return _move(
        work, request, "open", state="waiting" if waits else _how_much(work, request, action),
        explanation=explanation.strip(), action_id=action.id, amount_minor=action.amount_minor,
        refund_id=action.refund_id, decided_by=actor.staff_id, decided_at=work.now,
    )  # fmt: skip


def _how_much(work: UnitOfWork, request: RefundRequest, action: StaffAction) -> str:
    session = work.session.get_one(ChargingSession, request.session_id)
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
    return "granted" if (action.amount_minor or 0) >= bill.total_minor else "part"


def _move(work: UnitOfWork, request: RefundRequest, *states: str, **values: Any) -> bool:
    """Change a request that is in one of the states: one statement, one winner."""
    won = work.session.scalars(
        update(RefundRequest)
        .where(RefundRequest.id == request.id, RefundRequest.state.in_(states))
        .values(**values)
        .returning(RefundRequest.id)
        .execution_options(synchronize_session=False)
    ).first()
    work.session.refresh(request)
    if won is not None:
        dispute_cases.moved(work, request)
        touched(work, "dispute:0", f"rider:{request.rider_id}")
    return won is not None


def action_ended(work: UnitOfWork, action: StaffAction) -> RefundRequest | None:
    """What staff granted went on: approved, rejected, sent, failed. The request follows."""
    request = work.session.scalars(
        select(RefundRequest).where(RefundRequest.action_id == action.id)
    ).first()
    if request is None or request.state in {"declined", "automatic"}:
        return None
    if action.state in {"refused", "failed"}:  # somebody has to decide again
        _move(work, request, "waiting", "granted", "part", state="open", action_id=None,
              refund_id=None, amount_minor=None, decided_by=None, decided_at=None)  # fmt: skip
    else:
        _move(work, request, "waiting", "granted", "part", refund_id=action.refund_id,
              state=_how_much(work, request, action))  # fmt: skip
    return request


def on_timer(work: UnitOfWork, settings: Settings, body: dict[str, Any]) -> None:
    """Inbox kind "dispute.timer": nobody has decided in time, so it is decided for the rider."""
    request = work.session.get(RefundRequest, int(body["request_id"]))
    if request is None:
        return
    hold = lock(work, request)
    if request.state not in {"open", "waiting"}:
        return
    cap = settings.dispute_refund_max * 10 ** exponent(request.currency)
    left = refunds.balance(work, hold).left.amount_minor if hold else 0
    amount = for_the_rider(left, left, cap)
    text = f"{code(request)} was not decided in time: "
    if hold is None or amount <= 0:
        text += "please decide it now; nothing was given back by itself."
        money_watch.call_staff(work, request.rider_id, text, reason="dispute",
                               key=f"{request.key}:late")  # fmt: skip
        return
    if request.state == "waiting":  # the second person did not come
        _withdraw(work, request)
    refund = refunds.give_back(work, hold.id, amount, reason=f"dispute {request.id}", at_most=True)
    assert refund is not None
    _move(work, request, "open", "waiting", state="automatic", amount_minor=refund.amount_minor,
          refund_id=refund.id, decided_at=work.now)  # fmt: skip
    why = Say(
        "We did not decide your request {code} in time, so it is decided for you.",
        {"code": code(request)},
    )
    said = refund_words.told(work, refund, why)
    tell_rider(work, request.rider_id, said, key=f"dispute:{request.id}:automatic")
    all_of_it = plain(Money(left, request.currency))
    text += f"{plain(_money(refund))} of {all_of_it} went back by itself."
    _note(work, request.rider_id, text, key=f"{request.key}:late")
    audit.record(work, None, "dispute.automatic", f"dispute:{request.id}",
                 after={"amount_minor": refund.amount_minor})  # fmt: skip


def lock(work: UnitOfWork, request: RefundRequest) -> Hold | None:
    """Take the locks of a request and all it decides on, in their order (bot/services/refunds.py);
    the hold that money was taken of."""
    hold = refunds.lock_charge(work, request.session_id)
    work.session.refresh(request)  # an action is given to it under the charge's lock alone
    if request.action_id is not None:
        action = work.session.get_one(StaffAction, request.action_id)
        work.session.refresh(action, with_for_update=True)
    work.session.refresh(request, with_for_update=True)
    return hold


def _withdraw(work: UnitOfWork, request: RefundRequest) -> None:
    work.session.execute(
        update(StaffAction)
        .where(StaffAction.id == request.action_id, StaffAction.state == "waiting")
        .values(state="refused", outcome="Not approved in time", decided_at=work.now)
        .execution_options(synchronize_session=False)
    )
    touched(work, f"action:{request.action_id}")
