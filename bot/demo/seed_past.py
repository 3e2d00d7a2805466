"""What has been before at the demo city, so that no page is empty: visits, a watched socket, last
month's complaints with their causes, reviews with scores, questions and answers.

Made once, the same each time but for the day; nothing here is open, so nobody is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.demo.answers import ANSWERS
from bot.domain.cases import TOPICS
from bot.domain.clocks import KINDS as CLOCKS
from bot.domain.clocks import dump_policy
from bot.domain.complaints import before, month_of
from bot.domain.reviews import SHEET_1, total
from bot.services import causes, knowledge, partners, questions, reviews, visit_plans, visits, weeks
from bot.services.audit import Actor
from bot.settings import Settings
from bot.store.cases import Case, CaseEntry, Clock, SitePartner
from bot.store.database import Store, UnitOfWork
from bot.store.knowledge import Question
from bot.store.maintenance import Visit
from bot.store.prediction import EvseDay, Prediction
from bot.store.quality import CaseCause, QualityRun, Review, RootCause
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile, Station

_KEY: Final = "demo:past"


@dataclass(frozen=True, slots=True)
class Told:
    """A complaint of last month."""

    day: int
    code: str
    text: str
    cause: str
    fix: str
    root: str
    minutes: int  # until somebody answered
    hours: int  # until it was done


COMPLAINTS: Final = (
    Told(2, "wont_charge", "I plugged in and nothing happened", "Worn plug", "Plug replaced",
         "Cable or plug worn", 25, 9),
    Told(4, "bill_wrong", "Why did I pay for the time after it was full?", "Idle fee",
         "Explained, half given back", "Price not understood", 40, 5),
    Told(9, "blocked", "A van stands in the bay", "Delivery", "The owner was called",
         "Bay blocked", 15, 2),
    Told(13, "broken", "The cable is cut open", "Vandalism", "Cable replaced",
         "Cable or plug worn", 12, 20),
    Told(17, "wont_charge", "It starts only at the third try", "Contactor sticks",
         "Contactor replaced", "Contactor", 150, 30),
    Told(21, "site_care", "Glass on the ground", "Bottles", "Swept", "Cleaning", 30, 4),
    Told(24, "other", "The code on the sticker cannot be read", "Faded", "A new sticker",
         "Signs", 8, 1),
    Told(26, "refund_missing", "Where is my money?", "The bank takes a week", "Explained",
         "Refund slow", 55, 3),
)  # fmt: skip
# Of last week, `day` counts from its Monday: what the reviews are of.
RECENT: Final = (
    Told(1, "other", "How do I change the language?", "Not seen in the menu", "Shown how",
         "Answer wrong or late", 6, 1),
    Told(2, "staff", "Nobody said goodbye", "Chat ended early", "Sorry said",
         "Answer wrong or late", 20, 2),
)  # fmt: skip
_QUESTIONS: Final = (
    ("en", "Can I leave my bike overnight?", 4), ("de", "Gibt es hier Schatten?", 3),
    ("zh", "可以充两辆车吗？", 2),
)  # fmt: skip


def add_past(store: Store, settings: Settings) -> None:
    """Add it where it is not; in a database that lives already nothing is made up."""
    with store.begin() as work:
        people = {row.login: row for row in work.session.scalars(select(Staff))}
        lived_in = work.session.scalars(select(Case.id).limit(1)).first()
        if lived_in is not None or not {"anna", "tomi", "mia"} <= people.keys():
            return
        piles = list(work.session.scalars(select(Pile).order_by(Pile.number)))
        _visits(work, settings, people, piles)
        _watched(work, piles)
        cases = _complaints(work, settings, people, piles)
        _reviews(work, settings, people, cases)
        _answers(work, settings, people)
        _partner(work, people["mia"])


def _actor(staff: Staff) -> Actor:
    return Actor(staff.id, staff.role, staff.name)


def _visits(
    work: UnitOfWork, settings: Settings, people: Mapping[str, Staff], piles: Sequence[Pile]
) -> None:
    """Three that were, two to come, and the plan behind them."""
    tomi, zone = people["tomi"], ZoneInfo(settings.desk_tz)
    today = work.now.astimezone(zone).date()
    plan = visit_plans.Wanted("", "Yearly check: cable, plug, earth, screws", 365, None, 540, 60)
    visit_plans.make(work, _actor(tomi), plan)
    for number, (ago, what) in enumerate(
        ((40, "Yearly check"), (23, "Plug replaced"), (9, "Yearly check"))
    ):
        begin = _local(today - timedelta(days=ago), 9, zone)
        work.session.add(
            Visit(key=f"{_KEY}:visit:{number}", pile_id=piles[2 * number].id, state="done",
                  starts_at=begin, ends_at=begin + timedelta(hours=1), what=what, made_by=tomi.id,
                  made_at=begin - timedelta(days=7), began_at=begin,
                  over_at=begin + timedelta(minutes=48))
        )  # fmt: skip
    for number, (ahead, what) in enumerate(((6, "Yearly check"), (13, "New sticker, screws"))):
        begin = _local(today + timedelta(days=ahead), 9, zone)
        visits.plan(
            work, settings, _actor(tomi), piles[-1 - number], begin, begin + timedelta(hours=1),
            what=what, key=f"{_KEY}:plan:{number}",
        )  # fmt: skip


def _local(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC)


def _watched(work: UnitOfWork, piles: Sequence[Pile]) -> None:
    """A socket that needs a second try of late, and two predictions that have their outcome."""
    evses = work.session.scalars(
        select(Evse).where(Evse.pile_id.in_([each.id for each in piles[:3]])).order_by(Evse.id)
    ).all()
    today = work.now.date()
    for ago in range(1, 29):
        failed = 1 if ago in (2, 5) else 0
        work.session.add(
            EvseDay(evse_id=evses[0].id, day=today - timedelta(days=ago), cycles=5 + ago % 3,
                    failed_starts=failed, retries=2 * failed)
        )  # fmt: skip
    for number, (ago, outcome, told) in enumerate(
        ((33, "hit", "The technician found wear"), (19, "false_alarm", "Nothing was found"))
    ):
        at = work.now - timedelta(days=ago)
        work.session.add(
            Prediction(slot=f"{at:%Y-%m-%d}:{number}", evse_id=evses[1 + number].id, at=at,
                       risk=640, signs={"failed_starts": 4.0},
                       reasons=["4 starts failed within 7 days"],
                       from_at=at + timedelta(days=1), until_at=at + timedelta(days=8),
                       outcome=outcome, outcome_at=at + timedelta(days=1), told=told)
        )  # fmt: skip


def _complaints(
    work: UnitOfWork, settings: Settings, people: Mapping[str, Staff], piles: Sequence[Pile]
) -> list[Case]:
    """Last month's and two of last week, all closed with consent; one promise was late. Returns
    those of last week."""
    mia, zone = people["mia"], ZoneInfo(settings.desk_tz)
    causes.start(work, _actor(mia))
    roots = {row.title: row.id for row in work.session.scalars(select(RootCause))}
    month = before(month_of(work.now, settings.desk_tz))
    week = weeks.last_week(work.now, settings.desk_tz)
    days = [date(int(month[:4]), int(month[5:]), each.day) for each in COMPLAINTS]
    days += [week + timedelta(days=each.day) for each in RECENT]
    made = []
    for number, (each, day) in enumerate(zip((*COMPLAINTS, *RECENT), days, strict=True)):
        at = _local(day, 10, zone)
        topic = TOPICS[each.code]
        owner = people["tomi" if topic.team in ("technical", "site") else "anna"]
        solved = at + timedelta(hours=each.hours)
        case = Case(
            key=f"{_KEY}:{number}", kind=topic.kind, code=each.code, priority=topic.priority,
            status="closed", team=topic.team, owner_id=owner.id, source="phone", lang="en",
            contact_name=f"Caller {number + 1}", pile_id=piles[(number // 2) % len(piles)].id,
            text=each.text, happened_at=at, created_at=at, updated_at=solved, cause=each.cause,
            fix=each.fix, result="All is well again.", solved_at=solved, rounds=1, answer="yes",
            front_line=topic.team == "support", closed_at=solved + timedelta(hours=24),
            close_reason="consent",
        )  # fmt: skip
        work.session.add(case)
        work.session.flush()
        _file(work, case, each, owner)
        work.session.add(
            CaseCause(case_id=case.id, cause_id=roots[each.root], staff_id=mia.id, at=solved)
        )
        made.append(case)
    _actions(work, people, roots)
    return made[len(COMPLAINTS) :]


def _file(work: UnitOfWork, case: Case, told: Told, owner: Staff) -> None:
    lines = (
        (case.created_at, "opened", told.text, None),
        (case.created_at + timedelta(minutes=told.minutes), "contact", "Spoke with them", owner.id),
        (case.solved_at, "solved", f"Cause: {told.cause} Done: {told.fix}", owner.id),
        (case.closed_at, "closed", "The rider agrees: closed", None),
    )
    work.session.add_all(
        CaseEntry(case_id=case.id, at=at, kind=kind, text=text, staff_id=staff_id, body={})
        for at, kind, text, staff_id in lines
    )
    policy = CLOCKS["first_reply"].policy
    late = timedelta(minutes=told.minutes) > timedelta(seconds=policy.limit_s)
    due = case.created_at + timedelta(seconds=policy.limit_s)
    work.session.add(
        Clock(key=f"{case.key}:first_reply", name="first_reply", subject=f"case:{case.id}",
              state="stopped", outcome="missed" if late else "met",
              policy=dump_policy(policy, None), started_at=case.created_at,
              spent_s=60 * told.minutes, due_at=due,
              breached_at=due if late else None, stop_event=f"answered by {owner.name}",
              stopped_at=case.created_at + timedelta(minutes=told.minutes), case_id=case.id,
              team=case.team)
    )  # fmt: skip


def _actions(work: UnitOfWork, people: Mapping[str, Staff], roots: Mapping[str, int]) -> None:
    mia = _actor(people["mia"])
    today = work.now.date()
    done = causes.add_action(
        work, mia, roots["Cable or plug worn"], text="Plugs are looked at with each visit",
        owner_id=people["tomi"].id, due_on=today - timedelta(days=12),
    )  # fmt: skip
    causes.finish(work, mia, done.id)
    done.created_at, done.done_at = work.now - timedelta(days=30), work.now - timedelta(days=14)
    causes.add_action(
        work, mia, roots["Price not understood"], text="Say the idle fee when the charge ends",
        owner_id=people["anna"].id, due_on=today + timedelta(days=20),
    )  # fmt: skip


def _reviews(
    work: UnitOfWork, settings: Settings, people: Mapping[str, Staff], cases: Sequence[Case]
) -> None:
    """Two of the week's sample: one scored by the manager and answered, one to be scored."""
    week, anna = weeks.last_week(work.now, settings.desk_tz), people["anna"]
    if not weeks.begun(work, reviews.KIND, week):
        return
    ids = [f"case:{each.id}" for each in cases]
    work.session.get_one(QualityRun, (reviews.KIND, week)).body = {
        "seed": _KEY, "percent": settings.review_percent, "least": settings.review_least,
        "most": settings.review_most, "strata": {f"staff:{anna.id}": {"ids": ids, "drawn": ids}},
    }  # fmt: skip
    scores = dict(zip((each.key for each in SHEET_1), (4, 3, 4, 2, 4), strict=True))
    for number, case in enumerate(cases):
        row = Review(
            week=week, kind="case", ref=case.id, case_id=case.id, staff_id=anna.id, team=case.team,
            topic=case.code, ended_at=case.closed_at or work.now, drawn_at=work.now,
        )  # fmt: skip
        if number == 0:
            row.state, row.sheet, row.scores = "done", 1, scores
            row.total, row.reviewer_id = total(SHEET_1, scores), people["mia"].id
            row.done_at, row.comment = work.now, "Clear and kind. The first answer could be sooner."
            row.answer, row.answered_at = "Thank you, I was on the phone.", work.now
            row.seen_at = work.now
        work.session.add(row)


