"""What a case becomes: of another class, about a known place, taken up again, asked about again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Engine, func, select

from bot.domain.cases import OPEN
from bot.replies import Say
from bot.services import case_intake, case_work, cases, handoff, threads
from bot.store.cases import Case
from bot.store.charging import Refund
from bot.store.database import make_engine
from bot.store.jobs import Job
from bot.store.queues import Outbox
from bot.store.riders import Conversation
from bot.store.staff import Staff
from bot.store.stations import Pile
from tests.charging.test_parallel import together
from tests.charging.world import PILE, SETTINGS
from tests.databases import with_tables
from tests.services.test_cases import ANNA, TEO, Office, doing, solve

OTHER = "P001024"


@pytest.fixture
def office(sqlite_url: str) -> Iterator[Office]:
    engine = with_tables(make_engine(sqlite_url))
    made = Office(engine)
    with made.work() as work:
        work.session.add(Pile(id=OTHER, number="1024", station_id=1, kind="ac", online=True))
    yield made
    engine.dispose()


def running(office: Office, number: int) -> set[str]:
    """The promises that run, without the desk's own goals."""
    told = office.clocks(number)
    return {name for name, each in told.items() if each.state == "running" and name[0] != "p"}


def names_pile(office: Office, number: str) -> None:
    with doing(office) as work:
        chat = work.session.scalars(select(Conversation).where(Conversation.rider_id == 1)).one()
        pile = work.session.scalars(select(Pile).where(Pile.number == number)).one()
        case_intake.place_named(work, SETTINGS, chat, pile)


# --- another class -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "to", "kind", "promised"),
    [
        ("other", "broken", "fault", {"fault_response", "first_reply"}),
        ("other", "hazard", "incident", {"urgent"}),
        ("bill_wrong", "other", "complaint", {"first_reply"}),
        ("broken", "bill_wrong", "billing", {"dispute", "first_reply"}),
        ("broken", "blocked", "blocked_bay", {"first_reply"}),
        ("hazard", "cant_stop", "fault", {"fault_response", "first_reply"}),
        ("privacy", "power_lost", "fault", {"urgent", "fault_response"}),
        ("broken", "wont_charge", "fault", {"fault_response", "first_reply"}),
    ],
)
def test_another_class_is_another_kind_with_its_own_promises(
    office: Office, was: str, to: str, kind: str, promised: set[str]
) -> None:
    number = office.report(code=was)
    office.passes(30)
    with doing(office) as work:
        case_work.classify(work, SETTINGS, ANNA, number, to)
    case = office.case(number)
    assert (case.kind, case.open_key) == (kind, f"rider:1|{PILE}|{kind}")
    assert running(office, number) == promised
    begun = {name: office.clocks(number)[name].started_at for name in promised}
    kept = set(running_before(was)) & promised
    assert {name for name, at in begun.items() if at < office.now} == kept


def running_before(code: str) -> tuple[str, ...]:
    return {
        "other": ("first_reply",), "bill_wrong": ("dispute", "first_reply"),
        "broken": ("fault_response", "first_reply"), "privacy": ("first_reply",),
    }.get(code, ("urgent",))  # fmt: skip


def test_there_and_back_promises_anew(office: Office) -> None:
    number = office.report(code="bill_wrong")
    for code in ("other", "bill_wrong"):
        office.passes(60)
        with doing(office) as work:
            case_work.classify(work, SETTINGS, ANNA, number, code)
    assert running(office, number) == {"dispute", "first_reply"}
    assert office.clocks(number)["dispute"].started_at == office.now


def test_a_bill_that_turns_out_to_be_no_doubt_is_not_given_back_by_the_clock(
    office: Office,
) -> None:
    charge = office.says_yes()
    office.pays(charge, "held")
    number = office.report(code="bill_wrong", session_id=charge)
    with doing(office) as work:
        case_work.classify(work, SETTINGS, ANNA, number, "other")
    office.passes(86_401)
    assert office.clocks(number)["dispute"].outcome == "dropped"
    with office.store.read() as work:
        assert work.session.scalar(select(func.count()).select_from(Refund)) == 0


