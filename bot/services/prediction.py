"""Saying ahead which socket is likely to fail: risks, predictions with a job, what came true.

Rules and model: bot/domain/prediction.py. The clock scores every socket; a prediction is made under
unique keys (one open one a socket, so many a day), so that any number of clocks make it once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import structlog
from sqlalchemy import Subquery, func, or_, select

from bot.domain import jobs as job_rules
from bot.domain import prediction as rules
from bot.domain.prediction import Candidate, Day, Facts, Results
from bot.services import clocks, jobs, wear
from bot.settings import Settings
from bot.store.changes import touched
from bot.store.database import Store, UnitOfWork
from bot.store.jobs import Job
from bot.store.prediction import EvseDay, EvseRisk, FaultSeen, Prediction, RiskModel
from bot.store.stations import Evse, Pile
from bot.store.upsert import insert

log = structlog.get_logger(__name__)

_LOOKED_BACK: Final = timedelta(days=rules.RECENT + rules.BEFORE)
SHOWN: Final = timedelta(days=180)  # outcomes older than this count no more
EVERY: Final = timedelta(minutes=15)


def run(store: Store, settings: Settings) -> None:
    """Count, score, settle and predict; harmless at any moment and in any number of clocks."""
    today = store.clock().date()
    for day in (today - timedelta(days=1), today):
        with store.begin() as work:
            wear.reckon_heat(work, day)
    with store.begin() as work:
        settle(work)
        score(work)
    with store.begin() as work:
        predict(work, settings)


# --- risks ---------------------------------------------------------------------------------------


def weights(work: UnitOfWork) -> Mapping[str, float]:
    """Those fitted last, else those of the code."""
    newest = fitted(work)
    return newest.weights if newest is not None else rules.WEIGHTS


def fitted(work: UnitOfWork) -> RiskModel | None:
    """The model that was fitted here last (bot/services/risk_fitting.py); None before any."""
    return work.session.scalars(select(RiskModel).order_by(RiskModel.id.desc()).limit(1)).first()


def score(work: UnitOfWork) -> None:
    """The risk of every socket as of now."""
    model, rows = weights(work), []
    for evse_id, facts in facts_of_all(work, work.now.date()).items():
        shown = rules.signs(facts)
        told = rules.words(facts, rules.reasons(shown, model))
        rows.append(
            {
                "evse_id": evse_id, "at": work.now, "risk": rules.risk(shown, model),
                "signs": shown, "reasons": told,
            }
        )  # fmt: skip
    if not rows:
        return
    statement = insert(work, EvseRisk)
    new = {name: statement.excluded[name] for name in ("at", "risk", "signs", "reasons")}
    work.session.execute(
        statement.on_conflict_do_update(index_elements=["evse_id"], set_=new), rows
    )


def facts_of_all(work: UnitOfWork, today: date) -> dict[int, Facts]:
    """What is known of every socket on a day, from its counters."""
    days, cared = _days(work, today), _cared_for(today)
    cared_at = dict(work.session.execute(select(cared.c.evse_id, cared.c.at)).all())
    cycles = _cycles(work, today, cared)
    evses = work.session.execute(
        select(Evse.id, Evse.connector_type, Pile.kind, Pile.model).join(
            Pile, Pile.id == Evse.pile_id
        )
    ).all()
    rises = _rises(days, today, {row.id: (row.kind, row.model) for row in evses})
    found = {}
    for row in evses:
        peers = [mk for each, mk in rises[row.kind, row.model].items() if each != row.id]
        since = cared_at.get(row.id)
        found[row.id] = rules.sum_up(
            days.get(row.id, ()), today, peers_mk=peers,
            cared_for=since.date() if since is not None else None,
            cycles=cycles.get(row.id, 0),
            rated=rules.RATED_CYCLES.get(row.connector_type, rules.CYCLES),
        )  # fmt: skip
    return found


def _days(work: UnitOfWork, today: date) -> dict[int, list[Day]]:
    rows = work.session.scalars(
        select(EvseDay).where(EvseDay.day > today - _LOOKED_BACK, EvseDay.day <= today)
    )
    found: dict[int, list[Day]] = defaultdict(list)
    for row in rows:
        found[row.evse_id].append(
            Day(
                row.day, row.cycles, row.failed_starts, row.retries, row.command_failures,
                row.trips, row.offline, row.heat_min, row.rise_mk,
            )
        )  # fmt: skip
    return found


def _cared_for(today: date) -> Subquery:
    """When each socket was last put right (evse_id, at): what was before counts no more."""
    return (
        select(Evse.id.label("evse_id"), func.max(Job.done_at).label("at"))
        .join(Job, Job.pile_id == Evse.pile_id)
        .where(
            or_(Job.evse_id.is_(None), Job.evse_id == Evse.id),
            Job.state == "done", or_(Job.kind == "repair", Job.found_wear.is_(True)),
            Job.done_at < _midnight(today + timedelta(days=1)),
        )
        .group_by(Evse.id)
        .subquery()
    )  # fmt: skip


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _rises(
    days: Mapping[int, Sequence[Day]], today: date, models: Mapping[int, tuple[str, str]]
) -> dict[tuple[str, str], dict[int, int]]:
    """How much sockets warm these days, by kind and model of their pile."""
    found: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for evse_id, mine in days.items():
        recent = [each for each in mine if each.day > today - timedelta(days=rules.RECENT)]
        if (mk := rules.rise(recent)) is not None:
            found[models[evse_id]][evse_id] = mk
    return found


def _cycles(work: UnitOfWork, today: date, cared: Subquery) -> dict[int, int]:
    """Charges since each socket was last put right, not counting that day's."""
    rows = work.session.execute(
        select(EvseDay.evse_id, func.sum(EvseDay.cycles))
        .outerjoin(cared, cared.c.evse_id == EvseDay.evse_id)
        .where(EvseDay.day <= today, or_(cared.c.at.is_(None), EvseDay.day > cared.c.at))
        .group_by(EvseDay.evse_id)
    )
    return {evse_id: int(number) for evse_id, number in rows}


