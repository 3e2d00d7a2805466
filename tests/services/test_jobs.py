"""Jobs behind the doors: who is sent, whose clocks stop, what goes back into service or not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from bot.domain.staff_actions import KINDS
from bot.replies import Say, load
from bot.services import (
    actions,
    case_intake,
    case_jobs,
    case_review,
    case_timers,
    case_work,
    cases,
    clock_breach,
    faults,
    incidents,
    jobs,
    outages,
    repairs,
    safety,
)
from bot.services.action_plans import NotPossible as ActionNotPossible
from bot.services.action_plans import Target
from bot.services.audit import Actor
from bot.store.cases import Case, CaseEntry, Clock, Outage
from bot.store.database import make_engine
from bot.store.devices import Command
from bot.store.jobs import Job
from bot.store.offers import Coupon
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Conversation
from bot.store.staff import Staff
from bot.store.stations import Evse, Pile
from tests.charging.world import PILE, SETTINGS, World
from tests.databases import with_tables
from tests.offers import add_template

OTTO, LIISA = Actor(1, "technician", "Otto"), Actor(2, "technician", "Liisa")
MIA = Actor(3, "manager", "Mia")


class Field(World):
    """Piles, riders 1 and 2, two technicians and a manager; it serves what jobs wait for."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, evses=2)
        with self.work() as work:
            for who in (OTTO, LIISA, MIA):
                work.session.add(
                    Staff(
                        id=who.staff_id, login=who.name.lower(), name=who.name, role=who.role,
                        created_at=self.now, page_address=f"whatsapp:+35840000000{who.staff_id}",
                    )
                )  # fmt: skip
            for number in (1024, 1025):
                work.session.add(
                    Pile(id=f"P00{number}", number=str(number), station_id=1, kind="ac",
                         online=True, seen_at=self.now)
                )  # fmt: skip
        self.rider(1)
        self.rider(2)

    def drain(self) -> None:
        routes = {
            "case.timer": case_timers.on_timer, "clock.timer": clock_breach.on_timer,
            "job.timer": jobs.on_timer, "fault.timer": faults.on_timer,
            "job.wanted": case_jobs.on_wanted,
        }  # fmt: skip
        while True:
            with self.work() as work:
                due = select(Inbox).where(
                    Inbox.state == "open", Inbox.available_at <= self.now,
                    Inbox.kind.in_(list(routes)),
                )  # fmt: skip
                row = work.session.scalars(due.order_by(Inbox.id)).first()
                if row is None:
                    return
                row.state = "done"
                work.session.flush()
                routes[row.kind](work, SETTINGS, row.body)

    # --- what happens

    def says(self, status: str, socket: int = 1, **more: Any) -> None:
        """A status, or with `code` an alarm, as the gateway takes it in."""
        alarm = status in ("alarm", "cleared")
        with self.work() as work:
            evse = work.session.get_one(Evse, socket)
            body = {"pile_id": PILE, "evse_number": socket, "at": self.now.isoformat()}
            if alarm:
                evse.fault_code = "E21" if status == "alarm" else None
                body |= {"code": "E21", "cleared": status == "cleared", "transaction_id": None}
                faults.on_alarm(work, SETTINGS, {**body, "value": "", **more})
            else:
                evse.fault_code = "Faulted" if status == "Faulted" else None
                evse.status = status
                faults.on_pile_status(work, SETTINGS, {**body, "status": status})
        self.drain()

    def breaks(self, socket: int = 1) -> Job:
        """A fault that stays: its job."""
        self.says("Faulted", socket)
        self.passes(61)
        return self.job()

    def complains(self, rider_id: int = 1, pile: str = PILE, code: str = "broken") -> int:
        """A rider's own words, in the chat."""
        with self.work() as work:
            chat = select(Conversation).where(Conversation.rider_id == rider_id)
            conversation = work.session.scalars(chat).one()
            number = case_intake.from_chat(
                work, conversation, code=code, text="It is broken",
                key=f"{rider_id}:{pile}:{self.now}", pile=work.session.get(Pile, pile),
            ).id  # fmt: skip
        self.drain()
        return number

    def does(self, step: str, who: Actor = OTTO, job_id: int = 1) -> None:
        with self.work() as work:
            match step:
                case "accept":
                    jobs.accept(work, SETTINGS, who, job_id)
                case "way":
                    jobs.on_my_way(work, who, job_id)
                case "here":
                    jobs.arrive(work, who, job_id, distance_m=9)
                case "back":
                    jobs.give_back(work, SETTINGS, who, job_id)
                case "done":
                    jobs.done(work, SETTINGS, who, job_id, cause="Dust", fix="Wiped")
        self.drain()

    def repairs(self, job_id: int = 1) -> None:
        for step in ("accept", "here", "done"):
            self.does(step, job_id=job_id)

    def photo(self, case_id: int, entry_at: timedelta = timedelta()) -> None:
        """A rider's photo, looked at by Mia: it shows a fault."""
        with self.work() as work:
            entry = CaseEntry(case_id=case_id, at=self.now + entry_at, kind="photo", body={})
            work.session.add(entry)
            work.session.flush()
            case_review.confirm(work, SETTINGS, MIA, case_id, entry.id)
        self.drain()

    def orders(self, kind: str, **target: Any) -> None:
        with self.work() as work:
            actions.ask(
                work, SETTINGS, MIA, KINDS[kind], Target(pile_id=PILE, **target),
                reason="Road works", key=f"{kind}:{self.now.isoformat()}",
            )  # fmt: skip

    # --- what came of it

    def job(self, number: int | None = None) -> Job:
        with self.store.read() as work:
            if number is not None:
                return work.session.get_one(Job, number)
            return work.session.scalars(select(Job)).one()

    def all_jobs(self) -> list[Job]:
        with self.store.read() as work:
            return list(work.session.scalars(select(Job).order_by(Job.id)))

    def case(self, number: int) -> Case:
        with self.store.read() as work:
            return work.session.get_one(Case, number)

    def clock(self, name: str, subject: str, round_: int = 1) -> Clock:
        with self.store.read() as work:
            key = f"{name}:{subject}:{round_}"
            return work.session.scalars(select(Clock).where(Clock.key == key)).one()

    def pile(self) -> Pile:
        with self.store.read() as work:
            return work.session.get_one(Pile, PILE)

    def heard_by(self, rider_id: int) -> list[str]:
        """What a rider was told, as English sources."""

        def words(value: Any) -> str:
            if isinstance(value, list):
                return " ".join(words(each) for each in value)
            if isinstance(value, Say):
                return " ".join([value.text, *(words(each) for each in value.values.values())])
            return words(value.prompt) if hasattr(value, "prompt") else ""

        with self.store.read() as work:
            chat = select(Conversation.id).where(Conversation.rider_id == rider_id)
            conversation_id = work.session.scalars(chat).one()
            rows = select(Outbox.body).where(Outbox.kind == "message").order_by(Outbox.id)
            return [
                words(load(body["reply"]))
                for body in work.session.scalars(rows)
                if body["conversation_id"] == conversation_id
            ]

    def hears(self, rider_id: int, words: str) -> int:
        """How often a rider was told so."""
        return sum(words in each for each in self.heard_by(rider_id))

    def ordered(self) -> list[str]:
        with self.store.read() as work:
            rows = select(Command).where(Command.kind == "change_availability")
            found = work.session.scalars(rows.order_by(Command.id))
            return [str(each.body["status"]) for each in found]

    def file(self, case_id: int) -> list[str]:
        with self.store.read() as work:
            return [each.text for each in cases.entries(work, case_id)]


