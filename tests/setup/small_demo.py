"""A supervisor with small children, run as a process of its own by test_supervisor.py.

Arguments: the data folder, and a JSON list of services: {name, says, after, ready, task,
optional, deaf, patience, forks, shell, dies}. Each child appends "name start|stop" to
<folder>/order and writes its pid, then those of its forks, to <folder>/NAME.pid.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

from bot.demo.data_dir import AlreadyRunning, DataDir
from bot.demo.screen import PlainScreen
from bot.demo.supervisor import Service, Supervisor

CHILD = """
import os, signal, sys, time
name, folder, spec = sys.argv[1], sys.argv[2], eval(sys.argv[3])
def note(what):
    with open(folder + "/order", "a") as file:
        file.write(f"{name} {what}\\n")
def stop(*_):
    note("stop")
    sys.exit(0)
pids = [os.getpid()]
signal.signal(signal.SIGTERM, signal.SIG_IGN if spec.get("deaf") else stop)
if spec.get("forks"):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)
    pids.append(pid)
note("start")
with open(f"{folder}/{name}.pid.part", "w") as file:
    file.write(" ".join(map(str, pids)))
os.rename(f"{folder}/{name}.pid.part", f"{folder}/{name}.pid")
if spec.get("task"):
    print("==> step one", flush=True)
    if spec.get("shell"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.execvp("bash", ["bash", "-c", "trap 'exit 0' TERM; sleep 60; true", folder])
    sys.exit(spec.get("dies", 0))
if "dies" in spec:
    print("cannot go on", flush=True)
    sys.exit(spec["dies"])
if spec.get("ready"):
    time.sleep(spec["ready"])
    open(f"{folder}/{name}.ready", "w").close()
while True:
    time.sleep(60)
"""


def service(folder: Path, spec: dict[str, Any]) -> Service:
    """One small child as a service."""
    name = spec["name"]
    ready_file = folder / f"{name}.ready"
    return Service(
        name=name,
        command=[sys.executable, "-c", CHILD, name, str(folder), repr(spec)],
        after=tuple(spec.get("after", ())),
        ready=(lambda _pid: ready_file.exists()) if spec.get("ready") else None,
        task=bool(spec.get("task")),
        optional=bool(spec.get("optional")),
        stop_signal=signal.SIGTERM,
        stop_timeout_s=spec.get("patience", 5.0),
    )


def say_ready() -> None:
    """Tell the test that drives us."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def main() -> int:
    """Run until stopped; "ready" goes to stdout."""
    data = DataDir(Path(sys.argv[1]))
    try:
        data.claim(fresh="--fresh" in sys.argv)
    except AlreadyRunning as error:
        sys.stderr.write(f"{error}\n")
        return 3
    services = [service(data.path, each) for each in json.loads(sys.argv[2])]
    supervisor = Supervisor(
        services,
        log_dir=data.logs,
        screen=PlainScreen(),
        lock_fd=data.lock_fd,
        on_ready=say_ready,
    )
    return supervisor.run()


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as from a terminal, not nohup
    sys.exit(main())
