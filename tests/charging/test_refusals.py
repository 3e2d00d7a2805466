"""Who may not start, and what they are told instead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from bot.errors import Refused
from bot.replies import Say
from bot.services import charging
from bot.store.riders import Rider
from bot.store.stations import Evse, Pile, TariffVersion
from tests.charging.world import PILE, SETTINGS, World


@pytest.fixture
def world(engine: Engine) -> World:
    world = World(engine)
    world.rider(1)
    world.rider(2)
    return world


def refused(world: World, evse: int = 1, rider: int = 1) -> str:
    with pytest.raises(Refused) as error:
        world.offer(evse, rider)
    values = {
        name: value.text.format(**value.values) if isinstance(value, Say) else value
        for name, value in error.value.values.items()
    }
    return error.value.text.format(**values)


def change(world: World, **columns: object) -> None:
    with world.work() as work:
        pile, evse = work.session.get_one(Pile, PILE), work.session.get_one(Evse, 1)
        for name, value in columns.items():
            setattr(evse if hasattr(Evse, name) else pile, name, value)


def test_an_offer_shows_price_hold_and_examples(world: World) -> None:
    with world.work() as work:
        offer = charging.offer(
            work,
            SETTINGS,
            evse=work.session.get_one(Evse, 1),
            rider=work.session.get_one(Rider, 1),
        )
    assert [line.text.split(":")[0] for line in offer.lines] == [
        "Energy", "Start fee", "Staying plugged in after charging",
    ]  # fmt: skip
    assert [(wh, total.amount_minor) for wh, total in offer.examples] == [(5000, 300), (10000, 500)]
    assert offer.hold.amount_minor == 1700  # 40 kWh × 0.40 + 1.00
    assert "Start charging?" in offer.text.text


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"online": False}, "is offline"),
        ({"in_service": False}, "out of service"),
        ({"status": "Unavailable"}, "out of service"),
        ({"status": "Faulted"}, "reports a fault"),
        ({"status": "Reserved"}, "is reserved"),
    ],
)
def test_an_evse_that_cannot_charge_is_refused_with_the_reason(
    world: World, columns: dict[str, object], says: str
) -> None:
    change(world, **columns)
    assert says in refused(world)


def test_a_silent_pile_is_offline_even_if_it_never_said_so(world: World) -> None:
    world.now += timedelta(seconds=SETTINGS.silent_after_s + 1)
    assert "is offline" in refused(world)


def test_an_occupied_evse_is_refused_with_since_when_and_a_free_one(world: World) -> None:
    world.says_yes(1, 1)
    world.passes(60)
    text = refused(world, 1, 2)
    assert "in use by another rider since" in text
    assert "1023-20 here is free" in text


def test_a_rider_has_one_charge_at_a_time(world: World) -> None:
    world.says_yes(1, 1)
    assert "already have a charge at 1023-10" in refused(world, 2, 1)


def test_a_debt_blocks_the_next_start(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.pays(session, "expired")
    world.reports("Ended", 9000, reason="Local")
    assert world.session(session).state == "debt"
    assert world.balance("rider:1") == 0
    assert world.balance("debt:1") > 0
    assert "not paid yet" in refused(world)


def test_an_old_offer_is_not_honoured_and_another_evses_neither(world: World) -> None:
    body = world.offer(1)
    with pytest.raises(Refused, match="shown a while ago"):
        world.says_yes(2, 1, body=body)
    world.passes(3601)
    with pytest.raises(Refused, match="shown a while ago"):
        world.says_yes(1, 1, body=body)


def test_the_shown_price_is_kept_when_the_tariff_changes_before_the_yes(world: World) -> None:
    body = world.offer(1)
    with world.work() as work:
        dear = {"elements": [{"kind": "energy", "price": "9", "per": "kwh"}]}
        work.session.add(TariffVersion(tariff_id=1, valid_from=world.now, body=dear))
    world.passes(10)
    session = world.says_yes(1, 1, body=body)
    world.charges(session)
    assert world.progress(session).cost.amount_minor == 140


def test_an_evse_without_a_readable_price_is_refused(world: World) -> None:
    with world.work() as work:
        work.session.get_one(TariffVersion, 7).body = {"elements": [{"kind": "steam"}]}
    assert "No price is set for 1023-10" in refused(world)
    with world.work() as work:
        work.session.delete(work.session.get_one(TariffVersion, 7))
    assert "No price is set for 1023-10" in refused(world)
