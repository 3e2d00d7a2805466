"""The safety line itself: which emergency number somebody reads, and who is called."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.domain.cases import topic_in
from bot.domain.phone_countries import country_of
from bot.services import safety
from bot.store.charging import ChargingSession
from bot.store.database import make_engine
from bot.store.riders import Rider, RiderAddress
from bot.store.stations import Station
from tests.charging.world import SETTINGS, World
from tests.databases import with_tables


@pytest.fixture
def street(sqlite_url: str) -> Iterator[World]:
    engine = with_tables(make_engine(sqlite_url))
    world = World(engine)
    world.rider(1)
    yield world
    engine.dispose()


def number_of(world: World, phone: str = "") -> str:
    with world.work() as work:
        work.session.query(RiderAddress).delete()
        if phone:
            work.session.add(
                RiderAddress(rider_id=1, kind="whatsapp", value=phone, created_at=work.now)
            )
            work.session.flush()
        return safety.number_for(work, SETTINGS, work.session.get_one(Rider, 1))


def test_the_number_is_that_of_where_the_rider_charges_else_of_their_phone(street: World) -> None:
    assert number_of(street) == safety.emergency_number(SETTINGS, SETTINGS.default_country)
    assert number_of(street, "+12125550123") == "911"
    assert number_of(street, "+358401234567") == "112"
    with street.work() as work:
        work.session.get_one(Station, 1).country = "US"
    street.says_yes()
    assert number_of(street, "+358401234567") == "911"
    with street.work() as work:
        session = work.session.scalars(select(ChargingSession)).one()
        session.open, session.ended_at = False, work.now
    street.now += timedelta(minutes=59)
    assert number_of(street, "+358401234567") == "911"
    street.now += timedelta(minutes=2)
    assert number_of(street, "+358401234567") == "112"


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+358401234567", "FI"), ("+12125550123", "US"), ("+14165550123", "CA"),
        ("+18765550123", "JM"), ("+77011234567", "KZ"), ("+79161234567", "RU"),
        ("+8613812345678", "CN"), ("+85291234567", "HK"), ("+5511987654321", "BR"),
        ("whatsapp:+1", None), ("+0123", None), ("", None), ("+", None),
    ],
)  # fmt: skip
def test_a_phone_number_tells_its_country(phone: str, country: str | None) -> None:
    assert country_of(phone) == country


@pytest.mark.parametrize(
    "text",
    [
        "I want to report unsafe wiring", "There is private wiring at the pile",
        "hay cables sueltos", "instalación eléctrica peligrosa", "fiação exposta no poste",
        "tem fios soltos aqui", "des fils dénudés", "un branchement sauvage",
        "Lose Drähte an der Säule", "gefährliche Verkabelung", "这里私拉电线", "电线裸露",
    ],
)  # fmt: skip
def test_wiring_has_words_in_six_languages(text: str) -> None:
    assert topic_in(text) == "wiring"
