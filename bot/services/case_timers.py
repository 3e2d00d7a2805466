"""What happens to a case by itself: routing, the daily news, the call-backs, the quiet end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import select

from bot.domain import cases as rules
from bot.services import (
    case_answers,
    case_people,
    case_supervisors,
    case_talk,
    cases,
    clocks,
    crisis,
    desk,
)
from bot.settings import Settings
from bot.store import inbox
from bot.store.cases import Case, CaseRoute
from bot.store.database import UnitOfWork


def on_timer(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind "case.timer"."""
    case = work.session.get(Case, int(body["case_id"]), with_for_update=True)
    if case is not None:
        _TIMERS[str(body["name"])](work, settings, case)


def _begin(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """Route a new case and start the desk's own clocks, counted from when it was opened."""
    if case.status not in rules.OPEN:  # solved before this was served: nothing is promised any more
        return
    route(work, case)
    start_desk_clocks(work, settings, case)
    crisis.look(work, settings, case)
    last = case.told_at or case.created_at
    cases.set_timer(work, case.id, "update", last + rules.UPDATE_EVERY)


def start_desk_clocks(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """First answer and resolving, by priority; another priority starts its own and drops these."""
    hours = desk.hours(work, settings)
    begun = case.updated_at if case.rounds else case.created_at
    for what in ("first", "resolve"):
        cases.start_clock(
            work, case, f"p{case.priority}_{what}", at=begun, hours=hours, round_=case.rounds + 1
        )


def route(work: UnitOfWork, case: Case) -> None:
    """Give a case to its team; one that lacks a fact stays with Support, who ask for it."""
    lacking = cases.missing(work, case)
    if lacking:
        case.team = "support"
        cases.entry(
            work, case, "status", f"Cannot be routed yet: {', '.join(lacking)} not known",
            key=f"case:{case.id}:lacks:{','.join(lacking)}",
        )  # fmt: skip
        return
    station = cases.station_of(work, case)
    routes = [
        rules.Route(each.class_, each.country, each.station_id, each.team, each.owner_id)
        for each in work.session.scalars(select(CaseRoute).order_by(CaseRoute.id))
    ]
    team, owner_id = rules.route(
        routes, case.code,
        country=station.country if station else "", station_id=station.id if station else None,
    )  # fmt: skip
    if team != case.team:
        case.team = team
        cases.entry(work, case, "assigned", f"To the team {rules.TEAMS[team]}")
    if owner_id is not None and case.owner_id is None:
        case.owner_id = owner_id
        if case.status == "new":
            case.status = "assigned"
    for clock in clocks.of_subject(work, cases.subject(case.id)):
        clock.team = case.team
    _ask_for_technician(work, case)


def _ask_for_technician(work: UnitOfWork, case: Case) -> None:
    """A fault at a pile that is known: bot/services/case_jobs.py, once for a case and pile."""
    if case.pile_id is not None and rules.TOPICS[case.code].kind == "fault":
        inbox.put(
            work, source="case", source_id=f"{case.id}:job:{case.pile_id}",
            stream=f"pile:{case.pile_id}", kind="job.wanted", body={"case_id": case.id},
        )  # fmt: skip


def _update(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """At least once a day the rider hears how it stands."""
    if case.status not in rules.OPEN:
        return
    last = case.told_at or case.created_at
    if work.now - last >= rules.UPDATE_EVERY:
        case_talk.push(work, settings, case, key=f"daily:{work.now:%Y-%m-%dT%H}")
        last = work.now
    cases.set_timer(work, case.id, "update", last + rules.UPDATE_EVERY)


def _call_back(work: UnitOfWork, settings: Settings, case: Case) -> None:
    """A day after the fix the rider is asked; asked twice without an answer, it is closed."""
    if case.status != "done":
        return
    door = _reached(work, settings, case)
    if door == "phone":  # bot/services/case_calls.py: whoever calls notes the answer
        cases.entry(
            work, case, "asked", "It is time to call them: is it solved?",
            key=f"case:{case.id}:call:{case.rounds}",
        )  # fmt: skip
        case_answers.ask(work, settings, case)  # whoever else is behind it
        return
    if not door or case.asked >= rules.CALL_BACKS:
        close(work, case, "silence" if door else "unasked")
        return
    case.asked += 1
    case_answers.ask(work, settings, case)
    cases.entry(work, case, "asked", f"Call-back {case.asked}: is it solved?")
    cases.set_timer(work, case.id, "call_back", work.now + rules.CALL_BACK_AFTER)


def _reached(work: UnitOfWork, settings: Settings, case: Case) -> case_people.Door:
    """By which door a case can be asked about: its own, else that of another report in it."""
    doors = [case_people.door(settings, each) for each in case_people.reports(work, case)]
    return next(filter(None, doors), "")


def close(work: UnitOfWork, case: Case, reason: str) -> None:
    """Closed by "consent", "silence", "unasked" (nobody can be) or "merged"; its file stays."""
    case.status, case.closed_at, case.close_reason = "closed", work.now, reason
    case.open_key, case.updated_at = None, work.now
    words = {
        "consent": "The rider agrees: closed", "silence": "Asked twice, no answer: closed",
        "unasked": "Nobody can be asked whether it is solved: closed",
    }  # fmt: skip
    cases.entry(work, case, "closed", words.get(reason, "Closed"))
    answered = reason == "consent"
    clocks.stop(
        work, "call_back", cases.subject(case.id), event=reason,
        outcome=None if answered else "lapsed",
    )  # fmt: skip
    clocks.drop(work, cases.subject(case.id), event="closed")


_TIMERS: Final[Mapping[str, Callable[[UnitOfWork, Settings, Case], None]]] = {
    "begin": _begin, "update": _update, "call_back": _call_back,
    "level": case_supervisors.call,
}  # fmt: skip
