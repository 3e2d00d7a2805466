"""A small evening on real processes: every claim holds, and each one fails when it should."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo.data_dir import settings_in
from bot.demo.evening import facts as known
from bot.demo.evening import plan, proof
from bot.demo.evening.claims import Claim
from bot.demo.evening.plan import KINDS, SMALL, WHOLE
from bot.settings import read
from tests.demo.headless import ROOT, free_ports

pytestmark = [pytest.mark.demo, pytest.mark.timeout(600), pytest.mark.xdist_group("demo")]


def test_the_whole_evening_is_as_large_as_was_promised() -> None:
    troubles = WHOLE.troubles()
    assert sum(WHOLE.piles) * WHOLE.sockets == 60
    assert WHOLE.sessions == 200
    assert len(troubles) == 25
    assert len({each.name for each in troubles}) == len(KINDS) >= 10
    assert {each.name for each in SMALL.troubles()} == set(KINDS)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ev")
    ours = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "app.py", "evening", "--size", "small", "--data", str(folder),
         "--port", str(free_ports(20))],
        cwd=ROOT, env=ours, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "FAILS" not in done.stdout
    yield folder


def proven(folder: Path) -> dict[str, Claim]:
    """Every claim about what stands in a folder, by the first words of its title."""
    settings = settings_in(folder)
    assert settings is not None
    url = f"sqlite:///{folder / 'state' / 'pilebot.db'}"
    found = proof.prove(
        folder / "state", read({**settings, "DATABASE_URL": url}),
        known.read(folder / "state" / "evening.json"),
    )  # fmt: skip
    return {each.title: each for each in found}


def test_everything_holds_and_the_report_shows_it(evening: Path) -> None:
    claims = proven(evening)
    assert not [each for claim in claims.values() for each in claim.failures]
    text = (evening / "evening.md").read_text()
    assert "Every claim holds" in text
    assert all(f"| {name} |" in text for name in KINDS)
    assert "<table>" in (evening / "evening.html").read_text()


@pytest.mark.parametrize(
    ("title", "statement"),
    [
        ("was billed", "UPDATE bill SET total_minor = total_minor + 1 WHERE id = 1"),
        ("was billed", "UPDATE hold SET captured_minor = captured_minor + 50 WHERE id = "
         "(SELECT min(id) FROM hold WHERE captured_minor > 0)"),
        ("No message", "UPDATE message SET provider_id = 'SMnever' WHERE id = "
         "(SELECT max(id) FROM message WHERE author = 'auto')"),
        ("No message", "UPDATE outbox SET state = 'failed' WHERE id = 1"),
        ("dispatched once", "UPDATE job SET pile_id = 'P002001' WHERE id = 1"),
        ("dispatched once", "UPDATE job_entry SET kind = 'accepted' WHERE kind = 'done'"),
        ("left open", "UPDATE charging_session SET open = 1 WHERE id = 1"),
        ("left open", "UPDATE pile SET in_service = 0 WHERE id = 'P002001'"),
        ("Every clock", "UPDATE clock SET spent_s = spent_s + 30 WHERE name = 'fault_response'"),
        ("Every clock", "UPDATE clock SET outcome = 'met', breached_at = NULL "
         "WHERE breached_at IS NOT NULL"),
        ("Every clock", "DELETE FROM coupon"),
        ("Every danger", "UPDATE incident SET state = 'open'"),
        ("one outage", "UPDATE outage SET case_id = NULL"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_found(
    evening: Path, tmp_path: Path, title: str, statement: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(evening, folder, ignore=shutil.ignore_patterns("*.sock", "log", "broker"))
    with sqlite3.connect(folder / "state" / "pilebot.db") as database:
        assert database.execute(statement).rowcount > 0
    failing = [name for name, claim in proven(folder).items() if claim.failures]
    assert any(title in name for name in failing), failing


def test_who_was_told_too_late_or_never_is_found(evening: Path) -> None:
    facts = known.read(evening / "state" / "evening.json")
    phones = proof.read_phones(evening)
    late = [replace(each, at=each.at - plan.TOLD_WITHIN_S) for each in facts.troubles]
    facts.troubles = late
    assert len(proof.told(facts, phones).failures) >= len(late)
    phones.forget("I have lost contact", "Several piles at")
    assert any("never told" in each for each in proof.told(facts, phones).failures)