@pytest.fixture
def field(sqlite_url: str) -> Iterator[Field]:
    engine = with_tables(make_engine(sqlite_url))
    yield Field(engine)
    engine.dispose()


# --- one job, several cases ----------------------------------------------------------------------


def test_one_repair_is_for_both_riders_whom_a_fault_cut_off(field: Field) -> None:
    add_template(field.store, "late", fixed_minor=500)
    first, second = field.complains(1), field.complains(2)
    field.breaks()
    field.does("accept")
    for number in (first, second):
        assert field.clock("fault_response", f"case:{number}").outcome == "met"
    field.does("way")
    field.does("here")
    field.passes(1_900)
    field.does("done")
    for rider, number in ((1, first), (2, second)):
        assert field.case(number).status == "done"
        for words in ("has taken on pile", "is on the way", "is at pile", "was repaired"):
            assert field.hears(rider, words) == 1, (rider, words)
        assert field.hears(rider, "We did not keep it") == 0
    assert sum(field.hears(rider, "How was the repair") for rider in (1, 2)) == 1
    with field.work() as work:
        assert jobs.rate(work, 1, 1, 4)
        assert not jobs.rate(work, 1, 2, 1)
        assert work.session.scalars(select(Coupon)).all() == []


def test_who_reports_while_a_technician_has_the_job_waits_for_nobody(field: Field) -> None:
    field.breaks()
    field.does("accept")
    number = field.complains(2)
    assert field.clock("fault_response", f"case:{number}").outcome == "met"
    assert (field.case(number).owner_id, field.case(number).status) == (1, "assigned")
    assert field.hears(2, "has taken on pile") == 1
    field.does("here")
    assert field.hears(2, "is at pile") == 1
    assert len(field.all_jobs()) == 1


