"""Fills an empty database with the demo city: stations, piles, tariffs and riders."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Final

import stripe
from sqlalchemy import select

from bot.demo.helsinki import COUNTRY, CURRENCY, STATIONS, TARIFFS, TAX_PERCENT, TIMEZONE, PileType
from bot.demo.helsinki import Place as Site
from bot.domain.codes import evse_code, pile_id
from bot.domain.pile_secret import hash_secret
from bot.gateways.stripe_holds import Card
from bot.services.riders import find_rider, rider_for
from bot.store.database import Store, UnitOfWork
from bot.store.stations import Evse, Pile, Station, Tariff, TariffVersion

# Numbers kept free for fiction by Ofcom: 07700 900000 to 900999.
RIDERS: Final = tuple(f"+4477009001{number:02d}" for number in range(28))
RIDERS_WITH_CARD: Final = 24

HashSecret = Callable[[str], str]  # pile id → Pile.secret_hash


SaveCard = Callable[[str], Card]  # what to call the customer → the card Stripe now keeps


def pile_secret(secret_key: str, pile_id: str) -> str:
    """What a pile of the demo logs in with: made from SECRET_KEY, so that the simulator knows it
    too while the database keeps only its hash."""
    return hmac.new(secret_key.encode(), f"pile:{pile_id}".encode(), "sha256").hexdigest()[:32]


def demo_riders(work: UnitOfWork) -> list[tuple[str, bool]]:
    """The phone number of each rider, and whether a card is saved."""
    riders = [(address, find_rider(work, "whatsapp", address)) for address in RIDERS]
    return [(address, bool(each and each.stripe_payment_method)) for address, each in riders]


def seed(store: Store, now: datetime, *, secret_key: str, save_card: SaveCard) -> None:
    """Make what is missing of the demo city; what is there is left as it is.

    `save_card` talks to Stripe, outside of any transaction (see `test_card`).
    """
    with store.begin() as work:
        tariffs = {name: _tariff(work, name, now) for name in TARIFFS}
        for site in STATIONS:
            _station(work, site, tariffs, secret_key)
        for address in RIDERS:
            rider_for(work, "whatsapp", address)
    for address in RIDERS[:RIDERS_WITH_CARD]:
        _give_card(store, address, save_card)


def test_card(client: stripe.StripeClient) -> SaveCard:
    """Saves Stripe's own test card, as its test mode and our stand-in know it."""

    def save(name: str) -> Card:
        customer = client.v1.customers.create({"description": name})
        method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
        assert method.card is not None
        label = f"{method.card.brand.title()} {method.card.last4}"
        return Card(customer.id, method.id, label)

    return save


def _tariff(work: UnitOfWork, name: str, now: datetime) -> Tariff:
    known = work.session.scalars(select(Tariff).where(Tariff.name == name)).first()
    if known is not None:
        return known
    tariff = Tariff(name=name, currency=CURRENCY)
    work.session.add(tariff)
    work.session.flush()
    body = dict(TARIFFS[name])
    work.session.add(TariffVersion(tariff_id=tariff.id, valid_from=now, body=body))
    return tariff


def _station(work: UnitOfWork, site: Site, tariffs: dict[str, Tariff], secret_key: str) -> None:
    if work.session.get(Pile, pile_id(str(site.first_number))) is not None:
        return
    station = Station(
        name=site.name,
        address=site.address,
        lat=site.lat,
        lng=site.lng,
        tz=TIMEZONE,
        country=COUNTRY,
        currency=CURRENCY,
        tax_percent=TAX_PERCENT,
        directions=site.directions,
        rating_tenths=site.rating_tenths,
        rating_count=site.rating_count,
        open_hours=site.open_hours,
    )
    for number, type_ in enumerate(site.piles, start=site.first_number):
        station.piles.append(_pile(str(number), type_, tariffs[type_.tariff], secret_key))
    work.session.add(station)


def _pile(number: str, type_: PileType, tariff: Tariff, secret_key: str) -> Pile:
    id_ = pile_id(number)
    hashed = hash_secret(pile_secret(secret_key, id_))
    pile = Pile(id=id_, number=number, kind=type_.kind, model=type_.model, secret_hash=hashed)
    for evse_number, connector_type in enumerate(type_.connectors, start=1):
        pile.evses.append(
            Evse(
                number=evse_number,
                code=evse_code(number, evse_number),
                connector_type=connector_type,
                max_power_w=type_.max_power_w,
                tariff_id=tariff.id,
            )
        )
    return pile


def _give_card(store: Store, address: str, save_card: SaveCard) -> None:
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
