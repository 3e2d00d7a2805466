"""Two cases about one thing become one, by people or when it turns out that they are."""

from __future__ import annotations

from typing import Final

from bot.domain.cases import OPEN
from bot.errors import PilebotError
from bot.services import (
    audit,
    case_answers,
    case_people,
    case_talk,
    case_timers,
    cases,
    clocks,
)
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork

_GO_ON: Final = frozenset({"urgent", "fault_response", "first_reply"})


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


def locked(work: UnitOfWork, case_id: int) -> Case:
    """A case for this transaction alone. Raises NotPossible."""
    work.session.flush()
    case = work.session.get(Case, case_id, with_for_update=True, populate_existing=True)
    if case is None:
        raise NotPossible("There is no such case.")
    return case


def merge(work: UnitOfWork, settings: Settings, actor: Actor, case_id: int, into: int) -> Case:
    """Two cases about one thing become one. Raises NotPossible."""
    first, second = sorted((case_id, into))
    if first == second:
        raise NotPossible("That is the same case.")
    locked(work, first), locked(work, second)
    case, target = locked(work, case_id), locked(work, into)
    if case.merged_into is not None or target.merged_into is not None or target.status == "closed":
        raise NotPossible("One of them is closed or merged already.")
    if "billing" in (case.kind, target.kind) and case_people.person(case) != case_people.person(
        target
    ):
        raise NotPossible("Bills of two people are decided one by one.")
    _join(work, settings, case, target, actor)
    audit.record(work, actor, "case_merge", f"case:{case.id}", after={"into": target.id})
    return target


def same_matter(
    work: UnitOfWork, settings: Settings, case: Case, actor: Actor | None = None
) -> Case:
    """A case whose place, kind or person has become known is open under that from now on; one that
    is the same as another that is open already joins it, the later the earlier."""
    if case.open_key is None:
        return case
    other = cases.claim_key(work, case)
    if other is None:
        return case
    case, target = sorted((case, other), key=lambda each: each.id, reverse=True)
    _join(work, settings, case, target, actor)
    return target


def _join(
    work: UnitOfWork, settings: Settings, case: Case, target: Case, actor: Actor | None
) -> None:
    behind = case_people.reports(work, case)
    for tie in cases.links(work, case.id):
        cases.link(work, target, tie.kind, tie.ref, quiet=True)
    target.contacts += case.contacts
    target.session_id = target.session_id or case.session_id
    target.pile_id = target.pile_id or case.pile_id
    cases.entry(work, target, "merged", f"Case {case.id} joined: {case.text}", actor=actor)
    cases.entry(work, case, "merged", f"Merged into case {target.id}", actor=actor)
    _keep_promises(work, case, target)
    case.merged_into = target.id
    case_timers.close(work, case, "merged")
    for each in behind:
        if each is not case:
            each.merged_into = target.id
    since = target.solved_at if target.status == "done" else None
    if since is not None and case.created_at > since:
        cases.take_up(work, target, "Reported again after it was done", actor=actor)
    if target.open_key is not None:
        cases.claim_key(work, target)
    target.updated_at = work.now
    for each in behind:
        said = case_talk.merged(each.id, target.id)
        case_people.tell(work, settings, case, each, said, key=f"merged:{target.id}")
        if target.status == "done":
            case_answers.tell_result(work, settings, target, each)


def _keep_promises(work: UnitOfWork, case: Case, target: Case) -> None:
    """Another person's promises go on in the case that takes theirs in; the same person's are those
    that run there already. The day of a contested bill is its own in any case."""
    for clock in cases.all_clocks(work, case):
        if clock.case_id == case.id and clock.subject != cases.subject(case.id):
            clock.case_id = target.id
    if case_people.person(case) == case_people.person(target) or target.status not in OPEN:
        return
    clocks.hand_over(
        work, cases.subject(case.id), cases.subject(target.id), case_id=target.id, names=_GO_ON
    )
    if target.status == "waiting_rider":
        clocks.pause(work, cases.subject(target.id), why="waiting for the rider")