# --- a place that becomes known ------------------------------------------------------------------


def test_a_case_whose_pile_is_named_later_is_found_by_it(office: Office) -> None:
    first = office.report("m1", pile_id=None)
    names_pile(office, "1023")
    assert office.report("m2") == first
    assert office.report("m3", pile_id=None, text="another one") != first


def test_facts_filled_in_count_too(office: Office) -> None:
    first = office.report("m1", pile_id=None)
    with doing(office) as work:
        case_work.complete(work, SETTINGS, ANNA, first, pile="1024")
    assert office.report("m2", pile_id=OTHER) == first


def test_a_place_that_a_case_has_already_makes_the_two_one(office: Office) -> None:
    first = office.report("m1")
    second = office.report("m2", pile_id=None)
    assert second != first
    names_pile(office, "1023")
    assert office.case(second).merged_into == first
    assert (office.case(first).contacts, office.case(first).status) == (2, "new")
    assert "we go on under {into}" in office.said()[-1]


# --- taken up again, written about again ---------------------------------------------------------


def test_what_is_taken_up_again_has_its_promises_and_its_errand_again(office: Office) -> None:
    number = office.report()
    solve(office, number)
    office.passes(86_401)
    with doing(office) as work:
        case_work.answered(work, SETTINGS, office.case(number), "no")
    assert running(office, number) == {"fault_response", "first_reply"}
    assert office.clocks(number)["fault_response"].started_at == office.now
    with office.store.read() as work:
        job = work.session.scalars(select(Job)).one()
        assert (job.case_id, job.kind, job.pile_id) == (number, "repair", PILE)
    solve(office, number)
    assert office.report("later") == number
    assert running(office, number) == {"fault_response", "first_reply"}


def test_a_doubted_bill_taken_up_again_is_to_be_decided_again(office: Office) -> None:
    number = office.report(code="bill_wrong")
    solve(office, number)
    office.report("m2", code="bill_wrong")
    assert running(office, number) == {"dispute", "first_reply"}
    with office.store.read() as work:
        assert work.session.scalars(select(Job)).all() == []


def test_a_closed_case_that_is_taken_up_is_found_again(office: Office) -> None:
    number = office.report()
    solve(office, number)
    with doing(office) as work:
        case_work.answered(work, SETTINGS, office.case(number), "yes")
        case_work.move(work, SETTINGS, ANNA, number, "assigned", why="It came back")
    assert office.report("m2") == number


def lines(office: Office) -> None:
    """A line of the rider in a chat that people have."""
    with doing(office) as work:
        chat = work.session.scalars(select(Conversation).where(Conversation.rider_id == 1)).one()
        handoff.to_queue(work, chat, reason="fault")
        threads.heard(work, chat, for_bot=False)


def test_lines_to_people_are_contacts_once_an_hour(office: Office) -> None:
    number = office.report()
    for wait, contacts in ((60, 1), (3_600, 2), (1_800, 2), (1_800, 3)):
        office.passes(wait)
        lines(office)
        assert office.case(number).contacts == contacts
    third = "The rider wrote about it 3 times."
    assert office.case(number).level_reason == third
    assert office.file(number, "level")[-1] == f"Goes to a supervisor. {third}"


def test_each_reason_calls_a_supervisor_once(office: Office) -> None:
    number = office.report()
    office.passes(2_000)  # the technicians' half hour is over
    with office.store.read() as work:
        (mention,) = threads.mentions_of(work, 3)
        assert mention.text == f"Case {number} needs a supervisor. Deadline missed: Fault response."
        assert threads.unread_mentions(work, 2) == 0
    office.passes(6_000)
    with office.store.read() as work:
        assert threads.unread_mentions(work, 3) == 2
        assert "First reply" in threads.mentions_of(work, 3)[0].text


def test_managers_are_paged_about_a_case_without_a_chat(office: Office) -> None:
    with office.work() as work:
        work.session.get_one(Staff, 3).page_address = "mailto:chef@example.com"
        work.session.get_one(Staff, 2).page_address = "mailto:anna@example.com"
    number = office.report(rider_id=None, contact="a@example.com", contact_name="A", source="email")
    office.passes(2_000)
    with office.store.read() as work:
        pages = work.session.scalars(select(Outbox.body).where(Outbox.kind == "page")).all()
    assert [each["to"] for each in pages] == ["chef@example.com"]
    assert pages[0]["path"] == f"/tickets/{number}"


