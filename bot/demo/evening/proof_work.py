"""Jobs, incidents and outages: each dispatched once, taken on, ended; nothing left open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select

from bot.demo.evening.claims import Claim
from bot.demo.evening.facts import Facts, Trouble
from bot.demo.evening.plan import KINDS, ON_CALL
from bot.demo.evening.proof_messages import Phones
from bot.store.cases import Case, CaseLink, Outage
from bot.store.charging import ChargingSession, Hold
from bot.store.database import UnitOfWork
from bot.store.desk import Incident, IncidentEntry
from bot.store.devices import Command
from bot.store.jobs import Job, JobEntry
from bot.store.queues import Inbox
from bot.store.stations import Pile

SLACK_S: Final = 5.0
PAGED_WITHIN_S: Final = 30.0


def _claim(title: str, *head: str) -> Claim:
    return Claim(title, head)


def jobs(work: UnitOfWork, facts: Facts) -> Claim:
    """One job for each fault that stays, none for the others."""
    found = _claim(
        "Every job was dispatched once", "job", "pile", "fault", "code", "offers", "accepted by",
        "after s", "done after s",
    )  # fmt: skip
    rows = list(work.session.scalars(select(Job).order_by(Job.id)))
    left = {each.id for each in rows}
    for trouble in facts.troubles:
        mine = [each for each in rows if _during(each, trouble)]
        wanted = 1 if KINDS[trouble.kind].job else 0
        if len(mine) != wanted:
            found.failures.append(
                f"{trouble.kind} at {trouble.pile_id}: {len(mine)} jobs, expected {wanted}"
            )
        for job in mine:
            left.discard(job.id)
            found.failures += _job_faults(work, job)
            found.rows.append(_job_row(job, trouble))
    found.failures += [f"job {number}: nothing broke that calls for it" for number in sorted(left)]
    return found


def _during(job: Job, trouble: Trouble) -> bool:
    """Whether a job came from this fault: piles have one fault at a time."""
    at = job.created_at.timestamp()
    return job.pile_id == trouble.pile_id and trouble.at - 1 <= at <= trouble.over_at


def _job_faults(work: UnitOfWork, job: Job) -> list[str]:
    entries = list(
        work.session.scalars(
            select(JobEntry).where(JobEntry.job_id == job.id).order_by(JobEntry.id)
        )
    )
    kinds = [each.kind for each in entries]
    found = []
    if kinds.count("opened") != 1 or kinds.count("accepted") != 1 or kinds.count("done") != 1:
        found.append(f"job {job.id}: {kinds}")
    if kinds.count("offered") != job.offers:
        found.append(f"job {job.id}: {kinds.count('offered')} offers told, {job.offers} counted")
    asked = None  # one is asked at a time
    for each in entries:
        if each.kind == "offered" and asked is not None:
            found.append(f"job {job.id}: offered again before the one before let it pass")
        asked = each.id if each.kind == "offered" else None if each.kind == "passed" else asked
        if each.kind == "accepted":
            asked = None
    if job.state != "done":
        found.append(f"job {job.id} is {job.state}")
    return found


def _job_row(job: Job, trouble: Trouble) -> tuple[str, ...]:
    def after(at: datetime | None) -> str:
        return f"{(at - job.created_at).total_seconds():.0f}" if at else "never"

    return (
        str(job.id), job.pile_id, trouble.kind, job.fault_code, str(job.offers),
        f"staff {job.technician_id}", after(job.accepted_at), after(job.done_at),
    )  # fmt: skip


def danger(work: UnitOfWork, facts: Facts, phones: Phones) -> Claim:
    """Each danger: one incident, the pile locked, people paged until one took it on, closed."""
    found = _claim(
        "Every danger was stopped, locked out, paged and closed", "incident", "pile", "danger",
        "locked after s", "paged after s", "rounds", "acknowledged after s", "closed after s",
    )  # fmt: skip
    rows = list(work.session.scalars(select(Incident).order_by(Incident.id)))
    left = {each.id for each in rows}
    for trouble in facts.troubles:
        mine = [
            each for each in rows
            if each.pile_id == trouble.pile_id
            and trouble.at - 1 <= each.at.timestamp() <= trouble.over_at
        ]  # fmt: skip
        wanted = 1 if KINDS[trouble.kind].danger else 0
        if len(mine) != wanted:
            found.failures.append(
                f"{trouble.kind} at {trouble.pile_id}: {len(mine)} incidents, expected {wanted}"
            )
        for incident in mine:
            left.discard(incident.id)
            _incident(work, incident, trouble, phones, found)
    found.failures += [f"incident {number}: nothing dangerous happened" for number in sorted(left)]
    return found


def _incident(
    work: UnitOfWork, incident: Incident, trouble: Trouble, phones: Phones, found: Claim
) -> None:
    name = f"incident {incident.id} ({trouble.kind} at {trouble.pile_id})"
    began = datetime.fromtimestamp(trouble.at, UTC)

    def after(at: datetime | None) -> float | None:
        return (at - began).total_seconds() if at is not None else None

    locked = work.session.scalars(
        select(Command)
        .where(
            Command.pile_id == incident.pile_id, Command.kind == "change_availability",
            Command.created_at >= began,
        )
        .order_by(Command.id)
    ).first()  # fmt: skip
    lock_s = after(locked.answered_at) if locked is not None else None
    paged = phones.first(ON_CALL, trouble.at, (f"/incidents/{incident.id}",))
    page_s = paged.at - trouble.at if paged is not None else None
    if locked is None or locked.body.get("status") != "Inoperative" or lock_s is None:
        found.failures.append(f"{name}: the pile was not locked out")
    if page_s is None or page_s > PAGED_WITHIN_S:
        found.failures.append(f"{name}: paged after {page_s} s")
    if incident.state != "closed" or not incident.cause:
        found.failures.append(f"{name} is {incident.state}")
    pages = select(IncidentEntry).where(
        IncidentEntry.incident_id == incident.id, IncidentEntry.kind == "page"
    )
    if len(work.session.scalars(pages).all()) != incident.rounds:
        found.failures.append(f"{name}: its log tells of other rounds than {incident.rounds}")
    cells = (lock_s, page_s, None, after(incident.acknowledged_at), after(incident.closed_at))
    shown = [f"{each:.1f}" if each is not None else "never" for each in cells]
    shown[2] = str(incident.rounds)
    found.rows.append((str(incident.id), trouble.pile_id, trouble.kind, *shown))


def outage(work: UnitOfWork, facts: Facts, phones: Phones) -> Claim:
    """One outage for the site, one case, one line to each rider there; and none besides."""
    found = _claim("A site without power is one outage, told once", "outage", "piles", "told")
    rows = list(work.session.scalars(select(Outage).order_by(Outage.id)))
    sites = [each for each in facts.troubles if KINDS[each.kind].reach == "site"]
    if len(rows) != len(sites):
        found.failures.append(f"{len(rows)} outages, expected {len(sites)}")
    for row, trouble in zip(rows, sites, strict=False):
        found.rows.append((str(row.id), str(len(row.piles)), str(row.told)))
        if row.ended_at is None and not _ends_soon(work, row):
            found.failures.append(f"outage {row.id} never ended")
        if row.case_id is None or work.session.get(Case, row.case_id) is None:
            found.failures.append(f"outage {row.id} has no case")
        for visit in trouble.visits:
            heard = [
                each for each in phones.of(visit.phone)
                if "Several piles at" in each.text and each.at >= trouble.at
            ]  # fmt: skip
            if len(heard) != 1:
                who = f"…{visit.phone[-2:]}"
                found.failures.append(f"outage {row.id}: {who} was told {len(heard)} times")
    return found


def _ends_soon(work: UnitOfWork, row: Outage) -> bool:
    """All is back, and its end waits only to see that this lasts."""
    timer = select(Inbox.id).where(Inbox.source_id == f"outage:{row.id}", Inbox.state == "open")
    return work.session.scalar(timer) is not None


def closed(work: UnitOfWork) -> Claim:
    """Nothing goes on that nobody knows of."""
    found = _claim("Nothing was left open")
    for session in work.session.scalars(select(ChargingSession)):
        if session.open or session.state in ("stopping", "billing", "releasing", "debt"):
            found.failures.append(f"charge {session.id} is {session.state}")
        if session.facts["owed"]:
            found.failures.append(f"charge {session.id}: the pile was never stopped")
    for hold in work.session.scalars(select(Hold)):
        if hold.state in ("creating", "waiting", "held", "capturing", "voiding"):
            found.failures.append(f"hold {hold.id} is {hold.state}")
    pending = select(Command).where(
        Command.state.in_(("new", "sent")), Command.kind.in_(("start", "stop"))
    )
    found.failures += [
        f"order {each.id} ({each.kind} of {each.pile_id}) is {each.state}"
        for each in work.session.scalars(pending)
    ]
    out = select(Pile).where(~Pile.in_service)
    found.failures += [f"{each.id} is out of service" for each in work.session.scalars(out)]
    danger_left = select(Case).where(Case.code == "hazard", Case.status.not_in(("done", "closed")))
    found.failures += [f"case {each.id} of danger is {each.status}"
                       for each in work.session.scalars(danger_left)]  # fmt: skip
    linked = select(CaseLink.case_id).where(CaseLink.kind == "session")
    cases = len(set(work.session.scalars(linked)))
    found.note = f"{cases} cases hang on a charge; they stay open until their riders agree."
    return found
