"""Fills an empty database with the demo city: stations, piles, tariffs, riders and staff."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import stripe
from sqlalchemy import select

from bot.demo.helsinki import (
    COUNTRY,
    CURRENCY,
    STATIONS,
    TARIFFS,
    TAX_PERCENT,
    TIMEZONE,
    Place,
)
from bot.demo.seed_offers import add_offers
from bot.domain.rights import Role
from bot.gateways.stripe_holds import Card
from bot.services import passwords, staff_accounts
from bot.services.inventory import take_in
from bot.services.riders import find_rider, rider_for
from bot.store.database import Store, UnitOfWork
from bot.store.remote import Firmware
from bot.store.staff import Staff

# Numbers kept free for fiction by Ofcom: 07700 900000 to 900999.
RIDERS: Final = tuple(f"+4477009001{number:02d}" for number in range(28))
RIDERS_WITH_CARD: Final = 24


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the demo's staff."""

    login: str
    name: str
    role: Role
    langs: tuple[str, ...]
    skills: tuple[str, ...] = ()


STAFF: Final = (
    Person("anna", "Anna Korhonen", "agent", ("en", "fi")),
    Person("li", "Li Wei", "agent", ("en", "zh")),
    Person("tomi", "Tomi Salo", "technician", ("en", "fi"), ("technical",)),
    Person("sofia", "Sofia Romero", "finance", ("en", "es"), ("finance",)),
    Person("mia", "Mia Laine", "manager", ("en", "fi", "de"), ("finance", "technical")),
    Person("eva", "Eva Lind", "admin", ("en",)),
)
_WORDS: Final = (
    "amber", "birch", "cedar", "copper", "coral", "crane", "ember", "fjord", "harbor", "hazel",
    "heron", "island", "juniper", "lagoon", "lantern", "maple", "marble", "meadow", "mosaic",
    "nectar", "ocean", "orchid", "otter", "pebble", "pine", "quartz", "river", "saffron",
    "spruce", "summit", "velvet", "willow",
)  # fmt: skip

FIRMWARE_MARK = "PILEBOT-FIRMWARE "  # as devices/simulator/remote.py reads it
FIRMWARE = "1.5.0"

SaveCard = Callable[[str], Card]  # what to call the customer → the card Stripe now keeps


def pile_secret(secret_key: str, pile_id: str) -> str:
    """What a pile of the demo logs in with: made from SECRET_KEY, so that the simulator knows it
    too while the database keeps only its hash."""
    return hmac.new(secret_key.encode(), f"pile:{pile_id}".encode(), "sha256").hexdigest()[:32]


def staff_password(secret_key: str) -> str:
    """The one password of the demo's staff, another in each demo: four words."""
    made = hmac.new(secret_key.encode(), b"staff", "sha256").digest()
    return "-".join(_WORDS[byte % len(_WORDS)] for byte in made[:4])


def demo_riders(work: UnitOfWork) -> list[tuple[str, bool]]:
    """The phone number of each rider, and whether a card is saved."""
    riders = [(address, find_rider(work, "whatsapp", address)) for address in RIDERS]
    return [(address, bool(each and each.stripe_payment_method)) for address, each in riders]


def seed(store: Store, *, secret_key: str, save_card: SaveCard) -> None:
    """Make what is missing of the demo city; what is there is left as it is.

    `save_card` talks to Stripe, outside of any transaction (see `test_card`).
    """
    with store.begin() as work:
        take_in(work, inventory(), make_secret=partial(pile_secret, secret_key))
        for address in RIDERS:
            rider_for(work, "whatsapp", address)
        add_offers(work)
        _add_firmware(work)
    _add_staff(store, staff_password(secret_key))
    for address in RIDERS[:RIDERS_WITH_CARD]:
        give_card(store, address, save_card)


def _add_firmware(work: UnitOfWork) -> None:
    """A newer firmware for each model, as the simulated piles know to install it."""
    data = f"{FIRMWARE_MARK}{FIRMWARE}\n".encode() + bytes(100_000)
    known = set(work.session.scalars(select(Firmware.model)))
    for model in sorted({each.model for place in STATIONS for each in place.piles} - known):
        work.session.add(
            Firmware(
                model=model, version=FIRMWARE, note="Steadier on bad mobile networks", data=data,
                size=len(data), sha256=hashlib.sha256(data).hexdigest(), at=work.now,
            )
        )  # fmt: skip


def _add_staff(store: Store, password: str) -> None:
    with store.read() as work:
        known = set(work.session.scalars(select(Staff.login)))
    for person in STAFF:
        if person.login in known:
            continue
        hashed = passwords.hash_password(password)
        with store.begin() as work:
            staff = staff_accounts.create(
                work, None, login=person.login, name=person.name, role=person.role
            )
            staff_accounts.set_password(work, staff, hashed)
            staff.langs, staff.skills = list(person.langs), list(person.skills)
            staff.presence = "online"


def inventory() -> dict[str, Any]:
    """The city as bot/services/inventory.py takes it in."""
    return {
        "tariffs": [
            {"name": name, "currency": CURRENCY, "body": body} for name, body in TARIFFS.items()
        ],
        "stations": [_station(place) for place in STATIONS],
    }


def _station(place: Place) -> dict[str, Any]:
    numbered = enumerate(place.piles, start=place.first_number)
    return {
        "name": place.name,
        "address": place.address,
        "lat": place.lat,
        "lng": place.lng,
        "tz": TIMEZONE,
        "country": COUNTRY,
        "currency": CURRENCY,
        "tax_percent": TAX_PERCENT,
        "directions": place.directions,
        "open_hours": place.open_hours,
        "rating_tenths": place.rating_tenths,
        "rating_count": place.rating_count,
        "power_cap_w": place.power_cap_w,
        "piles": [
            {
                "number": str(number),
                "kind": each.kind,
                "model": each.model,
                "evses": [
                    {
                        "connector_type": connector_type,
                        "max_power_w": each.max_power_w,
                        "tariff": each.tariff,
                    }
                    for connector_type in each.connectors
                ],
            }
            for number, each in numbered
        ],
    }


def test_card(client: stripe.StripeClient) -> SaveCard:
    """Saves Stripe's own test card, as its test mode and our stand-in know it."""

    def save(name: str) -> Card:
        customer = client.v1.customers.create({"description": name})
        method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
        assert method.card is not None
        label = f"{method.card.brand.title()} {method.card.last4}"
        return Card(customer.id, method.id, label)

    return save


def give_card(store: Store, address: str, save_card: SaveCard) -> None:
    """Save a card for a rider who has none."""
    with store.read() as work:
        rider = find_rider(work, "whatsapp", address)
        if rider is None or rider.stripe_payment_method:
            return
    card = save_card(f"Demo rider {address}")
    with store.begin() as work:
        rider = find_rider(work, "whatsapp", address)
        assert rider is not None
        rider.stripe_customer = card.customer
        rider.stripe_payment_method = card.payment_method
        rider.card_label = card.label
