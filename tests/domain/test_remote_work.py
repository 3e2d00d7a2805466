"""Settings that are taken or not, a firmware's steps, a roll-out that stops by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import firmware
from bot.domain.firmware import AT_ONCE, FAILED, FAILURES, STEPS, TAKES, Standing
from bot.domain.pile_variables import VARIABLES, WrongValue, check, outcome, values, variable
from bot.domain.pile_variables import variables as of

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "text", "taken"),
    [
        ("TxCtrlr.EVConnectionTimeOut", " 090 ", "90"),
        ("TxCtrlr.EVConnectionTimeOut", "29", None),
        ("TxCtrlr.EVConnectionTimeOut", "601", None),
        ("TxCtrlr.EVConnectionTimeOut", "9.5", None),
        ("TxCtrlr.EVConnectionTimeOut", "٣٠", None),  # digits, but not a pile's
        ("CoolingCtrlr.FanMode", "Full", "Full"),
        ("CoolingCtrlr.FanMode", "full", None),
    ],
)
def test_a_value_is_checked_before_a_pile_hears_it(name: str, text: str, taken: str | None) -> None:
    wanted = variable("dc", "Pika 50", name)
    assert wanted is not None
    if taken is None:
        with pytest.raises(WrongValue):
            check(wanted, text)
    else:
        assert check(wanted, text) == taken


def test_each_model_has_its_own_settings_and_none_twice() -> None:
    assert variable("ac", "Katu 2×22", "CoolingCtrlr.FanMode") is None
    assert variable("ebike_box", "Pyörä 8", "LockerCtrlr.FlapTimeout") is not None
    for kind, model in (("ac", "Katu 2×22"), ("dc", "Pika 50"), ("ebike_box", "Pyörä 8"), ("", "")):
        names = [each.name for each in of(kind, model)]
        assert len(names) == len(set(names))
    assert all(each.low < each.high for each in VARIABLES if each.type == "integer")


def test_what_a_pile_answers_is_read() -> None:
    def told(status: str, **more: str) -> dict[str, object]:
        return {"setVariableResult": [{"attributeStatus": status, **more}]}

    assert outcome(told("Accepted")) == (True, False, "Accepted")
    assert outcome(told("RebootRequired")) == (True, True, "RebootRequired")
    why = {"attributeStatusInfo": {"reasonCode": "OutOfRange"}}
    assert outcome({"setVariableResult": [{"attributeStatus": "Rejected", **why}]}) == (
        False, False, "OutOfRange",
    )  # fmt: skip
    assert outcome({}) == (False, False, "")
    got = {"component": {"name": "A"}, "variable": {"name": "B"}}
    answer = {
        "getVariableResult": [
            {**got, "attributeStatus": "Accepted", "attributeValue": "7"},
            {"component": {"name": "A"}, "variable": {"name": "C"},
             "attributeStatus": "UnknownVariable"},
        ]
    }  # fmt: skip
    assert values(answer) == {"A.B": "7", "A.C": None}


@given(st.lists(st.sampled_from([*STEPS, *FAILED])))
def test_a_firmware_only_goes_on_and_ends_once(told: list[str]) -> None:
    state, ends = "Ordered", 0
    for status in told:
        if not firmware.comes_after(state, status):
            continue
        assert firmware.step(status) > firmware.step(state) or status in FAILED
        if firmware.is_over(status) and status != "Silent":
            ends += 1
        state = status
    assert ends <= 1


def test_a_step_after_the_silence_is_believed() -> None:
    assert firmware.comes_after("Silent", "Installed")
    assert not firmware.comes_after("InstallationFailed", "Installed")
    assert not firmware.comes_after("Installing", "Downloading")


@pytest.mark.parametrize(
    ("busy", "booked_in", "online", "may"),
    [
        (False, None, True, True),
        (False, TAKES, True, True),
        (False, TAKES - timedelta(seconds=1), True, False),
        (False, timedelta(minutes=-5), True, False),  # it runs now
        (True, None, True, False),
        (False, None, False, False),
    ],
)
def test_no_firmware_while_somebody_needs_the_pile(
    busy: bool, booked_in: timedelta | None, online: bool, may: bool
) -> None:
    booked = NOW + booked_in if booked_in is not None else None
    why = firmware.why_not_now(busy=busy, booked_at=booked, now=NOW, online=online)
    assert (why == "") is may


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 60))
def test_a_roll_out_stops_after_its_failures_and_never_floods(
    outcomes: list[bool], piles: int
) -> None:
    installed, failed, running, waiting, state = 1, 0, 0, piles, "rest"
    for good in outcomes:
        stands = Standing(installed, failed, running, waiting)
        state = firmware.next_state(state, stands)
        begin = firmware.may_begin(state, stands)
        assert running + begin <= AT_ONCE
        assert begin == 0 or (state == "rest" and failed < FAILURES)
        running, waiting = running + begin, waiting - begin
        if running:
            running -= 1
            installed, failed = installed + good, failed + (not good)
    stands = Standing(installed, failed, running, waiting)
    state = firmware.next_state(state, stands)
    assert failed <= FAILURES + AT_ONCE - 1
    if failed >= FAILURES:
        assert state == "stopped"
    elif not running and not waiting:
        assert state == "done"


def test_the_first_pile_decides_whether_there_is_a_second() -> None:
    assert firmware.next_state("first", Standing(running=1)) == "first"
    assert firmware.next_state("first", Standing(failed=1)) == "stopped"
    assert firmware.next_state("first", Standing(installed=1)) == "tried"
    assert firmware.may_begin("tried", Standing(installed=1, waiting=5)) == 0