# --- predictions ---------------------------------------------------------------------------------


def predict(work: UnitOfWork, settings: Settings) -> list[Prediction]:
    """Make the predictions that are due, each with one job; never more than a day has room for."""
    today = work.now.date()
    made_today = select(func.count()).where(Prediction.slot.startswith(f"{today}:"))
    used = int(work.session.scalar(made_today) or 0)
    candidates = _candidates(work)
    picked = rules.chosen(
        candidates, work.now, threshold=settings.predict_risk_percent * 10,
        cool_down=timedelta(days=settings.predict_days), room=settings.predict_per_day - used,
    )  # fmt: skip
    made = []
    for number, evse_id in enumerate(picked, start=used + 1):
        prediction = _make(work, settings, evse_id, f"{today}:{number}")
        if prediction is not None:
            made.append(prediction)
    return made


def _candidates(work: UnitOfWork) -> list[Candidate]:
    """Sockets with their risk of this very score; the newest end of a prediction beside it."""
    open_ = set(work.session.scalars(select(Prediction.evse_id).where(Prediction.outcome == "")))
    ended = dict(
        work.session.execute(
            select(Prediction.evse_id, func.max(Prediction.outcome_at)).group_by(Prediction.evse_id)
        ).all()
    )
    in_repair = set(
        work.session.scalars(
            select(Job.pile_id).where(Job.kind == "repair", Job.state.in_(job_rules.LIVE))
        )
    )
    rows = work.session.execute(
        select(EvseRisk.evse_id, EvseRisk.risk, Evse.status, Pile.id, Pile.in_service)
        .join(Evse, Evse.id == EvseRisk.evse_id)
        .join(Pile, Pile.id == Evse.pile_id)
    )
    return [
        Candidate(
            evse_id, risk,
            busy=evse_id in open_ or pile_id in in_repair or not in_service or status == "Faulted",
            last_ended_at=ended.get(evse_id),
        )
        for evse_id, risk, status, pile_id, in_service in rows
    ]  # fmt: skip


