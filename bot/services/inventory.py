"""Taking stations, piles and tariffs in from one JSON document, and who may log in at the broker.

{"tariffs": [{"name", "currency", "body": {…}}],          body: bot/domain/tariffs.py
 "stations": [{"name", "address", "lat", "lng", "tz", "country", "currency", "tax_percent",
               "prices_include_tax"?, "directions"?, "open_hours"?, "rating_tenths"?,
               "rating_count"?, "power_cap_w"?,
               "piles": [{"number", "kind": "ebike_box" | "ac" | "dc", "model"?,
                          "evses": [{"connector_type", "max_power_w", "tariff": name}]}]}]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from zoneinfo import available_timezones

from sqlalchemy import select

from bot.domain import pile_secret
from bot.domain.codes import evse_code, pile_id
from bot.domain.tariffs import TariffError, load_tariff
from bot.errors import PilebotError
from bot.store.database import UnitOfWork
from bot.store.stations import Evse, Pile, Station, Tariff, TariffVersion

KINDS: Final = ("ebike_box", "ac", "dc")
_OPTIONAL: Final = (
    "prices_include_tax", "directions", "open_hours", "rating_tenths", "rating_count",
    "power_cap_w",
)  # fmt: skip


class InventoryError(PilebotError):
    """The document cannot be taken in; the message says which part and why. Nothing changed."""


@dataclass(frozen=True, slots=True)
class NewPile:
    """A pile that was added, and the secret to write into it: it is not kept anywhere else."""

    pile_id: str
    secret: str


def take_in(
    work: UnitOfWork,
    document: Mapping[str, Any],
    *,
    make_secret: Callable[[str], str] = lambda _pile_id: pile_secret.make(),
) -> list[NewPile]:
    """Add what is missing: stations known by their name, piles by their number.

    A tariff with a new body gets a new version, valid from now. What is there is not changed
    otherwise. Raises InventoryError.
    """
    try:
        for each in document.get("tariffs", []):
            _tariff(work, each)
        return [
            new
            for each in document.get("stations", [])
            for new in _station(work, each, make_secret)
        ]
    except KeyError as error:
        raise InventoryError(f"{error.args[0]} is missing") from error
    except ValueError as error:  # TariffError, codes out of range
        raise InventoryError(str(error)) from error


def broker_passwords(work: UnitOfWork, mqtt_url: str) -> dict[str, str]:
    """The hash of each login at the broker, in Mosquitto's format: every pile, and the gateway
    with the name and password of MQTT_URL."""
    gateway = urlsplit(mqtt_url)
    piles = work.session.execute(select(Pile.id, Pile.secret_hash).order_by(Pile.id))
    hashes = {id_: hashed for id_, hashed in piles if hashed}
    return {
        unquote(gateway.username or ""): pile_secret.hash_secret(unquote(gateway.password or "")),
        **hashes,
    }


def _tariff(work: UnitOfWork, raw: Mapping[str, Any]) -> None:
    name, currency, body = raw["name"], raw["currency"], dict(raw["body"])
    try:  # the rest comes from the station
        load_tariff({"currency": currency, "tz": "UTC", "tax_percent": "0",
                     "includes_tax": True, **body})  # fmt: skip
    except TariffError as error:
        raise InventoryError(f"tariff {name}: {error}") from error
    tariff = work.session.scalars(select(Tariff).where(Tariff.name == name)).first()
    if tariff is None:
        tariff = Tariff(name=name, currency=currency)
        work.session.add(tariff)
        work.session.flush()
    latest = work.session.scalars(
        select(TariffVersion)
        .where(TariffVersion.tariff_id == tariff.id)
        .order_by(TariffVersion.valid_from.desc(), TariffVersion.id.desc())
    ).first()
    if latest is None or latest.body != body:
        work.session.add(TariffVersion(tariff_id=tariff.id, valid_from=work.now, body=body))


def _station(
    work: UnitOfWork, raw: Mapping[str, Any], make_secret: Callable[[str], str]
) -> list[NewPile]:
    name = raw["name"]
    if not raw["piles"]:
        raise InventoryError(f"station {name}: no piles")
    if raw["tz"] not in available_timezones():
        raise InventoryError(f"station {name}: unknown time zone {raw['tz']!r}")
    station = work.session.scalars(select(Station).where(Station.name == name)).first()
    if station is None:
        station = Station(
            name=name,
            address=raw["address"],
            lat=float(raw["lat"]),
            lng=float(raw["lng"]),
            tz=raw["tz"],
            country=raw["country"],
            currency=raw["currency"],
            tax_percent=str(raw["tax_percent"]),
            **{key: raw[key] for key in _OPTIONAL if key in raw},
        )
        work.session.add(station)
        work.session.flush()
    added = []
    for each in raw["piles"]:
        id_ = pile_id(str(each["number"]))
        if work.session.get(Pile, id_) is None:
            added.append(NewPile(id_, make_secret(id_)))
            work.session.add(_pile(work, station, each, added[-1]))
            work.session.flush()
    return added


def _pile(work: UnitOfWork, station: Station, raw: Mapping[str, Any], new: NewPile) -> Pile:
    number, kind = str(raw["number"]), raw["kind"]
    if kind not in KINDS:
        raise InventoryError(f"pile {number}: unknown kind {kind!r}, one of {', '.join(KINDS)}")
    if not raw["evses"]:
        raise InventoryError(f"pile {number}: no evses")
    pile = Pile(
        id=new.pile_id,
        number=number,
        station_id=station.id,
        kind=kind,
        model=raw.get("model", ""),
        secret_hash=pile_secret.hash_secret(new.secret),
    )
    for position, each in enumerate(raw["evses"], start=1):
        tariff = work.session.scalars(select(Tariff).where(Tariff.name == each["tariff"])).first()
        if tariff is None or tariff.currency != station.currency:
            raise InventoryError(
                f"pile {number}: no tariff {each['tariff']!r} in {station.currency}"
            )
        pile.evses.append(
            Evse(
                number=position,
                code=evse_code(number, position),
                connector_type=each["connector_type"],
                max_power_w=int(each["max_power_w"]),
                tariff_id=tariff.id,
            )
        )
    return pile
