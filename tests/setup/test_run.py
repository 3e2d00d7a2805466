"""./run itself: what can be tried without installing anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "dirname", "mkdir", "cat", "sha256sum", "flock", "awk", "sed", "id", "env", "grep")
SCRIPTS = ("run", ".ci/run", "docs/deploy/make-secrets.sh")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout without environments, beside a folder of programs without Python and apt."""
    checkout, programs = tmp_path / "checkout", tmp_path / "programs"
    checkout.mkdir()
    programs.mkdir()
    for name in ("run", "requirements.txt"):
        shutil.copy(ROOT / name, checkout / name)
    for name in TOOLS:
        if path := shutil.which(name):
            (programs / name).symlink_to(path)
    return checkout


def run(checkout: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(checkout / "run"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": str(checkout.parent / "programs"), "HOME": str(checkout), **environ},
        check=False,
    )


def test_help_is_the_head_of_the_script() -> None:
    told = subprocess.run(
        [str(ROOT / "run")], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert told.startswith("Pilebot's one way in.")
    assert "./run demo" in told
    assert "set -euo" not in told


def test_without_python_and_without_a_way_to_install_it_says_the_one_line(bare: Path) -> None:
    done = run(bare, "demo")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "Pilebot: Python 3.11 or newer with venv is needed. "
        "Please run: sudo apt-get install python3 python3-venv\n"
    )


def test_an_environment_that_is_current_is_used_as_it_is(bare: Path) -> None:
    python = bare / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        '#!/bin/bash\n[[ $1 == -V ]] && echo "Python 3.11" || echo "ran: $* in $PWD"\n'
    )
    python.chmod(0o755)
    (bare / "app.py").touch()
    stamp = subprocess.run(
        ["bash", "-c", "{ cat requirements.txt; .venv/bin/python -V; } | sha256sum"],
        cwd=bare, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    (bare / ".venv" / ".ready-service").write_text(stamp)
    done = run(bare, "decode", "photo one.jpg")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"ran: {bare}/app.py decode photo one.jpg in {Path.cwd()}\n"
    (bare / "requirements.txt").write_text("changed\n")
    assert run(bare, "decode").returncode == 1, "a changed lock calls for a new set-up"


def test_two_set_ups_wait_for_one_another(bare: Path) -> None:
    (bare / "var" / "log").mkdir(parents=True)
    with subprocess.Popen(
        ["flock", str(bare / "var" / "set-up.lock"), "bash", "-c", "echo held; read -r"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        waiting = subprocess.Popen(
            ["bash", str(bare / "run"), "demo"],
            env={"PATH": str(bare.parent / "programs")},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stderr is not None
        said = waiting.stderr.readline()
        assert said == "==> Another set-up is at work here; waiting for it\n"
        assert waiting.poll() is None
        other.stdin.write("\n")
        other.stdin.flush()
        assert "Python 3.11 or newer" in waiting.communicate(timeout=30)[1]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_parse_and_can_be_executed(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True, timeout=30)
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    done = subprocess.run(
        ["shellcheck", str(ROOT / script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == ""
