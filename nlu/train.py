"""Train the Rasa model when the data, the configuration or our components changed.

    python -m nlu.train            trains if needed and prints the model's path

`current_model()` is the trained model of exactly these files, or None; `train(say)` makes it.
The model's name is a fingerprint of everything it is made from, so an old model is never served
for new data, and training twice does nothing. Needs .venv-nlu (see server.py).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from bot.errors import PilebotError
from nlu.server import ROOT, environment, python

DATA: Final = ROOT / "nlu" / "data"
MODELS: Final = ROOT / "nlu" / "models"
CONFIG: Final = ROOT / "nlu" / "project" / "config.yml"
_KEEP: Final = 3  # models kept besides the newest: a rollback, and another checkout's data
_TIME_LIMIT_S: Final = 900
PROGRESS: Final = "intents: "  # begins a line of progress (nlu/components/classifier.py)


class TrainingFailed(PilebotError):
    """Rasa could not be trained; the message ends with its last lines."""


def fingerprint() -> str:
    """Hash of all that decides the model: data, configuration, components, package lock."""
    sources = [
        *DATA.rglob("*.yml"),
        CONFIG,
        *(ROOT / "nlu" / "components").glob("*.py"),
        *(ROOT / "nlu" / "components").glob("*.txt"),
        ROOT / "nlu" / "normalise.py",
        *(ROOT / "nlu" / f"{name}.py" for name in ("entities", "timewords", "spoken")),  # features
        ROOT / "nlu" / "requirements.txt",
    ]
    sums = hashlib.sha256()
    for path in sorted(sources):
        sums.update(path.relative_to(ROOT).as_posix().encode())
        sums.update(path.read_bytes())
    return sums.hexdigest()[:16]


def current_model() -> Path | None:
    """The trained model of the present files, or None."""
    path = MODELS / f"{fingerprint()}.tar.gz"
    return path if path.is_file() else None


def train(say: Callable[[str], None]) -> Path:
    """Train if needed; `say` gets progress lines. One or two minutes on two cores.

    Raises TrainingFailed when .venv-nlu is missing or Rasa fails.
    """
    name = fingerprint()
    target = MODELS / f"{name}.tar.gz"
    if target.is_file():
        return target
    if python() is None:
        raise TrainingFailed("the NLU's packages are not installed (.venv-nlu)")
    MODELS.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    say(f"Training the language model from {_examples()} messages (one or two minutes)")
    # Trained under another name and renamed: a half-written model is never found.
    half = MODELS / f".{name}-{os.getpid()}.tar.gz"
    try:
        _run_rasa(half, say)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    _drop_old()
    say(f"Language model ready after {time.monotonic() - began:.0f} s")
    return target


def _run_rasa(half: Path, say: Callable[[str], None]) -> None:
    command = [str(python()), "-W", "ignore", "-m", "rasa", "train", "nlu", "--nlu", str(DATA)]
    command += ["--config", str(CONFIG), "--out", str(MODELS), "--fixed-model-name", half.name]
    with subprocess.Popen(  # noqa: S603 -- our own interpreter and files, no shell
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        limit = threading.Timer(_TIME_LIMIT_S, child.kill)
        limit.start()
        try:
            lines = list(_telling(child.stdout or (), say))
        except BaseException:
            child.kill()
            raise
        finally:
            limit.cancel()
    if child.returncode != 0 or not half.is_file():
        tail = "\n".join(lines[-15:])
        raise TrainingFailed(f"rasa train ended with {child.returncode}:\n{tail}")
    say("Training done, checking the model in")


def _telling(output: Iterable[str], say: Callable[[str], None]) -> Iterator[str]:
    """Rasa's lines; what our components tell of their progress is said at once."""
    for line in map(str.strip, output):
        if line.startswith(PROGRESS):
            say(line.removeprefix(PROGRESS))
        elif line:
            yield line


def _examples() -> int:
    return sum(
        line.startswith("    - ")
        for path in DATA.rglob("*.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
    )


def _drop_old() -> None:
    models = sorted(MODELS.glob("[0-9a-f]*.tar.gz"), key=lambda path: path.stat().st_mtime)
    for path in models[: -(_KEEP + 1)]:
        path.unlink(missing_ok=True)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _print(str(train(_print)))
