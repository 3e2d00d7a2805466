"""What has been before at the demo city: on every page, once, the same each time, and quick."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.demo.answers import ANSWERS
from bot.demo.seed import seed
from bot.demo.seed_past import COMPLAINTS, RECENT, add_past
from bot.domain.complaints import before, month_of
from bot.services import complaints, knowledge, prediction, reviews, visits, weeks
from bot.settings import Settings
from bot.store.cases import Case
from bot.store.database import Store, make_engine
from bot.store.inbox import due_streams
from bot.store.jobs import Job
from bot.store.quality import MonthReport, Review
from bot.store.stations import Evse
from tests.databases import with_tables
from tests.setup.test_seed import KEY, Stripe


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Store]:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path / 'city.db'}"))
    store = Store(engine)
    seed(store, secret_key=KEY, save_card=Stripe().save)
    yield store
    engine.dispose()


def settings_at(folder: Path) -> Settings:
    return Settings(
        public_url="http://127.0.0.1:1", database_url=f"sqlite:///{folder / 'city.db'}",
        redis_url="redis://127.0.0.1:9", mqtt_url="mqtt://127.0.0.1:9", secret_key=KEY,
        twilio_account_sid="AC" + "a1" * 16, twilio_auth_token="t" * 32,
        twilio_from="whatsapp:+14155238886", stripe_secret_key="sk_test_seed",
        stripe_webhook_secret="whsec_seed",
    )  # fmt: skip


def test_no_page_of_quality_and_upkeep_is_empty(city: Store, tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    begun = time.process_time()
    add_past(city, settings)
    assert time.process_time() - begun < 1
    add_past(city, settings)
    complaints.keep(city, settings)
    prediction.run(city, settings)
    with city.read() as work:
        assert work.session.scalar(select(func.count()).select_from(Case)) == len(COMPLAINTS) + len(
            RECENT
        )
        week = weeks.last_week(work.now, settings.desk_tz)
        assert {each.state for each in reviews.of_week(work, week)} == {"open", "done"}
        assert work.session.scalar(select(func.count()).select_from(Review)) == 2
        assert len(knowledge.live(work)) == 6 * len(ANSWERS)
        assert knowledge.find(work, "Kann ich bei Regen laden?", "de") is not None
        assert prediction.watched(work)
        assert work.session.scalars(select(Job)).first() is None  # nobody is sent anywhere
        assert len(prediction.newest(work, open_=False)) == 2
        pile = work.session.scalars(select(Evse).order_by(Evse.id)).first()
        assert pile is not None and visits.last_of(work, pile.pile_id) is not None
        month = before(month_of(work.now, settings.desk_tz))
        figures, frozen = complaints.report(work, settings, month)
        assert figures["total"]["opened"] >= len(COMPLAINTS)  # last week may be of that month
        assert figures["total"]["missed"] == 1 and len(figures["causes"]) >= 6
        assert figures["total"]["front_line"] >= 1
        assert (frozen is not None) == bool(work.session.get(MonthReport, month))
        assert all(each.startswith("site:") for each in due_streams(work))  # a look, no more
