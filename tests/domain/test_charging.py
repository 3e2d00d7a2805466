"""The session state machine: its whole event × state table, its invariants, its stories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import session_events as on
from bot.domain.charging import EVENTS, TIMERS, advance
from bot.domain.pricing import Reading
from bot.domain.session import (
    FINAL,
    HOLDS,
    STATES,
    Limits,
    SessionFacts,
    Terms,
    dump_facts,
    load_facts,
)
from bot.domain.session_events import Command, Event
from bot.domain.tariffs import Element, Tariff

T0 = datetime(2026, 11, 20, 10, tzinfo=UTC)
TARIFF = Tariff(
    "AC", "EUR", "Europe/Helsinki", Decimal("25.5"), True,
    (
        Element("flat", Decimal("1.00"), "start"),
        Element("energy", Decimal("0.40"), "kwh"),
        Element("idle", Decimal("0.10"), "min"),
    ),
    idle_grace_s=600,
)  # fmt: skip
TERMS = Terms(TARIFF, hold_minor=2000, stop_minor=1900, smallest_minor=50, limits=Limits())


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@dataclass
class Story:
    """A session living through events, with every command it ever called for."""

    facts: SessionFacts = field(default_factory=lambda: SessionFacts(TERMS, T0))
    commands: list[Command] = field(default_factory=list)
    now: float = 0

    def hears(self, *events: Event) -> Story:
        for event in events:
            self.facts, commands = advance(self.facts, event)
            self.commands += commands
        return self

    def all(self, kind: type) -> list[Command]:
        return [each for each in self.commands if isinstance(each, kind)]

    def told(self) -> list[str]:
        return [each.notice for each in self.commands if isinstance(each, on.Tell)]

    def fire(self, name: str) -> Story:
        return self.hears(on.TimerFired(self.facts.timers[name], name))


def holding() -> Story:
    return Story().hears(on.Yes(T0))


def starting() -> Story:
    return holding().hears(on.HoldPlaced(at(1)))


def accepted() -> Story:
    return starting().hears(on.StartAccepted(at(2), 1))


def running() -> Story:
    return accepted().hears(
        on.Plugged(at(3)),
        on.TransactionStarted(at(4), "T1"),
        on.MeterRead(at(4), "T1", Reading(at(4), 1000)),
        on.FlowChanged(at(4), "T1", "charging", at(4)),
    )


def charging(wh: int = 5000) -> Story:
    return running().hears(on.MeterRead(at(64), "T1", Reading(at(64), 1000 + wh)))


def suspended() -> Story:
    return charging().hears(on.FlowChanged(at(70), "T1", "ev", at(70)))


def stopping() -> Story:
    return charging().hears(on.StopRequested(at(80)))


def billing() -> Story:
    return stopping().hears(on.TransactionEnded(at(82), "T1", at(82), "Remote"))


def billed_offline() -> Story:
    return charging().hears(on.PileOffline(at(75)), on.StopRequested(at(80)))


def settled() -> Story:
    return billing().hears(on.Captured(at(90)))


def releasing() -> Story:
    return accepted().hears(on.StopRequested(at(10)))


def void() -> Story:
    return releasing().hears(on.Voided(at(12)))


def failed() -> Story:
    return holding().hears(on.HoldFailed(at(1), "card_declined"))


def waiting() -> Story:
    return holding().hears(on.HoldNeedsRider(at(1), "https://pay"))


def debt() -> Story:
    story = billing()
    for _ in range(2):
        story.hears(on.CaptureFailed(at(90))).fire("capture")
    return story.hears(on.CaptureFailed(at(900)))


def recovering() -> Story:
    return debt().hears(on.HoldExpired(at(2000)))


def debt_lapsed() -> Story:
    return recovering().hears(on.HoldFailed(at(2001), "card_declined"))


def collecting() -> Story:
    return debt_lapsed().hears(on.Collect(at(3000)))


SITUATIONS = {
    make.__name__: make
    for make in (
        Story, holding, waiting, starting, accepted, running, charging, suspended, stopping,
        billing, billed_offline, releasing, settled, void, failed, debt,
        recovering, debt_lapsed, collecting,
    )
}  # fmt: skip


def possible(now: datetime) -> list[Event]:
    """At least one event of every kind, with ours, repeated and foreign transactions."""
    events: list[Event] = [
        on.Yes(now), on.HoldPlaced(now), on.HoldPlaced(now, now + timedelta(days=5)),
        on.HoldAdopted(now, now + timedelta(days=5)),
        on.HoldNeedsRider(now, "https://pay"), on.HoldFailed(now, "declined"),
        on.HoldExpired(now), on.HoldRunsOut(now), on.Captured(now), on.CaptureFailed(now),
        on.Captured(now, by_other=True), on.Voided(now), on.NotMe(now), on.Collect(now),
        on.Plugged(now), on.Unplugged(now), on.Fault(now, "X"),
        on.UnlockFailed(now), on.Unlocked(now), on.Waiting(now), on.Waiting(now, somebody=False),
        on.Corrected(now, 10), on.Corrected(now, 10**6),
        on.PileOffline(now), on.PileOnline(now), on.StopRequested(now),
        on.StopRequested(now, "staff"),
        *(on.TimerFired(now, name) for name in (*TIMERS, "unknown")),
    ]  # fmt: skip
    for attempt in (1, 2):
        events += [
            on.StartAccepted(now, attempt), on.StartAccepted(now, attempt, "T1"),
            on.StartRejected(now, attempt, "Occupied"), on.StartRejected(now, attempt),
            on.StartUnknown(now, attempt), on.StartTimeout(now, attempt),
            on.StartOffline(now, attempt),
        ]  # fmt: skip
    for tx in ("T1", "T2"):
        events += [
            on.TransactionStarted(now, tx), on.StopAccepted(now, tx),
            on.StopFailed(now, tx, "busy"), on.TransactionEnded(now, tx, now, "Local"),
            on.TransactionEnded(now, tx, now, "PowerLoss", (Reading(now, 4000),)),
            *(on.MeterRead(now, tx, Reading(now, wh)) for wh in (0, 1000, 6100, 60_000)),
            *(on.FlowChanged(now, tx, flow, now)
              for flow in ("", "connected", "charging", "ev", "evse")),
        ]  # fmt: skip
    return events


def check(before: SessionFacts, after: SessionFacts, commands: Sequence[Command]) -> None:
    """What must hold across any one event."""
    assert after.state in STATES
    assert after.hold in HOLDS
    if before.state in FINAL:
        assert after.state == before.state
    money = [each for each in commands if isinstance(each, on.Capture | on.Void)]
    assert len(money) <= 1, "one decision about the money at a time"
    for each in money:
        assert after.hold in {"capturing", "voiding"}
        if isinstance(each, on.Capture):
            assert before.hold == "held" or before.state == "debt"
            assert 0 < each.amount_minor <= after.terms.hold_minor
        else:
            assert before.hold not in {"capturing", "captured", "voiding"}
    assert (after.bill_minor or 0) <= after.terms.hold_minor
    if before.bill_minor is not None:
        assert after.bill_minor == before.bill_minor, "a bill is frozen"
    gone = {each.transaction_id for each in before.owed} - {e.transaction_id for e in after.owed}
    assert len(gone) <= 1, "a stop is owed until its transaction ends"
    set_ = {each.name for each in commands if isinstance(each, on.SetTimer)}
    assert set_ <= set(TIMERS)
    if after.state in FINAL | {"debt"}:
        assert set(after.timers) <= {"stop_retry"}
    if not after.is_open and before.is_open and after.started_at is not None:
        assert after.stop_by, "a charge ends for a reason"


def test_a_debt_is_collected_by_a_new_hold_once_the_old_one_is_gone() -> None:
    story = collecting().hears(on.Collect(at(3001)))
    bill = story.facts.bill_minor or 0
    assert story.all(on.PlaceHold)[-1] == on.PlaceHold(bill, take=True)
    assert len(story.all(on.PlaceHold)) == 3, "asked for twice, placed once"
    story.hears(on.HoldNeedsRider(at(3002), "https://pay"), on.HoldPlaced(at(3010)))
    taken = story.all(on.Capture)[-1]
    assert isinstance(taken, on.Capture)
    assert taken.amount_minor == bill
    assert story.hears(on.Captured(at(3020))).facts.state == "settled"
    assert story.told()[-2:] == ["pay_debt", "debt_paid"]


def test_a_debt_is_taken_of_the_hold_that_still_stands() -> None:
    story = debt().hears(on.Collect(at(1000)))
    assert story.facts.state == "billing"
    assert not story.all(on.PlaceHold)[1:]
    story.hears(on.CaptureFailed(at(1001)))
    assert (story.facts.state, story.facts.hold) == ("debt", "voiding")
    assert not story.all(on.PlaceHold)[1:], "nobody is asked to pay while money is still held"
    story.hears(on.Voided(at(1002)))
    assert story.all(on.PlaceHold)[-1] == on.PlaceHold(story.facts.bill_minor or 0, take=True)


def test_a_debt_is_paid_at_once_and_once() -> None:
    story = collecting().hears(on.HoldNeedsRider(at(3002), "https://pay"), on.Captured(at(3010)))
    assert story.facts.state == "settled"
    assert story.told()[-2:] == ["pay_debt", "debt_paid"]
    done = len(story.commands)
    story.hears(on.Captured(at(3011)), on.Collect(at(3012)), on.HoldExpired(at(3013)))
    assert story.commands[done:] == []


def test_an_old_hold_that_was_captured_after_all_takes_the_pay_page_back() -> None:
    story = collecting().hears(on.HoldNeedsRider(at(3002), "https://pay"))
    story.hears(on.Captured(at(3010), by_other=True))
    assert (story.facts.state, story.facts.hold) == ("settled", "voiding")
    assert story.told()[-1] == "debt_paid"


def test_a_wallet_pays_a_debt_once_its_open_page_is_taken_back() -> None:
    story = collecting().hears(on.HoldNeedsRider(at(3001), "https://pay"))
    story.hears(on.Collect(at(3002), "wallet"))
    assert story.facts.hold == "voiding"
    story.hears(on.Voided(at(3003)))
    asked = [each for each in story.commands if isinstance(each, on.PlaceHold)][-1]
    assert (asked.take, asked.by) == (True, "wallet")
    story.hears(on.Captured(at(3003)))
    assert story.facts.state == "settled"


def test_a_payment_that_failed_leaves_the_debt_and_says_so() -> None:
    story = collecting().hears(on.HoldFailed(at(3001)))
    assert story.facts.state == "debt"
    assert story.told()[-1] == "debt_unpaid"


def test_what_is_paid_while_it_is_given_up_is_known_as_paid() -> None:
    story = releasing().hears(on.Captured(at(100)))
    assert (story.facts.state, story.facts.hold) == ("settled", "captured")


def test_a_lower_register_is_credited_and_a_debt_asks_for_the_rest() -> None:
    story = billed_offline()
    for _ in range(2):
        story.hears(on.CaptureFailed(at(90))).fire("capture")
    story.hears(on.CaptureFailed(at(900)), on.HoldExpired(at(901)), on.HoldFailed(at(902)))
    bill = story.facts.bill_minor or 0
    story.hears(on.TransactionEnded(at(950), "T1", at(80), "Remote", (Reading(at(80), 4000),)))
    credit = sum(each.amount_minor for each in story.commands if isinstance(each, on.Credit))
    assert 0 < credit < bill
    story.hears(on.Collect(at(1000)))
    assert story.all(on.PlaceHold)[-1] == on.PlaceHold(bill - credit, take=True)
    assert story.hears(on.Captured(at(1010))).all(on.Refund) == []


def test_a_debt_that_is_credited_whole_is_forgiven() -> None:
    story = billed_offline()
    for _ in range(2):
        story.hears(on.CaptureFailed(at(90))).fire("capture")
    story.hears(on.CaptureFailed(at(900)), on.HoldExpired(at(901)), on.HoldFailed(at(902)))
    story.hears(on.TransactionEnded(at(950), "T1", at(80), "Remote", (Reading(at(80), 1000),)))
    assert story.facts.state == "void"
    assert story.told()[-1] == "corrected"


def test_the_table_knows_every_event() -> None:
    told = {type(event) for event in possible(at(100))}
    assert told == set(EVENTS)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("number", range(len(possible(T0))))
def test_every_event_in_every_state(situation: str, number: int) -> None:
    story = SITUATIONS[situation]()
    event = possible(at(4000))[number]
    after, commands = advance(story.facts, event)
    check(story.facts, after, commands)
    again, commands = advance(after, event)  # the same once more is harmless
    check(after, again, commands)
    assert load_facts(dump_facts(again), TARIFF) == again


def test_every_state_is_among_the_situations() -> None:
    assert {make().facts.state for make in SITUATIONS.values()} == set(STATES)


def test_a_hold_let_go_after_another_payment_leaves_the_bill_settled() -> None:
    story = billed_offline().hears(on.Captured(at(2000), by_other=True), on.Voided(at(2001)))
    assert (story.facts.state, story.facts.hold) == ("settled", "void")


# Random events in order of time: which of `possible`, and how many seconds after the last.
random_events = st.lists(
    st.tuples(st.integers(0, len(possible(T0)) - 1), st.integers(0, 400)), max_size=60
)


@given(random_events, st.sampled_from(sorted(SITUATIONS)))
@settings(max_examples=400, deadline=None)
def test_random_stories_keep_the_money_straight(
    steps: list[tuple[int, int]], situation: str
) -> None:
    story, now = SITUATIONS[situation](), 1000
    bills = len(story.all(on.MakeBill))
    asked, again = False, 0
    for number, passed in steps:
        now += passed
        event = possible(at(now))[number]
        before = story.facts
        after, commands = advance(before, event)
        check(before, after, commands)
        story.facts = after
        story.commands += commands
        asked |= isinstance(event, on.StopRequested)
        once_more = isinstance(event, on.Collect | on.HoldPlaced | on.HoldRunsOut)
        again += before.state == "debt" and once_more
        bills += sum(isinstance(each, on.MakeBill) for each in commands)
    assert bills <= 1
    captures = [each for each in story.all(on.Capture) if isinstance(each, on.Capture)]
    bill, credited = story.facts.bill_minor or 0, story.facts.refund_minor
    assert {each.amount_minor for each in captures} <= {bill, bill - credited}
    assert len(captures) <= 3 + again, "tried once more when asked, or when the hold runs out"
    if asked:
        assert story.facts.state not in {"charging", "suspended", "starting", "holding"}
    numbers = [each.number for each in story.commands if isinstance(each, on.Tell)]
    assert len(numbers) == len(set(numbers))


# --- starting


def test_yes_places_one_hold() -> None:
    story = holding().hears(on.Yes(T0))
    assert story.all(on.PlaceHold) == [on.PlaceHold(2000)]


def test_a_card_that_must_be_confirmed_sends_the_page_once_and_looks_again() -> None:
    story = waiting().hears(on.HoldNeedsRider(at(5), "https://pay"))
    assert story.told() == ["pay"]
    assert len(story.fire("check").all(on.CheckHold)) == 1
    story.hears(on.HoldPlaced(at(60)))
    assert story.facts.state == "starting"
    assert "check" not in story.facts.timers


def test_an_unpaid_page_frees_the_pile() -> None:
    story = waiting().fire("hold")
    assert story.facts.state == "releasing"
    assert story.told()[-1] == "pay_timeout"
    assert story.hears(on.HoldExpired(at(1000))).facts.state == "void"


def test_money_that_comes_after_all_goes_back() -> None:
    story = failed().hears(on.HoldPlaced(at(50)))
    assert (story.facts.state, len(story.all(on.Void))) == ("failed", 1)


def test_accepted_is_not_yet_charging() -> None:
    story = accepted()
    assert story.facts.state == "starting"
    assert story.told()[-1] == "plug_in"
    assert "plug" in story.facts.timers


def test_the_moving_meter_is_success() -> None:
    story = charging()
    assert story.facts.state == "charging"
    assert story.told()[-1] == "started"
    assert story.facts.started_at == at(4)
    assert set(story.facts.timers) == {"max"}


def test_a_pile_that_is_silent_after_accepting_gets_one_more_start_and_then_fails() -> None:
    story = accepted().hears(on.Plugged(at(3))).fire("energy")
    assert story.all(on.SendStart) == [on.SendStart(1), on.SendStart(2)]
    story.hears(on.StartAccepted(at(40), 2)).fire("energy")
    assert story.facts.state == "releasing"
    assert story.all(on.Tell)[-1] == on.Tell(
        "start_failed", story.facts.tells, {"why": "no_energy"}
    )
    assert story.all(on.Void) == [on.Void(1)]
    assert on.MarkSuspect() in story.commands


def test_a_transaction_without_energy_is_stopped_before_the_second_start() -> None:
    story = running().fire("energy")
    assert story.commands.index(on.SendStop("T1", 1)) < story.commands.index(on.SendStart(2))
    story.hears(on.TransactionEnded(at(101), "T1", at(101), "Remote"))
    assert story.facts.state == "starting"
    story.hears(
        on.StartAccepted(at(102), 2),
        on.TransactionStarted(at(103), "T2"),
        on.MeterRead(at(103), "T2", Reading(at(103), 1000)),
        on.MeterRead(at(163), "T2", Reading(at(163), 1500)),
    )
    assert (story.facts.state, story.facts.energy_wh()) == ("charging", 500)


def test_a_vehicle_that_takes_nothing_ends_free() -> None:
    story = running().hears(on.FlowChanged(at(5), "T1", "ev", at(5))).fire("energy")
    assert story.told()[-1] == "waiting_for_vehicle"
    story.fire("no_energy")
    assert story.facts.state == "releasing"
    assert on.SendStop("T1", 1) in story.commands
    assert on.MarkSuspect() not in story.commands


def test_no_plug_in_time_releases_the_money() -> None:
    story = accepted().fire("plug")
    assert story.facts.state == "releasing"
    assert story.all(on.Void) == [on.Void(1)]


def test_a_rejected_start_is_tried_once_more_unless_it_is_hopeless() -> None:
    story = starting().hears(on.StartRejected(at(2), 1, "Busy")).fire("retry")
    assert len(story.all(on.SendStart)) == 2
    assert story.hears(on.StartRejected(at(9), 2, "Busy")).facts.state == "releasing"
    hopeless = starting().hears(on.StartRejected(at(2), 1, "Occupied"))
    assert hopeless.facts.state == "releasing"
    assert hopeless.all(on.Tell)[-1] == on.Tell("start_failed", 2, {"why": "Occupied"})


def test_a_transaction_that_starts_after_the_failure_is_stopped_and_free() -> None:
    story = void().hears(
        on.TransactionStarted(at(100), "T9"),
        on.MeterRead(at(101), "T9", Reading(at(101), 9000)),
        on.MeterRead(at(102), "T9", Reading(at(102), 9900)),
    )
    assert story.all(on.SendStop) == [on.SendStop("T9", 1)]
    assert (story.facts.state, story.facts.energy_wh()) == ("void", 0)
    story.hears(on.StopFailed(at(110), "T9")).fire("stop_retry")
    assert story.all(on.SendStop)[-1] == on.SendStop("T9", 2)


def test_stop_while_starting_cancels_and_stops_the_late_transaction() -> None:
    story = accepted().hears(on.StopRequested(at(5)), on.TransactionStarted(at(6), "T1"))
    assert story.told()[-1] == "start_cancelled"
    assert story.facts.state == "releasing"
    assert story.all(on.SendStop) == [on.SendStop("T1", 1)]


# --- charging


def test_what_comes_after_stop_is_not_billed() -> None:
    story = stopping().hears(
        on.MeterRead(at(85), "T1", Reading(at(85), 7500)),
        on.TransactionEnded(at(86), "T1", at(86), "Remote", (Reading(at(86), 7600),)),
    )
    assert story.facts.energy_wh() == 5000
    assert story.all(on.Capture) == [on.Capture(300, 1)]
    assert story.told()[-2:] == ["stopping", "receipt"]


def test_a_lower_final_register_counts() -> None:
    story = stopping().hears(
        on.TransactionEnded(at(86), "T1", at(86), "Remote", (Reading(at(86), 3500),))
    )
    assert story.all(on.Capture) == [on.Capture(200, 1)]


def test_a_second_stop_is_answered_and_does_nothing() -> None:
    story = stopping()
    before = len(story.commands)
    story.hears(on.StopRequested(at(81)))
    assert story.told()[-1] == "already_stopping"
    assert len(story.commands) == before + 1


def test_a_pile_that_never_confirms_the_stop_does_not_hold_the_bill_back() -> None:
    story = stopping().fire("stop")
    assert story.all(on.Capture) == [on.Capture(300, 1)]
    story.hears(on.Captured(at(110)), on.PileOnline(at(500)))
    assert story.all(on.SendStop)[-1] == on.SendStop("T1", 2), "the stop is still owed"


def test_stop_of_an_offline_pile_bills_at_once_and_gives_back_what_was_too_much() -> None:
    story = billed_offline()
    assert story.told()[-2:] == ["stop_offline", "receipt"]
    assert story.all(on.Capture) == [on.Capture(300, 1)]
    story.hears(
        on.Captured(at(90)),
        on.PileOnline(at(400)),
        on.TransactionEnded(at(401), "T1", at(401), "Remote", (Reading(at(401), 5000),)),
    )
    assert story.all(on.SendStop)[-1] == on.SendStop("T1", 2)
    assert story.all(on.Refund) == [on.Refund(40, "meter")]
    assert story.facts.owed == ()


def test_a_lower_figure_before_the_capture_is_known_waits_for_it() -> None:
    story = billed_offline().hears(
        on.TransactionEnded(at(88), "T1", at(88), "Remote", (Reading(at(88), 5000),))
    )
    assert story.all(on.Refund) == []
    assert story.hears(on.Captured(at(90))).all(on.Refund) == [on.Refund(40, "meter")]


def test_a_pile_that_dies_ends_at_its_last_reading_without_the_start_fee() -> None:
    story = charging().hears(on.PileOffline(at(100))).fire("offline")
    assert story.all(on.Capture) == [on.Capture(200, 1)]
    assert story.facts.ended_at == at(64)
    story.hears(on.PileOnline(at(5000)))
    assert isinstance(story.commands[-1], on.SendStop)


def test_a_pile_that_comes_back_goes_on() -> None:
    story = charging().hears(on.PileOffline(at(100)), on.PileOnline(at(200)))
    assert story.facts.state == "charging"
    assert "offline" not in story.facts.timers


@pytest.mark.parametrize(
    "event",
    [on.Fault(at(100), "OVER_TEMP"), on.TransactionEnded(at(100), "T1", at(100), "GroundFault")],
)
def test_a_fault_costs_energy_only(event: Event) -> None:
    story = charging().hears(event)
    if story.facts.state == "stopping":
        story.fire("stop")
    assert story.all(on.Capture) == [on.Capture(200, 1)]
    assert "fault" in story.told()
    assert on.MarkSuspect() in story.commands


def test_the_hold_is_never_passed() -> None:
    story = charging().hears(on.MeterRead(at(120), "T1", Reading(at(120), 42_000)))
    assert story.told()[-1] == "hold_near"
    story.hears(on.MeterRead(at(180), "T1", Reading(at(180), 90_000)))
    assert story.facts.state == "stopping"
    assert story.fire("stop").all(on.Capture) == [on.Capture(2000, 1)]


def test_the_longest_session_ends_by_itself() -> None:
    assert charging().fire("max").facts.state == "stopping"


@pytest.mark.parametrize(
    ("stuck", "free"),
    [
        ((on.UnlockFailed(at(100)), on.Unlocked(at(1900))), (on.Waiting(at(1901)),)),
        ((on.PileOffline(at(100)), on.PileOnline(at(900))), ()),
        ((on.PileOffline(at(200)), on.UnlockFailed(at(300)), on.PileOnline(at(400))), ()),
    ],
)
def test_our_fault_never_costs_idling(stuck: tuple[Event, ...], free: tuple[Event, ...]) -> None:
    """Freed or not, what is left is a new stretch with a grace of its own."""
    story = suspended().hears(*stuck, *free)
    last = stuck[-1].at
    ended = last + timedelta(seconds=590)
    story.hears(on.TransactionEnded(ended, "T1", ended, "EVDisconnected"))
    assert [line.what for line in story.facts.bill().lines] == ["flat", "energy"]
    assert "idle_start" not in story.told()


def test_idling_that_our_fault_breaks_off_costs_up_to_it() -> None:
    story = suspended().fire("idle_warning").fire("idle_start")  # at 670
    story.hears(on.PileOffline(at(790)))
    assert story.told()[-2:] == ["idle_ended", "offline"]
    story.hears(on.PileOnline(at(1000)), on.StopRequested(at(1100)))
    (idle,) = [line for line in story.facts.bill().lines if line.what == "idle"]
    assert (idle.quantity, idle.gross_minor) == ("120", 20)


def test_every_stretch_of_idling_is_warned_of_anew() -> None:
    story = suspended().fire("idle_warning").fire("idle_start")
    story.hears(
        on.FlowChanged(at(700), "T1", "charging", at(700)),
        on.FlowChanged(at(800), "T1", "ev", at(800)),
        on.FlowChanged(at(900), "T1", "connected", at(900)),  # the same stretch
    )
    assert story.facts.idle_from == at(1400)
    story.fire("idle_warning").fire("idle_start")
    assert story.told()[-5:] == [
        "idle_warning", "idle_start", "idle_ended", "idle_warning", "idle_start",
    ]  # fmt: skip


def test_idle_is_told_before_and_billed_after_the_grace() -> None:
    story = suspended()
    assert story.told()[-1] == "full"
    story.fire("idle_warning").fire("idle_start")
    assert story.told()[-2:] == ["idle_warning", "idle_start"]
    story.hears(on.TransactionEnded(at(1270), "T1", at(1270), "EVDisconnected"))
    assert story.all(on.Capture) == [on.Capture(300 + 100, 1)]  # 20 minutes, 10 of them free


def test_a_pause_by_the_station_is_not_idling() -> None:
    story = charging().hears(
        on.FlowChanged(at(70), "T1", "evse", at(70)),
        on.TransactionEnded(at(5000), "T1", at(5000), "Local"),
    )
    assert story.all(on.Capture) == [on.Capture(300, 1)]


def test_nothing_delivered_costs_nothing() -> None:
    story = running().hears(on.TransactionEnded(at(30), "T1", at(30), "EVDisconnected"))
    assert story.facts.state == "releasing"
    assert story.hears(on.Voided(at(31))).facts.state == "void"


def test_too_little_to_take_is_waived_with_a_receipt() -> None:
    terms = replace(TERMS, tariff=replace(TARIFF, elements=TARIFF.elements[1:]))
    story = Story(SessionFacts(terms, T0)).hears(
        on.Yes(T0), on.HoldPlaced(at(1)), on.TransactionStarted(at(2), "T1"),
        on.MeterRead(at(2), "T1", Reading(at(2), 0)),
        on.MeterRead(at(9), "T1", Reading(at(9), 100)),
        on.TransactionEnded(at(10), "T1", at(10), "Local"),
    )  # fmt: skip
    assert story.all(on.Capture) == []
    assert story.all(on.Void) == [on.Void(1)]
    assert story.told()[-1] == "receipt"
    assert story.facts.bill().lines[-1].what == "waived"


def test_a_capture_that_fails_is_tried_three_times_and_then_owed() -> None:
    story = debt()
    assert len(story.all(on.Capture)) == 3
    assert story.facts.state == "debt"
    assert story.told()[-1] == "debt"
    assert story.hears(on.Captured(at(9000))).facts.state == "settled"


def test_a_hold_that_expires_while_charging_ends_it_and_is_recovered() -> None:
    story = charging().hears(on.HoldExpired(at(100))).fire("stop")
    bill = story.facts.bill_minor or 0
    assert (story.facts.state, story.facts.hold) == ("debt", "placing"), "blocked until it is paid"
    assert story.all(on.PlaceHold)[1:] == [on.PlaceHold(bill, take=True)]
    assert story.all(on.Capture) == []
    assert "debt" not in story.told(), "the rider hears of it when it does not work"
    story.hears(on.Captured(at(200)))
    assert (story.facts.state, story.told()[-1]) == ("settled", "debt_paid")


def test_what_cannot_be_recovered_is_a_debt_and_asked_for_once() -> None:
    story = charging().hears(on.HoldExpired(at(100))).fire("stop").hears(on.HoldFailed(at(200)))
    assert (story.facts.state, story.told()[-1]) == ("debt", "debt")
    story.hears(on.HoldExpired(at(300)), on.Voided(at(301)))
    assert len(story.all(on.PlaceHold)) == 2, "by itself one time"
    page = recovering().hears(on.HoldNeedsRider(at(2002), "https://pay"))
    assert page.told()[-1] == "pay_debt"
    assert page.hears(on.HoldExpired(at(9000))).facts.state == "debt"
    assert len(page.all(on.PlaceHold)) == 2


def test_a_hold_that_runs_out_is_captured_before() -> None:
    story = holding().hears(on.HoldPlaced(at(1), at(1) + timedelta(days=4)))
    assert story.facts.timers["expiry"] == at(1) + timedelta(days=3, hours=12)
    assert charging().hears(on.HoldRunsOut(at(100))).facts.state == "stopping"


def test_not_me_stops_and_costs_nothing() -> None:
    story = charging().hears(on.NotMe(at(100)))
    assert story.facts.state == "releasing"
    assert on.SendStop("T1", 1) in story.commands
    assert story.all(on.Capture) == []


def test_an_old_timer_is_harmless() -> None:
    story = charging()
    before = story.facts
    assert story.hears(on.TimerFired(at(9999), "energy")).facts == before


def test_readings_stay_few_and_exact() -> None:
    story = charging()
    for second in range(70, 7270, 10):
        wh = 6000 + second
        story.hears(on.MeterRead(at(second), "T1", Reading(at(second), wh)))
    assert len(story.facts.readings) < 60
    assert story.facts.readings[-1] == Reading(at(7260), 13_260)


# --- late, early, repeated


def test_a_second_accept_does_not_prolong_the_wait() -> None:
    story = accepted().hears(on.Plugged(at(3)))
    due = story.facts.timers["energy"]
    assert story.hears(on.StartAccepted(at(20), 1)).facts.timers["energy"] == due


def test_a_timer_that_fires_early_is_ignored() -> None:
    story = accepted()
    story.hears(on.TimerFired(story.facts.timers["plug"] - timedelta(seconds=1), "plug"))
    assert story.facts.state == "starting"
    assert "plug" in story.facts.timers


def test_money_news_at_the_wrong_time_changes_nothing() -> None:
    assert billing().hears(on.HoldPlaced(at(90))).facts.hold == "capturing"
    assert charging().hears(on.Captured(at(90))).facts.state == "charging"
    assert settled().hears(on.CaptureFailed(at(99))).facts.state == "settled"


def test_time_is_billed_up_to_the_last_word_of_a_dead_pile() -> None:
    by_time = replace(TARIFF, elements=(Element("time", Decimal("1"), "min"),))
    story = charging()
    story.facts = replace(story.facts, terms=replace(TERMS, tariff=by_time))
    story.hears(on.PileOffline(at(100))).fire("offline")
    assert story.all(on.Capture) == [on.Capture(100, 1)]  # 4 s to 64 s


def test_a_fault_is_told_once() -> None:
    assert charging().hears(on.Fault(at(100), "OVER_TEMP")).told()[-2:] == ["started", "fault"]


def test_after_stop_only_the_wait_for_the_pile_is_timed() -> None:
    assert set(stopping().facts.timers) == {"stop"}


def test_a_stop_that_failed_is_repeated_after_everything_else_is_over() -> None:
    story = running().hears(
        on.StopRequested(at(10)), on.StopFailed(at(11), "T1"), on.Voided(at(12))
    )
    assert story.facts.state == "void"
    assert story.fire("stop_retry").all(on.SendStop)[-1] == on.SendStop("T1", 2)
    story.hears(on.StopFailed(at(40), "T1"), on.TransactionEnded(at(41), "T1", at(41), "Remote"))
    assert story.facts.timers == {}


def test_a_register_that_goes_back_counts_as_standing_still() -> None:
    story = charging().hears(on.MeterRead(at(70), "T1", Reading(at(70), 10)))
    assert [each.wh for each in story.facts.readings] == [1000, 6000]


def test_the_first_reading_may_come_late() -> None:
    story = accepted().hears(
        on.MeterRead(at(20), "T1", Reading(at(20), 1500)),
        on.TransactionStarted(at(21), "T1"),
        on.MeterRead(at(21), "T1", Reading(at(5), 1000)),
        on.MeterRead(at(30), "T1", Reading(at(30), 2000)),
    )
    assert story.facts.energy_wh() == 1000


def test_facts_of_another_version_can_be_read() -> None:
    facts = charging().facts
    raw = dump_facts(facts)
    del raw["voids"], raw["terms"]["limits"]["stop_wait_s"]
    raw["invented_later"], raw["terms"]["limits"]["invented_later_s"] = 1, 2
    assert load_facts(raw, TARIFF) == facts


# --- broken off by us


def test_a_stop_for_safety_spares_the_fees_and_says_why_once() -> None:
    story = charging().hears(on.StopRequested(at(200), "safety"))
    assert (story.facts.state, story.facts.fault) == ("stopping", True)
    assert story.told()[-1] == "danger"
    usual = charging().hears(on.StopRequested(at(200), "rider"))
    assert usual.facts.bill(at(200)).gross_minor - story.facts.bill(at(200)).gross_minor == 100
    told = len(story.told())
    story.hears(on.StopRequested(at(201), "safety"))
    assert len(story.told()) == told, "nobody asked, so there is nothing to answer"


def test_a_start_that_danger_cancels_says_why() -> None:
    story = starting().hears(on.StopRequested(at(3), "safety"))
    assert (story.facts.state, story.told()[-1]) == ("releasing", "danger")


def test_energy_that_the_pile_itself_holds_back_is_told_soon_and_blamed_on_the_pile() -> None:
    story = running().hears(on.FlowChanged(at(5), "T1", "evse", at(5)))
    assert story.facts.timers["energy"] == at(35)
    story.hears(on.FlowChanged(at(20), "T1", "evse", at(20)))  # said again with each reading
    assert story.facts.timers["energy"] == at(35)
    story.fire("energy")
    assert story.told()[-1] == "withheld"
    story.fire("no_energy")
    assert story.facts.state == "releasing"
    assert on.MarkSuspect() in story.commands
