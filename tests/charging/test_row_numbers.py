"""Row numbers that strangers send."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bot.store.charging import ChargingSession


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
def test_a_row_number_beyond_what_a_database_counts_to_finds_no_row(
    engine: Engine, number: int
) -> None:
    """Strangers send any number in a button's payload; that is no error of ours."""
    with Session(engine) as session:
        assert session.get(ChargingSession, number) is None
