"""What goes wrong on the way, and what the rider pays and reads then; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from bot.errors import Refused
from bot.services import alarms
from bot.services import charging_facts as service
from bot.store.database import UnitOfWork
from bot.store.queues import Inbox
from bot.store.stations import Evse, Pile
from tests.charging.world import PILE, SETTINGS, World


@pytest.fixture
def world(engine: Engine) -> World:
    world = World(engine)
    world.rider(1)
    return world


def test_no_card_no_charge(world: World) -> None:
    session = world.says_yes()
    world.pays(session, "failed", reason="card_declined")
    assert world.session(session).state == "failed"
    assert not world.session(session).open
    assert "did not allow the hold" in world.heard()[-1]
    assert world.commands("start") == []


def test_a_new_card_goes_through_the_pay_page(world: World) -> None:
    session = world.says_yes()
    world.pays(session, "needs_rider", url="https://pay.example/1")
    assert "secure payment page" in world.heard()[-1]
    world.passes(31)
    assert len(world.effects("payment.check")) == 1
    world.pays(session, "held", capture_before="2026-11-25T10:00:00+00:00")
    assert world.session(session).state == "starting"


def test_an_unused_pay_page_gives_the_evse_back(world: World) -> None:
    session = world.says_yes()
    world.pays(session, "needs_rider", url="https://pay.example/1")
    world.passes(901)
    assert not world.session(session).open
    assert [each["hold_id"] for each in world.effects("payment.void")] == [1]
    world.pays(session, "void")
    assert world.session(session).state == "void"
    assert world.hold(session).state == "void"
    assert world.says_yes(key="yes-2") != session


def test_a_pile_that_says_no_frees_the_money_and_is_suspected(world: World) -> None:
    session = world.says_yes()
    world.pays(session, "held")
    world.answers("start", "rejected", reason="Faulted")
    assert "reports a fault" in world.heard()[-1]
    assert len(world.effects("payment.void")) == 1
    world.pays(session, "void")
    assert world.session(session).state == "void"


def test_a_pile_that_goes_offline_before_the_start(world: World) -> None:
    session = world.says_yes()
    world.presence(online=False)
    world.pays(session, "held")
    assert "has just gone offline" in world.heard()[-1]
    assert world.session(session).state == "releasing"


def test_no_energy_is_tried_twice_and_then_free(world: World) -> None:
    session = world.says_yes()
    world.status("Occupied")
    world.pays(session, "held")
    world.answers("start", "accepted")
    world.passes(31)
    assert len(world.commands("start")) == 2
    world.answers("start", "accepted")
    world.passes(31)
    assert "no energy came, also not at the second try" in world.heard()[-1]
    world.pays(session, "void")
    assert world.session(session).state == "void"
    assert world.bill(session) is None
    assert world.balance("provider") == 0


def test_a_transaction_that_starts_after_all_is_stopped_and_free(world: World) -> None:
    session = world.says_yes()
    world.pays(session, "held")
    world.answers("start", "accepted")
    world.says_stop(session)
    world.reports("Started", 1000)
    world.reports("Updated", 5000)
    world.reports("Ended", 5000, reason="Remote", start=False)
    assert [each.body for each in world.commands("stop")] == [{"transaction_id": "T1"}]
    assert world.bill(session) is None
    assert world.session(session).facts["owed"] == []


def test_nobody_plugs_in(world: World) -> None:
    session = world.says_yes()
    world.pays(session, "held")
    world.answers("start", "accepted")
    world.passes(181)
    assert "No cable was plugged in" in world.heard()[-1]
    assert not world.session(session).open


def test_stop_with_the_pile_offline_bills_at_once_and_is_carried_out_later(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.presence(online=False)
    world.says_stop(session)
    heard = world.heard()
    assert "will be carried out as soon as it is back" in heard[-2]
    assert heard[-1] == "Receipt"
    world.pays(session, "captured")
    world.passes(600)
    world.presence(online=True)
    sent = [each for each in world.commands("stop") if each.state == "new"]
    assert [each.body["transaction_id"] for each in sent] == ["T1"]
    world.reports("Ended", 9000, reason="Remote")
    bill = world.bill(session)
    assert bill is not None
    assert bill.total_minor == 140
    assert world.session(session).state == "settled"
    assert world.effects("payment.refund") == []


def test_a_lower_final_reading_is_refunded(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.presence(online=False)
    world.says_stop(session)
    world.pays(session, "captured")
    world.presence(online=True)
    world.reports("Ended", 1500, reason="Remote")
    assert world.effects("payment.refund") == [{"refund_id": 1}]
    assert "lower than billed" in world.heard()[-1]
    world.pays(session, "refunded", refund_id=1, amount_minor=20)
    world.pays(session, "refunded", refund_id=1, amount_minor=20)
    assert world.balance("refunds") == 0, "it was never ours: credited, not given"
    assert world.balance("rider:1") == 0
    assert world.credit_notes() == [("C-000001", 20)]
    assert world.balance("provider") == 140 - 20


def test_a_pile_that_dies_while_charging_ends_at_its_last_word(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.presence(online=False)
    assert "lost contact" in world.heard()[-1]
    world.passes(901)
    bill = world.bill(session)
    assert bill is not None
    assert bill.total_minor == 0  # 0.40 without the start fee: too little to take
    assert [line["what"] for line in bill.body["lines"]] == ["energy", "waived"]
    world.pays(session, "void")
    assert world.session(session).state == "void"


def test_a_fault_costs_energy_only(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.reports("Updated", 6000)
    world.passes(1)
    world.reports("Updated", 6001)
    world.status("Faulted")
    world.reports("Ended", 6001, reason="GroundFault")
    bill = world.bill(session)
    assert bill is not None
    assert bill.total_minor == 200
    assert "of fixed fees are not taken" in " ".join(world.heard())


def test_double_stop_captures_once(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.says_stop(session, key="a")
    world.says_stop(session, key="a")
    world.says_stop(session, key="b")
    heard = [text for text in world.heard() if "topping" in text]
    assert len(heard) == 2
    assert "already stopping" in heard[-1]
    assert len(world.commands("stop")) == 1
    world.reports("Ended", 2100, reason="Remote")
    world.reports("Ended", 2100, reason="Remote")
    world.says_stop(session, key="c")
    assert "already ended" in world.heard()[-1]
    assert len(world.effects("payment.capture")) == 1


def test_a_silent_pile_does_not_delay_the_receipt(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.says_stop(session)
    world.passes(21)
    assert world.heard()[-1] == "Receipt"


def test_what_the_provider_cannot_take_is_waived(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.says_stop(session)
    world.reports("Ended", 2000, reason="Remote")
    world.pays(session, "void", reason="below_minimum")
    assert world.session(session).state == "void"
    assert world.balance("rider:1") == 0
    assert world.balance("waived") == 140


def test_somebody_elses_transaction_is_left_alone(world: World) -> None:
    session = world.says_yes()
    world.pays(session, "held")
    world.reports("Started", 1000, tx="RFID", start=False)
    world.reports("Updated", 9000, tx="RFID", start=False)
    assert world.session(session).state == "starting"
    assert world.commands("stop") == []


def test_the_vehicle_is_full_and_stays(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.reports("Updated", 3000, state="SuspendedEV")
    assert world.progress(session).state == "suspended"
    assert "after that staying plugged in costs Rate(amount='0.10'" in world.heard()[-1]
    world.passes(301)
    assert world.heard()[-1].startswith("From Moment")
    world.passes(300)
    assert "from now on" in world.heard()[-1]
    world.passes(239)  # 14 minutes in all, 4 of them paid
    world.reports("Ended", 3000, state="Idle", reason="EVDisconnected")
    assert any("costs nothing more" in each for each in world.heard())
    bill = world.bill(session)
    assert bill is not None
    assert bill.total_minor == 100 + 80 + 40


def test_the_longest_session_ends(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.passes(43_201)
    assert "longest time" in world.heard()[-1]
    assert len(world.commands("stop")) == 1


def test_every_result_may_come_twice(world: World) -> None:
    session = world.says_yes()
    for _ in range(2):
        world.pays(session, "held")
        world.answers("start", "accepted")
    for _ in range(2):
        world.reports("Started", 1000, at=world.now)
    world.passes(60)
    for _ in range(2):
        world.reports("Updated", 6000, at=world.now)
    for _ in range(2):
        world.reports("Ended", 6000, reason="Local", at=world.now)
    for _ in range(2):
        world.pays(session, "captured")
    assert world.balance("provider") == 300
    assert len(world.effects("payment.capture")) == 1
    assert len(world.commands("start")) == 1
    assert len(world.heard()) == len(set(world.heard()))


def test_a_pile_that_counts_its_transactions_from_one_again(world: World) -> None:
    first = world.says_yes()
    world.charges(first, tx="1")
    world.reports("Ended", 2000, tx="1", reason="Local")
    world.pays(first, "captured")
    second = world.says_yes(key="yes-2")
    world.charges(second, tx="1")
    assert world.progress(second).state == "charging"
    world.reports("Updated", 7000, tx="1", start=False)
    assert world.progress(second).energy_wh == 6000
    assert world.progress(first).energy_wh == 1000


def test_a_meter_that_jumps_is_not_believed_and_called_out_once(world: World) -> None:
    session = world.says_yes()
    world.charges(session)
    world.reports("Updated", 6000)
    with world.work() as work:
        on_transaction_by(work, pace=2, at=world.now + timedelta(seconds=60), wh=2_000_000)
    rows = select(Inbox).where(Inbox.kind == "pile.alarm")
    with world.store.read() as work:
        alarms = [row.body for row in work.session.scalars(rows)]
        assert [(each["code"], each["evse_number"]) for each in alarms] == [("METER_JUMP", 1)]
        assert work.session.get_one(Evse, 1).fault_code == "METER_JUMP"
    with world.work() as work:
        on_transaction_by(work, pace=2, at=world.now + timedelta(seconds=61), wh=2_000_100)
        assert len(work.session.scalars(rows).all()) == 1
        service.on_alarm(work, SETTINGS, alarms[0])
    world.reports("Ended", 2_000_200, reason="Remote")
    bill = world.bill(session)
    assert bill is not None
    assert bill.total_minor == 200  # 5 kWh, no start fee
    assert "reported a fault" in " ".join(world.heard())


def on_transaction_by(work: UnitOfWork, *, pace: int, at: datetime, wh: int) -> None:
    """A reading as a service with this setting hears it."""
    body = {
        "pile_id": PILE, "evse_number": 1, "transaction_id": "T1", "event": "Updated", "seq": 90,
        "at": at.isoformat(), "trigger": "MeterValuePeriodic", "charging_state": "Charging",
        "stopped_reason": None, "power_w": 11_000, "remote_start_id": None,
        "readings": [{"at": at.isoformat(), "wh": wh}],
    }  # fmt: skip
    service.on_transaction(work, replace(SETTINGS, meter_pace=pace), body)


def test_after_a_jump_nobody_starts_there_until_it_was_looked_at_and_the_next_is_heard(
    world: World,
) -> None:
    rows = select(Inbox).where(Inbox.kind == "pile.alarm")
    world.rider(2)
    for count in (1, 2):
        session = world.says_yes(key=f"yes-{count}", rider_id=count)
        world.charges(session, tx=f"T{count}")
        world.reports("Updated", 2_000_000 * count, tx=f"T{count}")
        world.reports("Ended", 2_000_100 * count, tx=f"T{count}", reason="Remote")
        world.pays(session, "captured", amount_minor=world.hold(session).capture_minor)
        with world.store.read() as work:
            assert len(work.session.scalars(rows).all()) == count
        with pytest.raises(Refused, match="reports a fault"):
            world.says_yes(key=f"no-{count}")
        with world.work() as work:
            alarms.looked_at(work, work.session.get_one(Pile, PILE))
