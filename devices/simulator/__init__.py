"""A city of simulated piles in one asyncio process, driven over HTTP by the demo and by tests."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from devices.simulator.control import Control
from devices.simulator.line import Line
from devices.simulator.pile import Pile
from devices.simulator.spec import Added, EvseSpec, PileSpec, specs_of

__all__ = ["EvseSpec", "PileSpec", "run", "serve", "specs_of"]

log = structlog.get_logger()

TICK_S: Final = 0.5


def run(
    mqtt_url: str,
    piles: Sequence[PileSpec],
    control_port: int,
    speed: float = 1.0,
    state_dir: Path | None = None,
    *,
    meter_every_s: float | None = None,
    heartbeat_s: float | None = None,
) -> None:
    """Simulate until SIGTERM or SIGINT.

    `mqtt_url` names the broker; each pile logs in with its own id and secret. `speed` makes
    vehicles take energy that much faster than in life. `state_dir` keeps what piles must not
    forget; without it a restart forgets. `meter_every_s` is the real time between two meter
    values (by default a simulated minute, at least 2 s, at most 10 s). `heartbeat_s` overrides
    the interval that the CSMS gives at boot.
    """
    asyncio.run(
        serve(
            mqtt_url,
            piles,
            control_port,
            speed,
            state_dir,
            meter_every_s=meter_every_s,
            heartbeat_s=heartbeat_s,
        )
    )


async def serve(
    mqtt_url: str,
    piles: Sequence[PileSpec],
    control_port: int,
    speed: float = 1.0,
    state_dir: Path | None = None,
    *,
    meter_every_s: float | None = None,
    heartbeat_s: float | None = None,
) -> None:
    """The coroutine behind `run`."""
    if state_dir is not None:
        state_dir.mkdir(parents=True, exist_ok=True)
    every_s = meter_every_s or min(10.0, max(2.0, 60.0 / speed))
    lines: dict[str, Line] = {}
    running: dict[str, asyncio.Task[None]] = {}

    def put_up(spec: PileSpec) -> Line:
        state = state_dir / f"{spec.pile_id}.json" if state_dir else None
        line = Line(Pile(spec, state, meter_every_s=every_s), mqtt_url, heartbeat_s=heartbeat_s)
        lines[spec.pile_id] = line
        if before := running.get(spec.pile_id):  # it got a new secret
            before.cancel()
        running[spec.pile_id] = asyncio.create_task(line.run())
        return line

    added = Added(state_dir)
    for spec in {each.pile_id: each for each in (*piles, *added.specs)}.values():
        put_up(spec)

    def add(spec: PileSpec) -> Line:
        added.keep(spec)
        return put_up(spec)

    control = await asyncio.start_server(Control(lines, add).serve, "127.0.0.1", control_port)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    running["tick"] = asyncio.create_task(_tick(lines, speed))
    try:
        await stopping.wait()
    finally:
        control.close()
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
        for line in lines.values():
            line.pile.touch()


async def _tick(lines: Mapping[str, Line], speed: float) -> None:
    last = time.monotonic()
    while True:
        await asyncio.sleep(TICK_S)
        now = time.monotonic()
        for line in list(lines.values()):
            try:
                line.pile.tick((now - last) * speed)
            except Exception:
                log.exception("pile_fell_over", pile=line.pile.spec.pile_id)
        last = now
