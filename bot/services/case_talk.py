"""What riders are told of their cases: number, state, clock, result, and the call-back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import func, select

from bot.domain.cases import OPEN
from bot.domain.money import Money
from bot.replies import Amount, Choose, Moment, Option, Picture, Reply, Say, Value, Written
from bot.services import case_people, cases
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry, CaseLink, Clock
from bot.store.charging import Hold, Refund
from bot.store.database import UnitOfWork
from bot.store.staff import Staff
from bot.store.stations import Pile

# Rows of a WhatsApp list: at most 24 characters in every language.
TOPICS: Final[Mapping[str, Say]] = {
    "wont_charge": Say("It does not charge"),
    "cant_stop": Say("Cannot stop, stuck"),
    "broken": Say("Pile or cable broken"),
    "power_lost": Say("Power lost"),
    "outage": Say("Many piles out"),
    "bill_wrong": Say("My bill is wrong"),
    "refund_missing": Say("Refund has not come"),
    "coupon_invalid": Say("Coupon was not taken"),
    "paid_twice": Say("Paid twice"),
    "payment_failed": Say("Payment failed"),
    "meter": Say("Meter in doubt"),
    "blocked": Say("Bay is blocked"),
    "site_care": Say("Dirty or damaged"),
    "staff": Say("About our staff"),
    "privacy": Say("My data"),
    "other": Say("Something else"),
    "visit_missed": Say("Visit did not take place"),
    "threat": Say("Serious complaint"),
    "group": Say("Several riders"),
    "hazard": Say("Danger"),
    "wiring": Say("Unsafe wiring"),
}
STATUSES: Final[Mapping[str, Say]] = {
    "new": Say("received"),
    "assigned": Say("somebody works on it"),
    "waiting_rider": Say("waiting for your answer"),
    "waiting_site": Say("waiting for work on site"),
    "done": Say("done, waiting for your word"),
    "closed": Say("closed"),
}
# What a job that is done means for the rider, by its kind.
RESULTS: Final[Mapping[str, Say]] = {
    "repair": Say("Pile {pile} was repaired."),
    "preventive": Say("Pile {pile} was checked, and worn parts were seen to."),
    "site_care": Say("The place at pile {pile} was put in order."),
    "visit": Say("The planned maintenance of pile {pile} is done."),
}
TEAMS: Final[Mapping[str, Say]] = {
    "support": Say("Our support team has it."),
    "technical": Say("Our technicians have it."),
    "finance": Say("Our finance team has it."),
    "site": Say("Our site care team has it."),
    "safety": Say("Our safety team has it."),
}
# What is promised, as the end of "…": the clock's time stands behind it.
_ENDS: Final[Mapping[str, Say]] = {
    "urgent": Say("A person contacts you"),
    "fault_response": Say("A technician takes it on"),
    "first_reply": Say("A person answers you here"),
    "dispute": Say("It is decided"),
    "on_site": Say("Somebody is at the pile"),
    "call_back": Say("We want to hear from you"),
    "bill": Say("Your bill comes"),
}


# Results that come of themselves, as a case keeps them: everything else there is in people's words.
CONTESTED: Final = Say("You contested a bill.")
DECLINED: Final = Say("A person looked at it: nothing is given back.")
GRANTED: Final = Say("A person looked at it and granted it.")
BY_TIME: Final = Say("Nobody had decided in time.")
IN_FAVOUR: Final = Say("It was decided for you.")
_OURS: Final = {
    each.text: each for each in (CONTESTED, DECLINED, GRANTED, BY_TIME, IN_FAVOUR)
}  # fmt: skip


def tz_of(work: UnitOfWork, settings: Settings, case: Case) -> str:
    """The station's time zone, or the desk's while nobody knows where it is."""
    station = cases.station_of(work, case)
    return station.tz if station else settings.desk_tz


def place_of(work: UnitOfWork, case: Case) -> Say | None:
    """Where it is, in words; None while nobody knows."""
    pile = work.session.get(Pile, case.pile_id) if case.pile_id else None
    if pile is not None:
        return Say("pile {pile}, {station}", {"pile": pile.number, "station": pile.station.name})
    return Say("{place}", {"place": Written(case.place)}) if case.place else None


def name_of(work: UnitOfWork, case: Case) -> Say:
    """ "Pile or cable broken (pile 1023, Kamppi)"."""
    place, topic = place_of(work, case), TOPICS[case.code]
    return Say("{topic} ({place})", {"topic": topic, "place": place}) if place else topic


def opened(work: UnitOfWork, settings: Settings, case: Case) -> Say:
    """The number, what it is about, and what comes next by when."""
    work.session.flush()
    values: dict[str, Value] = {
        "case": case.id,
        "about": name_of(work, case),
        "next": clock_line(work, settings, case) or Say("We look at it."),
    }
    return Say("This is case {case}: {about}. {next} Write CASE {case} to see how it is.", values)


def clock_line(work: UnitOfWork, settings: Settings, case: Case) -> Say | None:
    """What is promised next and how long it has, or that it is late, and what stands still; None:
    nothing is."""
    clock = cases.next_deadline(work, case)
    if clock is None:
        return None
    still = Say("The clock stands still while we wait for your answer.")
    if clock.state == "paused":
        return still
    line = _promise_line(work, settings, case, clock)
    if all(each.state != "paused" for each in cases.all_clocks(work, case)):
        return line
    return Say("{state} {more}", {"state": still, "more": line})  # somebody comes all the same


def _promise_line(work: UnitOfWork, settings: Settings, case: Case, clock: Clock) -> Say:
    what, tz = _ENDS.get(clock.name, Say("We look at it")), tz_of(work, settings, case)
    if clock.breached_at is not None or clock.due_at is None or clock.due_at <= work.now:
        if case.level:
            return Say("{what}: this is late. A supervisor has been told.", {"what": what})
        return Say("{what}: this is late, and we are sorry.", {"what": what})
    left = Amount(int((clock.due_at - work.now).total_seconds()), "s")
    at = Moment(clock.due_at, tz, "time" if left.number < 43_200 else "date_time")
    return Say("{what} by {time} ({left} left).", {"what": what, "time": at, "left": left})


def state(work: UnitOfWork, settings: Settings, case: Case, report: Case | None = None) -> Say:
    """How a case is and who has it: `case 4711`; for the reader of `report`, where that is another
    than its own. What money went back is nobody else's business."""
    values: dict[str, Value] = {
        "case": case.id,
        "about": name_of(work, case),
        "status": STATUSES[case.status],
        "time": Moment(case.updated_at, tz_of(work, settings, case), "date_time"),
    }
    said = Say("Case {case}: {about}. State: {status}, since {time}.", values)
    if case.status not in OPEN:
        mine = report is None or report.id == case.id
        result = _result(work, case, mine=mine) or clock_line(work, settings, case)
        return Say("{state} {more}", {"state": said, "more": result}) if result else said
    said = Say("{state} {more}", {"state": said, "more": who_has_it(work, case)})
    line = clock_line(work, settings, case)
    return Say("{state} {more}", {"state": said, "more": line}) if line else said


