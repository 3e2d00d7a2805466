"""What the console's settings refuse."""

from __future__ import annotations

import pytest

from bot.settings import SettingsError, read

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
