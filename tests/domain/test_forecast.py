"""When a socket will be free and how full an hour will be: estimates that say what they rest on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.forecast import (
    LINGER_S,
    Free,
    HourView,
    Past,
    Running,
    SocketNow,
    Typical,
    exactness,
    free_after,
    free_times,
    hour_forecast,
    leaves_in,
    quieter,
    share_taken,
    typical,
)

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)  # a Friday, 18:00 in Helsinki
ZONE = ZoneInfo("Europe/Helsinki")
HOURLY = Typical(seconds=(1800, 3000, 3600, 4200, 5400), energies_wh=(5000, 8000, 10000, 12000))


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("running", "usual", "seconds", "basis"),
    [
        (Running(ago(9), 22_000, ending=True), HOURLY, 120, "ending"),
        (Running(ago(90), 22_000, flow="ev", flow_at=ago(5)), HOURLY, LINGER_S - 300, "full"),
        (Running(ago(90), 22_000, flow="ev", flow_at=ago(60)), HOURLY, 60, "full"),
        # 40 min in: what longer ones had left is 600, 1200, 1800, 3000.
        (Running(ago(40), 22_000), HOURLY, 1500, "history"),
        # Longer than any before: a tenth of what it has taken.
        (Running(ago(100), 22_000), HOURLY, 600, "history"),
        (Running(ago(30), 22_000), Typical(usual_s=7200), 5400, "usual"),
        (Running(ago(300), 22_000), Typical(usual_s=7200), 60, "usual"),
    ],
)
def test_when_a_charge_ends(running: Running, usual: Typical, seconds: int, basis: str) -> None:
    assert leaves_in(running, usual, NOW) == (seconds, basis)


def test_energy_and_time_are_weighed_together_and_a_fading_vehicle_leaves_soon() -> None:
    usual = Typical(seconds=(3600,) * 5, energies_wh=(10_000,) * 5)
    steady = Running(ago(20), 11_000, energy_wh=3_400, power_w=11_000, flow="charging")
    assert leaves_in(steady, usual, NOW) == ((2400 + 6600 * 3600 // 11_000) // 2, "both")
    fading = Running(ago(20), 11_000, energy_wh=3_400, power_w=2_000, flow="charging")
    assert leaves_in(fading, usual, NOW) == (900, "energy")


def test_what_is_usual_is_of_this_hour_and_sort_of_day_when_there_is_enough() -> None:
    evening = [Past(NOW - timedelta(days=7 * week), 1800, 5000) for week in range(1, 11)]
    night = [Past(NOW - timedelta(days=week, hours=8), 28_000, 40_000) for week in range(1, 30)]
    few = typical([*evening[:3], *night], at=NOW, zone=ZONE, kind="ac")
    assert len(few.seconds) == 32
    enough = typical([*evening, *night], at=NOW, zone=ZONE, kind="dc")
    assert enough.seconds == (1800,) * 10
    assert enough.usual_s == 2100


def test_a_booked_socket_is_free_after_its_booking() -> None:
    booked = ((NOW + timedelta(minutes=10), NOW + timedelta(minutes=40)),)
    sockets = [
        SocketNow(1, Running(ago(9), 22_000, ending=True), booked=booked),
        SocketNow(2, Running(ago(40), 22_000)),
        SocketNow(3, None),  # out of order: not counted on
        SocketNow(4, None, kept_until=NOW + timedelta(minutes=5)),
    ]
    found = free_times(sockets, HOURLY, NOW)
    assert [each.evse_id for each in found] == [2, 1, 4]
    assert found[1].at == NOW + timedelta(minutes=40)
    assert free_times([SocketNow(3, None)], HOURLY, NOW) == []
    assert free_after([], 0, HOURLY) is None


def test_those_ahead_in_line_take_the_next_free_ones() -> None:
    first, second = Free(NOW, 1, "full"), Free(NOW + timedelta(minutes=30), 2, "history")
    wait = [free_after([first, second], ahead, HOURLY) for ahead in range(4)]
    minutes = [(each.evse_id, (each.at - NOW).total_seconds() / 60) for each in wait if each]
    assert minutes == [(1, 0), (2, 30), (1, 60), (2, 90)]


@given(
    st.lists(st.integers(60, 40_000), max_size=30),
    st.integers(0, 60_000),
    st.integers(0, 50_000),
    st.sampled_from(["", "charging", "ev", "evse", "connected"]),
    st.one_of(st.none(), st.integers(0, 50_000)),
)
def test_an_estimate_lies_ahead_and_within_reason(
    past: list[int], elapsed: int, energy: int, flow: str, power: int | None
) -> None:
    usual = Typical(tuple(sorted(past)), tuple(sorted(past)))
    began = NOW - timedelta(seconds=elapsed)
    running = Running(began, 22_000, energy, power, flow, began)
    seconds, _ = leaves_in(running, usual, NOW)
    assert seconds >= 60


def test_nothing_is_claimed_of_few_outcomes() -> None:
    assert exactness([]).minutes is None
    assert exactness([60, -120, 300, 0]).minutes is None
    five = exactness([60, -120, 300, 0, 540])
    assert (five.count, five.median_s, five.bias_s, five.minutes) == (5, 120, 60, 2)
    assert exactness([0] * 9).minutes == 1


def test_how_full_an_hour_was() -> None:
    hour = (NOW, NOW + timedelta(hours=1))
    half = [(NOW - timedelta(hours=1), NOW + timedelta(minutes=30))]
    assert share_taken(half, 2, *hour) == 250
    assert share_taken([], 2, *hour) == 0
    assert share_taken(half * 9, 1, *hour) == 1000
    assert share_taken(half, 0, *hour) == 0


def test_an_hour_is_forecast_from_the_same_hours_of_such_days() -> None:
    spans = []
    for back in range(1, 15):
        start = NOW - timedelta(days=back)
        if start.weekday() < 5:
            spans.append((start, start + timedelta(minutes=45)))
    seen = hour_forecast(
        spans, sockets=1, hour_at=NOW, zone=ZONE, known_since=ago(60 * 24 * 14), now=NOW
    )
    assert (seen.expected, seen.days, seen.few) == (750, 10, False)
    fresh = hour_forecast(spans, sockets=1, hour_at=NOW, zone=ZONE, known_since=ago(60), now=NOW)
    assert (fresh.expected, fresh.days, fresh.few) == (0, 0, True)


def test_the_local_hour_counts_over_a_change_of_clocks() -> None:
    now = datetime(2026, 10, 26, 10, tzinfo=UTC)  # the clocks went back the day before
    hour = datetime(2026, 10, 26, 8, tzinfo=ZONE)
    summer = datetime(2026, 10, 23, 8, tzinfo=ZONE)  # 05:00 UTC, not 06:00
    spans = [(summer.astimezone(UTC), summer.astimezone(UTC) + timedelta(hours=1))]
    seen = hour_forecast(
        spans, sockets=1, hour_at=hour.astimezone(UTC), zone=ZONE,
        known_since=summer.astimezone(UTC), now=now,
    )  # fmt: skip
    assert (seen.expected, seen.days) == (1000, 1)


def test_a_quieter_hour_must_be_clearly_so_and_known() -> None:
    hours = [
        HourView(NOW + timedelta(hours=1), 800, 9),
        HourView(NOW + timedelta(hours=2), 100, 2),  # two days say nothing
        HourView(NOW + timedelta(hours=3), 500, 9),
    ]
    assert quieter(hours, now_share=900) == hours[2]
    assert quieter(hours, now_share=700) is None
