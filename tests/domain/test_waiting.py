"""The line of a full station: one offer at a time, silence snoozes and then drops."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import waiting as on
from bot.domain.waiting import Place, Rules, advance

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
RULES = Rules()


def after(place: Place, *events: on.Event) -> tuple[Place, list[on.Command]]:
    commands: list[on.Command] = []
    for event in events:
        place, fresh = advance(place, event, RULES)
        commands += fresh
    return place, commands


def told(commands: list[on.Command]) -> list[str]:
    return [each.notice for each in commands if isinstance(each, on.Tell)]


@pytest.mark.parametrize(("near", "seconds"), [(True, 180), (False, 900)])
def test_an_offer_holds_the_socket_for_as_long_as_the_way_is(near: bool, seconds: int) -> None:
    until = NOW + timedelta(seconds=seconds)
    place, commands = after(Place(near=near), on.Offer(NOW, 7))
    assert place == Place("offered", near, 0, 1, 7, until)
    assert commands == [on.Hold(7, until), on.SetTimer("hold", until), on.Tell("offer")]


def test_a_yes_in_the_last_moment_gets_the_time_to_walk() -> None:
    late = NOW + timedelta(seconds=890)
    place, commands = after(Place(), on.Offer(NOW, 7), on.Accept(late))
    assert (place.state, place.held_until) == ("coming", late + timedelta(seconds=180))
    assert told(commands) == ["offer", "coming"]
    early, _ = after(Place(), on.Offer(NOW, 7), on.Accept(NOW))
    assert early.held_until == NOW + timedelta(seconds=900)


def test_silence_snoozes_first_and_drops_then() -> None:
    offered, _ = after(Place(), on.Offer(NOW, 7))
    late = NOW + timedelta(seconds=900)
    place, commands = after(offered, on.TimeUp(late, "hold"))
    assert (place.state, place.misses, place.evse_id) == ("snoozed", 1, None)
    assert told(commands) == ["missed"]
    assert on.Release(7) in commands
    awake = late + timedelta(seconds=900)
    again = awake + timedelta(seconds=900)
    place, commands = after(
        place, on.TimeUp(awake, "snooze"), on.Offer(awake, 8), on.TimeUp(again, "hold")
    )
    assert (place.state, told(commands)) == ("dropped", ["awake", "offer", "dropped"])


def test_an_early_or_old_timer_does_nothing() -> None:
    offered, _ = after(Place(), on.Offer(NOW, 7))
    assert after(offered, on.TimeUp(NOW, "hold")) == (offered, [])
    coming, _ = after(offered, on.Accept(NOW + timedelta(seconds=850)))
    assert after(coming, on.TimeUp(NOW + timedelta(seconds=900), "hold"))[0] == coming
    assert after(Place(), on.TimeUp(NOW + timedelta(days=1), "snooze")) == (Place(), [])


def test_a_charge_at_the_held_socket_serves_one_elsewhere_ends_the_place() -> None:
    offered, _ = after(Place(), on.Offer(NOW, 7))
    place, commands = after(offered, on.Started(NOW, 7))
    assert (place.state, told(commands)) == ("served", [])
    assert on.Release(7, used=True) in commands
    place, commands = after(offered, on.Started(NOW, 9))
    assert (place.state, told(commands)) == ("elsewhere", ["elsewhere"])
    assert on.Release(7) in commands


def test_a_blocked_bay_puts_its_rider_first_and_forgives_misses() -> None:
    offered, _ = after(Place(misses=1), on.Offer(NOW, 7), on.Accept(NOW))
    place, commands = after(offered, on.BayBlocked(NOW))
    assert (place.state, place.misses, place.evse_id) == ("waiting", 0, None)
    assert on.Block(7) in commands
    assert on.ToFront() in commands
    assert told(commands) == ["blocked"]
    assert told(after(Place(), on.BayBlocked(NOW))[1]) == ["no_offer"]


def test_a_lost_socket_costs_nothing_of_the_place() -> None:
    offered, _ = after(Place(misses=1), on.Offer(NOW, 7))
    place, commands = after(offered, on.SocketLost(NOW))
    assert (place.state, place.misses) == ("waiting", 1)
    assert on.ToFront() in commands
    assert after(Place(), on.SocketLost(NOW)) == (Place(), [])


def test_who_is_not_in_line_is_told_so() -> None:
    for ended in ("served", "left", "dropped", "elsewhere", "removed"):
        place = Place(state=ended)
        assert told(after(place, on.Accept(NOW))[1]) == ["not_waiting"]
        assert after(place, on.Offer(NOW, 1)) == (place, [])


MOMENTS = st.integers(0, 7200).map(lambda seconds: NOW + timedelta(seconds=seconds))
EVENTS = st.one_of(
    st.builds(on.Offer, MOMENTS, st.integers(1, 3)),
    st.builds(on.Accept, MOMENTS), st.builds(on.Snooze, MOMENTS), st.builds(on.Leave, MOMENTS),
    st.builds(on.TimeUp, MOMENTS, st.sampled_from(["hold", "snooze", "other"])),
    st.builds(on.Started, MOMENTS, st.integers(1, 3)), st.builds(on.BayBlocked, MOMENTS),
    st.builds(on.SocketLost, MOMENTS), st.builds(on.Remove, MOMENTS),
)  # fmt: skip


@given(st.lists(EVENTS, max_size=25), st.booleans())
def test_every_hold_is_released_and_has_a_timer(events: list[on.Event], near: bool) -> None:
    place, held, timers = Place(near=near), None, set()
    for event in sorted(events, key=lambda each: each.at):
        before = place
        place, commands = advance(place, event, RULES)
        for command in commands:
            match command:
                case on.Hold(evse_id=evse_id):
                    assert held in (None, evse_id)
                    held = evse_id
                case on.Release(evse_id=evse_id):
                    assert held == evse_id
                    held = None
                case on.SetTimer(name=name):
                    timers.add(name)
                case on.CancelTimer(name=name):
                    timers.discard(name)
        assert held == place.evse_id == (place.evse_id if place.holding else None)
        assert place.misses < RULES.misses or place.state == "dropped"
        if place.holding:
            assert "hold" in timers
        if place.state == "snoozed":
            assert "snooze" in timers
        if not before.live:
            assert replace(place) == before
