"""Generated histories (tests/payments/life.py) on both databases: after any of them nobody was
charged twice, nothing captured is lost, no hold is left behind and the books agree with Stripe.

`HISTORIES=500 ./run test tests/payments/test_histories.py` tries more than the suite does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

import tests.charging.world as charging_world
from bot.demo.stripe_standin import create_app
from bot.services import books, payment_results
from bot.services.payment_results import Service
from bot.store.database import utc_now
from tests.databases import *  # noqa: F403 - pytest finds fixtures by their names here
from tests.payments.conftest import KEY, SECRET
from tests.payments.direct import connect
from tests.payments.life import STEPS, things
from tests.payments.purses import MORE_STEPS, FullLife

HISTORIES = int(os.environ.get("HISTORIES", "10"))
# Things of nobody's are tried without the rest.
MONEY_STEPS = [each for each in (*STEPS, *MORE_STEPS) if each not in {"sale", "sale_page"}]
CARDS = st.sampled_from([None, "pm_card_visa", "pm_card_chargeCustomerFail"])


@pytest.fixture
def life(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> FullLife:
    """The world of all histories on one database; Stripe's clock goes with ours."""
    now = utc_now()
    monkeypatch.setattr(charging_world, "NOW", now)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _hurry)
        engine.dispose()  # connections made before this
    lives: list[FullLife] = []
    standin = create_app(
        "", SECRET, KEY, clock=lambda: (lives[0].now if lives else now).timestamp(),
        delivering=False,
    )  # fmt: skip
    connect(standin, monkeypatch)
    lives.append(FullLife(engine, standin, f"{engine.dialect.name}-{now.timestamp():.6f}"))
    service = Service(lives[0].note, account=lambda _, hold: f"thing:{hold.rider_id}")
    monkeypatch.setitem(payment_results.SERVICES, "thing", service)
    part = books.Part(lambda _: {}, things, lambda name: name if name[:6] == "thing:" else None)
    monkeypatch.setattr(books, "PARTS", [*books.PARTS, part])
    return lives[0]


def _hurry(raw: object, _record: object) -> None:
    """Waiting for the disk would prove nothing."""
    cursor = raw.cursor()  # type: ignore[attr-defined]  # any driver's connection
    cursor.execute("SET synchronous_commit = off")
    cursor.close()


def _live(life: FullLife, histories: Any, begin: Callable[..., None]) -> None:
    """Live through so many generated histories; each begins by `begin` and ends in order."""
    count = 0

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories)
    def live(history: tuple[Any, ...]) -> None:
        nonlocal count
        count += 1
        *first, steps = history
        life.steps = steps
        begin(*first)
        for step in steps:
            life.do(step)
        life.rest()
        life.check()

    live()
    assert count >= HISTORIES


@pytest.mark.timeout(240 + 4 * HISTORIES)
def test_histories(life: FullLife) -> None:
    def begin(card: str | None, deposit: bool) -> None:
        life.begin(card, deposit=deposit)

    steps = st.lists(st.sampled_from(STEPS), max_size=25)
    _live(life, st.tuples(CARDS, st.booleans(), steps), begin)


@pytest.mark.timeout(240 + 4 * HISTORIES)
def test_histories_with_a_wallet_plans_and_bookings(life: FullLife) -> None:
    def begin(card: str | None, purse: int, plan: bool, booked: bool) -> None:
        life.begin_with(card, purse=purse, plan=plan, comes_booked=booked)

    steps = st.lists(st.sampled_from(MONEY_STEPS), min_size=12, max_size=30)
    purse, yes = st.sampled_from([0, 0, 1500, 6000]), st.booleans()
    _live(life, st.tuples(CARDS, purse, yes, yes, steps), begin)
