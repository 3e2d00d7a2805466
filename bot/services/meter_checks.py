"""A rider doubts a meter: asked for in the chat, tested by people, repaid with a second yes.

The case and its clock go along: bot/services/meter_cases.py.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from sqlalchemy import select, update

from bot.domain.disputes import meter_error, meter_is_fair, meter_owes
from bot.domain.money import Money, payable
from bot.domain.pricing import load_bill
from bot.errors import PilebotError
from bot.replies import Amount, Moment, Say, Value
from bot.services import alarms, audit, jobs, marks, meter_cases, refund_words, refunds, site_news
from bot.services.audit import Actor
from bot.services.outbound import conversation_of, tell_rider
from bot.settings import Settings
from bot.store.charging import Bill, ChargingSession
from bot.store.database import UnitOfWork
from bot.store.offers import MeterCheck
from bot.store.stations import Evse
from bot.store.upsert import insert

WRONG: Final = "METER_WRONG"  # the alarm of a meter that failed its test
LEAST_WH: Final = 500  # a test of less proves nothing at a percent

MOST_WH: Final = 1_000_000  # more than anybody waits for


class NotPossible(PilebotError):
    """A test cannot be recorded or decided so; the message says why (for staff)."""


def code(check: MeterCheck) -> str:
    """What riders and staff call a check by."""
    return f"M-{check.id:06d}"


def ask(work: UnitOfWork, session: ChargingSession) -> MeterCheck:
    """The check of a billed charge's meter; a repeat returns the one there is."""
    bill = work.session.scalars(select(Bill).where(Bill.session_id == session.id)).one()
    key = f"meter:{session.id}"
    meter = bill.body["meter"]
    row = work.session.scalars(
        insert(work, MeterCheck)
        .values(
            key=key, rider_id=session.rider_id, session_id=session.id, state="open",
            asked_at=work.now, start_wh=meter["start_wh"], end_wh=meter["end_wh"], note="",
            currency=bill.currency,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(MeterCheck)
    ).first()  # fmt: skip
    if row is None:
        return work.session.scalars(select(MeterCheck).where(MeterCheck.key == key)).one()
    chat = conversation_of(work, session.rider_id)
    text = f"Doubts the meter of charge {session.id}: {code(row)}"
    marks.mark(work, chat.id, "money", text, key=key)
    about = f"{code(row)}: {row.start_wh} Wh before and {row.end_wh} Wh after charge {session.id}"
    meter_cases.begin(work, row, source=chat.last_channel, text=about)
    return row


def readings(work: UnitOfWork, check: MeterCheck) -> dict[str, Value]:
    """What a check is about, as values of its sentences."""
    session = work.session.get_one(ChargingSession, check.session_id)
    evse = work.session.get_one(Evse, session.evse_id)
    began = session.started_at or session.created_at
    return {
        "code": code(check), "evse": evse.code, "from": Amount(check.start_wh, "wh"),
        "to": Amount(check.end_wh, "wh"), "energy": Amount(check.end_wh - check.start_wh, "wh"),
        "date": Moment(began, evse.pile.station.tz, "date_time"),
    }  # fmt: skip


def error_of(check: MeterCheck) -> Fraction:
    """How far the tested meter is off."""
    assert check.shown_wh is not None and check.true_wh is not None
    return meter_error(check.shown_wh, check.true_wh)


def record(
    work: UnitOfWork,
    settings: Settings,
    actor: Actor,
    check_id: int,
    *,
    shown_wh: int,
    true_wh: int,
    note: str,
) -> MeterCheck:
    """The result of a test: fair meters are told at once, others wait for a second person, also
    where nothing is owed: the meter is wrong for whoever charged there before."""
    if not LEAST_WH <= true_wh <= MOST_WH or not 0 <= shown_wh <= MOST_WH:
        raise NotPossible(f"A test needs {LEAST_WH} to {MOST_WH} Wh of the reference meter.")
    check = work.session.get(MeterCheck, check_id, with_for_update=True)
    if check is None or check.state != "open":
        raise NotPossible("This check is tested already.")
    check.shown_wh, check.true_wh, check.note = shown_wh, true_wh, note.strip()[:1000]
    check.tested_by, check.tested_at = actor.staff_id, work.now
    owed = meter_owes(_energy_minor(work, check), error_of(check), _kept(work, check))
    check.owed_minor = payable(owed, check.currency)
    check.state = "fair" if meter_is_fair(error_of(check)) else "tested"
    audit.record(
        work, actor, "meter.recorded", f"meter_check:{check.id}",
        after={"shown_wh": shown_wh, "true_wh": true_wh, "owed_minor": check.owed_minor},
        reason=note,
    )  # fmt: skip
    if check.state == "fair":
        said = Say(
            "The meter of {evse} was tested ({code}): it is off by {error} %, at most 1 % is "
            "promised. Your bill stands.",
            {**readings(work, check), "error": _percent(check)},
        )
        tell_rider(work, check.rider_id, said, key=f"meter:{check.id}:fair")
        _solve(work, settings, actor, check, "The meter is right, the bill stands.")
    else:
        _send_for_repair(work, check)
    return check


def _send_for_repair(work: UnitOfWork, check: MeterCheck) -> None:
    """Nobody is to pay by a meter that is known to be wrong: its socket is closed until somebody
    has seen to it."""
    session = work.session.get_one(ChargingSession, check.session_id)
    evse = work.session.get_one(Evse, session.evse_id)
    alarms.raised(work, evse.pile, evse, WRONG, source="meter", at=work.now)
    site_news.evse_changed(work, evse.id)
    jobs.open_job(
        work, kind="repair", source="staff", pile=evse.pile, evse=evse,
        key=f"meter:{check.id}:{work.now.isoformat()}", fault_code=WRONG,
        text=f"The meter of {evse.code} is off by {float(error_of(check) * 100):+.2f} %: put it "
        "right and test it again.",
    )  # fmt: skip


def _percent(check: MeterCheck) -> Amount:
    return Amount(abs(round(error_of(check) * 100_000)), "milli")


def _solve(
    work: UnitOfWork, settings: Settings, actor: Actor, check: MeterCheck, result: str
) -> None:
    """The case learns what the test showed and what it came to."""
    error = f"{float(error_of(check) * 100):+.2f} %"
    told = f"{check.shown_wh} Wh shown, {check.true_wh} Wh by the reference: {error}."
    meter_cases.end(work, settings, actor, check, tested=told, result=result)


def _energy_minor(work: UnitOfWork, check: MeterCheck) -> int:
    bill = work.session.scalars(select(Bill).where(Bill.session_id == check.session_id)).one()
    lines = load_bill(bill.body).lines
    return sum(each.gross_minor for each in lines if each.what == "energy")


def _kept(work: UnitOfWork, check: MeterCheck) -> int:
    """What can still go back of the charge: the cap."""
    hold = refunds.hold_with_money(work, check.session_id)
    return refunds.balance(work, hold).left.amount_minor if hold is not None else 0


def approve(work: UnitOfWork, settings: Settings, actor: Actor, check_id: int) -> MeterCheck:
    """A second person confirms the test and lets the money go that is owed. Raises NotPossible."""
    check = decide(work, actor, check_id, "paid")
    if pay(work, check):
        _solve(work, settings, actor, check, "Ten times the difference went back.")
        return check
    check.state, check.owed_minor = "failed", 0
    tell_rider(work, check.rider_id, failed_words(work, check), key=f"meter:{check.id}:failed")
    _solve(work, settings, actor, check, "The meter is wrong; of this charge nothing goes back.")
    return check


def failed_words(work: UnitOfWork, check: MeterCheck) -> Say:
    """The meter is wrong, and why nothing of this charge goes back."""
    values = {**readings(work, check), "error": _percent(check)}
    if error_of(check) < 0:
        return Say(
            "The meter of {evse} was tested ({code}): it shows {error} % too little, so you paid "
            "for less than you got. Your bill stands.",
            values,
        )
    return Say(
        "The meter of {evse} was tested ({code}): it shows {error} % too much. Of this charge "
        "nothing is left that could go back.",
        values,
    )


def pay(work: UnitOfWork, check: MeterCheck) -> bool:
    """Give back what a test owes and tell the rider; False when nothing is left to give."""
    hold = refunds.lock_charge(work, check.session_id)
    refund = None
    if hold is not None and check.owed_minor:
        amount = check.owed_minor
        refund = refunds.give_back(work, hold.id, amount, reason="meter test", at_most=True)
    if refund is None:
        return False
    check.refund_id, check.owed_minor = refund.id, refund.amount_minor
    values = {**readings(work, check), "error": _percent(check)}
    why = Say(
        "The meter of {evse} was tested ({code}): it shows {error} % too much. You get ten times "
        "the difference, at most what the charge cost.",
        values,
    )
    if check.recheck_of is not None:
        why = Say(
            "A test found that the meter of {evse} shows {error} % too much, so we checked your "
            "charge of {date} as well ({code}). You get ten times the difference, at most what the "
            "charge cost.",
            values,
        )
    said = refund_words.told(work, refund, why)
    tell_rider(work, check.rider_id, said, key=f"meter:{check.id}:paid")
    return True


def refuse(work: UnitOfWork, actor: Actor, check_id: int) -> MeterCheck:
    """The test is not believed: it is made again. Raises NotPossible."""
    check = decide(work, actor, check_id, "open")
    check.shown_wh = check.true_wh = check.owed_minor = check.tested_by = check.tested_at = None
    return check


def decide(work: UnitOfWork, actor: Actor, check_id: int, state: str) -> MeterCheck:
    """One statement, so that one person wins; never whoever made the test."""
    check = work.session.get(MeterCheck, check_id)
    if check is None:
        raise NotPossible("There is no such check.")
    if check.tested_by == actor.staff_id:
        raise NotPossible("Somebody else has to decide on a test of your own.")
    won = work.session.scalars(
        update(MeterCheck)
        .where(MeterCheck.id == check_id, MeterCheck.state == "tested")
        .values(state=state, decided_by=actor.staff_id, decided_at=work.now)
        .returning(MeterCheck.id)
        .execution_options(synchronize_session=False)
    ).first()
    work.session.refresh(check)
    if won is None:
        raise NotPossible("This is decided already.")
    money = Money(check.owed_minor or 0, check.currency).amount_minor
    audit.record(
        work, actor, f"meter.{'approved' if state == 'paid' else 'refused'}",
        f"meter_check:{check_id}", after={"owed_minor": money},
    )  # fmt: skip
    return check
