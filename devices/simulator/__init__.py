"""A city of simulated piles in one asyncio process, driven over HTTP by the demo and by tests."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from devices.simulator.control import Control
from devices.simulator.line import Line
from devices.simulator.pile import Pile
from devices.simulator.spec import EvseSpec, PileSpec, specs_of

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
    lines = {
        spec.pile_id: Line(
            Pile(
                spec,
                state_dir / f"{spec.pile_id}.json" if state_dir else None,
                meter_every_s=every_s,
            ),
            mqtt_url,
            heartbeat_s=heartbeat_s,
        )
        for spec in piles
    }
    control = await asyncio.start_server(Control(lines).serve, "127.0.0.1", control_port)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    tasks = [asyncio.create_task(line.run()) for line in lines.values()]
    tasks.append(asyncio.create_task(_tick([line.pile for line in lines.values()], speed)))
    try:
        await stopping.wait()
    finally:
        control.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in lines.values():
            line.pile.touch()


async def _tick(piles: Sequence[Pile], speed: float) -> None:
    last = time.monotonic()
    while True:
        await asyncio.sleep(TICK_S)
        now = time.monotonic()
        for pile in piles:
            try:
                pile.tick((now - last) * speed)
            except Exception:
                log.exception("pile_fell_over", pile=pile.spec.pile_id)
        last = now
