"""A rider who charges in euros, yen (no decimals) and dinars (three), from the chat alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select

from bot.domain.codes import evse_code
from bot.gateways.stripe_books import check_books
from bot.services import books, refunds
from bot.store.charging import Bill, Hold
from tests.world import World, add_station, open_world

RIDER: Final = "+358401234567"
# pile, its tariff, what 4.321 kWh come to in minor units, and how the chat writes it
STATIONS: Final = {
    "JPY": ("2001", {"elements": [{"kind": "energy", "price": "35", "per": "kwh"}]}, "JP"),
    "KWD": ("2002", {"elements": [{"kind": "energy", "price": "0.085", "per": "kwh"}]}, "KW"),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as world:
        for currency, (pile, tariff, country) in STATIONS.items():
            add_station(
                world.store, name=f"Site {currency}", pile=pile, tariff=tariff, country=country,
                currency=currency,
            )  # fmt: skip
            world.pile(pile).goes("online")
            world.pile(pile).status(1, "Available")
        yield world


def charge(world: World, pile: str, wh: int = 4321) -> None:
    """One charge from the chat to the receipt."""
    said, socket = world.pile(pile), 1
    world.rider_says(RIDER, evse_code(pile, socket))
    world.bot_says(RIDER, "Start charging?")
    world.rider_says(RIDER, "yes")
    said.status(socket, "Occupied")
    said.answers("RequestStartTransaction", status="Accepted")
    said.transaction_event(socket, "Started", chargingState="Charging")
    said.meter_wh += wh
    world.clock_passes(60)
    said.transaction_event(socket, "Ended", stoppedReason="Local")
    said.status(socket, "Available")


def test_cards(world: World) -> None:
    world.give_card(RIDER)
    for pile, receipt in (("2001", "JP¥151"), ("2002", "KWD0.360"), ("1023", "€1.30")):
        world.pile(pile).status(1, "Available")
        charge(world, pile)
        world.bot_says(RIDER, "Receipt", f"Total: {receipt}")
    with world.store.read() as work:
        bills = work.session.execute(
            select(Bill.currency, Bill.total_minor).order_by(Bill.id)
        ).all()
        taken = work.session.scalars(select(Hold.captured_minor).order_by(Hold.id)).all()
    assert bills == [("JPY", 151), ("KWD", 360), ("EUR", 130)]
    assert taken == [151, 360, 130]
    assert check_books(world.store, world.settings)[1] == []
    with world.store.begin() as work:  # a part of it that no card can be given is not tried
        dinars = work.session.scalars(select(Hold).where(Hold.currency == "KWD")).one()
        back = refunds.give_back(work, dinars.id, 125, reason="goodwill")
        assert back is not None
        assert back.amount_minor == 120
        assert refunds.give_back(work, dinars.id, 5, reason="goodwill", at_most=True) is None
    world.settle()
    assert check_books(world.store, world.settings)[1] == []
    # the page for another card asks in the currency charged in last, and replaces the card for all
    world.rider_says(RIDER, "card")
    world.rider_taps(RIDER, "Remove card")
    world.rider_taps(RIDER, "Yes, remove it")
    world.rider_says(RIDER, "add a card")
    world.bot_says(RIDER, "Nothing is charged")
    with world.store.read() as work:
        page = work.session.scalars(select(Hold).where(Hold.purpose == "card")).one()
    assert (page.currency, page.amount_minor) == ("EUR", 0)


def test_wallets(world: World) -> None:
    """A wallet for each currency, each with the amounts of its own."""
    world.give_card(RIDER)
    for said, least, amount, code in (
        ("100 jpy", "JP¥750", "3000 jpy", "JP¥3,000"),
        ("1 kwd", "KWD1.500", "5.500 kwd", "KWD5.500"),
        ("1 eur", "€5.00", "20 eur", "€20.00"),
    ):
        world.rider_says(RIDER, f"top up {said}")
        world.bot_says(RIDER, f"The smallest top-up is {least}")
        world.rider_says(RIDER, amount)
        world.bot_says(RIDER, f"Top up {code}?")
        world.rider_says(RIDER, "yes")
        world.bot_says(RIDER, f"Top-up receipt: {code}")
    for odd in ("top up 5.005 kwd", "20.50 jpy", "1.0005 kwd"):
        world.rider_says(RIDER, odd)
        world.bot_says(RIDER, "Please write the amount in figures")
    for pile, receipt in (("2001", "JP¥151"), ("2002", "KWD0.360"), ("1023", "€1.30")):
        world.pile(pile).status(1, "Available")
        charge(world, pile)
        world.bot_says(RIDER, "Receipt", f"Paid from your wallet: {receipt} cash")
    world.rider_says(RIDER, "wallet")
    world.bot_says(RIDER, "JP¥2,849", "KWD5.140", "€18.70")
    with world.store.read() as work:
        assert books.audit(work) == []
    world.rider_says(RIDER, "top up 7")  # bare figures are in what was charged in last
    world.bot_says(RIDER, "Top up €7.00?")
    world.rider_says(RIDER, "autopay 5 20 40")
    world.rider_says(RIDER, "yes")
    world.bot_says(RIDER, "below €5.00 I top up €20.00")
    world.pile("2001").status(1, "Available")
    charge(world, "2001", 1000)
    world.rider_says(RIDER, "autopay")
    world.bot_says(RIDER, "below €5.00 I top up €20.00")  # the order stays in its own currency
    world.rider_says(RIDER, "pay out")  # each wallet's cash can be had again
    world.bot_says(RIDER, "Which of your wallets", "[JP¥2,814]", "[KWD5.140]", "[€18.70]")
    world.rider_taps(RIDER, "KWD5.140")
    world.bot_says(RIDER, "Pay out KWD5.140")
    world.rider_says(RIDER, "yes")
    world.bot_says(RIDER, "KWD5.140 is on its way")
    assert check_books(world.store, world.settings)[1] == []