def test_the_agent_who_has_a_case_keeps_it(field: Field) -> None:
    number = field.complains(1)
    with field.work() as work:
        case_work.assign(work, SETTINGS, MIA, number, owner_id=MIA.staff_id)
    field.does("accept")
    assert field.case(number).owner_id == MIA.staff_id


def test_of_many_who_ask_at_once_one_job_is_made_for_all_their_cases(engine: Engine) -> None:
    field = Field(engine)
    numbers = [field.complains(1, code="bill_wrong"), field.complains(2, code="bill_wrong")]

    def ask(number: int) -> int:
        with field.work() as work:
            return jobs.open_job(
                work, kind="repair", pile=work.session.get_one(Pile, PILE), text="Look",
                case=work.session.get_one(Case, numbers[number % 2]), key=f"k{number}",
            ).id  # fmt: skip

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(6))) == {1}
    with field.store.read() as work:
        for number in numbers:
            assert [e.ref for e in cases.links(work, number) if e.kind == "job"] == ["1"]


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("news", [("Faulted", "Available"), ("alarm", "alarm")])
def test_a_fault_that_is_told_again_and_again_is_looked_at_in_time(
    field: Field, news: tuple[str, str]
) -> None:
    for step in range(6):
        field.says(news[step % 2])
        field.passes(20)
    assert field.job().fault_code in ("E21", "Faulted")


def test_flaps_are_counted_by_the_socket_and_by_the_fault(field: Field) -> None:
    for socket in (1, 2):
        for news in ("Faulted", "Available") if socket == 1 else ("alarm", "cleared"):
            field.says(news, socket)
    field.says("Faulted", 1)
    field.says("alarm", 1)  # the same once more
    field.says("Available", 1)
    field.passes(61)
    assert field.all_jobs() == []  # twice at one socket, once at the other
    for news in ("alarm", "cleared", "alarm", "cleared"):
        field.says(news, 2)
    field.passes(61)
    assert "3 times within a day" in field.job().text


def test_a_second_socket_makes_it_a_job_for_the_pile(field: Field) -> None:
    field.breaks(1)
    with field.work() as work:
        work.session.get_one(Evse, 2).failed_starts = 2
    field.says("Faulted", 2)
    field.passes(61)
    assert field.job().evse_id is None
    field.repairs()
    with field.work() as work:
        assert work.session.get_one(Evse, 2).failed_starts == 0


# --- back into service, or not -------------------------------------------------------------------


def test_a_pile_in_danger_stays_out_until_the_manager_says_so(field: Field) -> None:
    field.breaks()
    with field.work() as work:
        pile = work.session.get_one(Pile, PILE)
        safety.lock_out(work, SETTINGS, pile, key="x")
        number = incidents.open_incident(
            work, SETTINGS, key="x", source="pile", text="OVER_TEMP", pile=pile
        ).id
    field.repairs()
    assert not field.pile().in_service
    assert "Operative" not in field.ordered()
    with field.work() as work:
        assert "incident 1 about it is not closed" in jobs.entries(work, 1)[-1].text
    with pytest.raises(ActionNotPossible):
        field.orders("in_service")
    with field.work() as work:
        incidents.close(work, MIA, number, cause="Worn", fix="New")
    field.orders("in_service")
    assert field.ordered()[-1] == "Operative"


