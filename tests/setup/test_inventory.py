"""Stations, piles and tariffs come in from one document, whole or not at all."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.domain.pile_secret import matches
from bot.gateways import broker_passwords as broker_passwords_cli
from bot.services.inventory import InventoryError, broker_passwords, take_in
from bot.settings import FIELDS
from bot.store.database import Store, make_engine
from bot.store.tables import Evse, Pile, Station, TariffVersion
from tests.databases import with_tables

DOCUMENT: dict[str, Any] = {
    "tariffs": [
        {
            "name": "Day",
            "currency": "EUR",
            "body": {"elements": [{"kind": "energy", "price": "0.30", "per": "kwh"}]},
        }
    ],
    "stations": [
        {
            "name": "Harbour",
            "address": "Pier 1, 00100 Helsinki",
            "lat": 60.16,
            "lng": 24.95,
            "tz": "Europe/Helsinki",
            "country": "FI",
            "currency": "EUR",
            "tax_percent": "25.5",
            "piles": [
                {
                    "number": "2001",
                    "kind": "ac",
                    "evses": [
                        {"connector_type": "IEC_62196_T2", "max_power_w": 22000, "tariff": "Day"}
                    ],
                }
            ],
        }
    ],
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = with_tables(make_engine(f"sqlite:///{tmp_path / 'inventory.db'}"))
    yield Store(engine)
    engine.dispose()


def test_a_new_pile_gets_a_secret_that_only_its_hash_is_kept_of(store: Store) -> None:
    with store.begin() as work:
        (new,) = take_in(work, DOCUMENT)
    with store.read() as work:
        pile = work.session.scalars(select(Pile)).one()
        assert pile.id == new.pile_id == "P002001"
        assert matches(new.secret, pile.secret_hash)
        assert [evse.code for evse in pile.evses] == ["2001-16"]


def test_the_same_document_again_changes_nothing(store: Store) -> None:
    with store.begin() as work:
        take_in(work, DOCUMENT)
    with store.begin() as work:
        assert take_in(work, DOCUMENT) == []
    with store.read() as work:
        for table in (Station, Pile, Evse, TariffVersion):
            assert work.session.scalar(select(func.count()).select_from(table)) == 1


def test_a_changed_tariff_gets_a_new_version(store: Store) -> None:
    changed = copy.deepcopy(DOCUMENT)
    changed["tariffs"][0]["body"]["elements"][0]["price"] = "0.35"
    for document in (DOCUMENT, changed, changed):
        with store.begin() as work:
            take_in(work, document)
    with store.read() as work:
        versions = work.session.scalars(select(TariffVersion).order_by(TariffVersion.id)).all()
        assert [each.body["elements"][0]["price"] for each in versions] == ["0.30", "0.35"]


def wrong(path: str, value: object) -> dict[str, Any]:
    """The document with one part replaced (None: removed)."""
    document = copy.deepcopy(DOCUMENT)
    part: Any = document
    *way, last = path.split(".")
    for step in way:
        part = part[int(step) if step.isdigit() else step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("stations.0.address", None, "address is missing"),
        ("stations.0.tz", "Mars/Olympus", "unknown time zone 'Mars/Olympus'"),
        ("stations.0.currency", "SEK", "no tariff 'Day' in SEK"),
        ("stations.0.piles.0.kind", "pump", "unknown kind 'pump'"),
        ("stations.0.piles.0.evses", [], "no evses"),
        ("stations.0.piles", [], "station .*: no piles"),
        ("stations.0.piles.0.number", "12", "no code for pile '12'"),
        ("tariffs.0.body.elements.0.price", "free", "tariff Day: price is not a number"),
        ("tariffs.0.body.elements", None, "tariff Day: elements is missing"),
    ],
)
def test_a_wrong_part_is_named_and_nothing_is_kept(
    store: Store, path: str, value: object, says: str
) -> None:
    with pytest.raises(InventoryError, match=says), store.begin() as work:
        take_in(work, wrong(path, value))
    with store.read() as work:
        assert work.session.scalar(select(func.count()).select_from(Station)) == 0


def test_the_broker_lets_in_every_pile_and_the_gateway(store: Store) -> None:
    with store.begin() as work:
        (new,) = take_in(work, DOCUMENT)
    with store.read() as work:
        hashes = broker_passwords(work, "mqtt://csms:p%40ss@mosquitto:1883")
    assert list(hashes) == ["csms", "P002001"]
    assert matches("p@ss", hashes["csms"])
    assert matches(new.secret, hashes["P002001"])


def test_the_brokers_file_is_written_from_the_database(store: Store) -> None:
    with store.begin() as work:
        (new,) = take_in(work, DOCUMENT)
    required = {each.name.upper(): "x" * 32 for each in FIELDS if each.default is MISSING}
    written = io.StringIO()
    status = broker_passwords_cli.main(
        {
            **required,
            "PUBLIC_URL": "https://pilebot.example.com",
            "DATABASE_URL": store.engine.url.render_as_string(hide_password=False),
            "REDIS_URL": "redis://localhost",
            "MQTT_URL": "mqtt://csms:gateway@mosquitto:1883",
        },
        written,
    )
    assert status == 0
    hashes = dict(line.split(":") for line in written.getvalue().splitlines())
    assert matches("gateway", hashes["csms"])
    assert matches(new.secret, hashes[new.pile_id])
