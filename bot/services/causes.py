"""Root causes: which case had which, what is done about them by whom, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import select, update

from bot.domain import causes as rules
from bot.domain.causes import Cause, Effect, Node
from bot.domain.rights import may
from bot.errors import PilebotError
from bot.services import audit, cases, weeks
from bot.services.audit import Actor
from bot.store.cases import Case
from bot.store.changes import touched
from bot.store.database import UnitOfWork
from bot.store.quality import CaseCause, CauseAction, RootCause
from bot.store.staff import Staff
from bot.store.upsert import insert

LIVE: Final = "cause"
TITLE_MAX: Final = 80
TEXT_MAX: Final = 300
# What a manager may begin with.
USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "Hardware": ("Cable or plug worn", "Contactor", "Stop button", "Screen or card reader"),
    "Software": ("Pile firmware", "Our service", "Payment provider"),
    "Network": ("Mobile network", "Power supply of the site"),
    "Site": ("Bay blocked", "Cleaning", "Signs"),
    "Price and bill": ("Price not understood", "Bill wrong", "Refund slow"),
    "People": ("Answer wrong or late", "Rider's handling"),
}


class NotPossible(PilebotError):
    """What staff asked for cannot be done; the message says why, for them to read."""


# --- the tree ------------------------------------------------------------------------------------


def tree(work: UnitOfWork) -> list[Cause]:
    """Every root cause."""
    rows = work.session.scalars(select(RootCause).order_by(RootCause.id))
    return [Cause(each.id, each.parent_id, each.title, each.retired) for each in rows]


def choices(work: UnitOfWork) -> list[Node]:
    """Those that a case may be given, in the tree's order."""
    return [node for node in rules.in_order(tree(work)) if not node.cause.retired]


def save(
    work: UnitOfWork,
    actor: Actor,
    cause_id: int | None,
    *,
    title: str,
    parent_id: int | None,
    retired: bool = False,
) -> RootCause:
    """Add a cause, rename, move or retire one. Raises NotPossible."""
    title = " ".join(title.split())[:TITLE_MAX]
    if not title:
        raise NotPossible("Give it a name.")
    _alone(work)
    causes = tree(work)
    if not rules.may_stand(causes, cause_id, parent_id):
        raise NotPossible(f"It cannot stand there: no deeper than {rules.DEEPEST}, no circles.")
    twin = [each for each in causes if each.parent_id == parent_id and each.id != cause_id]
    if title.casefold() in {each.title.casefold() for each in twin}:
        raise NotPossible("There is one of that name in that place.")
    row = work.session.get(RootCause, cause_id) if cause_id is not None else None
    if cause_id is not None and row is None:
        raise NotPossible("There is no such cause.")
    if row is None:
        row = RootCause(created_at=work.now, title=title)
        work.session.add(row)
    row.title, row.parent_id, row.retired = title, parent_id, retired
    work.session.flush()
    after = {"title": title, "parent": parent_id, "retired": retired}
    audit.record(work, actor, "cause_save", f"cause:{row.id}", after=after)
    touched(work, LIVE)
    return row


def start(work: UnitOfWork, actor: Actor) -> None:
    """The usual tree, where there is none yet. Raises NotPossible."""
    _alone(work)
    if tree(work):
        raise NotPossible("There are causes already.")
    for title, below in USUAL.items():
        top = save(work, actor, None, title=title, parent_id=None)
        for each in below:
            save(work, actor, None, title=each, parent_id=top.id)


def _alone(work: UnitOfWork) -> None:
    """Of two who change the tree at once the second waits: a circle takes two."""
    work.session.scalars(select(RootCause.id).order_by(RootCause.id).with_for_update()).all()


# --- cases ---------------------------------------------------------------------------------------


def of_case(work: UnitOfWork, case_id: int) -> Node | None:
    """The root cause of a case, in its place of the tree."""
    found = work.session.get(CaseCause, case_id)
    if found is None:
        return None
    return next(node for node in rules.in_order(tree(work)) if node.cause.id == found.cause_id)


def give(work: UnitOfWork, actor: Actor, case: Case, cause_id: int | None) -> None:
    """Say why a case happened, or take that back. Raises NotPossible."""
    if cause_id is None:
        row = work.session.get(CaseCause, case.id)
        if row is not None:
            work.session.delete(row)
            _noted(work, actor, case, None, "Root cause taken back")
        return
    node = next((each for each in choices(work) if each.cause.id == cause_id), None)
    if node is None:
        raise NotPossible("There is no such cause.")
    values = {"cause_id": cause_id, "staff_id": actor.staff_id, "at": work.now}
    work.session.execute(
        insert(work, CaseCause)
        .values(case_id=case.id, **values)
        .on_conflict_do_update(index_elements=["case_id"], set_=values)
    )
    _noted(work, actor, case, cause_id, f"Root cause: {node.path}")