def test_what_staff_took_out_stays_out(field: Field) -> None:
    field.orders("out_of_service")
    field.breaks()
    field.repairs()
    assert not field.pile().in_service
    with field.work() as work:
        assert "Mia has taken it out" in jobs.entries(work, 1)[-1].text
    assert field.ordered() == ["Inoperative"]


def test_a_socket_that_staff_took_out_stays_out(field: Field) -> None:
    field.breaks()
    with field.work() as work:
        actions.ask(
            work, SETTINGS, MIA, KINDS["socket_out"], Target(evse_id=1), reason="x", key="s"
        )
    field.repairs()
    with field.work() as work:
        assert not work.session.get_one(Evse, 1).in_service
        assert "Socket 1023-10 stays out" in jobs.entries(work, 1)[-1].text


def test_a_job_of_danger_ends_with_a_line_and_the_case_stays_the_managers(field: Field) -> None:
    with field.work() as work:
        case = cases.open_case(
            work, kind="incident", code="hazard", rider_id=1, pile_id=PILE, text="Smoke",
            source="whatsapp", key="d",
        )  # fmt: skip
        jobs.open_job(
            work, kind="repair", pile=work.session.get_one(Pile, PILE), case=case, text="Look",
            key="d",
        )  # fmt: skip
    field.drain()
    field.repairs()
    assert field.job().state == "done"
    assert field.case(1).status == "new"
    assert (field.case(1).team, field.case(1).owner_id) == ("safety", None)
    assert "Job 1 is done. Cause: Dust Done: Wiped" in field.file(1)
    assert field.hears(1, "has taken on") == 0


# --- on site -------------------------------------------------------------------------------------


def test_somebody_is_promised_on_the_spot_from_the_moment_a_job_is_made(field: Field) -> None:
    number = field.complains(1)
    begun = field.now
    told = field.clock("on_site", "job:1")
    assert (told.started_at, told.case_id, told.rider_id) == (begun, number, 1)
    field.passes(86_401)  # nobody ever takes it
    assert field.clock("on_site", "job:1").breached_at is not None
    assert field.hears(1, "Somebody is at the pile") == 1
    with field.store.read() as work:
        paged = select(Outbox.body).where(Outbox.key.like("page:clock:%"))
        pages = list(work.session.scalars(paged))
    assert [(each["to"], each["path"]) for each in pages] == [("+358400000003", "/jobs/1")]
    assert "NOBODY CAME: pile 1023, Kamppi" in pages[0]["text"]


def test_arriving_keeps_that_promise_and_a_second_job_has_its_own(field: Field) -> None:
    number = field.complains(1)
    field.passes(600)
    field.does("accept")
    field.does("here")
    assert field.clock("on_site", "job:1").outcome == "met"
    assert field.clock("on_site", "job:1").spent_s == 600
    field.does("done")
    with field.work() as work:
        case_work.reopen(work, work.session.get_one(Case, number), "It is broken again")
        jobs.open_job(
            work, kind="repair", pile=work.session.get_one(Pile, PILE),
            case=work.session.get_one(Case, number), text="Again", key="again",
        )  # fmt: skip
    assert field.clock("on_site", "job:2").state == "running"
    with field.work() as work:
        nearest = cases.next_deadline(work, work.session.get_one(Case, number))
        assert nearest is not None
        names = {each.name for each in cases.all_clocks(work, work.session.get_one(Case, number))}
    assert "on_site" in names


def test_a_job_without_a_case_has_the_promise_too_and_calling_it_off_ends_it(field: Field) -> None:
    with field.work() as work:
        pile = work.session.get_one(Pile, PILE)
        jobs.open_job(work, kind="site_care", pile=pile, text="Posters", key="p")
        jobs.open_job(work, kind="visit", pile=pile, text="Yearly", key="v", source="system")
    assert field.clock("on_site", "job:1").state == "running"
    with field.work() as work:
        assert not [each for each in work.session.scalars(select(Clock)) if "job:2" in each.subject]
        jobs.cancel(work, MIA, 1, "Clean")
    assert field.clock("on_site", "job:1").outcome == "dropped"


# --- whoever reports -----------------------------------------------------------------------------


