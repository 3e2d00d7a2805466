"""The life of a command: every event in every state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devices.lifecycle import (
    MAX_ATTEMPTS,
    Accepted,
    Due,
    Event,
    Failed,
    Overdue,
    Reconciled,
    Rejected,
    Standing,
    Started,
    Step,
    advance,
)

START = Standing("start")
STOP = Standing("stop")
UNLOCK = Standing("unlock", retry_safe=False)

STATES = (
    "new", "sent", "accepted", "confirmed", "rejected", "error", "unknown", "timeout", "expired",
)  # fmt: skip
EVENTS: dict[str, Event] = {
    "due": Due(online=True),
    "overdue": Overdue(),
    "accepted": Accepted("tx"),
    "rejected": Rejected("Occupied"),
    "failed": Failed("InternalError"),
    "started": Started("tx"),
    "happened": Reconciled(happened=True),
    "not happened": Reconciled(happened=False),
}

# What becomes of a start after one try. "=" means that nothing changes; "!" that its transaction
# is stopped again because the rider was told that it had failed. Columns: as in EVENTS.
TABLE = {
    "new":       ("sent", "=", "=", "=", "=", "=", "=", "="),
    "sent":      ("=", "sent", "accepted", "rejected", "error", "confirmed", "=", "="),
    "unknown":   ("=", "timeout", "accepted", "rejected", "error", "confirmed", "accepted",
                  "sent"),
    "accepted":  ("=", "=", "=", "=", "=", "confirmed", "=", "="),
    "confirmed": ("=", "=", "=", "=", "=", "=", "=", "="),
    "rejected":  ("=", "=", "accepted!", "=", "=", "confirmed!", "=", "="),
    "error":     ("=", "=", "accepted!", "=", "=", "confirmed!", "=", "="),
    "timeout":   ("=", "=", "accepted!", "=", "=", "confirmed!", "=", "="),
    "expired":   ("=", "=", "accepted!", "=", "=", "confirmed!", "=", "="),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("column", "event"), list(enumerate(EVENTS.values())), ids=list(EVENTS))
def test_a_start_after_one_try(state: str, column: int, event: Event) -> None:
    expected = TABLE[state][column]
    standing = replace(START, state=state, attempts=0 if state == "new" else 1)
    if state == "confirmed":
        standing = replace(standing, transaction_id="tx")
    step = advance(standing, event)
    if expected == "=":
        assert step is None
        return
    assert step is not None
    assert step.standing.state == expected.rstrip("!")
    assert (step.stop, step.standing.late) == (("tx", True) if "!" in expected else (None, False))


def steps(standing: Standing, *happening: Event) -> list[Step | None]:
    taken = []
    for event in happening:
        step = advance(standing, event)
        taken.append(step)
        standing = step.standing if step else standing
    return taken


def test_a_retry_safe_command_is_sent_three_times_then_unknown_then_given_up() -> None:
    taken = steps(START, Due(online=True), Overdue(), Overdue(), Overdue(), Overdue())
    assert [step and (step.publish, step.wait, step.report) for step in taken] == [
        (True, "answer", None),
        (True, "answer", None),
        (True, "answer", None),
        (False, "hold", "unknown"),
        (False, None, "timeout"),
    ]
    assert taken[-1] is not None
    assert taken[-1].standing.attempts == MAX_ATTEMPTS


def test_a_command_that_is_not_retry_safe_is_sent_once() -> None:
    [sent, unknown] = steps(UNLOCK, Due(online=True), Overdue())
    assert sent is not None and sent.publish
    assert unknown is not None and not unknown.publish and unknown.standing.state == "unknown"


def test_an_expired_command_is_never_sent_or_sent_again() -> None:
    expired = replace(START, expired=True)
    step = advance(expired, Due(online=True))
    assert step is not None and (step.report, step.publish) == ("expired", False)
    step = advance(replace(expired, state="sent", attempts=1), Overdue())
    assert step is not None and (step.report, step.publish) == ("unknown", False)
    step = advance(replace(expired, state="unknown", attempts=1), Reconciled(happened=False))
    assert step is not None and (step.report, step.publish) == ("timeout", False)


def test_an_offline_pile_is_refused_at_once() -> None:
    step = advance(START, Due(online=False))
    assert step is not None
    assert (step.standing.state, step.report, step.publish) == ("expired", "offline", False)


def test_a_second_try_that_is_refused_may_be_the_first_one_running() -> None:
    second = replace(START, state="sent", attempts=2)
    [doubt, confirmed] = steps(second, Rejected("Occupied"), Started("tx"))
    assert doubt is not None and (doubt.report, doubt.wait) == ("unknown", "doubt")
    assert confirmed is not None and confirmed.report == "confirmed"
    [_, refused] = steps(second, Rejected("Occupied"), Overdue())
    assert refused is not None and (refused.report, refused.reason) == ("rejected", "Occupied")


def test_a_late_yes_without_a_transaction_is_stopped_once_it_starts() -> None:
    given_up = replace(START, state="timeout", attempts=3)
    [accepted, confirmed] = steps(given_up, Accepted(), Started("tx"))
    assert accepted is not None and (accepted.stop, accepted.report) == (None, "accepted")
    assert confirmed is not None and (confirmed.stop, confirmed.report) == ("tx", "confirmed")


def test_a_late_yes_to_a_stop_undoes_nothing() -> None:
    step = advance(replace(STOP, state="timeout", attempts=3), Accepted())
    assert step is not None and step.standing.late and step.stop is None


def test_a_start_carried_out_twice_loses_its_second_transaction() -> None:
    once = replace(START, state="confirmed", transaction_id="first")
    step = advance(once, Started("second"))
    assert step is not None and (step.stop, step.report) == ("second", None)


def test_only_a_start_is_confirmed_by_a_transaction() -> None:
    assert advance(replace(STOP, state="sent", attempts=1), Started("tx")) is None