def who_has_it(work: UnitOfWork, case: Case) -> Say:
    """The person who works on it by first name, else their team."""
    owner = work.session.get(Staff, case.owner_id) if case.owner_id else None
    if owner is None or not owner.name.split():
        return TEAMS[case.team]
    return Say("{name} has it.", {"name": Written(owner.name.split()[0])})


def _result(work: UnitOfWork, case: Case, *, mine: bool) -> Say | None:
    if not case.result:
        return None
    said = Say(
        "Cause: {cause} Done: {fix} {result}",
        {"cause": _words(case.cause), "fix": _words(case.fix), "result": _outcome(work, case)},
    )
    money = given_back(work, case) if mine else None
    if money is None:
        return said
    return Say("{result} Given back: {amount}.", {"result": said, "amount": money})


def _outcome(work: UnitOfWork, case: Case) -> Say | Written:
    """The result by its code in the rider's language, else as it was written."""
    pile = work.session.get(Pile, case.pile_id) if case.pile_id else None
    if pile is not None and case.result_code in RESULTS:
        return Say(RESULTS[case.result_code].text, {"pile": pile.number})
    return _words(case.result)


def _words(text: str) -> Say | Written:
    return _OURS.get(text) or Written(_sentence(text))


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?", "。")) else f"{text}."


