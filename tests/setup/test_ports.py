"""Ports: in order from the first, past taken ones, never the same for two demos."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bot.demo import ports

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("web", "phone", "twilio")


@pytest.fixture
def base() -> int:
    """The first of ten free ports in a row."""
    with socket.socket() as probe:
        probe.bind((ports.HOST, 0))
        start = int(probe.getsockname()[1])
    while not all(ports.is_free(port) for port in range(start, start + 10)):
        start = start + 10 if start < 60_000 else 20_000
    return start


def take_elsewhere(base: int) -> subprocess.Popen[str]:
    """Another process that takes ports and holds them until its input ends."""
    code = f"import sys\nfrom bot.demo import ports\nprint(ports.take({NAMES!r}, {base}, print))\n"
    return subprocess.Popen(
        [sys.executable, "-c", code + "sys.stdout.flush(); sys.stdin.read()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_ports_follow_the_first(base: int) -> None:
    said: list[str] = []
    assert ports.take(NAMES, base, said.append) == {
        "web": base, "phone": base + 1, "twilio": base + 2,
    }  # fmt: skip
    assert said == []


def test_a_taken_port_is_passed_over_and_named(base: int) -> None:
    with socket.socket() as other:
        other.bind((ports.HOST, base + 1))
        other.listen()
        said: list[str] = []
        taken = ports.take(NAMES, base, said.append)
    assert taken["web"] == base
    assert taken["phone"] == base + 3
    assert said == [f"port {base + 1} is taken: phone is on {base + 3}"]


def test_two_demos_that_start_together_get_different_ports(base: int) -> None:
    other = take_elsewhere(base)
    assert other.stdout is not None
    assert f"'web': {base}," in other.stdout.readline()
    mine = ports.take(NAMES, base, lambda _: None)
    other.communicate()
    assert not set(mine.values()) & {base, base + 1, base + 2}
