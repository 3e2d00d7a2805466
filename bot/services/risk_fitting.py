"""Fitting the model of predictions to what was recorded here (`./run fit-predictions`).

Each socket on every seventh day of the last year is an example: its signs as they stood then, and
whether it failed, or was found worn, within the horizon. Days whose horizon is not over yet, or on
which nothing was counted anywhere, teach nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from sqlalchemy import func, select

from bot.domain import prediction as rules
from bot.domain.risk_fit import LEAST_FAILURES, Example, fit, loss
from bot.errors import PilebotError
from bot.services import prediction
from bot.settings import Settings
from bot.store.database import UnitOfWork
from bot.store.jobs import Job
from bot.store.prediction import EvseDay, FaultSeen, RiskModel

STEP: Final = 7  # days between two examples of a socket: closer ones tell the same twice
YEAR: Final = 365


class TooFew(PilebotError):
    """There are not enough outcomes to learn from; the message says how many there are."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights made of outcomes, and how surprising those are under the old and the new."""

    weights: Mapping[str, float]
    examples: int
    failures: int
    loss_before: float
    loss_after: float


def fit_now(work: UnitOfWork, settings: Settings) -> Fitted:
    """Weights that suit what was recorded; nothing is changed. Raises TooFew."""
    seen = _examples(work, timedelta(days=settings.predict_days))
    failures = sum(each.failed for each in seen)
    if failures < LEAST_FAILURES:
        raise TooFew(f"Only {failures} of the {LEAST_FAILURES} failures it takes were recorded.")
    before = prediction.weights(work)
    weights = fit(seen, before)
    return Fitted(weights, len(seen), failures, loss(seen, before), loss(seen, weights))


def use(work: UnitOfWork, fitted: Fitted) -> RiskModel:
    """Score by these weights from now on."""
    row = RiskModel(
        at=work.now, weights={name: round(each, 4) for name, each in fitted.weights.items()},
        examples=fitted.examples, failures=fitted.failures, loss_before=fitted.loss_before,
        loss_after=fitted.loss_after,
    )  # fmt: skip
    work.session.add(row)
    return row


def _examples(work: UnitOfWork, horizon: timedelta) -> list[Example]:
    first = work.session.scalar(select(func.min(EvseDay.day)))
    if first is None:
        return []
    failed = _failures(work)
    newest = (work.now - horizon).date() - timedelta(days=1)
    day = max(first + timedelta(days=rules.RECENT), newest - timedelta(days=YEAR))
    found = []
    while day <= newest:
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        for evse_id, facts in prediction.facts_of_all(work, day).items():
            came = any(end <= at < end + horizon for at in failed[evse_id])
            found.append(Example(rules.signs(facts), came))
        day += timedelta(days=STEP)
    return found


def _failures(work: UnitOfWork) -> Mapping[int, list[datetime]]:
    """When each socket failed, or was found to be about to."""
    found: dict[int, list[datetime]] = defaultdict(list)
    faults = select(FaultSeen.evse_id, FaultSeen.at).join(Job, Job.id == FaultSeen.job_id)
    worn = select(Job.evse_id, Job.done_at).where(Job.found_wear.is_(True))
    for query in (faults.where(Job.state != "cancelled"), worn):
        for evse_id, at in work.session.execute(query):
            if evse_id is not None and at is not None:
                found[evse_id].append(at)
    return found
