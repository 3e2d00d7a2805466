"""How long a live repair keeps riders away: never for ever from a pile that is well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.jobs import LIVE
from bot.domain.repairs import TRUST, TRUST_OVER_PEOPLE, RepairFacts, closes, opens_at

MADE = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
MIN = timedelta(minutes=1)


def facts(**more: object) -> RepairFacts:
    given_ = {"state": "open", "stepped_at": MADE, "by_pile": True, "well": True,
              "unwell_until": None, **more}  # fmt: skip
    return RepairFacts(**given_)  # type: ignore[arg-type]  # a case of the table


@pytest.mark.parametrize(
    ("known", "after", "shut"),
    [
        (facts(), 0 * MIN, True),
        (facts(), TRUST - MIN, True),
        (facts(), TRUST, False),
        (facts(well=False), 30 * TRUST, True),
        (facts(state="arrived"), 30 * TRUST, True),
        (facts(state="accepted", stepped_at=MADE + 60 * MIN), TRUST, True),
        (facts(state="accepted", stepped_at=MADE + 60 * MIN), TRUST + 60 * MIN, False),
        (facts(unwell_until=MADE + 90 * MIN), TRUST, True),  # it flaps
        (facts(unwell_until=MADE + 90 * MIN), TRUST + 90 * MIN, False),
        (facts(unwell_until=MADE - 90 * MIN), TRUST, False),
        (facts(by_pile=False), TRUST, True),
        (facts(by_pile=False), TRUST_OVER_PEOPLE, False),
    ],
)
def test_what_keeps_riders_away(known: RepairFacts, after: timedelta, shut: bool) -> None:
    assert closes(known, MADE + after) is shut


@given(
    state=st.sampled_from([each for each in LIVE if each != "arrived"]),
    by_pile=st.booleans(),
    unwell=st.none() | st.integers(-5000, 5000),
    later=st.integers(0, 5000),
)
def test_a_pile_that_stays_well_opens_at_its_moment_and_stays_open(
    state: str, by_pile: bool, unwell: int | None, later: int
) -> None:
    until = None if unwell is None else MADE + unwell * MIN
    known = facts(state=state, by_pile=by_pile, unwell_until=until)
    opens = opens_at(known)
    assert closes(known, opens - timedelta(seconds=1))
    assert not closes(known, opens + later * MIN)
    assert opens >= MADE + TRUST
