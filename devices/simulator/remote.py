"""What technicians do to a simulated pile from afar: logs, settings, firmware, restarts.

Whatever takes time is a job (a coroutine function) that the line runs beside the frames; `failing`
names what goes wrong on request.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx

Payload = dict[str, Any]
Job = Callable[[], Awaitable[None]]

FIRMWARE: Final = "1.4.2"  # what comes from the factory
MARK: Final = b"PILEBOT-FIRMWARE "  # an image begins with this, its version and a line feed
LOG_LINES: Final = 2_000
FAILS: Final = frozenset(
    {"log", "log_silent", "settings", "download", "signature", "install", "firmware_silent"}
)
_HTTP_S: Final = 30


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the firmware: its value from the factory and what it takes."""

    value: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    reboot: bool = False

    def takes(self, value: str) -> bool:
        """Whether the firmware accepts this value."""
        if self.choices:
            return value in self.choices
        return value.isascii() and value.isdigit() and self.low <= int(value) <= self.high


SETTINGS: Final = {
    "OCPPCommCtrlr.HeartbeatInterval": Setting("60", 10, 3600),
    "OCPPCommCtrlr.OfflineThreshold": Setting("300", 30, 7200, reboot=True),
    "TxCtrlr.EVConnectionTimeOut": Setting("180", 30, 600),
    "SampledDataCtrlr.TxUpdatedInterval": Setting("10", 2, 300),
    "DisplayCtrlr.Brightness": Setting("80", 10, 100),
    "ElectricalCtrlr.MaxCurrent": Setting("32", 6, 500, reboot=True),
    "CoolingCtrlr.FanMode": Setting("Auto", choices=("Auto", "Full")),
    "LockerCtrlr.FlapTimeout": Setting("20", 5, 120),
}


