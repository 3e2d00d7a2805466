"""The supervisor on real child processes: order, restarts, signals, and no orphan ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.demo import keeper

ROOT = Path(__file__).resolve().parents[2]
SMALL_DEMO = Path(__file__).parent / "small_demo.py"
CHAIN = [
    {"name": "base", "ready": 0.2},
    {"name": "middle", "after": ["base"], "ready": 0.1},
    {"name": "top", "after": ["middle"]},
]


class Demo:
    """A small demo in a process of its own."""

    def __init__(self, folder: Path, services: list[dict[str, Any]], *options: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(SMALL_DEMO), str(folder), json.dumps(services), *options],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_ready(self) -> Demo:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()
        return self

    def pids(self, name: str) -> list[int]:
        return [int(pid) for pid in (self.folder / f"{name}.pid").read_text().split()]

    def order(self) -> list[str]:
        return (self.folder / "order").read_text().splitlines()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and what was said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def begin(services: list[dict[str, Any]], *options: str, folder: str = "demo") -> Demo:
        demos.append(Demo(tmp_path / folder, services, *options))
        return demos[-1]

    yield begin
    for demo in demos:
        demo.process.kill()
        demo.process.communicate()
    until(lambda: not any(alive(demo.folder) for demo in demos), "the keeper ends what is left")


def until(holds: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.02)


def alive(folder: Path) -> list[int]:
    """Every process that has the folder among its arguments, forks included."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in (entry / "cmdline").read_text().split("\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_starts_in_order_and_stops_in_reverse(start: Callable[..., Demo]) -> None:
    demo = start(CHAIN).wait_ready()
    until(lambda: len(demo.order()) == 3, "all started")
    code, _ = demo.stop()
    assert code == 0
    assert demo.order() == [
        "base start", "middle start", "top start", "top stop", "middle stop", "base stop",
    ]  # fmt: skip
    assert alive(demo.folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_stop_signal_stops_all(start: Callable[..., Demo], number: int) -> None:
    demo = start(CHAIN).wait_ready()
    code, said = demo.stop(number)
    assert (code, alive(demo.folder)) == (0, [])
    assert said.count("stopped") == 3


def test_a_killed_child_is_started_again_with_its_forks_gone(start: Callable[..., Demo]) -> None:
    demo = start([*CHAIN, {"name": "forking", "forks": True}]).wait_ready()
    first = demo.pids("forking")
    os.kill(first[0], signal.SIGKILL)
    until(lambda: demo.pids("forking") != first, "started again")
    assert keeper.members([first[0]]) == []
    _, said = demo.stop()
    assert "ended by SIGKILL; starting it again in 0.5 s" in said


def test_a_killed_supervisor_leaves_no_orphan_even_of_deaf_children(
    start: Callable[..., Demo],
) -> None:
    demo = start([*CHAIN, {"name": "deaf", "deaf": True, "forks": True}]).wait_ready()
    assert len(alive(demo.folder)) >= 5
    demo.process.kill()
    until(lambda: alive(demo.folder) == [], "everything ended")


def test_the_keeper_outlives_signals_sent_to_everybody(start: Callable[..., Demo]) -> None:
    demo = start([{"name": "deaf", "deaf": True}]).wait_ready()
    children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children").read_text()
    for pid in children.split():
        os.kill(int(pid), signal.SIGINT)
    demo.process.kill()
    until(lambda: alive(demo.folder) == [], "everything ended")


def test_starts_at_once_after_a_kill(start: Callable[..., Demo]) -> None:
    first = start([{"name": "deaf", "deaf": True}]).wait_ready()
    old = first.pids("deaf")
    first.process.kill()
    second = start([{"name": "deaf", "deaf": True}]).wait_ready()
    assert second.pids("deaf") != old
    assert keeper.members(old) == []


def test_a_second_demo_on_the_same_data_is_refused(start: Callable[..., Demo]) -> None:
    first = start(CHAIN).wait_ready()
    second = start(CHAIN)
    _, said = second.process.communicate(timeout=60)
    assert second.process.returncode == 3
    assert f"already running on {first.folder} (process {first.process.pid})" in said
    assert first.process.poll() is None


def test_two_demos_run_side_by_side(start: Callable[..., Demo]) -> None:
    one, two = start(CHAIN, folder="one").wait_ready(), start(CHAIN, folder="two").wait_ready()
    one.stop()
    assert two.process.poll() is None
    assert len(alive(two.folder)) >= 4


def test_deaf_children_are_killed_after_their_time(start: Callable[..., Demo]) -> None:
    demo = start([{"name": "deaf", "deaf": True, "patience": 1}]).wait_ready()
    began = time.monotonic()
    code, _ = demo.stop()
    assert (code, alive(demo.folder)) == (0, [])
    assert time.monotonic() - began >= 1


def test_a_running_task_is_stopped_with_the_command_its_shell_waits_for(
    start: Callable[..., Demo],
) -> None:
    demo = start([{"name": "setup", "task": True, "shell": True, "optional": True,
                   "patience": 60}, *CHAIN])  # fmt: skip
    demo.wait_ready()
    until(lambda: len(keeper.members(demo.pids("setup"))) == 2, "bash waits for its sleep")
    began = time.monotonic()
    demo.stop()
    assert keeper.members(demo.pids("setup")) == []
    assert time.monotonic() - began < 30  # it would be killed after 60 s


def test_a_second_signal_kills(start: Callable[..., Demo]) -> None:
    chain = [
        {"name": f"deaf{n}", "deaf": True, "patience": 10, "after": [f"deaf{n - 1}"] if n else []}
        for n in range(6)
    ]
    demo = start(chain)
    demo.wait_ready()
    began = time.monotonic()
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.stderr is not None
    while "stopping" not in demo.process.stderr.readline():
        pass  # two signals at once may come as one
    demo.stop(signal.SIGINT)
    assert alive(demo.folder) == []
    assert time.monotonic() - began < 30  # six levels of 10 s each otherwise


def test_a_failed_task_that_is_needed_ends_the_demo_and_says_why(
    start: Callable[..., Demo],
) -> None:
    demo = start(
        [{"name": "migrate", "task": True, "dies": 7}, {"name": "web", "after": ["migrate"]}]
    )
    _, said = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 1
    assert "migrate        | ended with code 7" in said
    assert demo.order() == ["migrate start"]


def test_a_killed_task_is_tried_again(start: Callable[..., Demo]) -> None:
    demo = start([{"name": "task", "task": True, "shell": True}, {"name": "web"}])
    until(lambda: (demo.folder / "task.pid").exists(), "started")
    first = demo.pids("task")
    os.kill(first[0], signal.SIGKILL)
    until(lambda: demo.pids("task") != first, "tried again")
    demo.stop()


def test_a_failed_optional_task_is_lived_with(start: Callable[..., Demo]) -> None:
    demo = start(
        [
            {"name": "nlu-setup", "task": True, "dies": 1, "optional": True},
            {"name": "nlu", "after": ["nlu-setup"], "optional": True},
            {"name": "web"},
        ]
    ).wait_ready()
    until(lambda: "nlu-setup start" in demo.order(), "the task ran")
    code, said = demo.stop()
    assert code == 0
    assert "nlu-setup      | ==> step one" in said
    assert "nlu start" not in demo.order()


def test_a_service_that_never_gets_ready_is_given_up(start: Callable[..., Demo]) -> None:
    demo = start([{"name": "broken", "dies": 2}])
    _, said = demo.process.communicate(timeout=90)
    assert demo.process.returncode == 1
    assert said.count("cannot go on") >= 5
    assert demo.order().count("broken start") == 5


def test_fresh_empties_state_and_logs_only(start: Callable[..., Demo]) -> None:
    first = start(CHAIN).wait_ready()
    first.stop()
    keepsake = first.folder / "keepsake"
    keepsake.touch()
    (first.folder / "state" / "old").touch()
    second = start(CHAIN, "--fresh").wait_ready()
    assert keepsake.exists()
    assert not (second.folder / "state" / "old").exists()
