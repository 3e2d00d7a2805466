"""Training tells how far it is, and a failure ends with what Rasa said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nlu import train


def _instead_of_rasa(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """An interpreter that ignores its arguments and runs `script`."""
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{sys.executable} - <<'EOF'\n{script}\nEOF\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setattr(train, "python", lambda: fake)
    monkeypatch.setattr(train, "MODELS", tmp_path / "models")


def test_progress_is_said_while_it_trains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    half = tmp_path / "half.tar.gz"
    said: list[str] = []
    script = f"print('noise')\nprint('intents: epoch 1 of 2')\nopen({str(half)!r}, 'w').close()"
    _instead_of_rasa(monkeypatch, tmp_path, script)
    train._run_rasa(half, said.append)
    assert said[0] == "epoch 1 of 2"
    assert "noise" not in said


def test_a_failure_tells_the_last_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _instead_of_rasa(monkeypatch, tmp_path, "raise SystemExit('no such component')")
    with pytest.raises(train.TrainingFailed, match="no such component"):
        train.train(lambda _: None)
    assert not list((tmp_path / "models").glob("*"))
