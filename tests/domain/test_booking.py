"""The booking state machine: its ways, its clock, its money; rules of what may be booked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import booking_facts as on
from bot.domain.booking import advance
from bot.domain.booking_facts import BookingFacts, Command, Event, Terms, cost_minor
from bot.domain.booking_facts import dump_booking as dump
from bot.domain.booking_facts import load_booking as load
from bot.domain.booking_rules import (
    Rules,
    cell_at,
    cells,
    deposit_for,
    down,
    for_market,
    free_starts,
    paused_until,
    wrong,
)
from bot.domain.money import Money

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
START = NOW + timedelta(hours=2)
TERMS = Terms("EUR", deposit_minor=1500, fee_minor=500)
MIN = timedelta(minutes=1)


def fresh(starts_at: datetime = START, terms: Terms = TERMS) -> BookingFacts:
    return BookingFacts(terms, NOW, starts_at, starts_at + timedelta(hours=1))


def run(facts: BookingFacts, *events: Event) -> tuple[BookingFacts, list[Command]]:
    commands: list[Command] = []
    for event in events:
        facts, more = advance(facts, event)
        commands += more
    return facts, commands


def reserved(starts_at: datetime = START) -> BookingFacts:
    facts, _ = run(fresh(starts_at), on.Booked(NOW), on.DepositHeld(NOW, 1))
    assert facts.state == "RESERVED"
    return facts


def fire(facts: BookingFacts, name: str, blocked: str = "") -> tuple[BookingFacts, list[Command]]:
    return run(facts, on.TimerFired(facts.timers[name], name, blocked))


def told(commands: list[Command]) -> list[str]:
    return [each.notice for each in commands if isinstance(each, on.Tell)]


def test_a_hold_soon_a_card_for_later_and_no_deposit_at_all() -> None:
    _, commands = run(fresh(), on.Booked(NOW))
    assert on.AskDeposit(1) in commands
    later = fresh(NOW + timedelta(days=5))
    _, commands = run(later, on.Booked(NOW))
    assert on.AskDeposit(1, card=True) in commands
    facts, commands = run(later, on.Booked(NOW, card=True))
    assert (facts.state, facts.deposit) == ("RESERVED", "saved")
    assert facts.timers["deposit"] == later.starts_at - timedelta(hours=24)
    facts, commands = fire(facts, "deposit")
    assert on.AskDeposit(1) in commands
    free = fresh(terms=Terms("EUR", 0, 0))
    facts, commands = run(free, on.Booked(NOW))
    assert facts.state == "RESERVED" and told(commands) == ["booked"]


def test_a_card_that_says_no_gives_the_slot_free() -> None:
    facts, commands = run(fresh(), on.Booked(NOW), on.DepositRefused(NOW, 1))
    assert facts.state == "REJECTED" and on.FreeSlot() in commands and not facts.timers
    later = run(fresh(NOW + timedelta(days=5)), on.Booked(NOW, card=True))[0]
    facts = fire(later, "deposit")[0]
    facts, commands = run(facts, on.DepositRefused(facts.starts_at, 1))
    assert facts.state == "FAILED" and told(commands) == ["deposit_lost"]
    assert on.FreeSlot() in commands


def test_a_page_that_nobody_uses_runs_out_and_a_late_payment_is_let_go() -> None:
    facts, _ = run(fresh(), on.Booked(NOW), on.DepositNeedsRider(NOW, 1, "https://pay"))
    facts, commands = fire(facts, "pay")
    assert facts.state == "REJECTED" and on.Release(1) in commands
    facts, commands = run(facts, on.DepositHeld(NOW + 20 * MIN, 1))
    assert commands == [on.Release(1)]


def test_the_countdown_to_the_fee() -> None:
    facts, commands = fire(reserved(), "keep")
    assert commands == [on.KeepPile(1, START + 10 * MIN)]
    facts, commands = fire(facts, "start")
    assert told(commands) == ["slot_start"] and facts.late_at == START + 10 * MIN
    assert [facts.timers[n] - START for n in ("late_5", "late_9", "no_show")] == [
        5 * MIN, 9 * MIN, 10 * MIN,
    ]  # fmt: skip
    facts, commands = fire(facts, "late_5")
    assert told(commands) == ["late_5"]
    facts, commands = fire(facts, "late_9")
    assert told(commands) == ["late_9"]
    facts, commands = fire(facts, "no_show")
    assert facts.state == "NO_SHOW" and facts.deposit == "taking"
    assert on.Take(1, 500) in commands and on.FreeSlot() in commands
    assert on.FreePile(1) in commands and told(commands) == ["no_show"]


@pytest.mark.parametrize("why", ["busy", "fault", "offline", "out_of_service"])
def test_nobody_pays_for_a_bay_that_could_not_be_used(why: str) -> None:
    facts, commands = fire(reserved(), "start", why)
    assert on.Rehome(why) in commands and "slot_start" not in told(commands)
    facts, commands = fire(facts, "no_show", why)
    assert facts.state == "FAILED" and on.Release(1) in commands
    assert not any(isinstance(each, on.Take) for each in commands)


def test_a_bay_that_gets_free_in_the_middle_gives_the_whole_time() -> None:
    facts, _ = fire(reserved(), "start", "busy")
    facts, commands = run(facts, on.Unblocked(START + 8 * MIN))
    assert told(commands) == ["free_now"] and facts.late_at == START + 18 * MIN
    facts, commands = run(facts, on.TimerFired(START + 10 * MIN, "no_show"))
    assert facts.state == "RESERVED"


def test_a_clock_that_goes_back_fires_nothing_early() -> None:
    facts, _ = fire(reserved(), "start")
    early = facts.timers["no_show"] - timedelta(hours=1)
    after, commands = run(facts, on.TimerFired(early, "no_show"))
    assert after == facts and commands == [on.SetTimer("no_show", facts.timers["no_show"])]


def test_a_clock_that_leaps_tells_no_countdown_that_is_over() -> None:
    facts, late = reserved(), START + 30 * MIN
    said: list[str] = []
    for name in ("keep", "start", "late_5", "late_9", "no_show"):
        facts, commands = run(facts, on.TimerFired(late, name))
        said += told(commands)
    assert facts.state == "NO_SHOW" and said == ["no_show"]


@pytest.mark.parametrize(("before", "cost"), [(120, 0), (15, 0), (14, 500), (0, 500), (-5, 500)])
def test_what_a_cancellation_costs(before: int, cost: int) -> None:
    at = START - before * MIN
    facts = reserved()
    assert cost_minor(facts, at) == cost
    facts, commands = run(facts, on.Cancel(at))
    assert facts.state == "CANCELED"
    assert ([on.Take(1, cost)] if cost else [on.Release(1)]) == [
        each for each in commands if isinstance(each, on.Take | on.Release)
    ]


def test_staff_and_a_blocked_bay_cost_nothing_to_cancel() -> None:
    _, commands = run(reserved(), on.Cancel(START, "staff"))
    assert on.Release(1) in commands
    blocked, _ = run(reserved(), on.Blocked(START - 5 * MIN, "fault"))
    assert cost_minor(blocked, START) == 0


def test_a_bay_reported_before_the_start_costs_nothing_whatever_the_pile_says() -> None:
    facts, _ = run(reserved(), on.Blocked(START - 5 * MIN, "reported"))
    for name in ("start", "no_show"):  # the pile sees no car
        facts, commands = fire(facts, name)
    assert facts.state == "FAILED" and on.Release(1) in commands
    assert told(commands) == ["bay_blocked"]


def test_arriving_applies_the_deposit_or_returns_it() -> None:
    facts, commands = run(reserved(), on.Arrived(START, 7, adopted=True))
    assert (facts.state, facts.deposit, facts.session_id) == ("FULFILLED", "applied", 7)
    assert not any(isinstance(each, on.Release | on.FreePile) for each in commands)
    facts, commands = run(reserved(), on.Arrived(START, 7, adopted=False))
    assert facts.deposit == "releasing" and on.Release(1) in commands
    facts, commands = run(facts, on.Left(START + 30 * MIN), on.Left(START + 31 * MIN))
    assert commands == [on.FreeSlot()]


def test_a_move_begins_anew_and_a_late_one_takes_the_fee_and_asks_again() -> None:
    facts, _ = fire(reserved(), "keep")
    new = START + timedelta(hours=3)
    moved, commands = run(facts, on.Moved(NOW, new, new + timedelta(hours=1)))
    assert on.FreePile(1) in commands and told(commands) == ["moved"]
    assert (
        moved.timers["start"] == new and moved.deposit == "held" and moved.late_at == new + 10 * MIN
    )
    at = START - 5 * MIN
    moved, commands = run(facts, on.Moved(at, new, new + timedelta(hours=1), cost_minor=500))
    assert on.Take(1, 500) in commands and on.AskDeposit(2) in commands
    assert (moved.state, moved.deposit, moved.asked) == ("RESERVED", "placing", 2)
    assert run(moved, on.DepositTaken(at, 1))[0].deposit == "placing"
    assert run(moved, on.DepositHeld(at, 2))[0].deposit == "held"


def test_a_move_far_ahead_lets_the_hold_go_and_keeps_the_card() -> None:
    new = NOW + timedelta(days=8)
    moved, commands = run(reserved(), on.Moved(NOW, new, new + timedelta(hours=1), card=True))
    assert on.Release(1) in commands and moved.deposit == "saved"
    assert moved.timers["deposit"] == new - timedelta(hours=24)


def test_a_longer_stay_leaves_the_countdown_alone() -> None:
    facts, _ = fire(reserved(), "start")
    longer, _ = run(facts, on.Moved(START + MIN, START, START + timedelta(hours=2)))
    assert longer.timers == facts.timers and longer.due_from == START


def test_a_fee_is_given_back_once_also_while_it_is_being_taken() -> None:
    gone, _ = fire(fire(reserved(), "start")[0], "no_show")
    facts, commands = run(gone, on.Forgiven(START + 60 * MIN))
    assert not any(isinstance(each, on.GiveBack) for each in commands)
    facts, commands = run(
        facts, on.DepositTaken(START + 61 * MIN, 1), on.Forgiven(START + 62 * MIN)
    )
    assert [each for each in commands if isinstance(each, on.GiveBack)] == [on.GiveBack(1, 500)]


# --- any history

_EVENTS = st.one_of(
    st.builds(on.Booked, st.just(NOW), st.booleans()),
    st.sampled_from([on.DepositHeld, on.DepositRefused, on.CardSaved, on.DepositGone,
                     on.DepositTaken, on.TakeFailed]).map(lambda kind: kind(NOW, 1)),
    st.sampled_from([on.OnMyWay(NOW), on.Cancel(NOW), on.Cancel(NOW, "staff"), on.Left(NOW),
                     on.Unblocked(NOW), on.Appealed(NOW), on.Forgiven(NOW)]),
    st.sampled_from([on.Blocked(NOW, "fault"), on.Arrived(NOW, 3, adopted=True),
                     on.Arrived(NOW, 3, adopted=False), on.PileKeeps(NOW, 1),
                     on.PileRefuses(NOW, 1), on.DepositNeedsRider(NOW, 1, "https://pay")]),
    st.builds(
        lambda hours, cost: on.Moved(NOW, NOW + timedelta(hours=hours),
                                     NOW + timedelta(hours=hours + 1), cost),
        st.integers(1, 200), st.sampled_from([0, 500]),
    ),
    st.builds(
        on.TimerFired, st.just(NOW),
        st.sampled_from(["pay", "deposit", "remind_30", "remind_10", "clear", "keep", "start",
                         "late_5", "late_9", "no_show"]),
        st.sampled_from(["", "busy", "fault"]),
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), _EVENTS), max_size=25))
def test_whatever_happens_a_deposit_has_one_end(history: list[tuple[int, Event]]) -> None:
    facts, at = run(fresh(), on.Booked(NOW))[0], NOW
    ends: dict[int, list[str]] = {}
    for minutes, event in history:
        at += minutes * MIN
        object.__setattr__(event, "at", at)
        before = facts
        facts, commands = advance(facts, event)
        assert load(dump(facts)) == facts
        for command in commands:
            if isinstance(command, on.Take):
                assert before.deposit == "held" and 0 < command.amount_minor <= 1500
                ends.setdefault(command.number, []).append("take")
        if facts.deposit == "applied" and before.deposit != "applied":
            assert before.deposit == "held"
            ends.setdefault(facts.asked, []).append("apply")
        if not facts.live:
            assert facts.state == "FULFILLED" or facts.ended_at is not None
            assert facts.deposit not in {"placing", "waiting", "held"} or facts.state == "FULFILLED"
        for name, due in facts.timers.items():
            assert due >= min(at, before.timers.get(name, at))
    assert all(len(each) == 1 for each in ends.values())


# --- rules

RULES = Rules(86_400 * 14, 900, 14_400, 600, 900, 600, "5", 3, 604_800, "t1")


def test_what_cannot_be_booked() -> None:
    def why(start_min: int, length_min: int) -> str | None:
        found = wrong(RULES, NOW + start_min * MIN, NOW + (start_min + length_min) * MIN, NOW)
        return found[0] if found else None

    assert [why(-10, 60), why(0, 60), why(60, 10), why(60, 300), why(15 * 1440, 60)] == [
        "past", None, "too_short", "too_long", "too_far",
    ]  # fmt: skip


def test_three_times_not_there_is_a_week_and_then_anew() -> None:
    day = timedelta(days=1)
    missed = [NOW, NOW + day, NOW + 2 * day]
    assert paused_until(missed[:2], strikes=3, pause_s=604_800) is None
    assert paused_until(missed, strikes=3, pause_s=604_800) == NOW + 9 * day
    again = [*missed, NOW + 20 * day]
    assert paused_until(again, strikes=3, pause_s=604_800) == NOW + 9 * day
    assert paused_until(missed, strikes=0, pause_s=604_800) is None


def test_markets_differ() -> None:
    assert for_market("20160,GB:60, sg:30", "GB") == "60"
    assert for_market("20160,GB:60, sg:30", "SG") == "30"
    assert for_market("20160,GB:60", "FI") == "20160"
    assert deposit_for(Money(300, "EUR"), Money(500, "EUR")) == Money(500, "EUR")
    assert deposit_for(Money(1500, "EUR"), Money(500, "EUR")) == Money(1500, "EUR")
    assert deposit_for(Money(1500, "EUR"), Money(0, "EUR")) == Money(0, "EUR")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])  # summer time begins and ends
def test_cells_are_the_same_length_on_every_day(day: str) -> None:
    zone = ZoneInfo("Europe/Helsinki")
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone)
    after = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=zone)
    hours = 23 if day == "2026-03-29" else 25
    assert len(cells(midnight, after)) == hours * 12
    twice = datetime(2026, 10, 25, 3, 30, tzinfo=zone)
    assert set(cells(twice, twice.astimezone(UTC) + 5 * MIN)).isdisjoint(
        cells(twice.replace(fold=1), twice.replace(fold=1).astimezone(UTC) + 5 * MIN)
    )


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 60)), st.integers(300, 7200), st.integers(0, 3600))
def test_free_starts_fit(taken: set[int], length_s: int, after_s: int) -> None:
    base = cells(NOW, NOW + MIN).start
    busy = {base + each for each in taken}
    earliest = NOW + timedelta(seconds=after_s)
    found = free_starts(
        busy, length_s=length_s, earliest=earliest, latest=NOW + timedelta(hours=8), most=3
    )
    for at in found:
        assert at >= earliest and at == down(at)
        assert busy.isdisjoint(cells(at, at + timedelta(seconds=length_s)))
    assert cell_at(base) == NOW
