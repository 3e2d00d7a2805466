"""The simulated pile really does remote work: sends files over HTTP, keeps settings, installs."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from devices import frames
from devices.frames import Call, Result
from devices.simulator import EvseSpec, PileSpec
from devices.simulator.control import Control, RequestError
from devices.simulator.evse import now
from devices.simulator.line import Line
from devices.simulator.pile import Pile
from devices.simulator.remote import MARK
from tests.coroutines import run
from tests.world import served

SPEC = PileSpec("P000001", "secret", (EvseSpec(1, "ac", 11_000),), model="Katu 1×11")
IMAGE = MARK + b"1.5.0\n" + b"x" * 1000


class Server:
    """What a pile meets at the other end."""

    def __init__(self) -> None:
        self.files: list[bytes] = []
        self.status = 201
        self.url = ""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    flask, server = Flask("files"), Server()

    @flask.put("/log")
    def log() -> tuple[str, int]:
        server.files.append(request.get_data())
        return "", server.status

    @flask.get("/image")
    def image() -> bytes:
        return IMAGE

    with served(flask) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server


def make(folder: Path | None = None) -> Pile:
    pile = Pile(SPEC, folder / "p.json" if folder else None, meter_every_s=10)
    pile.remote.step_s = 0.0
    pile.connected()
    heard(pile)
    return pile


def heard(pile: Pile) -> list[tuple[str, str]]:
    """Answer everything that waits; returns (action, status)."""
    told = []
    while pile.outgoing:
        head = pile.outgoing[0]
        told.append((head.action, str(head.payload.get("status") or head.payload.get("reason"))))
        answer = {"currentTime": "x", "interval": 60, "status": "Accepted"}
        pile.answered(Result(head.message_id, answer))
    return told


def order(pile: Pile, action: str, payload: dict[str, Any], id_: str = "c-1") -> dict[str, Any]:
    answer = pile.take(Call(id_, action, payload))
    assert isinstance(answer, Result), answer
    frames.check_response(action, answer.payload)
    return answer.payload


def jobs(pile: Pile) -> list[tuple[str, str]]:
    async def work() -> None:
        while pile.remote.jobs:
            await pile.remote.jobs.pop(0)()

    run(work())
    return heard(pile)


def get_log(url: str) -> dict[str, Any]:
    log = {"remoteLocation": f"{url}/log"}
    return {"logType": "DiagnosticsLog", "requestId": 7, "log": log}


def update(url: str, sha256: str = "") -> dict[str, Any]:
    custom = {"vendorId": "pilebot", "sha256": sha256 or hashlib.sha256(IMAGE).hexdigest()}
    image = {
        "location": f"{url}/image", "retrieveDateTime": "2026-11-20T10:00:00Z",
        "customData": custom,
    }  # fmt: skip
    return {"requestId": 8, "firmware": image}


def test_the_log_goes_out_with_what_the_pile_did(server: Server) -> None:
    pile = make()
    pile.evse(1).break_down(now(), "GroundFault", "E21")
    heard(pile)
    assert order(pile, "GetLog", get_log(server.url))["status"] == "Accepted"
    assert jobs(pile) == [
        ("LogStatusNotification", "Uploading"), ("LogStatusNotification", "Uploaded"),
    ]  # fmt: skip
    text = server.files[-1].decode()
    assert "P000001 firmware 1.4.2" in text
    assert "NotifyEvent E21" in text
    assert "StatusNotification Faulted" in text


@pytest.mark.parametrize(
    ("failing", "status", "told"),
    [
        ([], 410, "PermissionDenied"), ([], 413, "UploadFailure"), (["log"], 201, "UploadFailure"),
    ],
)  # fmt: skip
def test_a_log_that_cannot_be_sent_is_told(
    server: Server, failing: list[str], status: int, told: str
) -> None:
    pile, server.status = make(), status
    pile.remote.failing = set(failing)
    order(pile, "GetLog", get_log(server.url))
    assert jobs(pile)[-1] == ("LogStatusNotification", told)
    server.status = 201


def setting(name: str, value: str | None = None) -> dict[str, Any]:
    component, _, variable = name.partition(".")
    told: dict[str, Any] = {"component": {"name": component}, "variable": {"name": variable}}
    return told if value is None else {"attributeValue": value, **told}


def told(pile: Pile, name: str) -> tuple[str, str | None]:
    answer = order(pile, "GetVariables", {"getVariableData": [setting(name)]}, uuid.uuid4().hex)
    (result,) = answer["getVariableResult"]
    return result["attributeStatus"], result.get("attributeValue")


def change(pile: Pile, name: str, value: str) -> str:
    data = {"setVariableData": [setting(name, value)]}
    (result,) = order(pile, "SetVariables", data, uuid.uuid4().hex)["setVariableResult"]
    return str(result["attributeStatus"])


def test_settings_are_kept_count_at_once_or_after_a_restart(tmp_path: Path) -> None:
    pile = make(tmp_path)
    name = "TxCtrlr.EVConnectionTimeOut"
    assert told(pile, name) == ("Accepted", "180")
    assert change(pile, name, "90") == "Accepted"
    assert pile.plug_in_timeout_s == 90
    assert change(pile, name, "5000") == "Rejected"
    assert told(pile, "LockerCtrlr.FlapTimeout") == ("UnknownVariable", None)
    later = "OCPPCommCtrlr.OfflineThreshold"
    assert change(pile, later, "60") == "RebootRequired"
    assert told(pile, later) == ("Accepted", "300")
    again = Pile(SPEC, tmp_path / "p.json", meter_every_s=10)  # the process died
    assert (again.plug_in_timeout_s, told(again, name)) == (90, ("Accepted", "90"))
    assert order(again, "Reset", {"type": "Immediate"}, "c-9")["status"] == "Accepted"
    again.connected()
    assert told(again, later) == ("Accepted", "60")
    assert heard(again)[0] == ("BootNotification", "RemoteReset")


def test_a_firmware_goes_in_by_steps_and_survives_a_dead_process(
    server: Server, tmp_path: Path
) -> None:
    pile = make(tmp_path)
    drops: list[int] = []
    pile.on_reboot = lambda: drops.append(1)
    order(pile, "UpdateFirmware", update(server.url))
    steps = jobs(pile)
    assert [status for action, status in steps if action == "FirmwareStatusNotification"] == [
        "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting",
    ]  # fmt: skip
    assert drops == [1]
    pile.touch()
    again = Pile(SPEC, tmp_path / "p.json", meter_every_s=10)
    again.connected()
    boot = next(each for each in again.outgoing if each.action == "BootNotification")
    assert boot.payload["chargingStation"]["firmwareVersion"] == "1.5.0"
    assert heard(again)[-1] == ("FirmwareStatusNotification", "Installed")
    again.disconnected()
    again.connected()
    assert "FirmwareStatusNotification" not in [each.action for each in again.outgoing]


@pytest.mark.parametrize(
    ("failing", "sha256", "last"),
    [
        (["download"], "", "DownloadFailed"), (["signature"], "", "InvalidSignature"),
        (["install"], "", "InstallationFailed"), ([], "0" * 64, "InvalidSignature"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_and_the_old_one_runs_on(
    server: Server, failing: list[str], sha256: str, last: str
) -> None:
    pile = make()
    pile.remote.failing = set(failing)
    order(pile, "UpdateFirmware", update(server.url, sha256))
    assert ("FirmwareStatusNotification", last) in jobs(pile)[-2:]
    assert (pile.remote.firmware, pile.evse(1).status) == ("1.4.2", "Available")


def test_nothing_is_installed_while_somebody_charges(server: Server) -> None:
    pile = make()
    token = {"idToken": "rider:7", "type": "Central"}
    order(pile, "RequestStartTransaction", {"remoteStartId": 5, "evseId": 1, "idToken": token})
    order(pile, "UpdateFirmware", update(server.url), "c-2")

    async def work() -> None:
        install = asyncio.ensure_future(pile.remote.jobs.pop()())
        for _ in range(200):
            await asyncio.sleep(0.005)
            if pile.outgoing and pile.outgoing[-1].payload.get("status") == "InstallScheduled":
                break
        assert pile.evse(1).status == "Available"
        pile.evse(1).end(now(), "StopAuthorized", "Local")
        await install

    run(work())
    assert pile.remote.firmware == "1.5.0"


def test_a_restart_when_idle_comes_when_the_charge_has_ended() -> None:
    pile = make()
    drops: list[int] = []
    pile.on_reboot = lambda: drops.append(1)
    token = {"idToken": "rider:7", "type": "Central"}
    order(pile, "RequestStartTransaction", {"remoteStartId": 5, "evseId": 1, "idToken": token})
    assert order(pile, "Reset", {"type": "OnIdle"}, "c-2")["status"] == "Scheduled"
    pile.tick(1)
    assert drops == []
    pile.evse(1).end(now(), "StopAuthorized", "Local")
    pile.tick(1)
    assert (drops, pile.booted) == ([1], False)


def test_faults_are_injected_over_http() -> None:
    pile = make()
    line = Line(pile, "mqtt://127.0.0.1:1")
    control = Control({"P000001": line})
    view = control.handle("POST", "/piles/P000001/remote", {"fail": ["install"]})
    assert (view["failing"], view["firmware"]) == (["install"], "1.4.2")
    with pytest.raises(RequestError):
        control.handle("POST", "/piles/P000001/remote", {"fail": ["all"]})
