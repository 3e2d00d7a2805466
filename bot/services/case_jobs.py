"""A case about a broken pile that is taken up again sends somebody there again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.cases import OPEN
from bot.services import jobs
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import UnitOfWork
from bot.store.stations import Pile


def on_taken_up(work: UnitOfWork, settings: Settings, body: Mapping[str, Any]) -> None:
    """Inbox kind cases.JOB_AGAIN: a repair where the pile is known, one at a time for a pile."""
    case = work.session.get(Case, int(body["case_id"]), with_for_update=True)
    if case is None or case.kind != "fault" or case.pile_id is None or case.status not in OPEN:
        return
    jobs.open_job(
        work, kind="repair", pile=work.session.get_one(Pile, case.pile_id), case=case,
        text=f"Case {case.id} is not solved: {case.text}", key=f"case:{case.id}:{case.rounds}",
    )  # fmt: skip
