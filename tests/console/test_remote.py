"""Remote work from the console to the pile and back, told as it goes, in nobody's way."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from bot.domain.booking_facts import BookingFacts, Terms, dump_booking
from bot.services import housekeeping
from bot.services.riders import rider_for
from bot.store.bookings import Booking
from bot.store.desk import StaffAction
from bot.store.remote import FirmwareUpdate, PileLog, PileVariable, Rollout
from bot.store.riders import Media
from bot.store.staff import Audit
from bot.store.stations import Evse, Pile
from tests.console.desk import Agent, Desk
from tests.console.journey import PHONE, charging, ends, newest
from tests.world import SimplePile, World, add_station

PILE, MODEL = "P001023", "Katu 2×22"
TIMEOUT = "TxCtrlr.EVConnectionTimeOut"


@pytest.fixture
def teo(desk: Desk) -> Agent:
    return desk.agent("technician", "Teo Tech")


@pytest.fixture
def pile(world: World) -> SimplePile:
    with world.store.begin() as work:
        row = work.session.get_one(Pile, PILE)
        row.model, row.firmware = MODEL, "1.4.2"
    return world.pile("1023")


def order(who: Agent, kind: str, key: str = "k1", **fields: object) -> httpx.Response:
    given = {"reason": "To find out", "key": key, "pile": PILE, **fields}
    return who.post(f"/actions/{kind}", **given)


def action(world: World) -> StaffAction:
    with world.store.read() as work:
        return work.session.scalars(select(StaffAction).order_by(StaffAction.id.desc())).all()[0]


def audited(world: World, name: str) -> list[Audit]:
    with world.store.read() as work:
        return list(work.session.scalars(select(Audit).where(Audit.action == name)))


# --- logs


def test_a_log_comes_once_is_kept_for_a_time_and_taken_by_rights(
    world: World, desk: Desk, teo: Agent, pile: SimplePile
) -> None:
    assert order(teo, "get-log", choice="DiagnosticsLog").status_code == 303
    asked = pile.answers("GetLog", status="Accepted", filename="a.log")
    request, where = asked["requestId"], asked["log"]["remoteLocation"]
    assert where.startswith(f"{world.settings.public_url}/pile-files/")
    pile.says("LogStatusNotification", status="Uploading", requestId=request)
    assert action(world).outcome == "The log is on its way"
    assert world.http.put(where[:-1] + ("0" if where[-1] != "0" else "1")).status_code == 403
    assert world.http.put(where, content=b"").status_code == 400
    assert world.http.put(where, content=b"a line\n" * 300).status_code == 201
    assert world.http.put(where, content=b"another").status_code == 410
    pile.says("LogStatusNotification", status="Uploaded", requestId=request)
    done = action(world)
    assert (done.state, done.outcome) == ("done", "The log is here, 3 kB.")
    page = teo.get(f"/piles/{PILE}/remote").text
    assert "kept until" in page
    taken = teo.post(f"/piles/{PILE}/logs/1")
    assert taken.content == b"a line\n" * 300
    assert "attachment" in taken.headers["Content-Disposition"]
    assert desk.agent("finance").post(f"/piles/{PILE}/logs/1").status_code == 403
    assert len(audited(world, "pile_log.taken")) == 1
    world.ahead += timedelta(days=world.settings.pile_log_kept_days, seconds=1)
    housekeeping.tidy(world.store)
    with world.store.read() as work:
        assert work.session.scalars(select(Media)).all() == []
    late = desk.agent("technician").post(f"/piles/{PILE}/logs/1")
    assert late.status_code == 303  # back to the page, which says why


def test_a_log_that_is_too_large_or_does_not_come_is_told(
    world: World, teo: Agent, pile: SimplePile
) -> None:
    order(teo, "get-log", choice="SecurityLog")
    asked = pile.answers("GetLog", status="Accepted")
    too_large = b"x" * (world.settings.pile_log_max_bytes + 1)
    assert world.http.put(asked["log"]["remoteLocation"], content=too_large).status_code == 413
    pile.says("LogStatusNotification", status="UploadFailure", requestId=asked["requestId"])
    assert (action(world).state, action(world).outcome) == (
        "failed", "The pile could not send its log.",
    )  # fmt: skip
    order(teo, "get-log", "k2", choice="SecurityLog")
    silent = pile.answers("GetLog", status="Accepted")
    pile.says("LogStatusNotification", status="Uploaded", requestId=asked["requestId"])  # the old
    world.clock_passes(601)
    assert action(world).state == "failed"
    world.clock_passes(3000)
    late = world.http.put(silent["log"]["remoteLocation"], content=b"late")
    assert late.status_code == 410
    with world.store.read() as work:
        states = work.session.scalars(select(PileLog.state).order_by(PileLog.id)).all()
    assert states == ["Uploaded", "Expired"]


def test_a_pile_tells_of_its_own_orders_only(world: World, teo: Agent, pile: SimplePile) -> None:
    add_station(world.store, name="Pasila", pile="1047")
    world.pile("1047").goes("online")
    order(teo, "get-log")
    asked = pile.answers("GetLog", status="Accepted")
    world.pile("1047").says(
        "LogStatusNotification", status="UploadFailure", requestId=asked["requestId"]
    )
    assert action(world).state == "running"


# --- settings


def test_settings_are_read_changed_within_limits_and_undone(
    world: World, teo: Agent, pile: SimplePile
) -> None:
    unread = order(teo, "set-setting", "k0", choice=TIMEOUT, value="90")
    assert "Read the settings first" in unread.text  # else nothing could be undone
    order(teo, "read-settings")
    asked = pile.next_request("GetVariables")
    results = [
        {**each, "attributeStatus": "Accepted", "attributeValue": "180"}
        if each["variable"]["name"] == "EVConnectionTimeOut"
        else {**each, "attributeStatus": "UnknownVariable"}
        for each in asked[1]["getVariableData"]
    ]
    world.pile_sends(PILE, "result", [3, asked[0], {"getVariableResult": results}])
    assert action(world).outcome == "1 settings read."
    page = teo.get(f"/piles/{PILE}/remote").text
    assert "180 s" in page
    assert "not there" in page
    refused = order(teo, "set-setting", "k2", choice=TIMEOUT, value="5")
    assert refused.status_code == 409
    assert "30 to 600 s" in refused.text
    change(world, teo, pile, "90", "Accepted")
    assert action(world).outcome == "Taken, and in force."
    assert setting(world) == ("90", "180", False)
    page = teo.get(f"/piles/{PILE}/remote").text
    assert "Back to 180" in page
    (noted,) = audited(world, "action.set_setting")
    assert noted.after is not None
    assert (noted.after["was"], noted.after["value"]) == ("180", "90")
    change(world, teo, pile, "180", "RebootRequired")
    assert setting(world) == ("180", "90", True)
    assert "counts after a restart" in teo.get(f"/piles/{PILE}/remote").text
    boots(pile)
    assert setting(world) == ("180", "90", False)
    change(world, teo, pile, "60", "Rejected")
    assert (action(world).state, setting(world)) == ("failed", ("180", "90", False))


def boots(pile: SimplePile, version: str = "1.4.2") -> None:
    unit = {"model": "m", "vendorName": "v", "firmwareVersion": version}
    pile.says("BootNotification", reason="RemoteReset", chargingStation=unit)


def change(world: World, who: Agent, pile: SimplePile, value: str, status: str) -> None:
    order(who, "set-setting", f"set-{value}", choice=TIMEOUT, value=value)
    message_id, asked = pile.next_request("SetVariables")
    (wanted,) = asked["setVariableData"]
    assert wanted["attributeValue"] == value
    told = {"component": wanted["component"], "variable": wanted["variable"]}
    answer = {"setVariableResult": [{**told, "attributeStatus": status}]}
    world.pile_sends(PILE, "result", [3, message_id, answer])


def setting(world: World) -> tuple[str, str | None, bool]:
    with world.store.read() as work:
        row = work.session.get_one(PileVariable, (PILE, TIMEOUT))
        return row.value, row.previous, row.waits


# --- while somebody charges


def test_who_insists_ends_the_charge_first_and_says_why(
    world: World, desk: Desk, teo: Agent, pile: SimplePile
) -> None:
    session_id = charging(world)
    anna = desk.agent("agent", "Anna")
    assert order(anna, "soft-restart").status_code == 409
    plain = order(teo, "hard-restart")
    assert plain.status_code == 409
    assert "Do it all the same" in plain.text
    assert order(anna, "soft-restart", "k9", force="1").status_code == 409
    assert (
        order(teo, "hard-restart", "k2", force="1", reason="It smells of ozone").status_code == 303
    )
    pile.answers("RequestStopTransaction", status="Accepted")
    pile.answers("Reset", status="Accepted")
    ends(world, "Remote")
    done = action(world)
    assert done.body["stop_first"] == [session_id]
    assert "charging at this pile" in done.body["forced"]
    (noted,) = audited(world, "action.hard_restart")
    assert noted.after is not None
    assert "charging at this pile" in str(noted.after["forced"])
    assert not newest(world, PHONE).open
    history = teo.get(f"/piles/{PILE}/history?by=staff&kind=reset").text
    assert "insisted" in history
    assert "It smells of ozone" in history
    assert "Stop" not in history.split("<tbody>")[1]
    assert "It smells" not in teo.get(f"/piles/{PILE}/history?by=bot").text


def test_no_socket_is_unlocked_under_a_charge_unless_it_is_stopped_first(
    world: World, teo: Agent, pile: SimplePile
) -> None:
    session_id = charging(world)
    refused = order(teo, "unlock", evse="2")
    assert refused.status_code == 409
    assert "Stop it first" in refused.text
    assert [each for each in pile.asked if each[1] == "UnlockConnector"] == []
    assert order(teo, "unlock", "k2", evse="2", force="1", reason="").status_code == 409
    assert newest(world, PHONE).open
    forced = order(teo, "unlock", "k3", evse="2", force="1", reason="The cable is stuck")
    assert forced.status_code == 303
    assert action(world).body["stop_first"] == [session_id]
    world.settle()
    assert "UnlockConnector" not in [each[1] for each in pile.asked]  # one after the other
    pile.answers("RequestStopTransaction", status="Accepted")
    ends(world, "Remote")
    pile.answers("UnlockConnector", status="Unlocked")
    assert (action(world).state, action(world).outcome) == ("done", "The connector is unlocked.")
    (noted,) = audited(world, "action.unlock")
    assert (noted.reason, "Stop it first" in str(noted.after)) == ("The cable is stuck", True)


def test_a_setting_that_is_insisted_on_ends_the_charge_first(
    world: World, teo: Agent, pile: SimplePile
) -> None:
    with world.store.begin() as work:
        row = PileVariable(pile_id=PILE, name=TIMEOUT, value="180", read_at=work.now)
        work.session.add(row)
    session_id = charging(world)
    given = {"choice": TIMEOUT, "value": "90"}
    assert "Somebody charges" in order(teo, "set-setting", "k1", **given).text
    assert order(teo, "set-setting", "k2", force="1", **given).status_code == 303
    assert action(world).body["stop_first"] == [session_id]
    pile.answers("RequestStopTransaction", status="Accepted")


def test_a_restart_when_idle_is_refused_too_and_stops_nothing(
    world: World, desk: Desk, teo: Agent, pile: SimplePile
) -> None:
    charging(world)
    world.rider_says(PHONE, "agent")
    anna, chat = desk.agent("agent", "Anna"), desk.conversation(PHONE).id
    anna.post(f"/conversations/{chat}/claim")
    own = order(anna, "soft-restart", conversation=chat)  # the rider's own charge
    assert own.status_code == 409
    assert "Stop it first, or restart when idle" in own.text
    assert order(teo, "soft-restart", "k2", force="1").status_code == 303
    assert pile.answers("Reset", status="Accepted")["type"] == "OnIdle"
    assert "RequestStopTransaction" not in [each[1] for each in pile.asked]
    assert newest(world, PHONE).open


def test_a_pile_is_asked_for_its_firmware_s_state(
    world: World, teo: Agent, pile: SimplePile
) -> None:
    assert order(teo, "ask-firmware").status_code == 303
    asked = pile.answers("TriggerMessage", status="Accepted")
    assert asked["requestedMessage"] == "FirmwareStatusNotification"
    pile.says("FirmwareStatusNotification", status="Idle")
    assert action(world).state == "done"


def test_one_socket_goes_out_and_comes_back(world: World, teo: Agent, pile: SimplePile) -> None:
    order(teo, "socket-out", evse=2)
    assert availability(world) == [True, False]
    asked = pile.answers("ChangeAvailability", status="Accepted")
    assert asked["evse"] == {"id": 2}
    pile.status(2, "Unavailable")
    assert action(world).state == "done"
    page = teo.get(f"/piles/{PILE}").text
    assert "Put back" in page
    boots(pile)  # it may have forgotten
    assert pile.answers("ChangeAvailability", status="Accepted")["evse"] == {"id": 2}
    order(teo, "socket-in", "k2", evse=2)
    assert availability(world) == [True, False]  # not before the pile has said yes
    pile.answers("ChangeAvailability", status="Accepted")
    assert availability(world) == [True, True]
    pile.status(2, "Available")
    assert action(world).outcome == "The connector is in service."


def availability(world: World) -> list[bool]:
    with world.store.read() as work:
        return list(work.session.scalars(select(Evse.in_service).order_by(Evse.number)))


# --- firmware

IMAGE = b"PILEBOT-FIRMWARE 1.5.0\n" + bytes(2000)


def add_image(who: Agent, version: str = "1.5.0") -> httpx.Response:
    return who.post(
        "/firmware/add", files={"file": ("f.bin", IMAGE)}, model=MODEL, version=version, note="New"
    )


def steps(pile: SimplePile, request: int, *statuses: str) -> None:
    for status in statuses:
        if status == "Installed":
            boots(pile, "1.5.0")
        pile.says("FirmwareStatusNotification", status=status, requestId=request)


def install(world: World, pile: SimplePile, *statuses: str) -> dict[str, object]:
    asked = pile.answers("UpdateFirmware", status="Accepted")
    steps(pile, asked["requestId"], *statuses)
    return asked


def test_a_firmware_goes_to_one_pile_first_then_to_the_rest(
    world: World, desk: Desk, teo: Agent, pile: SimplePile
) -> None:
    maria = desk.agent("manager", "Maria")
    for number in ("1047", "1048"):
        add_station(world.store, name=f"Pasila {number}", pile=number)
        world.pile(number).goes("online")
    with world.store.begin() as work:
        for row in work.session.scalars(select(Pile)):
            row.model, row.firmware = MODEL, "1.4.2"
    assert add_image(teo).status_code == 403
    add_image(maria)
    add_image(maria)  # a version never changes
    assert maria.get("/firmware").text.count("1.5.0</b> for") == 1
    assert "Begin with this pile" in maria.get("/firmware/1/roll-out").text
    began = maria.post("/firmware/1/start", pile=PILE, reason="Fixes the meter", key="a")
    assert began.headers["Location"].endswith("/firmware/roll-outs/1")
    asked = install(world, pile, "Downloading", "Downloaded", "SignatureVerified", "Installing")
    image = asked["firmware"]
    assert isinstance(image, dict)
    fetched = world.http.get(image["location"])
    assert fetched.content == IMAGE
    assert image["customData"]["sha256"] == hashlib.sha256(IMAGE).hexdigest()
    part = world.http.get(image["location"], headers={"Range": "bytes=0-6"})
    assert (part.status_code, part.content) == (206, IMAGE[:7])
    assert world.http.get(image["location"] + "0").status_code == 403
    assert "Installing" in teo.get(f"/piles/{PILE}/remote").text
    assert world.pile("1047").asked == []
    steps(pile, int(str(asked["requestId"])), "InstallRebooting", "Installed")
    assert states(world) == ("tried", {PILE: "Installed"})
    assert "The rest too" in maria.get("/firmware/roll-outs/1").text
    maria.post("/firmware/roll-outs/1/confirm")
    install(world, world.pile("1047"), "Downloading", "Installed")
    install(world, world.pile("1048"), "Downloading", "Installed")
    assert states(world)[0] == "done"
    assert action(world).outcome == "The pile runs 1.5.0."


def states(world: World) -> tuple[str, dict[str, str]]:
    with world.store.read() as work:
        rollout = work.session.scalars(select(Rollout)).one()
        rows = work.session.scalars(select(FirmwareUpdate)).all()
        return rollout.state, {row.pile_id: row.state for row in rows}


def test_a_first_pile_that_fails_ends_it_and_a_silent_one_is_told(
    world: World, desk: Desk, teo: Agent, pile: SimplePile
) -> None:
    maria = desk.agent("manager", "Maria")
    add_image(maria)
    maria.post("/firmware/1/start", pile=PILE, reason="Try", key="a")
    install(world, pile, "Downloading", "DownloadFailed")
    assert states(world) == ("stopped", {PILE: "DownloadFailed"})
    assert action(world).outcome == "It could not be downloaded."
    order(teo, "firmware", "k2", choice="1")
    asked = install(world, pile, "Downloading")
    world.clock_passes(19 * 60)
    assert action(world).state == "running"
    world.clock_passes(120)
    assert "told no further step" in action(world).outcome
    steps(pile, int(str(asked["requestId"])), "Installed")  # it comes all the same
    assert action(world).state == "done"


def test_no_firmware_while_somebody_charges_or_has_booked(
    world: World, desk: Desk, teo: Agent, pile: SimplePile
) -> None:
    add_image(desk.agent("manager"))
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", PHONE)
        starts_at, ends_at = work.now + timedelta(minutes=20), work.now + timedelta(hours=1)
        facts = BookingFacts(Terms("EUR", 0, 0), work.now, starts_at, ends_at)
        booked = Booking(
            key="b", rider_id=rider.id, evse_id=2, state="RESERVED", facts=dump_booking(facts),
            tariff={}, starts_at=starts_at, ends_at=ends_at, created_at=work.now,
        )  # fmt: skip
        work.session.add(booked)
    refused = order(teo, "firmware", choice="1", force="1")
    assert refused.status_code == 409
    assert "A booking, a later start or a turn" in refused.text
    with world.store.begin() as work:
        work.session.delete(work.session.scalars(select(Booking)).one())
    charging(world)
    refused = order(teo, "firmware", choice="1", force="1")
    assert refused.status_code == 409
    assert "Somebody charges there" in refused.text
    assert not [each for each in pile.asked if each[1] == "UpdateFirmware"]