def _noted(work: UnitOfWork, actor: Actor, case: Case, cause_id: int | None, text: str) -> None:
    cases.entry(work, case, "classified", text, actor=actor)
    audit.record(work, actor, "case_cause", f"case:{case.id}", after={"cause": cause_id})
    touched(work, LIVE, f"case:{case.id}")


def counts(work: UnitOfWork, tz: str, *, since: date) -> dict[int, Counter[date]]:
    """Cases by root cause and the Monday of the week they came in; only of weeks from `since`."""
    begin, _ = weeks.span(since, tz)
    rows = work.session.execute(
        select(CaseCause.cause_id, Case.created_at)
        .join(Case, Case.id == CaseCause.case_id)
        .where(Case.created_at >= begin, Case.merged_into.is_(None))
    )
    found: dict[int, Counter[date]] = {}
    for cause_id, at in rows:
        found.setdefault(cause_id, Counter())[weeks.monday(at, tz)] += 1
    return found


def together(found: Mapping[int, Counter[date]], ids: Iterable[int]) -> Counter[date]:
    """The weeks of several causes as one."""
    total: Counter[date] = Counter()
    for each in ids:
        total.update(found.get(each, {}))
    return total


def cases_of(work: UnitOfWork, ids: Iterable[int], *, limit: int = 50) -> list[Case]:
    """The cases behind a number, newest first."""
    rows = (
        select(Case)
        .join(CaseCause, CaseCause.case_id == Case.id)
        .where(CaseCause.cause_id.in_(list(ids)), Case.merged_into.is_(None))
        .order_by(Case.id.desc())
        .limit(limit)
    )
    return list(work.session.scalars(rows))


# --- actions -------------------------------------------------------------------------------------


def add_action(
    work: UnitOfWork, actor: Actor, cause_id: int, *, text: str, owner_id: int, due_on: date | None
) -> CauseAction:
    """Something to be done against a cause, by somebody, by a day. Raises NotPossible."""
    text = " ".join(text.split())[:TEXT_MAX]
    owner = work.session.get(Staff, owner_id)
    if work.session.get(RootCause, cause_id) is None:
        raise NotPossible("There is no such cause.")
    if not text or due_on is None:
        raise NotPossible("Say what is to be done, and until when.")
    if owner is None or not owner.active or not may(owner.role, "cause.work"):
        raise NotPossible("Choose who does it.")
    row = CauseAction(
        cause_id=cause_id, text=text, owner_id=owner_id, due_on=due_on, created_at=work.now,
        created_by=actor.staff_id,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    after = {"cause": cause_id, "owner": owner_id, "due": due_on.isoformat()}
    audit.record(work, actor, "cause_action", f"action:{row.id}", after=after)
    touched(work, LIVE)
    return row


def finish(work: UnitOfWork, actor: Actor, action_id: int) -> CauseAction:
    """It is done, from now on its effect is counted; its owner says so, or who keeps the tree.

    Raises NotPossible; of two who say it the second is told.
    """
    row = work.session.get(CauseAction, action_id)
    if row is None:
        raise NotPossible("There is no such action.")
    if row.owner_id != actor.staff_id and not may(actor.role, "cause.edit"):
        raise NotPossible("Whoever has it says that it is done.")
    done = work.session.scalar(
        update(CauseAction)
        .where(CauseAction.id == action_id, CauseAction.done_at.is_(None))
        .values(done_at=work.now, done_by=actor.staff_id)
        .returning(CauseAction.id)
    )
    if done is None:
        raise NotPossible("It is done already.")
    work.session.refresh(row)
    audit.record(work, actor, "cause_action_done", f"action:{action_id}")
    touched(work, LIVE)
    return row


def actions(work: UnitOfWork, ids: Iterable[int] | None = None) -> list[CauseAction]:
    """Actions against these causes (None: all), those to do first, the next due first."""
    rows = select(CauseAction).order_by(
        CauseAction.done_at.is_not(None), CauseAction.due_on, CauseAction.id
    )
    if ids is not None:
        rows = rows.where(CauseAction.cause_id.in_(list(ids)))
    return list(work.session.scalars(rows))


@dataclass(frozen=True, slots=True)
class Came:
    """What came of an action that is done."""

    action: CauseAction
    done: date
    effect: Effect


def came(work: UnitOfWork, tz: str, action: CauseAction) -> Came | None:
    """The effect of an action on the cases of its cause and of those below it; None: not done."""
    if action.done_at is None:
        return None
    done = weeks.monday(action.done_at, tz)
    ids = rules.under(tree(work), action.cause_id)
    since = done - (rules.SPAN + 1) * timedelta(days=7)
    by_week = together(counts(work, tz, since=since), ids)
    return Came(action, done, rules.effect(by_week, done, weeks.monday(work.now, tz)))