def _make(work: UnitOfWork, settings: Settings, evse_id: int, slot: str) -> Prediction | None:
    """The prediction of a socket with its job; None where another clock was faster."""
    scored = work.session.get_one(EvseRisk, evse_id)
    from_at = work.now + rules.LEAD
    prediction = work.session.scalars(
        insert(work, Prediction)
        .values(
            open_key=str(evse_id), slot=slot, evse_id=evse_id, at=work.now, risk=scored.risk,
            signs=scored.signs, reasons=scored.reasons, from_at=from_at,
            until_at=work.now + timedelta(days=settings.predict_days), outcome="", told="",
        )
        .on_conflict_do_nothing()
        .returning(Prediction)
    ).first()  # fmt: skip
    if prediction is None:
        return None
    evse = work.session.get_one(Evse, evse_id)
    job = jobs.open_job(
        work, kind="preventive", source="system", pile=evse.pile, evse=evse,
        text=_told(evse, prediction), key=f"prediction:{prediction.id}",
        planned_at=from_at - rules.VISIT_BEFORE,
    )  # fmt: skip
    prediction.job_id = job.id
    clocks.start(work, "preventive", job_rules.subject(job.id), team="technical")
    touched(work, "prediction")
    log.info("failure_predicted", evse=evse.code, risk=scored.risk)
    return prediction


def _told(evse: Evse, prediction: Prediction) -> str:
    reasons = "; ".join(prediction.reasons) or "many small signs"
    return (
        f"Socket {evse.code} is likely to fail ({prediction.risk / 10:.0f} %): {reasons}. "
        "Look at it within a day, before it does."
    )


# --- what came true ------------------------------------------------------------------------------


def fault_confirmed(
    work: UnitOfWork, *, pile: Pile, evse: Evse | None, code: str, job: Job
) -> None:
    """A fault called somebody out: foretold, or a miss. Once for each job."""
    mine = _open_at(work, pile.id, evse.id if evse else None)
    lead = int((work.now - mine[0].at).total_seconds()) if mine else None
    work.session.execute(
        insert(work, FaultSeen)
        .values(
            job_id=job.id, pile_id=pile.id, evse_id=evse.id if evse else None, at=work.now,
            code=code[:60], prediction_id=mine[0].id if mine else None, lead_s=lead,
        )
        .on_conflict_do_nothing(index_elements=["job_id"])
    )  # fmt: skip
    touched(work, "prediction")


def _open_at(work: UnitOfWork, pile_id: str, evse_id: int | None) -> list[Prediction]:
    query = (
        select(Prediction)
        .join(Evse, Evse.id == Prediction.evse_id)
        .where(Evse.pile_id == pile_id, Prediction.outcome == "", Prediction.until_at >= work.now)
        .order_by(Prediction.at)
    )
    return list(work.session.scalars(query if evse_id is None else query.where(Evse.id == evse_id)))


def settle(work: UnitOfWork) -> None:
    """Give open predictions the outcome they have by now."""
    rows = work.session.execute(
        select(Prediction, Job)
        .outerjoin(Job, Job.id == Prediction.job_id)
        .where(Prediction.outcome == "")
        .order_by(Prediction.id)
        .with_for_update(of=Prediction)
    ).all()
    for prediction, job in rows:
        failed = _failed_at(work, prediction)
        visited = job is not None and job.state == "done"
        found = _found_wear(prediction, job)
        outcome = rules.outcome(
            work.now, until=prediction.until_at, failed_at=failed, visited=visited,
            found_wear=found,
        )  # fmt: skip
        if outcome:
            prediction.outcome, prediction.outcome_at = outcome, work.now
            prediction.open_key, prediction.told = None, _how(job, failed, found=found)
            touched(work, "prediction")