def test_an_answer_to_our_question_is_no_contact(office: Office) -> None:
    number = office.report()
    office.passes(7_200)
    with doing(office) as work:
        case_work.move(work, SETTINGS, ANNA, number, "waiting_rider")
    lines(office)
    case = office.case(number)
    assert (case.status, case.contacts) == ("assigned", 1)


# --- clocks and chats ----------------------------------------------------------------------------


def test_an_answer_in_a_chat_that_was_tied_stops_the_clocks(office: Office) -> None:
    number = office.report(rider_id=None, contact="aino@example.com", contact_name="Aino")
    with doing(office) as work:
        chat = work.session.scalars(select(Conversation)).one()
        case_work.tie(work, ANNA, number, "conversation", str(chat.id))
        handoff.to_queue(work, chat, reason="fault")
        handoff.claim(work, ANNA, chat.id)
        threads.say(work, ANNA, chat, [Say("Hello")], key="k")
    assert office.clocks(number)["first_reply"].outcome == "met"


def test_a_clock_that_begins_while_the_rider_is_waited_for_stands_still(office: Office) -> None:
    number = office.report(code="other")
    with doing(office) as work:
        case_work.move(work, SETTINGS, ANNA, number, "waiting_rider")
        case_work.classify(work, SETTINGS, ANNA, number, "broken")
    assert office.clocks(number)["fault_response"].state == "paused"
    office.passes(86_401)
    assert office.case(number).level == 0
    lines(office)
    assert office.clocks(number)["fault_response"].state == "running"


def test_a_case_that_nobody_can_be_asked_about_says_so(office: Office) -> None:
    number = office.report(rider_id=None, source="pile", contact="pile 1023", contact_name="P")
    solve(office, number, TEO)
    office.passes(86_401)
    case = office.case(number)
    assert (case.status, case.close_reason, case.asked) == ("closed", "unasked", 0)
    assert office.file(number, "closed") == ["Nobody can be asked whether it is solved: closed"]


@pytest.mark.parametrize(
    ("source", "status", "contacts", "then"),
    [("email", "assigned", 2, "assigned"), ("partner", "done", 2, "new"),
     ("partner", "waiting_rider", 1, "assigned"), ("pile", "assigned", 1, "assigned")],
)  # fmt: skip
def test_whoever_writes_again_is_heard_by_every_door(
    office: Office, source: str, status: str, contacts: int, then: str
) -> None:
    number = office.report()
    with office.work() as work:
        work.session.get_one(Case, number).status = status
    for _ in range(2):  # the second time is a repeat of the same letter
        with doing(office) as work:
            case = work.session.get_one(Case, number)
            cases.wrote_again(work, case, "Still so", source=source, key="letter")
    found = office.case(number)
    assert (found.contacts, found.status) == (contacts, then)


def test_a_pile_named_while_it_is_reported_leaves_one_case(engine: Engine) -> None:
    """The rider names the pile of a case that lacked it, again and again, while reports with that
    pile come in: whoever is second joins the first, and no line is lost."""
    office = Office(engine)
    office.report("first", pile_id=None)

    def name() -> None:
        with office.work() as work:
            chat = work.session.scalars(select(Conversation).with_for_update()).one()
            pile = work.session.get_one(Pile, PILE)
            case_intake.place_named(work, SETTINGS, chat, pile)

    def tell(number: int) -> None:
        with office.work() as work:
            cases.open_case(
                work, kind="fault", rider_id=1, pile_id=PILE, text="broken", source="whatsapp",
                key=f"m{number}",
            )  # fmt: skip

    together([name, *(partial(tell, number) for number in range(6)), name])
    with office.store.read() as work:
        left = work.session.scalars(select(Case).where(Case.merged_into.is_(None))).one()
        assert (left.open_key, left.contacts) == (f"rider:1|{PILE}|fault", 7)
        assert left.status in OPEN