def test_a_riders_word_sends_somebody_to_look_and_marks_nothing(field: Field) -> None:
    field.complains(1, code="wont_charge")
    job = field.job()
    assert (job.kind, job.source, job.offered_to) == ("repair", "rider", OTTO.staff_id)
    assert "It is broken" in job.text
    with field.work() as work:
        assert repairs.closed(work, work.session.get_one(Pile, PILE).evses) == set()
    assert field.pile().in_service
    field.breaks()  # now the pile says so itself
    with field.work() as work:
        evses = work.session.get_one(Pile, PILE).evses
        assert repairs.closed(work, evses) == {each.id for each in evses}


def test_a_report_without_a_pile_sends_somebody_when_the_pile_is_named(field: Field) -> None:
    number = field.complains(1, pile="")
    assert field.all_jobs() == []
    with field.work() as work:
        conversation = work.session.scalars(select(Conversation)).first()
        assert conversation is not None
        case_intake.place_named(work, SETTINGS, conversation, work.session.get_one(Pile, PILE))
    field.drain()
    assert field.job().case_id == number


def test_what_is_no_technical_matter_sends_nobody(field: Field) -> None:
    field.complains(1, code="bill_wrong")
    field.complains(2, code="blocked")
    assert field.all_jobs() == []


def test_one_persons_words_send_only_so_many_a_day(field: Field) -> None:
    with field.work() as work:
        work.session.add(Pile(id="P001026", number="1026", station_id=1, kind="ac"))
    for pile in (PILE, "P001024", "P001025", "P001026"):
        number = field.complains(1, pile)
    assert len(field.all_jobs()) == 3
    assert "No technician is asked by itself" in " ".join(field.file(number))
    field.complains(2, "P001026")
    assert len(field.all_jobs()) == 4


def test_a_report_that_the_desk_has_settled_calls_nobody_out_any_more(field: Field) -> None:
    number = field.complains(1)
    with field.work() as work:
        case_work.solve(work, SETTINGS, MIA, number, cause="Card", fix="Told", result="It works")
    field.passes(601)  # the first offer is over
    assert field.job().state == "cancelled"


def test_a_report_that_was_about_money_after_all_calls_nobody_out(field: Field) -> None:
    number = field.complains(1)
    with field.work() as work:
        case_work.classify(work, SETTINGS, MIA, number, "bill_wrong")
    field.passes(601)
    assert field.job().state == "cancelled"
    assert field.case(number).status == "new"


def test_a_silent_piles_ticket_sends_somebody(field: Field) -> None:
    with field.work() as work:
        cases.open_case(
            work, kind="fault", code="broken", rider_id=None, pile_id=PILE, source="pile",
            text="Pile 1023: it is out of contact.", contact_name="Pile 1023", contact="pile 1023",
            key="stale:1",
        )  # fmt: skip
    field.drain()
    assert (field.job().source, field.job().text) == ("system", "Pile 1023: it is out of contact.")


# --- photos --------------------------------------------------------------------------------------


def test_a_photo_that_is_true_takes_the_pile_out_and_sends_somebody(field: Field) -> None:
    add_template(field.store, "fault_photo", fixed_minor=300)
    first, second = field.complains(1), field.complains(2)
    field.photo(first)
    field.photo(second)
    assert not field.pile().in_service
    assert (field.job().source, field.job().state) == ("staff", "open")
    assert field.hears(1, "a technician is asked to repair") == 1
    assert field.hears(2, "Your photo helped") == 0
    assert "No coupon: this fault was shown by a photo before" in field.file(second)
    with field.store.read() as work:
        looks = select(Inbox).where(Inbox.source == "site")
        assert work.session.scalars(looks).first() is not None
    field.repairs()
    assert field.pile().in_service  # nobody but the photo had taken it out


def test_the_first_photo_earns_its_coupon_whoever_took_the_pile_out(field: Field) -> None:
    add_template(field.store, "fault_photo", fixed_minor=300)
    number = field.complains(1)
    field.orders("out_of_service")
    field.photo(number)
    assert "Coupon for the photo" in field.file(number)
    assert field.pile().out_action_id is not None


