"""Settings with a form of their own: what is wrong is told by name at the start, all at once."""

from __future__ import annotations

import pytest

from bot.domain.booking_rules import Rules
from bot.domain.money import Money
from bot.domain.staff_actions import refund_limit
from bot.settings import FIELDS, SettingsError, read
from tests.console.test_accounts_settings import BASE


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TOP_UP_BONUSES", "EUR:50", "'EUR:50' is no top-up bonus; give it as EUR:100:20"),
        ("TOP_UP_BONUSES", "JPY:1.5:1", "is no top-up bonus"),
        ("TOP_UP_BONUSES", "EUR:50:5,EUR:50:8", "EUR: each higher top-up"),
        ("TOP_UP_BONUSES", "EUR:50:9,EUR:100:5", "no lower bonus"),
        ("BOOKING_AHEAD_MIN", "", "one value without a country is needed"),
        ("BOOKING_AHEAD_MIN", "GB:60", "one value without a country is needed"),
        ("BOOKING_AHEAD_MIN", "60,GB:soon", "'GB:soon' is no whole number of minutes"),
        ("BOOKING_LATE_MIN", "10,England:5", "country by its two letters"),
        ("BOOKING_LATE_MIN", "10,GB:5,gb:6", "GB is given twice"),
        ("BOOKING_EARLY_MIN", "-5", "no whole number of minutes"),
        ("BOOKING_CANCEL_MIN", "99999999", "no whole number of minutes"),
        ("BOOKING_SHORTEST_MIN", "15,GB:300", "booking in GB (300) is longer than the longest"),
        ("BOOKING_NO_SHOW_FEE", "five", "'five' is no amount"),
        ("BOOKING_NO_SHOW_FEE", "NaN", "no amount between"),
        ("BOOKING_NO_SHOW_FEE", "5,JP:-500", "no amount between"),
        ("BOOKING_NO_SHOWS", "²", "whole number"),
        ("START_TIMEOUT_S", "0", "whole number from 1"),
        ("REFUND_LIMITS", "agent=20", "roles are"),
        ("REFUND_LIMITS", "agnet:20", "roles are"),
        ("REFUND_LIMITS", "agent:20,agent:30", "each role once"),
        ("REFUND_LIMITS", "agent:1e99", "no amount between"),
        ("PAYMENT_METHODS", "card;EUR:", "no list of payment methods"),
        ("EMERGENCY_NUMBERS", "FI=112", "write the country and its number as FI:112"),
        ("TWILIO_TEMPLATES", "receipt=HX1", "receipt:en=HX"),
        ("DEFAULT_COUNTRY", "Finland", "no country"),
        ("DESK_TZ", "Helsinki", "no time zone"),
        ("DESK_TZ", "../etc", "no time zone"),
        ("DESK_ASSIGNMENT", "both", "one of pull, push"),
        ("OCPI_PARTY", "pilebot", "three capital letters"),
    ],
)
def test_what_is_wrong_is_told_by_name(name: str, value: str, told: str) -> None:
    with pytest.raises(SettingsError) as error:
        read({**BASE, name: value})
    (line,) = str(error.value).splitlines()
    assert name in line
    assert told in line


def test_everything_wrong_is_told_at_once_and_no_secret_with_it() -> None:
    wrong = {"TOP_UP_BONUSES": "x", "BOOKING_LATE_MIN": "y", "PAGE_ON_CALL": "+358401, secret"}
    with pytest.raises(SettingsError) as error:
        read({**BASE, **wrong})
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert "secret" not in str(error.value)


def test_what_is_right_is_taken() -> None:
    right = {
        "TOP_UP_BONUSES": "EUR:50:5, EUR:100:20,KWD:5:0.250", "BOOKING_AHEAD_MIN": "20160, gb:60",
        "BOOKING_NO_SHOW_FEE": "2.50,JP:500", "REFUND_LIMITS": "agent:0, finance:200.50",
        "PAGE_ON_CALL": "whatsapp:+358401234567,mailto:a@b.example",
        "TWILIO_TEMPLATES": "receipt:en=HX12ab,notice:pt-BR=HX3", "DESK_TZ": "Asia/Tokyo",
    }  # fmt: skip
    settings = read({**BASE, **right})
    assert settings.booking_ahead_min == "20160, gb:60"


def test_every_default_is_right() -> None:
    assert read(BASE).brand == "Pilebot"
    for each in FIELDS:
        check = each.metadata["check"]
        if check is not None and isinstance(each.default, str):
            assert check(each.default) is None, each.name


def test_an_amount_for_all_currencies_is_never_lost_where_a_currency_has_no_such_coin() -> None:
    rules = Rules(0, 0, 0, 0, 0, 0, fee_major="2.50", strikes=0, pause_s=0, version="")
    fees = [rules.fee(currency) for currency in ("EUR", "JPY", "KWD")]
    assert fees == [Money(250, "EUR"), Money(2, "JPY"), Money(2500, "KWD")]
    assert refund_limit("agent:20.5", "agent", "JPY") == Money(20, "JPY")
    assert refund_limit("agent:20.5", "boss", "JPY") == Money(0, "JPY")
