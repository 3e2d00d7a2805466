"""A headless demo in a child process, driven as any other program would: over HTTP only."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Demo:
    """A running demo: `told` is the JSON line it printed."""

    told: dict[str, Any]
    process: subprocess.Popen[str]
    data: Path
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def rider(self, number: int) -> Rider:
        """One of the demo's riders."""
        return Rider(self, self.told["riders"][number]["address"])

    def piles(self, *, kind: str = "") -> list[dict[str, Any]]:
        """The EVSEs, of the piles whose id begins with `kind` (by default all)."""
        return [pile for pile in self.told["piles"] if pile["pile_id"].startswith(kind)]

    def photo(self, code: str, style: str = "clean") -> bytes:
        """A photo of the sticker of an EVSE."""
        answer = self.http.get(f"{self.told['demo']}/stickers/{code}/{style}.jpg")
        answer.raise_for_status()
        return answer.content

    def pile_does(self, pile: dict[str, Any], action: str, **body: Any) -> None:
        """Plug in, unplug, fault, clear at an EVSE; offline, online, misbehave at its pile."""
        place = f"{self.told['demo']}/api/piles/{pile['pile_id']}"
        if action in ("plug", "unplug", "fault", "clear"):
            place += f"/evses/{pile['evse_id']}"
        self.http.post(f"{place}/{action}", json=body).raise_for_status()

    def pile_state(self, pile: dict[str, Any]) -> dict[str, Any]:
        """What the simulator says of an EVSE."""
        for row in self.http.get(f"{self.told['demo']}/api/piles").json()["piles"]:
            if row["pile_id"] == pile["pile_id"]:
                for evse in row["evses"]:
                    if evse["number"] == pile["evse_id"]:
                        return dict(evse)
        raise AssertionError(f"no {pile} on the wall")

    def kill(self, name: str) -> None:
        """kill -9 a process of the demo and its own children, by what its command line holds."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        hit = [p for p in family if name in " ".join(_command(p))]
        assert hit, f"no process {name}: {[' '.join(_command(p))[:80] for p in family]}"
        for each in hit:
            each.kill()


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


@dataclass
class Rider:
    """A rider's phone, through the stand-in Twilio."""

    demo: Demo
    address: str
    seen: int = 0

    @property
    def phone(self) -> str:
        return self.address.removeprefix("whatsapp:")

    def sends(self, **request: Any) -> None:
        """A message from the phone: json={…} or files={…}."""
        url = f"{self.demo.told['twilio']['api']}/demo/phones/{self.phone}/messages"
        self.demo.http.post(url, **request).raise_for_status()

    def says(self, text: str) -> None:
        self.sends(json={"text": text})

    def sends_photo(self, data: bytes) -> None:
        self.sends(files={"photo": ("photo.jpg", data, "image/jpeg")})

    def messages(self) -> list[dict[str, Any]]:
        """What the bot sent, oldest first, as Twilio's own list tells it."""
        twilio = self.demo.told["twilio"]
        url = f"{twilio['api']}/2010-04-01/Accounts/{twilio['account_sid']}/Messages.json"
        answer = self.demo.http.get(
            url,
            params={"To": self.address, "PageSize": 200},
            auth=(twilio["account_sid"], twilio["auth_token"]),
        )
        answer.raise_for_status()
        return list(reversed(answer.json()["messages"]))

    def hears(self, *parts: str, timeout_s: float = 60) -> str:
        """The next message that holds all parts; it counts as read with all before it."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            bodies = [message["body"] or "" for message in self.messages()]
            for number, body in enumerate(bodies[self.seen :], start=1):
                if all(part.casefold() in body.casefold() for part in parts):
                    self.seen += number
                    return body
            time.sleep(0.25)
        raise AssertionError(f"{self.phone} never heard {parts}; heard:\n" + "\n---\n".join(bodies))

    def charges(self, pile: dict[str, Any], photo: bytes, *, during: Callable[[], None]) -> str:
        """The whole journey: photo, yes, charge, status, stop; returns the receipt's text."""
        self.demo.pile_does(pile, "plug")
        self.sends_photo(photo)
        self.hears(pile["code"], "Start charging?")
        self.says("yes")
        self.hears("Charging has started", pile["code"], timeout_s=120)
        during()
        self.says("how is it going?")
        self.hears(pile["code"], "so far")
        self.says("stop")
        receipt = self.hears("Receipt R-", pile["code"], timeout_s=120)
        self.demo.pile_does(pile, "unplug")
        return receipt


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on."""
    for base in range(20_000 + os.getpid() % 97 * 100, 60_000, 100):
        if all(_is_free(base + offset) for offset in range(count)):
            return base
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def running_demo(data: Path, *, timeout_s: float = 300, speed: float = 30) -> Iterator[Demo]:
    """A demo of its own on free ports; stopped as Ctrl-C does, and no process may be left."""
    process = subprocess.Popen(
        [
            sys.executable, "app.py", "demo", "--headless", "--data", str(data),
            "--port", str(free_ports(20)), "--speed", str(speed),
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    errors: list[str] = []
    assert process.stderr is not None and process.stdout is not None
    stderr = process.stderr
    threading.Thread(target=lambda: errors.extend(stderr), daemon=True).start()
    family: list[psutil.Process] = []
    try:
        ready, _, _ = select.select([process.stdout], [], [], timeout_s)
        line = process.stdout.readline() if ready else ""
        assert line, "the demo was never ready:\n" + "".join(errors)[-4000:]
        yield Demo(json.loads(line), process, data)
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if _alive(process) else []
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.kill()
            _, left = psutil.wait_procs(family, timeout=10)
            for each in left:
                each.kill()
    assert not left, f"left running: {left}"


def _alive(process: subprocess.Popen[str]) -> bool:
    return process.poll() is None


def amount_minor(text: str, label: str) -> int:
    """The amount behind a label of a receipt, in cents: "Total: €1.47" → 147."""
    match = re.search(rf"{label}:? ?-?€([\d,]+)\.(\d\d)", text)
    assert match, f"no {label} in {text!r}"
    return int(match[1].replace(",", "")) * 100 + int(match[2])
