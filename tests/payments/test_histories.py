"""Generated histories (tests/payments/life.py) on both databases: after any of them nobody was
charged twice, nothing captured is lost, no hold is left behind and the books agree with Stripe.

`HISTORIES=500 ./run test tests/payments/test_histories.py` tries more than the suite does.
"""

from __future__ import annotations

import os

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
from tests.payments.life import STEPS, Life, things

HISTORIES = int(os.environ.get("HISTORIES", "30"))
CARDS = st.sampled_from([None, "pm_card_visa", "pm_card_chargeCustomerFail"])


@pytest.fixture
def life(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Life:
    """The world of all histories on one database; Stripe's clock goes with ours."""
    now = utc_now()
    monkeypatch.setattr(charging_world, "NOW", now)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _hurry)
        engine.dispose()  # connections made before this
    lives: list[Life] = []
    standin = create_app(
        "", SECRET, KEY, clock=lambda: (lives[0].now if lives else now).timestamp(),
        delivering=False,
    )  # fmt: skip
    connect(standin, monkeypatch)
    lives.append(Life(engine, standin, f"{engine.dialect.name}-{now.timestamp():.6f}"))
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


@pytest.mark.timeout(240 + 2 * HISTORIES)
def test_histories(life: Life) -> None:
    count = 0

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(CARDS, st.booleans(), st.lists(st.sampled_from(STEPS), max_size=25))
    def live(card: str | None, deposit: bool, steps: list[str]) -> None:
        nonlocal count
        count += 1
        life.steps = steps
        life.begin(card, deposit=deposit)
        for step in steps:
            life.do(step)
        life.rest()
        life.check()

    live()
    assert count >= HISTORIES
