"""Starts processes in order, restarts those that die, stops them in reverse order."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Protocol

from bot.demo.children import Children, open_log

BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_AFTER_S = 30.0  # alive for this long: the next death counts as the first again
GIVE_UP_AFTER = 5  # deaths of a service that has never been ready


class State(StrEnum):
    """Where a service stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"  # a task that ended well
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process. `ready` gets its pid and tells whether it serves; without, being alive will do.

    `command` may be made when it starts, since a task before it may decide what that is. `env`
    is added to ours unless `inherit` is off.

    A `task` runs to its end and is done then. An `optional` one may fail or still be starting
    while the whole counts as ready. It starts when all of `after` are ready or done.
    """

    name: str
    command: Sequence[str] | Callable[[], Sequence[str]]
    env: Mapping[str, str] = field(default_factory=dict)
    inherit: bool = True
    cwd: Path | None = None
    after: tuple[str, ...] = ()
    ready: Callable[[int], bool] | None = None
    task: bool = False
    optional: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 5.0
    kill_grace_s: float = 0.0  # what is left of it once a second signal says kill
    ready_timeout_s: float = 120.0


@dataclass
class Status:
    """A service and how it is doing; `detail` is for the screen."""

    service: Service
    state: State = State.WAITING
    detail: str = ""
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    failures: int = 0
    was_ready: bool = False

    @property
    def settled(self) -> bool:
        """Ready or done: what comes after it may start."""
        return self.state in (State.READY, State.DONE)


class Screen(Protocol):
    """Shows people what happens."""

    def event(self, name: str, text: str) -> None: ...

    def draw(self, statuses: Sequence[Status]) -> None: ...


class Supervisor:
    """Runs services until a signal asks it to stop; `run` returns the exit code.

    SIGINT, SIGTERM and SIGHUP stop all in order; a second signal kills. `lock_fd` is passed on to
    the keeper. `on_ready` is called once, when all that is not optional is ready.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        log_dir: Path,
        screen: Screen,
        lock_fd: int,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.statuses = {each.name: Status(each) for each in services}
        known: set[str] = set()
        for each in services:
            if missing := set(each.after) - known:
                raise ValueError(f"{each.name} comes after {missing}, which come later or never")
            known.add(each.name)
        self._log_dir = log_dir
        self._screen = screen
        self._lock_fd = lock_fd
        self._on_ready = on_ready
        self._signals = 0
        self._exit_code = 0
        self._announced = False

    def run(self) -> int:
        """Start everything, keep it running, stop everything."""
        stopping = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored: nohup asked for that
            stopping.append(signal.SIGHUP)
        before = {each: signal.signal(each, self._on_signal) for each in stopping}
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        before_chld = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._children = Children(self._lock_fd)
        try:
            while not self._signals and not self._exit_code:
                self._step()
                self._draw()
                _sleep(wake_read, 0.1)
        finally:
            self._stop_all(wake_read)
            self._children.close()
            signal.set_wakeup_fd(-1)
            for number, handler in {**before, signal.SIGCHLD: before_chld}.items():
                signal.signal(number, handler)
            os.close(wake_read)
            os.close(wake_write)
        return self._exit_code

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _draw(self) -> None:
        self._screen.draw(list(self.statuses.values()))

    def _step(self) -> None:
        for status in self.statuses.values():
            if status.process is None:
                self._start_if_due(status)
            elif (code := status.process.poll()) is not None:
                self._ended(status, code)
            elif status.state is State.STARTING:
                self._look(status)
        if not self._announced and all(
            each.settled for each in self.statuses.values() if not each.service.optional
        ):
            self._announced = True
            self._on_ready()

    def _start_if_due(self, status: Status) -> None:
        if status.state is State.RESTARTING:
            due = time.monotonic() >= status.restart_at
        else:
            due = status.state is State.WAITING and all(
                self.statuses[name].settled for name in status.service.after
            )
        if not due:
            return
        service = status.service
        status.started_at = time.monotonic()
        with open_log(self._log_dir, service.name) as log:
            try:
                status.process = self._children.start(
                    service.command() if callable(service.command) else service.command,
                    env={**os.environ, **service.env} if service.inherit else service.env,
                    cwd=service.cwd,
                    log=log,
                    death_signal=service.stop_signal,
                )
            except OSError as error:
                self._failed(status, str(error))
                return
        status.state, status.detail = State.STARTING, ""

    def _look(self, status: Status) -> None:
        assert status.process is not None
        service, age_s = status.service, time.monotonic() - status.started_at
        if service.task:
            status.detail = self._progress(service)
        elif service.ready(status.process.pid) if service.ready else age_s > 0.5:
            status.state, status.was_ready = State.READY, True
            self._screen.event(service.name, f"ready after {age_s:.1f} s")
        elif age_s > service.ready_timeout_s:
            self._screen.event(service.name, f"not ready after {age_s:.0f} s")
            status.process.kill()

    def _ended(self, status: Status, code: int) -> None:
        assert status.process is not None
        self._children.clear(status.process.pid)
        status.process = None
        if status.service.task and code == 0:
            status.state, status.detail = State.DONE, ""
            seconds = time.monotonic() - status.started_at
            self._screen.event(status.service.name, f"done after {seconds:.1f} s")
        else:
            self._failed(status, _ending(code), final=status.service.task and code > 0)

    def _failed(self, status: Status, why: str, *, final: bool = False) -> None:
        service = status.service
        if time.monotonic() - status.started_at > STEADY_AFTER_S:
            status.failures = 0
        status.failures += 1
        # What a task that is needed says of itself is final; an optional one may want a network.
        hopeless = (final and not service.optional) or (
            status.failures >= GIVE_UP_AFTER and not status.was_ready
        )
        log = self._log_dir / f"{service.name}.log"
        for line in _tail(log):
            self._screen.event(service.name, line)
        if not hopeless:
            pause = BACK_OFF_S[min(status.failures, len(BACK_OFF_S)) - 1]
            status.state, status.detail = State.RESTARTING, why
            status.restart_at = time.monotonic() + pause
            self._screen.event(service.name, f"{why}; starting it again in {pause:g} s")
            return
        status.state, status.detail = State.FAILED, f"{why}, see {log}"
        self._screen.event(service.name, status.detail)
        if not service.optional:
            self._exit_code = 1

    def _progress(self, service: Service) -> str:
        steps = [each for each in _tail(self._log_dir / f"{service.name}.log") if "==>" in each]
        return steps[-1].partition("==>")[2].strip() if steps else ""

    def _stop_all(self, wake: int) -> None:
        """Stop level by level, those that came last first; a second signal kills."""
        self._screen.event("pilebot", "stopping; a second Ctrl-C kills")
        for level in reversed(self._levels()):
            running = [each for each in level if each.process is not None]
            for status in running:
                _ask_to_stop(status)
            started = time.monotonic()
            while running:
                for status in list(running):
                    assert status.process is not None
                    service = status.service
                    killing = self._signals > 1
                    patience_s = service.kill_grace_s if killing else service.stop_timeout_s
                    if status.process.poll() is None:
                        if time.monotonic() - started > patience_s:
                            status.process.kill()
                        continue
                    self._children.clear(status.process.pid)
                    status.process, status.state = None, State.STOPPED
                    took_s = time.monotonic() - started
                    self._screen.event(status.service.name, f"stopped after {took_s:.1f} s")
                    running.remove(status)
                self._draw()
                if running:
                    _sleep(wake, 0.05)

    def _levels(self) -> list[list[Status]]:
        """Services by the length of the longest chain of `after` before them."""
        depth: dict[str, int] = {}
        for name, status in self.statuses.items():
            depth[name] = 1 + max((depth[each] for each in status.service.after), default=-1)
        levels: list[list[Status]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for name, level in depth.items():
            levels[level].append(self.statuses[name])
        return levels


def _ask_to_stop(status: Status) -> None:
    """Servers look after their own forks; a task may be a shell, deaf while its command runs."""
    assert status.process is not None
    if not status.service.task:
        status.process.send_signal(status.service.stop_signal)
    elif status.process.poll() is None:
        os.killpg(status.process.pid, status.service.stop_signal)


def _sleep(wake: int, seconds: float) -> None:
    """Sleep until something happens: a signal or a child's end writes to the wake-up pipe."""
    readable, _, _ = select.select([wake], [], [], seconds)
    if readable:
        os.read(wake, 4096)


def _ending(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _tail(log: Path, lines: int = 8, size: int = 8192) -> list[str]:
    """The last lines of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - size))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []
