"""What riders' words of time mean, as seen from Friday 20 November 2026, 12:00 in Helsinki."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.times import When, resolve

ZONE = ZoneInfo("Europe/Helsinki")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=ZONE)


def seen(text: str, now: datetime = NOW) -> When:
    when = resolve(text, now=now, zone=ZONE)
    assert when is not None, text
    return when


def short(at: datetime | None) -> str:
    return at.strftime("%d. %H:%M") if at else ""


@pytest.mark.parametrize(
    ("text", "start", "others"),
    [
        ("tonight half 7", "20. 19:30", ["20. 18:30"]),
        ("half past ten", "20. 22:30", ["21. 10:30"]),
        ("quarter to nine", "20. 20:45", ["21. 08:45"]),
        ("ten to nine", "20. 20:50", ["21. 08:50"]),
        ("8pm", "20. 20:00", []),
        ("12am tomorrow", "21. 00:00", []),
        ("tomorrow 8am", "21. 08:00", []),
        ("at 9", "20. 21:00", ["21. 09:00"]),
        ("tonight at 1", "21. 01:00", []),
        ("noon", "21. 12:00", []),
        ("midnight", "21. 00:00", []),
        ("7am sunday", "22. 07:00", []),
        ("friday 9am", "27. 09:00", []),  # today's nine o'clock is over
        ("friday 5pm", "20. 17:00", []),
        ("next Friday 5pm", "27. 17:00", []),
        ("next wednesday 5pm", "25. 17:00", ["02. 17:00"]),
        ("halb sieben", "20. 18:30", ["21. 06:30"]),
        ("dreiviertel vier", "20. 15:45", ["21. 03:45"]),
        ("viertel nach acht", "20. 20:15", ["21. 08:15"]),
        ("heute abend 8", "20. 20:00", []),
        ("morgen früh um 8", "21. 08:00", []),
        ("3. Dezember 18 Uhr", "03. 18:00", []),
        ("mañana a las 8", "21. 08:00", ["21. 20:00"]),
        ("manana a las 8 de la noche", "21. 20:00", []),
        ("las diez y media", "20. 22:30", ["21. 10:30"]),
        ("mañana por la tarde a las 4", "21. 16:00", []),
        ("7 da noite", "20. 19:00", []),
        ("amanhã às 15h", "21. 15:00", []),
        ("meio-dia e meia", "20. 12:30", ["21. 00:30"]),
        ("dimanche matin vers huit heures", "22. 08:00", []),
        ("9 heures du soir", "20. 21:00", []),
        ("demain 7h30", "21. 07:30", []),
        ("明早七点半", "21. 07:30", []),
        ("今晚九點半", "20. 21:30", []),
        ("下周三下午三点", "25. 15:00", []),
        ("禮拜五晚上十一点", "20. 23:00", []),
        ("in 20 minutes", "20. 12:20", []),
        ("dentro de media hora", "20. 12:30", []),
        ("dans une heure", "20. 13:00", []),
        ("20分钟后", "20. 12:20", []),
        ("2026-12-01 08:30", "01. 08:30", []),
    ],
)  # fmt: skip
def test_points(text: str, start: str, others: list[str]) -> None:
    when = seen(text)
    assert (short(when.start), [short(each) for each in when.alternatives]) == (start, others)
    assert when.exact
    assert when.end is None
    assert when.ambiguous == bool(others)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("from 6 to 8", "20. 18:00", "20. 20:00"),
        ("6 to 8pm", "20. 18:00", "20. 20:00"),
        ("from 10pm to 6am", "20. 22:00", "21. 06:00"),
        ("22:00-02:00", "20. 22:00", "21. 02:00"),
        ("morgen zwischen 9 und 11", "21. 09:00", "21. 11:00"),
        ("entre las 9 y las 11", "20. 21:00", "20. 23:00"),
        ("明天中午12点到1点", "21. 12:00", "21. 13:00"),
    ],
)
def test_ranges(text: str, start: str, end: str) -> None:
    when = seen(text)
    assert (short(when.start), short(when.end)) == (start, end)
    assert when.exact


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("tomorrow", "21. 00:00", "22. 00:00"),
        ("ce soir", "20. 18:00", "21. 00:00"),
        ("周日", "22. 00:00", "23. 00:00"),
        ("14 nov", "14. 00:00", "15. 00:00"),
        ("in the morning", "21. 06:00", "21. 12:00"),
    ],
)
def test_a_day_alone_is_not_exact(text: str, start: str, end: str) -> None:
    when = seen(text)
    assert (short(when.start), short(when.end), when.exact) == (start, end, False)


@pytest.mark.parametrize("text", ["", "hello", "now", "asap", "25:99", "🔋"])
def test_no_time(text: str) -> None:
    assert resolve(text, now=NOW, zone=ZONE) is None


def test_an_hour_that_does_not_exist_moves_on() -> None:
    when = seen("28 march 3:30am", datetime(2027, 3, 20, 12, tzinfo=ZONE))
    assert when.start == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)  # 03:30 is 04:30 then


def test_an_hour_that_comes_twice_is_ambiguous() -> None:
    when = seen("25 october 3:30am", datetime(2026, 10, 20, 12, tzinfo=ZONE))
    assert when.start.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    (other,) = when.alternatives
    assert other.astimezone(UTC) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_delay_counts_real_time_across_the_change() -> None:
    before = datetime(2026, 10, 25, 2, 50, tzinfo=ZONE)
    when = seen("in 20 minutes", before.astimezone(ZONE))
    assert when.start.astimezone(UTC) - before.astimezone(UTC) == timedelta(minutes=20)


@given(
    day=st.integers(0, 400),
    minute=st.integers(0, 24 * 60 - 1),
    style=st.sampled_from(
        ("%Y-%m-%d %H:%M", "%H:%M, %Y-%m-%d", "le %Y-%m-%d à %Hh%M", "am %Y-%m-%d um %H:%M Uhr")
    ),
)
def test_what_we_write_we_read(day: int, minute: int, style: str) -> None:
    at = datetime(2026, 11, 20, tzinfo=ZONE) + timedelta(days=day, minutes=minute)
    real = at.astimezone(UTC).astimezone(ZONE)
    if at.hour in range(1, 13) and not at.strftime("%H").startswith("0"):
        return  # "10:00" may be either half of the day
    assert seen(at.strftime(style)).start.astimezone(UTC) == real.astimezone(UTC)


@given(st.text(max_size=40))
def test_any_text_is_served(text: str) -> None:
    when = resolve(text, now=NOW, zone=ZONE)
    if when is not None:
        assert when.start.utcoffset() is not None
        assert when.end is None or when.end > when.start


@given(st.text(alphabet="0123456789:. amphtouhr-点半一十明天週y las ", max_size=20))
def test_any_numbers_are_served(text: str) -> None:
    when = resolve(text, now=NOW, zone=ZONE)
    if when is not None and when.end is not None:
        assert when.end > when.start
