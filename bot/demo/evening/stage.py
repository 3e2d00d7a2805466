"""`./run evening`: starts the processes, plays the evening on them, and proves how it went."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from bot.demo import city
from bot.demo import ports as free_ports
from bot.demo.city import HOST, PORTS, ROOT, SECRETS, Edges, Plan
from bot.demo.data_dir import AlreadyRunning, DataDir, settings_in
from bot.demo.evening import facts as known
from bot.demo.evening import plan as plans
from bot.demo.evening import proof, report
from bot.demo.evening.plan import SIZES, Size
from bot.demo.screen import PlainScreen
from bot.demo.supervisor import Service, Supervisor
from bot.settings import read
from bot.store.database import Store, make_engine

# Of the demo's processes; the console is not asked, and Rasa is down: nothing here may need it.
WANTED: Final = frozenset(
    {"redis", "migrate", "twilio", "stripe", "seed", "broker", "web", "worker-1", "worker-2",
     "clock", "piles", "simulator"}
)  # fmt: skip
FACTS: Final = "evening.json"


def main(argv: Sequence[str], edges: Edges) -> int:
    """Play an evening and write its report; 1 when a claim fails."""
    options = _options(argv)
    data, size = DataDir(options.data), SIZES[options.size]
    if options.check:
        return _report(data, None)
    try:
        data.claim(fresh=True)
    except AlreadyRunning as error:
        print(f"Pilebot: {error}", file=sys.stderr)
        return 1
    screen = PlainScreen()
    ports = free_ports.take(PORTS, options.port, lambda note: screen.event("pilebot", note))
    changes = {
        "NLU_URL": f"http://{HOST}:{ports['nlu']}", "PAGE_ON_CALL": f"whatsapp:{plans.ON_CALL}",
        "LOG_LEVEL": "WARNING", **size.settings,
    }  # fmt: skip
    plan = Plan(data, ports, data.secrets(SECRETS), os.environ, size.speed, changes)
    data.keep_settings(plan.settings())
    store = Store(make_engine(read(plan.settings()).database_url))
    supervisor = Supervisor(
        _services(plan, edges, store, size, options.seed), log_dir=data.logs, screen=screen,
        lock_fd=data.lock_fd, on_ready=lambda: _played(plan, size),
    )  # fmt: skip
    code = supervisor.run()
    if code:
        return code
    return _report(data, plan)


def _played(plan: Plan, size: Size) -> None:
    """The evening is over: ask the payment provider while it is there, then stop everything."""
    proof.keep(plan.data.state, read(plan.settings()), size)
    os.kill(os.getpid(), signal.SIGTERM)


def _services(plan: Plan, edges: Edges, store: Store, size: Size, seed: int) -> list[Service]:
    found = [each for each in city.services(plan, edges, store) if each.name in WANTED]
    found = [each for each in found if each.name != "worker-2" or size.workers > 1]
    fill = [sys.executable, "-m", "bot.demo.evening.seed", size.name]
    found = [replace(each, command=fill) if each.name == "seed" else each for each in found]
    # The gateway comes after the piles here, so that it is gone first: their going is no outage.
    online = partial(city.all_piles_online, store)
    order: dict[str, dict[str, Any]] = {
        "simulator": {"after": ("broker",), "ready": None},
        "piles": {"after": ("simulator", "redis"), "ready": online},
    }  # fmt: skip
    found = [replace(each, **order.get(each.name, {})) for each in found]
    found.sort(key=lambda each: each.name == "piles")
    drive = Service(
        name="evening",
        command=[
            sys.executable, "-m", "bot.demo.evening.drive", "--size", size.name,
            "--simulator", plan.url("simulator"), "--seed", str(seed),
            "--ledger", str(plan.data.folder("twilio") / "twilio.sqlite"),
            "--facts", str(plan.data.state / FACTS),
        ],
        env=plan.settings(), cwd=ROOT, task=True,
        after=tuple(each.name for each in found),
    )  # fmt: skip
    return [*found, drive]


def _report(data: DataDir, plan: Plan | None) -> int:
    settings = settings_in(data.path) if plan is None else plan.settings()
    if settings is None or not (data.state / FACTS).exists():
        print(f"Pilebot: no evening was played in {data.path}", file=sys.stderr)
        return 1
    evening = known.read(data.state / FACTS)
    found = proof.prove(data.state, read(settings), evening)
    text = report.markdown(evening, found, SIZES[evening.size], settings)
    (data.path / "evening.md").write_text(text, encoding="utf-8")
    (data.path / "evening.html").write_text(report.html(text), encoding="utf-8")
    print(report.summary(evening, found))
    print(f"The whole report: {data.path / 'evening.md'} and evening.html")
    return 1 if any(claim.failures for claim in found) else 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run evening",
        description="Play an evening of charges and faults on the real service and prove, from "
        "what it stored, that everybody was told, repaid and helped. Exit code 1 when not.",
    )
    parser.add_argument("--size", choices=list(SIZES), default="whole")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "var" / "evening", help="where it keeps its data"
    )
    parser.add_argument("--port", type=int, default=8180, help="first of nine ports (8180)")
    parser.add_argument("--seed", type=int, default=1, help="another order of the evening")
    parser.add_argument(
        "--check", action="store_true", help="prove once more what was played there last"
    )
    return parser.parse_args(argv)
