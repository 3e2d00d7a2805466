"""What the console's settings refuse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.domain.rights import RIGHTS, ROLES
from bot.settings import SettingsError, read

ROOT = Path(__file__).resolve().parents[2]
BASE = {
    "PUBLIC_URL": "https://p.example", "DATABASE_URL": "sqlite://", "REDIS_URL": "redis://r",
    "MQTT_URL": "mqtt://m", "SECRET_KEY": "k" * 40, "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "t", "TWILIO_FROM": "whatsapp:+1", "STRIPE_SECRET_KEY": "s",
    "STRIPE_WEBHOOK_SECRET": "w",
}  # fmt: skip


def test_second_factors_are_the_default() -> None:
    assert read(BASE).second_factor == "all"


@pytest.mark.parametrize("value", ["none", "", "OFF"])
def test_only_known_answers_are_taken(value: str) -> None:
    with pytest.raises(SettingsError, match="SECOND_FACTOR must be one of all, managers, off"):
        read({**BASE, "SECOND_FACTOR": value})


def test_off_is_for_demos_on_this_machine() -> None:
    assert read({**BASE, "SECOND_FACTOR": "off"}).second_factor == "off"
    with pytest.raises(SettingsError, match="only where CONSOLE_URL is this machine"):
        read({**BASE, "SECOND_FACTOR": "off", "CONSOLE_URL": "https://console.example"})


def test_earlier_secret_keys_come_after_the_present_one() -> None:
    settings = read({**BASE, "SECRET_KEYS_BEFORE": f"{'a' * 40}, {'b' * 40},"})
    assert settings.secret_keys() == ("k" * 40, "a" * 40, "b" * 40)


def test_the_rights_in_the_docs_are_those_of_the_code() -> None:
    lines = (ROOT / "docs" / "console.md").read_text(encoding="utf-8").splitlines()
    head = next(line for line in lines if line.startswith("| right |"))
    roles = [cell.strip() for cell in head.strip("|").split("|")][2:]
    told: dict[str, frozenset[str]] = {}
    for line in lines:
        if found := re.match(r"\| `([a-z_.]+)` \|", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")][2:]
            told[found[1]] = frozenset(
                role for role, cell in zip(roles, cells, strict=True) if cell == "yes"
            )
    assert tuple(roles) == ROLES
    assert told == RIGHTS