def given_back(work: UnitOfWork, case: Case) -> Money | None:
    """What was refunded for a case: its linked refunds, and those of its charge since it began."""
    of_case = select(CaseLink.ref).where(CaseLink.case_id == case.id, CaseLink.kind == "refund")
    linked = [int(ref) for ref in work.session.scalars(of_case) if ref.isdecimal()]
    of_session = Hold.session_id == case.session_id if case.session_id else Hold.id < 0
    rows = work.session.execute(
        select(Refund.currency, func.sum(Refund.amount_minor))
        .join(Hold, Hold.id == Refund.hold_id)
        .where(
            Refund.state != "failed",
            Refund.id.in_(linked) | (of_session & (Refund.created_at >= case.created_at)),
        )
        .group_by(Refund.currency)
    ).first()
    return Money(int(rows[1]), rows[0]) if rows else None


# --- said without being asked --------------------------------------------------------------------


def push(work: UnitOfWork, settings: Settings, case: Case, *, key: str) -> None:
    """Everybody behind a case hears how it stands; the day until the next news begins anew."""
    for report in case_people.reports(work, case):
        said = state(work, settings, case, report)
        case_people.tell(work, settings, case, report, said, key=key)


def tell(work: UnitOfWork, case: Case, reply: Reply | list[Reply], *, key: str) -> None:
    """Something about a case to its own rider; who is none hears it by other doors."""
    case_people.tell_chat(work, case, case, reply, key=key)


def tell_all(work: UnitOfWork, case: Case, reply: Reply | list[Reply], *, key: str) -> None:
    """The same to every rider behind it."""
    for report in case_people.reports(work, case):
        case_people.tell_chat(work, case, report, reply, key=key)


def solved(work: UnitOfWork, settings: Settings, case: Case, report: Case) -> list[Reply]:
    """The result with its evidence and money, and a way to answer at once."""
    said: list[Reply] = []
    photo = work.session.scalars(
        select(CaseEntry.media_id)
        .where(CaseEntry.case_id == case.id, CaseEntry.kind == "photo")
        .where(CaseEntry.staff_id.is_not(None), CaseEntry.media_id.is_not(None))
        .where(CaseEntry.body["shows"].as_string().is_distinct_from("before"))
        .order_by(CaseEntry.id.desc())
    ).first()
    if photo is not None:
        said.append(Picture(photo, Say("How it looks now.")))
    values: dict[str, Value] = {"state": state(work, settings, case, report)}
    prompt = Say("{state} I ask you tomorrow whether all is well; you can answer now.", values)
    said.append(Choose(prompt, answers(case)[:2]))
    return said


def call_back(work: UnitOfWork, settings: Settings, case: Case) -> Choose:
    """Solved? Yes, no, talk."""
    values: dict[str, Value] = {"case": case.id, "about": name_of(work, case)}
    if case.asked > 1:
        return Choose(
            Say(
                "I ask once more about case {case}: {about}. Is it solved? Without an answer by "
                "tomorrow I take it as a yes.",
                values,
            ),
            answers(case),
        )
    return Choose(Say("Case {case}: {about}. Is it solved?", values), answers(case))


def answers(case: Case) -> list[Option]:
    """The rider's three answers to a call-back."""
    return [
        Option(f"case_answer?case={case.id}&answer=yes", Say("Yes, solved")),
        Option(f"case_answer?case={case.id}&answer=no", Say("No, not solved")),
        Option(f"case_answer?case={case.id}&answer=talk", Say("Talk to a person")),
    ]


def noted(case: Case) -> Say:
    """Thanks for a yes to the call-back."""
    if case.status == "closed":
        return Say("Thank you. Case {case} is closed.", {"case": case.id})
    return Say(
        "Thank you. Case {case} is closed when the others who reported it say so too.",
        {"case": case.id},
    )


def late(clock: Clock) -> Say:
    """A promise was not kept, and the rider learns it from us."""
    limit = Amount(int(clock.policy["limit_s"]), "s")
    what = _ENDS.get(clock.name, Say("We look at it"))
    return Say(
        "We promised: {what} within {limit}. We did not keep it, and we are sorry.",
        {"what": what, "limit": limit},
    )


def merged(case_id: int, into: int) -> Say:
    """Two cases became one."""
    return Say(
        "Case {case} and case {into} are about the same; we go on under {into}.",
        {"case": case_id, "into": into},
    )
