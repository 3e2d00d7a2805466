"""What people see of a running demo: a live screen on a terminal, else plain prefixed lines."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.demo.supervisor import State, Status

_COLOURS = {
    State.WAITING: "dim",
    State.STARTING: "yellow",
    State.READY: "green",
    State.DONE: "green",
    State.RESTARTING: "bold yellow",
    State.FAILED: "bold red",
    State.STOPPED: "dim",
}


@dataclass(frozen=True, kw_only=True)
class Guide:
    """What to tell the person in front: addresses, logins, things to try, and lines that follow
    how the processes are doing."""

    addresses: Sequence[tuple[str, str]]
    logins: Sequence[tuple[str, str]] = ()
    hints: Sequence[str] = ()
    notes: Sequence[Callable[[Sequence[Status]], str]] = ()


def _processes(statuses: Sequence[Status]) -> Text:
    """All on a line or two, and a line more for each that has something to say."""
    text = Text()
    for status in statuses:
        text.append(f"{status.service.name} ").append(
            f"{status.state.value}   ", style=_COLOURS[status.state]
        )
    for status in statuses:
        if status.detail:
            text.append(f"\n{status.service.name}: {status.detail}", style="dim")
    return text


class PlainScreen:
    """Prefixed lines: for pipes, service managers and --headless."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out

    def event(self, name: str, text: str) -> None:
        """One line about one service."""
        with contextlib.suppress(OSError):  # the reader may be gone; that stops nothing
            print(f"{name:<14} | {text}", file=self._out, flush=True)

    def draw(self, statuses: Sequence[Status]) -> None:
        """Nothing: events say it all."""

    def ready(self, guide: Guide) -> None:
        """All addresses, once."""
        for label, value in (*guide.addresses, *guide.logins):
            self.event("pilebot", f"{label}: {value}")

    def close(self) -> None:
        """Nothing to take down."""


class LiveScreen:
    """One screen that stays: addresses, what to try, and how every process is doing."""

    def __init__(self, guide: Guide) -> None:
        self._guide = guide
        self._ready = False
        self._last_events: list[tuple[str, str]] = []
        self._drawn_at = 0.0
        # Drawn by hand: rich's own refresh thread would make forking here unsafe.
        self._live = Live(console=Console(), auto_refresh=False, transient=False)
        self._live.start()

    def event(self, name: str, text: str) -> None:
        """Kept for the foot of the screen."""
        self._last_events = [*self._last_events, (name, text)][-4:]

    def draw(self, statuses: Sequence[Status]) -> None:
        """Draw anew, at most four times a second."""
        if time.monotonic() - self._drawn_at < 0.25:
            return
        self._drawn_at = time.monotonic()
        with contextlib.suppress(OSError):  # the terminal may be gone (SIGHUP)
            self._live.update(self._picture(statuses), refresh=True)

    def ready(self, _guide: Guide) -> None:
        """From now on the head says so."""
        self._ready = True

    def close(self) -> None:
        """Leave the last picture on the terminal."""
        with contextlib.suppress(OSError):
            self._live.stop()

    def _picture(self, statuses: Sequence[Status]) -> Group:
        head = Table.grid(padding=(0, 2))
        for label, value in (*self._guide.addresses, *self._guide.logins):
            head.add_row(Text(label, style="bold"), Text(value, style="cyan"))
        parts = [Panel(head, title=self._title(statuses), title_align="left")]
        if self._ready and self._guide.hints:
            hints = Text("\n".join(f"- {each}" for each in self._guide.hints))
            parts.append(Panel(hints, title="To try", title_align="left"))
        parts.append(Panel(_processes(statuses), title="Processes", title_align="left"))
        foot = [Text(each(statuses)) for each in self._guide.notes]
        foot += [Text(f"{name}: {text}", style="dim") for name, text in self._last_events]
        return Group(*parts, *foot, Text("Ctrl-C stops everything", style="dim"))

    def _title(self, statuses: Sequence[Status]) -> str:
        if self._ready:
            return "Pilebot demo: ready"
        needed = [each for each in statuses if not each.service.optional]
        return f"Pilebot demo: starting ({sum(e.settled for e in needed)} of {len(needed)})"
