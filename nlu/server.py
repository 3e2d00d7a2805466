"""How the Rasa child process is started and how to tell that it is ready.

For a supervisor:

    model = nlu.train.current_model() or nlu.train.train(print)
    Popen(command(model, port, token), env=environment(), cwd=ROOT)
    … until is_ready(f"http://127.0.0.1:{port}", token)    (about 10 s, 0.5 GB)

Rasa runs in its own venv `<repo>/.venv-nlu`, made with

    uv pip install --require-hashes --no-deps -r nlu/requirements.txt

since its pins (SQLAlchemy 1.4, redis 4, twilio 8) cannot live beside the service's. It listens
on loopback only and wants a token: without one, DELETE /model would kill it.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from bot.errors import PilebotError

ROOT: Final = Path(__file__).resolve().parent.parent
_ENDPOINTS: Final = ROOT / "nlu" / "project" / "endpoints.yml"
_TRIES: Final = 3


class ServerFailed(PilebotError):
    """The Rasa server could not be started."""


def python() -> Path | None:
    """The interpreter of Rasa's venv, or None when it is not installed."""
    path = ROOT / ".venv-nlu" / "bin" / "python"
    packages = ROOT.glob(".venv-nlu/lib/python3.*/site-packages/rasa/__main__.py")
    return path if path.exists() and any(packages) else None


def environment() -> dict[str, str]:
    """The environment of the Rasa child: ours without settings (it needs no secrets)."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
    return {
        **{name: value for name in kept if (value := os.environ.get(name)) is not None},
        "PYTHONPATH": str(ROOT),  # nlu.components
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "RASA_TELEMETRY_ENABLED": "false",
        "RASA_MAX_CACHE_SIZE": "0",  # else training leaves .rasa/ in the checkout
        "SANIC_WORKERS": "1",  # parsing is synchronous: more processes, not more workers
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "MPLCONFIGDIR": str(ROOT / "nlu" / "models" / ".matplotlib"),
    }


def command(model: Path, port: int, token: str) -> list[str]:
    """The command line of the Rasa server; run it with cwd=ROOT and env=environment()."""
    interpreter = python() or ROOT / ".venv-nlu" / "bin" / "python"
    rasa = [str(interpreter), "-W", "ignore", "-m", "rasa", "run", "--enable-api", "--quiet"]
    where = ["--interface", "127.0.0.1", "--port", str(port), "--auth-token", token]
    return [*rasa, *where, "--model", str(model), "--endpoints", str(_ENDPOINTS)]


def is_ready(url: str, token: str = "", timeout_s: float = 2.0) -> bool:
    """Whether a Rasa server with a loaded model answers at `url` (it says hello long before)."""
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/status", params={"token": token}, timeout=timeout_s, trust_env=False
        )
        return answer.status_code == 200 and bool(answer.json().get("model_file"))
    except (httpx.HTTPError, ValueError):
        return False


@contextmanager
def running(model: Path, start_timeout_s: float = 90.0) -> Iterator[tuple[str, str]]:
    """A Rasa server of our own for as long as the block lasts: yields its URL and token.

    Raises ServerFailed when it ends or is not ready in time.
    """
    token = secrets.token_urlsafe(24)
    child, url = _started(model, token, time.monotonic() + start_timeout_s)
    try:
        yield url, token
    finally:
        _stop(child)


def _started(model: Path, token: str, deadline: float) -> tuple[subprocess.Popen[bytes], str]:
    """Rasa takes its port only after seconds of importing: one that was free may be gone by then,
    so it is tried again on another."""
    for _ in range(_TRIES):
        port = _free_port()
        child = subprocess.Popen(  # noqa: S603 -- our own interpreter and files, no shell
            command(model, port, token),
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        while child.poll() is None and time.monotonic() < deadline:
            if is_ready(url, token):
                return child, url
            time.sleep(0.2)
        _stop(child)
    raise ServerFailed("the Rasa server did not start")


def _free_port() -> int:
    """Below the range from which systems give out ports by themselves."""
    while True:
        port = random.randrange(20_000, 30_000)  # noqa: S311 - no secret
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
