"""Charges over real brokers: gateway, simulated piles and database, each in its own process."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from bot.store.sensing import EvseSample
from bot.store.stations import Evse
from tests.devices import world
from tests.devices.world import Rider, eventually


def test_a_charge_from_the_start_to_the_stop(rider: Rider) -> None:
    rider.does("plug")
    rider.status_is("Occupied")
    started = rider.starts()
    rider.hears_of(started, "confirmed")
    [begun] = rider.events("Started")
    assert (begun["remote_start_id"], begun["id_token"]) == (started, "rider:7")
    eventually(lambda: any(each["power_w"] for each in rider.events("Updated")))

    stopped = rider.orders("stop", {"transaction_id": begun["transaction_id"]})
    rider.ends_with(stopped, "accepted")
    ended = rider.ended()
    assert ended["stopped_reason"] == "Remote"
    assert ended["readings"][-1]["wh"] > begun["readings"][0]["wh"]
    assert ended["readings"][-1]["wh"] == pytest.approx(rider.sees["meter_wh"], abs=1)
    rider.does("unplug")
    rider.status_is("Available")


def test_the_cable_may_come_after_the_start(rider: Rider) -> None:
    started = rider.starts()
    rider.hears_of(started, "confirmed")
    assert rider.events("Started")[0]["charging_state"] == "Idle"
    rider.does("plug")
    eventually(lambda: rider.sees["charging_state"] == "Charging")
    eventually(lambda: "CablePluggedIn" in [each["trigger"] for each in rider.events("Updated")])


def test_without_a_cable_the_transaction_times_out(rider: Rider) -> None:
    rider.pile("misbehave", plug_in_timeout_s=0.5)
    rider.starts()
    ended = rider.ended()
    assert (ended["stopped_reason"], ended["trigger"]) == ("Timeout", "EVConnectTimeout")


def test_an_occupied_evse_refuses_a_second_start(rider: Rider) -> None:
    rider.charges()
    second = rider.starts()
    rider.ends_with(second, "rejected")
    assert world.command(rider.store, second).reason == "Occupied"


def test_pulling_the_cable_ends_the_charge(rider: Rider) -> None:
    rider.charges()
    rider.does("unplug")
    assert rider.ended()["stopped_reason"] == "EVDisconnected"
    rider.status_is("Available")


def test_the_button_on_the_pile_ends_the_charge(rider: Rider) -> None:
    rider.charges()
    rider.does("stop")
    assert rider.ended()["stopped_reason"] == "Local"


def test_a_full_vehicle_suspends_the_charge(rider: Rider) -> None:
    rider.does("plug", capacity_wh=1000, soc=0.5)
    rider.starts()
    eventually(lambda: "SuspendedEV" in [each["charging_state"] for each in rider.events()])
    # The last odd watt-hours come with the next reading, which may still be on its way.
    eventually(lambda: rider.events("Updated")[-1]["readings"][-1]["wh"] == 500)
    assert rider.events("Ended") == []


def test_a_ground_fault_ends_the_charge_and_blocks_the_next(rider: Rider) -> None:
    rider.charges()
    rider.does("fault", kind="GroundFault")
    assert rider.ended()["stopped_reason"] == "GroundFault"
    rider.status_is("Faulted")
    [alarm] = [each for each in world.told(rider.store, "pile.alarm")
               if each["pile_id"] == rider.pile_id]  # fmt: skip
    assert (alarm["code"], alarm["evse_number"]) == ("GROUND_FAULT", 1)
    rider.ends_with(rider.starts(), "rejected")
    rider.does("clear")
    rider.status_is("Occupied")


def test_a_hot_connector_alarms_and_pauses(rider: Rider) -> None:
    begun = rider.charges()
    rider.does("fault", kind="OverTemp")
    [alarm] = eventually(lambda: [each for each in world.told(rider.store, "pile.alarm")
                                  if each["pile_id"] == rider.pile_id])  # fmt: skip
    assert (alarm["code"], alarm["transaction_id"]) == ("OVER_TEMP", begun["transaction_id"])
    eventually(lambda: "SuspendedEVSE" in [each["charging_state"] for each in rider.events()])
    rider.does("clear")
    eventually(lambda: rider.sees["power_w"] > 0)


def test_the_pile_says_yes_but_the_meter_stands_still(rider: Rider) -> None:
    rider.does("fault", kind="NoEnergy")
    rider.does("plug")
    started = rider.starts()
    rider.hears_of(started, "confirmed")
    eventually(lambda: "SuspendedEVSE" in [each["charging_state"] for each in rider.events()])
    assert rider.sees["meter_wh"] == 0


def test_unlock_reset_availability_reservation_and_power_limit(rider: Rider) -> None:
    rider.ends_with(rider.orders("unlock"), "accepted")
    reserved = rider.orders("reserve", {"id_token": "rider:8", "until": "2099-01-01T00:00:00Z"})
    rider.ends_with(reserved, "accepted")
    rider.status_is("Reserved")
    rider.ends_with(rider.starts(), "rejected")
    rider.ends_with(rider.orders("cancel_reservation", {"reservation_id": reserved}), "accepted")
    rider.status_is("Available")
    rider.ends_with(rider.orders("change_availability", {"status": "Inoperative"}), "accepted")
    rider.status_is("Unavailable")
    rider.ends_with(rider.orders("change_availability", {"status": "Operative"}), "accepted")
    rider.status_is("Available")
    rider.ends_with(rider.orders("trigger", {"message": "StatusNotification"}), "accepted")
    rider.charges()
    limit = rider.orders("set_profile", {"limit_w": 2000})
    rider.ends_with(limit, "accepted")
    eventually(lambda: 0 < rider.sees["power_w"] <= 2000)
    rider.ends_with(rider.orders("reset", {"type": "Immediate"}), "accepted")
    assert rider.ended()["stopped_reason"] == "ImmediateReset"


# -- bad lines


def test_a_lost_answer_is_made_up_for_by_the_transaction(rider: Rider) -> None:
    rider.does("plug")
    rider.pile("misbehave", replies="lost")
    started = rider.starts()
    rider.ends_with(started, "confirmed")
    assert len(rider.events("Started")) == 1


def test_a_late_answer_comes_after_a_retry_and_nothing_happens_twice(rider: Rider) -> None:
    rider.does("plug")
    rider.pile("misbehave", replies="late", late_s=1.5)
    begun = rider.charges()
    stopped = rider.orders("stop", {"transaction_id": begun["transaction_id"]})
    rider.ends_with(stopped, "accepted")
    assert world.command(rider.store, stopped).attempts >= 2
    rider.ended()
    assert len(rider.events("Started")) == len(rider.events("Ended")) == 1


def test_a_doubled_answer_counts_once(rider: Rider) -> None:
    rider.pile("misbehave", replies="double")
    begun = rider.charges()
    stopped = rider.orders("stop", {"transaction_id": begun["transaction_id"]})
    rider.ends_with(stopped, "accepted")
    rider.ended()
    assert len(rider.events("Started")) == len(rider.events("Ended")) == 1


def test_firmware_that_forgets_message_ids_starts_once(rider: Rider) -> None:
    rider.does("plug")
    rider.pile("misbehave", replies="late", late_s=1.5, dedupe=False)
    started = rider.starts()
    rider.hears_of(started, "confirmed")
    eventually(lambda: world.command(rider.store, started).answered_at is not None)
    assert "rejected" not in rider.outcomes(started)
    assert len(rider.events("Started")) == 1


def test_a_stop_whose_answers_are_lost_is_settled_on_reconnect(rider: Rider) -> None:
    begun = rider.charges()
    rider.pile("misbehave", replies="lost")
    stopped = rider.orders("stop", {"transaction_id": begun["transaction_id"]})
    eventually(lambda: rider.outcomes(stopped) == ["unknown"])
    rider.pile("misbehave", replies="ok")
    rider.pile("offline")
    rider.online_is(False)
    rider.pile("online")
    rider.ends_with(stopped, "unknown", "accepted")


# -- presence


def test_a_cut_line_is_noticed_and_commands_are_refused_at_once(rider: Rider) -> None:
    rider.pile("offline")
    rider.online_is(False)
    started_at = time.monotonic()
    assert rider.outcomes(rider.starts()) == ["offline"]
    assert time.monotonic() - started_at < 1
    rider.pile("online")
    rider.online_is(True)


def test_a_pile_that_falls_silent_is_noticed_by_the_timer(rider: Rider) -> None:
    rider.pile("offline", how="silent")
    rider.online_is(False)
    rider.pile("online")
    rider.online_is(True)


def test_a_charge_goes_on_while_the_line_is_cut(rider: Rider) -> None:
    begun = rider.charges()
    rider.pile("offline")
    rider.online_is(False)
    rider.does("unplug")
    assert rider.events("Ended") == []
    rider.pile("online")
    ended = rider.ended()
    assert (ended["offline"], ended["stopped_reason"]) == (True, "EVDisconnected")
    assert ended["transaction_id"] == begun["transaction_id"]
    assert ended["readings"][-1]["wh"] == pytest.approx(rider.sees["meter_wh"], abs=1)


def test_a_power_cut_ends_the_charge_when_the_power_is_back(rider: Rider) -> None:
    rider.charges()
    rider.pile("power", on=False)
    rider.online_is(False)
    rider.pile("power", on=True)
    ended = rider.ended()
    assert (ended["stopped_reason"], ended["offline"]) == ("PowerLoss", True)
    eventually(lambda: world.pile(rider.store, rider.pile_id).booted_at is not None)


def test_a_socket_that_wears_gets_warmer_and_refuses_starts_in_silence(rider: Rider) -> None:
    rider.does("wear", worn=1, per_charge=0.1)
    rider.charges()

    def heat() -> int:
        with rider.store.read() as work:
            found = (
                select(EvseSample.high)
                .join(Evse, Evse.id == EvseSample.evse_id)
                .where(Evse.pile_id == rider.pile_id, EvseSample.kind == "temperature")
            )
            return max(work.session.scalars(found), default=0)

    eventually(lambda: heat() > 60_000)  # 46 °C as new
    rider.does("stop")
    rider.ended()
    refused = rider.starts()
    rider.ends_with(refused, "rejected")
    assert world.command(rider.store, refused).reason == "ContactorStuck"
    assert rider.sees["faults"] == []
    rider.does("clear")
    assert rider.sees["worn"] == 0