def _answers(work: UnitOfWork, settings: Settings, people: Mapping[str, Staff]) -> None:
    """What the bot knows, written by an agent and approved by the manager; and what was asked."""
    anna, mia = _actor(people["anna"]), _actor(people["mia"])
    for entry in ANSWERS:
        article: int | None = None
        for lang, (question, answer) in entry.items():
            row = knowledge.propose(
                work, anna, lang=lang, question=question, phrasings=(), answer=answer,
                article_id=article,
            )  # fmt: skip
            article = row.article_id
            knowledge.approve(work, mia, row.id)
    week = weeks.last_week(work.now, settings.desk_tz)
    if weeks.begun(work, questions.KIND, week):
        work.session.add_all(
            Question(week=week, lang=lang, text=text, count=count, riders=count,
                     examples=[{"text": text, "count": count}])
            for lang, text, count in _QUESTIONS
        )  # fmt: skip


def _partner(work: UnitOfWork, mia: Staff) -> None:
    """The first site has an owner to share tickets with."""
    station = work.session.scalars(select(Station).order_by(Station.id)).first()
    if station is None:
        return
    key, _ = partners.make(
        work, _actor(mia), "Kamppi Properties", scopes=sorted(partners.SCOPES),
        station_ids=[station.id],
    )  # fmt: skip
    work.session.add(
        SitePartner(station_id=station.id, name="Kamppi Properties", phone="+358941234567",
                    email="house@example.com", key_id=key.id, updated_at=work.now)
    )  # fmt: skip
