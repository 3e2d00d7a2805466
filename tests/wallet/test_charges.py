"""Charges paid by a wallet: reserved at the start, settled at the stop, nothing asked of Stripe."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select

from bot.errors import Refused
from bot.gateways.receipts import summary
from bot.gateways.translate import say
from bot.services import charging, refund_words, refunds, wallet
from bot.services.billing import bill_view
from bot.store.charging import ChargingSession, Hold
from bot.store.riders import Rider
from bot.store.stations import Evse
from bot.store.wallet import WalletMember
from tests.charging.world import SETTINGS, World
from tests.wallet.test_movements import together
from tests.wallet.world import eur, faults, fill, join, stands


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def charge(world: World, session: int, *, tx: str = "T1", evse: int = 1) -> None:
    """From the answered start to the pile's end: 10 kWh, 5.00 with the start fee, tax included."""
    world.answers("start", "accepted")
    world.reports("Started", 1000, tx=tx, evse=evse)
    world.passes(60)
    world.reports("Updated", 2000, tx=tx, evse=evse)
    world.passes(600)
    world.reports("Ended", 11_000, tx=tx, evse=evse, reason="Local")


def offer(world: World, rider_id: int = 1, evse_id: int = 1, **more: Any) -> Any:
    with world.work() as work:
        return charging.offer(
            work, SETTINGS, evse=work.session.get_one(Evse, evse_id),
            rider=work.session.get_one(Rider, rider_id), **more,
        )  # fmt: skip


def receipt(world: World) -> str:
    bill = world.bill()
    assert bill is not None
    with world.work() as work:
        return say("en", summary(bill_view(work, bill.id)))


def way_back(world: World) -> str:
    """What staff read of a refund before they give it."""
    with world.work() as work:
        return refund_words.for_staff(work, work.session.get_one(Hold, world.hold().id))


def test_reserved_settled_and_the_rest_free_without_any_effect_at_stripe(world: World) -> None:
    fill(world, world.rider(), 300, 5000)
    made = offer(world)
    assert (made.pays, made.others) == ("wallet", ("card",))
    session = world.says_yes(body=made.body)
    hold = made.hold.amount_minor
    assert stands(world).reserved_minor == hold
    assert world.session().state == "starting"  # in the very transaction of the yes
    assert faults(world) == []
    charge(world, session)
    bill = world.bill()
    assert bill is not None
    assert world.session().state == "settled"
    assert stands(world) == wallet.Balance(0, 5300 - bill.total_minor, 0, "EUR")
    for kind in ("payment.hold", "payment.capture", "payment.void"):
        assert world.effects(kind) == []
    assert faults(world) == []
    assert "is reserved in the wallet" in " ".join(world.heard())
    assert "Paid from your wallet: €3.00 cash" in receipt(world)
    assert "is free again" in receipt(world)


def test_a_start_that_comes_to_nothing_frees_all_at_once(world: World) -> None:
    fill(world, world.rider(), 4000)
    session = world.says_yes()
    assert stands(world).reserved_minor > 0
    world.says_stop(session)
    assert world.session().state == "void"
    assert stands(world) == wallet.Balance(4000, 0, 0, "EUR")
    assert faults(world) == []


def test_a_wallet_below_the_hold_leaves_it_to_the_card(world: World) -> None:
    fill(world, world.rider(), 200)
    made = offer(world)
    assert (made.pays, made.others) == ("card", ())
    world.says_yes(body=made.body)
    assert world.hold().method == "card"
    assert stands(world) == wallet.Balance(200, 0, 0, "EUR")


def test_the_rider_may_choose_the_card(world: World) -> None:
    fill(world, world.rider(), 5000)
    made = offer(world, pays="card")
    assert (made.pays, made.others) == ("card", ("wallet",))
    world.says_yes(body=made.body)
    assert world.hold().method == "card"


def test_a_switched_off_wallet_pays_nothing_new(world: World) -> None:
    from dataclasses import replace

    fill(world, world.rider(), 5000)
    with world.work() as work:
        evse, rider = work.session.get_one(Evse, 1), work.session.get_one(Rider, 1)
        off = replace(SETTINGS, wallet="off")
        assert charging.offer(work, off, evse=evse, rider=rider).pays == "card"


def test_charging_stops_before_the_reserved_amount_is_passed(world: World) -> None:
    fill(world, world.rider(), 4000)
    session = world.says_yes()
    world.answers("start", "accepted")
    world.reports("Started", 0)
    world.passes(60)
    world.reports("Updated", 300)
    for energy_wh in range(3_000, 500_000, 3_000):  # 18 kW
        world.passes(600)
        world.reports("Updated", energy_wh)
        if world.session(session).state == "stopping":
            break
    assert world.session(session).state == "stopping"
    world.passes(30)
    reserved = world.hold().amount_minor
    assert world.session().state == "settled"
    assert (world.hold().captured_minor or 0) <= reserved
    assert stands(world).available.amount_minor == 4000 - (world.hold().captured_minor or 0)
    assert faults(world) == []