def _found_wear(prediction: Prediction, job: Job | None) -> bool:
    """Whether a technician found something to prevent, in time."""
    if job is None or job.done_at is None or not job.found_wear:
        return False
    return job.done_at <= prediction.until_at


def _failed_at(work: UnitOfWork, prediction: Prediction) -> datetime | None:
    return work.session.scalar(
        select(func.min(FaultSeen.at))
        .join(Job, Job.id == FaultSeen.job_id)
        .where(FaultSeen.prediction_id == prediction.id, Job.state != "cancelled")
    )


def _how(job: Job | None, failed: datetime | None, *, found: bool) -> str:
    if found and job is not None:
        return f"Wear found: {job.cause}"
    if failed is not None:
        return "It failed"
    if job is not None and job.state == "done":
        return f"Nothing failed, nothing found: {job.cause}"
    return "Nothing failed, nobody looked"


@dataclass(frozen=True, slots=True)
class Shown:
    """A prediction as it is listed."""

    prediction: Prediction
    evse: Evse
    job: Job | None


def newest(work: UnitOfWork, *, open_: bool, limit: int = 100) -> list[Shown]:
    """Predictions that are open, or are over, newest first."""
    rows = work.session.execute(
        select(Prediction, Evse, Job)
        .join(Evse, Evse.id == Prediction.evse_id)
        .outerjoin(Job, Job.id == Prediction.job_id)
        .where((Prediction.outcome == "") if open_ else (Prediction.outcome != ""))
        .order_by(Prediction.id.desc())
        .limit(limit)
    )
    return [Shown(*row) for row in rows]


def watched(work: UnitOfWork, limit: int = 30) -> list[tuple[EvseRisk, Evse]]:
    """The sockets with the highest risk that anything tells of."""
    rows = work.session.execute(
        select(EvseRisk, Evse)
        .join(Evse, Evse.id == EvseRisk.evse_id)
        .order_by(EvseRisk.risk.desc(), EvseRisk.evse_id)
        .limit(limit)
    )
    return [(risk, evse) for risk, evse in rows if risk.reasons]


def missed(work: UnitOfWork, limit: int = 30) -> list[tuple[FaultSeen, Pile]]:
    """The newest faults that nothing was said of."""
    rows = work.session.execute(
        select(FaultSeen, Pile)
        .join(Pile, Pile.id == FaultSeen.pile_id)
        .join(Job, Job.id == FaultSeen.job_id)
        .where(FaultSeen.prediction_id.is_(None), Job.state != "cancelled")
        .order_by(FaultSeen.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def results(work: UnitOfWork) -> Results:
    """How good they were within SHOWN."""
    since = work.now - SHOWN
    counted: dict[str, int] = dict(
        work.session.execute(
            select(Prediction.outcome, func.count())
            .where(or_(Prediction.outcome == "", Prediction.at >= since))
            .group_by(Prediction.outcome)
        ).all()
    )
    faults = work.session.execute(
        select(FaultSeen.prediction_id, FaultSeen.lead_s)
        .join(Job, Job.id == FaultSeen.job_id)
        .where(FaultSeen.at >= since, Job.state != "cancelled")
    ).all()
    return Results(
        hits=counted.get("hit", 0), false_alarms=counted.get("false_alarm", 0),
        unchecked=counted.get("unchecked", 0), open=counted.get("", 0),
        misses=sum(each.prediction_id is None for each in faults),
        foretold=sum(each.prediction_id is not None for each in faults),
        leads_s=tuple(sorted(each.lead_s for each in faults if each.lead_s is not None)),
    )  # fmt: skip


def likely(work: UnitOfWork, evse_ids: Collection[int]) -> dict[int, EvseRisk]:
    """The risks of some sockets, as they were scored last."""
    rows = work.session.scalars(select(EvseRisk).where(EvseRisk.evse_id.in_(evse_ids)))
    return {each.evse_id: each for each in rows}