def test_a_photo_of_what_is_repaired_by_now_is_thanked_and_disturbs_nobody(field: Field) -> None:
    add_template(field.store, "fault_photo", fixed_minor=300)
    number = field.complains(1)
    field.passes(60)
    field.repairs()
    field.photo(number, entry_at=timedelta(seconds=-30))
    assert field.pile().in_service
    assert len(field.all_jobs()) == 1
    assert field.hears(1, "is repaired by now") == 1


def test_a_photo_without_a_rider_is_nobodys_coupon(field: Field) -> None:
    field.breaks()
    field.photo(field.job().case_id or 0)
    assert "No coupon: there is no rider to give it to" in field.file(field.job().case_id or 0)


# --- what riders read ----------------------------------------------------------------------------


def test_each_kind_of_job_has_its_own_result(field: Field) -> None:
    number = field.complains(1, code="site_care")
    with field.work() as work:
        jobs.open_job(
            work, kind="site_care", pile=work.session.get_one(Pile, PILE),
            case=work.session.get_one(Case, number), text="Dirt", key="x",
        )  # fmt: skip
    field.drain()
    field.repairs()
    assert field.case(number).result == "The place at pile 1023 was put in order."
    assert field.hears(1, "The place at pile {pile} was put in order.") == 1
    assert field.hears(1, "was repaired") == 0


# --- given back, and timers ----------------------------------------------------------------------


def test_what_is_given_back_is_promised_anew_and_its_rider_knows(field: Field) -> None:
    number = field.complains(1)
    field.passes(300)
    field.does("accept")
    field.does("here")
    field.passes(60)
    field.does("back")
    again = field.clock("fault_response", f"case:{number}", 2)
    assert (again.state, again.started_at) == ("running", field.now)
    case, job = field.case(number), field.job()
    assert (case.owner_id, case.status) == (None, "new")
    assert (job.offered_to, job.arrived_at) == (LIISA.staff_id, None)
    assert field.hears(1, "cannot come to pile") == 1
    assert field.clock("on_site", "job:1", 2).state == "running"
    field.passes(60)
    field.does("accept", LIISA)
    assert field.clock("fault_response", f"case:{number}", 2).outcome == "met"
    assert field.hears(1, "has taken on pile") == 2


def test_whom_the_desk_asks_has_their_time_whatever_timer_comes(field: Field) -> None:
    with field.work() as work:
        for staff in work.session.scalars(select(Staff).where(Staff.role == "technician")):
            staff.page_address = ""
    field.complains(1)
    assert field.job().offered_to is None  # nobody can be reached: looked at in ten minutes
    field.passes(540)
    with field.work() as work:
        jobs.assign(work, SETTINGS, MIA, 1, LIISA.staff_id)
        work.session.get_one(Staff, OTTO.staff_id).page_address = "whatsapp:+358400000001"
    field.passes(120)
    assert field.job().offered_to == LIISA.staff_id
    field.passes(SETTINGS.job_offer_s)
    assert field.job().offered_to == OTTO.staff_id


# --- outages -------------------------------------------------------------------------------------


def outage(field: Field) -> int:
    """All three piles of the site are silent."""
    with field.work() as work:
        for pile in work.session.scalars(select(Pile)):
            pile.online = False
        (found,) = outages.look(work, SETTINGS)
        number = found.case_id or 0
    field.drain()
    return number


def test_who_is_sent_to_a_pile_of_an_outage_comes_for_all_of_it(field: Field) -> None:
    number = outage(field)
    first, second = field.complains(1), field.complains(2, "P001024")
    job = field.job()  # one for the site
    field.does("accept")
    for each in (first, second):
        assert field.clock("fault_response", f"case:{each}").outcome == "met"
    assert field.clock("on_site", f"case:{number}").state == "running"
    field.does("here")
    assert field.clock("on_site", f"case:{number}").outcome == "met"
    assert job.pile_id == PILE
    field.does("done")
    assert field.case(number).status == "new"  # its cause is for people to note
    assert field.case(second).status == "done"


def test_jobs_from_before_an_outage_are_its_jobs_too(field: Field) -> None:
    field.complains(1)
    number = outage(field)
    field.does("accept")
    field.does("here")
    assert field.clock("on_site", f"case:{number}").outcome == "met"
    with field.work() as work:
        assert work.session.scalars(select(Outage)).one().case_id == number