@dataclass(slots=True)
class Remote:
    """The state behind remote work; `state` and `restore` carry it over a restart."""

    tell: Callable[[str, Payload], None]
    is_busy: Callable[[], bool]
    set_installing: Callable[[bool], None]
    reboot: Callable[[str], None]  # with the reason that the boot gives
    serial: str
    settings: dict[str, Setting]
    values: dict[str, str] = field(default_factory=dict)
    after_boot: dict[str, str] = field(default_factory=dict)
    firmware: str = FIRMWARE
    installed_by: int | None = None  # request whose firmware runs, until that was told
    failing: set[str] = field(default_factory=set)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    jobs: list[Job] = field(default_factory=list)
    step_s: float = 1.0

    def note(self, at: datetime, text: str) -> None:
        """A line of the log."""
        self.lines.append(f"{at.isoformat(timespec='milliseconds')} {text}")

    def value(self, name: str) -> str | None:
        """A setting as it is in force; None: the firmware has no such one."""
        known = self.settings.get(name)
        return self.values.get(name, known.value) if known is not None else None

    # -- orders

    def get_log(self, order: Payload) -> Payload:
        """Take an order for a log; the file goes out as a job."""
        request, where = order["requestId"], order["log"]["remoteLocation"]
        if "log_silent" not in self.failing:
            self.jobs.append(lambda: self._upload(request, where))
        return {"status": "Accepted", "filename": f"{self.serial}-{request}.log"}

    def get_variables(self, order: Payload) -> Payload:
        """Tell settings."""
        return {"getVariableResult": [self._get(each) for each in order["getVariableData"]]}

    def set_variables(self, order: Payload) -> Payload:
        """Change settings; some count after a restart only."""
        return {"setVariableResult": [self._set(each) for each in order["setVariableData"]]}

    def update_firmware(self, order: Payload) -> Payload:
        """Take an order for a firmware; everything else is a job."""
        request, image = order["requestId"], order["firmware"]
        if "firmware_silent" not in self.failing:
            self.jobs.append(lambda: self._install(request, image))
        return {"status": "Accepted"}

    def booted(self) -> None:
        """After a restart: settings that waited for it count, a new firmware tells of itself."""
        self.values |= self.after_boot
        self.after_boot = {}
        if self.installed_by is not None:
            self._firmware_status(self.installed_by, "Installed")

    def answered(self, action: str, payload: Payload) -> None:
        """The CSMS has heard something."""
        if action == "FirmwareStatusNotification" and payload["status"] == "Installed":
            self.installed_by = None

    def _get(self, asked: Payload) -> Payload:
        name, known = _name(asked), {k: asked[k] for k in ("component", "variable")}
        value = self.value(name)
        if value is None:
            return {"attributeStatus": "UnknownVariable", **known}
        return {"attributeStatus": "Accepted", "attributeValue": value, **known}

    def _set(self, wanted: Payload) -> Payload:
        name, known = _name(wanted), {k: wanted[k] for k in ("component", "variable")}
        setting, value = self.settings.get(name), wanted["attributeValue"]
        if setting is None:
            return {"attributeStatus": "UnknownVariable", **known}
        if "settings" in self.failing or not setting.takes(value):
            why = {"reasonCode": "OutOfRange"}
            return {"attributeStatus": "Rejected", "attributeStatusInfo": why, **known}
        if setting.reboot:
            self.after_boot[name] = value
            return {"attributeStatus": "RebootRequired", **known}
        self.values[name] = value
        return {"attributeStatus": "Accepted", **known}

    # -- jobs

    async def _upload(self, request: int, where: str) -> None:
        self._log_status(request, "Uploading")
        await asyncio.sleep(self.step_s)
        if "log" in self.failing:
            self._log_status(request, "UploadFailure")
            return
        file = "\n".join([f"{self.serial} firmware {self.firmware}", *self.lines, ""]).encode()
        try:
            async with httpx.AsyncClient(timeout=_HTTP_S) as http:
                answer = await http.put(where, content=file)
        except httpx.HTTPError:
            self._log_status(request, "UploadFailure")
            return
        told = {401: "PermissionDenied", 403: "PermissionDenied", 410: "PermissionDenied"}
        refused = told.get(answer.status_code, "UploadFailure")
        self._log_status(request, "Uploaded" if answer.is_success else refused)

    async def _install(self, request: int, image: Payload) -> None:
        self._firmware_status(request, "Downloading")
        data = await self._download(str(image["location"]))
        if data is None:
            self._firmware_status(request, "DownloadFailed")
            return
        self._firmware_status(request, "Downloaded")
        wanted = image.get("customData", {}).get("sha256")
        good = wanted in (None, hashlib.sha256(data).hexdigest())
        if "signature" in self.failing or not good:
            self._firmware_status(request, "InvalidSignature")
            return
        self._firmware_status(request, "SignatureVerified")
        if self.is_busy():
            self._firmware_status(request, "InstallScheduled")
        while self.is_busy():
            await asyncio.sleep(self.step_s)
        self.set_installing(True)
        self._firmware_status(request, "Installing")
        await asyncio.sleep(self.step_s * 3)
        version = data[len(MARK) :].split(b"\n", 1)[0].decode("ascii", "replace").strip()
        self.set_installing(False)
        if "install" in self.failing or not data.startswith(MARK) or not version:
            self._firmware_status(request, "InstallationFailed")
            return
        self._firmware_status(request, "InstallRebooting")
        await asyncio.sleep(self.step_s)
        self.firmware, self.installed_by = version[:50], request
        self.reboot("FirmwareUpdate")

    async def _download(self, where: str) -> bytes | None:
        await asyncio.sleep(self.step_s)
        if "download" in self.failing:
            return None
        try:
            async with httpx.AsyncClient(timeout=_HTTP_S) as http:
                answer = await http.get(where)
        except httpx.HTTPError:
            return None
        return answer.content if answer.is_success else None

    def _log_status(self, request: int, status: str) -> None:
        self.tell("LogStatusNotification", {"status": status, "requestId": request})

    def _firmware_status(self, request: int, status: str) -> None:
        self.tell("FirmwareStatusNotification", {"status": status, "requestId": request})

    # -- over a restart

    def state(self) -> Payload:
        """What must survive the process, as JSON."""
        return {
            "values": self.values, "after_boot": self.after_boot, "firmware": self.firmware,
            "installed_by": self.installed_by, "lines": list(self.lines)[-200:],
        }  # fmt: skip

    def restore(self, state: Payload) -> None:
        """Take up what `state` gave."""
        self.values, self.after_boot = state["values"], state["after_boot"]
        self.firmware, self.installed_by = state["firmware"], state["installed_by"]
        self.lines.extend(state["lines"])


def settings_of(kind: str) -> dict[str, Setting]:
    """What a pile of this kind ("ebike", "ac", "dc") can be told to be."""
    lacking = {
        "ebike": {"CoolingCtrlr.FanMode", "ElectricalCtrlr.MaxCurrent"},
        "ac": {"CoolingCtrlr.FanMode", "LockerCtrlr.FlapTimeout"},
        "dc": {"LockerCtrlr.FlapTimeout"},
    }.get(kind, set())
    return {name: each for name, each in SETTINGS.items() if name not in lacking}


def _name(each: Payload) -> str:
    return f"{each['component']['name']}.{each['variable']['name']}"