def test_refunds_go_back_cash_first_then_bonus(world: World) -> None:
    fill(world, world.rider(), 300, 5000)
    session = world.says_yes()
    charge(world, session)
    hold, before = world.hold(), stands(world)
    total = hold.captured_minor or 0
    assert way_back(world) == (
        "The money is in the rider's wallet at once, up to 3.00 EUR as cash, the rest (up to 2.00 "
        "EUR) as bonus."
    )
    with world.work() as work:
        refunds.give_back(work, hold.id, 250, reason="staff action 1")
        refunds.give_back(work, hold.id, 100, reason="staff action 2")
    world.drain()
    assert stands(world).cash_minor == 300
    assert stands(world).bonus_minor == before.bonus_minor + 50
    assert way_back(world) == "The money is in the rider's wallet at once, as bonus."
    with world.work() as work, pytest.raises(refunds.TooMuch):
        refunds.give_back(work, hold.id, total - 349, reason="staff action 3")
    assert world.effects("payment.refund") == []
    assert faults(world) == []


def test_a_lower_final_register_is_given_back_into_the_wallet(world: World) -> None:
    fill(world, world.rider(), 4000)
    session = world.says_yes()
    world.answers("start", "accepted")
    world.reports("Started", 1000)
    world.passes(60)
    world.reports("Updated", 9000)
    world.presence(False)
    world.passes(901)  # billed at the last reading
    assert world.session(session).state == "settled"
    world.presence(True)
    world.reports("Ended", 5000, reason="Local")
    world.drain()
    with world.work() as work:
        row = work.session.get_one(ChargingSession, session)
        due = row.facts["bill_minor"] - row.facts["refund_minor"]
    assert stands(world).available.amount_minor == 4000 - due
    assert "your wallet" in " ".join(world.heard())
    assert faults(world) == []


def test_a_debt_is_paid_from_the_wallet_while_its_page_is_open(world: World) -> None:
    world.rider()
    session = world.says_yes()
    world.charges(session)
    world.says_stop(session)
    world.reports("Ended", 11_000, reason="Remote")
    world.pays(session, "expired")  # the hold lapsed before it was taken
    assert world.session().state == "debt"
    with world.work() as work:
        charging.collect(work, work.session.get_one(ChargingSession, session))
        page = work.session.scalars(select(Hold).order_by(Hold.id.desc())).first()
        assert page is not None
        page_id = page.id
    _result(world, page_id, "needs_rider", url="https://pay.example")
    fill(world, 1, 200, 5000)
    with world.work() as work:
        charging.collect(work, work.session.get_one(ChargingSession, session), by="wallet")
    assert len(world.effects("payment.void")) == 1  # nobody pays twice
    _result(world, page_id, "void")
    assert world.session().state == "settled"
    bill = world.bill()
    assert bill is not None
    assert stands(world).available.amount_minor == 5200 - bill.total_minor
    assert faults(world) == []


def _result(world: World, hold_id: int, outcome: str, **more: Any) -> None:
    from bot.services import payment_results

    with world.work() as work:
        body = {"hold_id": hold_id, "outcome": outcome, **more}
        payment_results.on_payment_result(work, SETTINGS, body)
    world.drain()


# --- families


def test_a_member_charges_on_the_owners_wallet_and_the_owner_is_told(world: World) -> None:
    number = fill(world, world.rider(1), 9000)
    join(world, number, world.rider(2), 8000)
    made = offer(world, rider_id=2)
    assert made.pays == "family"
    session = world.says_yes(rider_id=2, body=made.body)
    charge(world, session)
    bill = world.bill()
    assert bill is not None
    assert stands(world).available.amount_minor == 9000 - bill.total_minor
    told = [each for each in world.heard() if "paid from your wallet" in each]
    assert len(told) == 1
    assert "Rider 2 has charged at Kamppi" in told[0]
    assert "Paid from the wallet of Rider 1" in receipt(world)
    assert way_back(world) == (
        "The money is in the family wallet of Rider 1, which paid, at once, as cash."
    )
    with world.work() as work:
        member = work.session.scalars(select(WalletMember)).one()
        assert wallet.spent(work, member) == bill.total_minor
    assert faults(world) == []


def test_two_members_who_start_at_once_never_overspend(world: World) -> None:
    hold = offer(world, rider_id=world.rider(1)).hold.amount_minor
    number = fill(world, 1, hold + hold // 2)
    bodies = {}
    for rider_id in (2, 3):
        join(world, number, world.rider(rider_id), 10 * hold)
        bodies[rider_id] = offer(world, rider_id, rider_id).body
        assert bodies[rider_id]["pays"] == "family"

    def start(rider_id: int) -> object:
        try:
            return world.says_yes(rider_id, rider_id, key=f"yes-{rider_id}", body=bodies[rider_id])
        except Refused as no:
            return no

    results = together([lambda each=each: start(each) for each in bodies])  # type: ignore[misc]
    assert sum(isinstance(each, int) for each in results) == 1
    no = next(each for each in results if isinstance(each, Refused))
    assert "does not cover" in no.text
    assert stands(world).reserved_minor == hold
    assert stands(world).available == eur(hold // 2)
    assert faults(world) == []
