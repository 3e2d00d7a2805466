"""The demo city: complete, at real places, and seeding it twice changes nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.demo.helsinki import STATIONS, TARIFFS, Place
from bot.demo.seed import RIDERS, RIDERS_WITH_CARD, demo_riders, pile_secret, seed, staff_password
from bot.domain.codes import parse
from bot.domain.pile_secret import matches
from bot.domain.rights import ROLES
from bot.domain.tariffs import load_tariff
from bot.gateways.stripe_holds import Card
from bot.services import passwords
from bot.store.database import Store, make_engine, utc_now
from bot.store.tables import (
    Audit,
    Conversation,
    Evse,
    Pile,
    Rider,
    Staff,
    Station,
    Tariff,
    TariffVersion,
)
from tests.databases import with_tables

KEY = "k" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path / 'city.db'}"))
    yield Store(engine)
    engine.dispose()


class Stripe:
    """Notes who got a card."""

    def __init__(self) -> None:
        self.saved: list[str] = []

    def save(self, name: str) -> Card:
        self.saved.append(name)
        number = len(self.saved)
        return Card(f"cus_{number}", f"pm_{number}", "Visa 4242")


def counts(store: Store) -> dict[str, int]:
    tables = (Station, Pile, Evse, Tariff, TariffVersion, Rider, Conversation, Staff, Audit)
    with store.read() as work:
        return {
            each.__tablename__: work.session.scalar(select(func.count()).select_from(each)) or 0
            for each in tables
        }


def test_seeding_twice_changes_nothing(store: Store) -> None:
    stripe = Stripe()
    seed(store, secret_key=KEY, save_card=stripe.save)
    once = counts(store)
    with store.read() as work:
        hashes = set(work.session.scalars(select(Pile.secret_hash)))
    seed(store, secret_key=KEY, save_card=stripe.save)
    assert counts(store) == once
    assert len(stripe.saved) == RIDERS_WITH_CARD
    with store.read() as work:
        assert set(work.session.scalars(select(Pile.secret_hash))) == hashes


def test_somebody_of_each_role_can_log_in(store: Store) -> None:
    seed(store, secret_key=KEY, save_card=Stripe().save)
    password = staff_password(KEY)
    with store.read() as work:
        people = work.session.scalars(select(Staff)).all()
    assert {each.role for each in people} == set(ROLES)
    assert all(passwords.fits(each.password_hash, password) for each in people)
    assert passwords.weakness(password) is None
    assert staff_password("another" * 6) != password


def test_a_seeding_cut_short_is_completed(store: Store) -> None:
    stripe = Stripe()

    def fails(name: str) -> Card:
        if len(stripe.saved) == 3:
            raise ConnectionError
        return stripe.save(name)

    with pytest.raises(ConnectionError):
        seed(store, secret_key=KEY, save_card=fails)
    seed(store, secret_key=KEY, save_card=stripe.save)
    with store.read() as work:
        assert [card for _, card in demo_riders(work)] == [
            number < RIDERS_WITH_CARD for number in range(len(RIDERS))
        ]


def test_the_city_is_as_large_and_as_varied_as_promised(store: Store) -> None:
    seed(store, secret_key=KEY, save_card=Stripe().save)
    once = counts(store)
    assert once["station"] >= 12
    assert once["evse"] >= 60
    with store.read() as work:
        assert set(work.session.scalars(select(Pile.kind))) == {"ebike_box", "ac", "dc"}
        for evse in work.session.scalars(select(Evse)):
            code = parse(evse.code)
            assert code is not None
            assert (code.pile_number, code.evse_number) == (evse.pile.number, evse.number)
            assert matches(pile_secret(KEY, evse.pile_id), evse.pile.secret_hash)


@pytest.mark.parametrize("site", STATIONS, ids=lambda site: str(site.name))
def test_stations_stand_in_the_mapped_part_of_helsinki(site: Place) -> None:
    assert 24.935 < site.lng < 24.953
    assert 60.164 < site.lat < 60.179


def test_no_two_piles_share_a_number() -> None:
    numbers = [site.first_number + step for site in STATIONS for step in range(len(site.piles))]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("name", TARIFFS)
def test_tariffs_can_be_read(name: str) -> None:
    tariff = load_tariff(
        TARIFFS[name], name=name, currency="EUR", tz="Europe/Helsinki", tax_percent="25.5",
        includes_tax=True,
    )  # fmt: skip
    assert tariff.element("energy" if "E-bike" not in name else "time", utc_now()) is not None


def test_a_process_knows_every_table_whatever_it_imports() -> None:
    """Tables point at each other by name; `app.py seed` once knew stations without their owners."""
    program = """
import bot.services.inventory
from bot.store.base import Base
from tests.databases import with_tables
Base.metadata.sorted_tables
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
