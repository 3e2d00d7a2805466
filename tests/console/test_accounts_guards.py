"""What guards accounts, on both databases: guessing slowed, codes used once, secrets sealed."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from bot.services import (
    browsers,
    login_throttle,
    passwords,
    sealed,
    second_factor,
    staff_accounts,
    staff_command,
)
from bot.settings import Settings
from bot.store.database import Store
from bot.store.staff import Staff
from tests.console.door import SECRET, code_at

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SETTINGS = Settings(
    public_url="http://p.example", console_url="https://c.example", database_url="sqlite://",
    redis_url="redis://127.0.0.1:9", mqtt_url="mqtt://127.0.0.1:9", secret_key="k" * 40,
    twilio_account_sid="AC1", twilio_auth_token="t", twilio_from="whatsapp:+14155238886",
    stripe_secret_key="sk_test_1", stripe_webhook_secret="whsec_1",
)  # fmt: skip


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine: Engine, clock: Clock) -> Store:
    return Store(engine, clock=clock)


def admit(store: Store, *guarded: login_throttle.Guarded) -> timedelta | None:
    with store.begin() as work:
        return login_throttle.admit(work, guarded)


def test_waiting_doubles_and_ends(store: Store, clock: Clock) -> None:
    one = login_throttle.account("anna")
    waits = []
    for _ in range(40):
        if wait := admit(store, one):
            waits.append(wait.total_seconds())
            clock.now += wait
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert max(waits) == 15 * 60
    clock.now += timedelta(hours=25)
    assert [admit(store, one) for _ in range(3)] == [None] * 3, "a day later all is forgotten"


def test_of_many_tries_at_once_few_pass(store: Store) -> None:
    one = login_throttle.account("anna")
    with ThreadPoolExecutor(8) as threads:
        passed = list(threads.map(lambda _: admit(store, one) is None, range(24)))
    assert sum(passed) <= one.free + 1


def test_one_network_is_slowed_whichever_accounts_it_tries(store: Store) -> None:
    network = login_throttle.network("192.0.2.7")
    passed = [
        admit(store, network, login_throttle.account(f"user{number}")) is None
        for number in range(60)
    ]
    assert 30 <= sum(passed) <= 31
    assert admit(store, login_throttle.network("192.0.2.8")) is None
    assert login_throttle.network("2001:db8::1") == login_throttle.network("2001:db8::ffff")


def test_logging_in_takes_only_its_own_try_back(store: Store) -> None:
    network, account = login_throttle.network("192.0.2.7"), login_throttle.account("anna")
    for _ in range(100):
        assert admit(store, network, account) is None, "an office may log in all day"
        with store.begin() as work:
            login_throttle.forgive(work, account, once=network)


def _staff(store: Store) -> Staff:
    with store.begin() as work:
        staff = staff_accounts.create(work, None, login="anna", name="Anna", role="agent")
        staff.totp_secret = sealed.seal(SETTINGS.secret_key, f"totp:{staff.id}", SECRET)
    return staff


def test_a_code_counts_once_even_when_given_twice_at_once(store: Store) -> None:
    staff, code = _staff(store), code_at(NOW)

    def give(_: int) -> str | None:
        with store.begin() as work:
            row = work.session.get_one(Staff, staff.id)
            return second_factor.passes(work, SETTINGS, row, code)

    with ThreadPoolExecutor(6) as threads:
        assert sorted(map(str, threads.map(give, range(6)))) == ["None"] * 5 + ["code"]


def test_a_recovery_code_counts_once_even_when_given_twice_at_once(store: Store) -> None:
    staff = _staff(store)
    with store.begin() as work:
        codes = second_factor.new_recovery_codes(work, work.session.get_one(Staff, staff.id))

    def give(_: int) -> str | None:
        with store.begin() as work:
            row = work.session.get_one(Staff, staff.id)
            return second_factor.passes(work, SETTINGS, row, f" {codes[3].upper()} ")

    with ThreadPoolExecutor(6) as threads:
        assert sorted(map(str, threads.map(give, range(6)))) == ["None"] * 5 + ["recovery"]
    with store.read() as work:
        assert second_factor.recovery_codes_left(work, staff.id) == 9


@pytest.mark.parametrize(
    "code", ["", "0", "12345", "1234567", "abcdef", "x" * 5000, "１２３４５６"]
)
def test_odd_codes_are_simply_wrong(store: Store, code: str) -> None:
    staff = _staff(store)
    with store.begin() as work:
        row = work.session.get_one(Staff, staff.id)
        assert second_factor.passes(work, SETTINGS, row, code) is None


@given(st.text(max_size=60), st.text(max_size=20))
def test_what_is_sealed_comes_back_and_nothing_else_does(text: str, purpose: str) -> None:
    kept = sealed.seal("key", purpose, text)
    assert sealed.unseal(["other", "key"], purpose, kept) == text
    assert sealed.seal("key", purpose, text) != kept, "a fresh nonce each time"
    for keys, why in ((["other"], purpose), (["key"], purpose + "x")):
        with pytest.raises(sealed.CannotOpen):
            sealed.unseal(keys, why, kept)


@pytest.mark.parametrize("at", range(0, 68, 7))
def test_a_changed_byte_is_noticed(at: int) -> None:
    kept = sealed.seal("key", "totp:1", SECRET)
    other = "A" if kept[at] != "A" else "B"
    with pytest.raises(sealed.CannotOpen):
        sealed.unseal(["key"], "totp:1", kept[:at] + other + kept[at + 1 :])


@given(st.text(max_size=80))
def test_garbage_is_never_taken_for_sealed_or_signed(garbage: str) -> None:
    with pytest.raises(sealed.CannotOpen):
        sealed.unseal(["key"], "totp:1", garbage)
    assert sealed.signed("key", "device", garbage) is None


def test_a_changed_secret_key_may_keep_the_old_one(store: Store) -> None:
    from dataclasses import replace

    staff = _staff(store)
    rotated = replace(SETTINGS, secret_key="n" * 40, secret_keys_before=SETTINGS.secret_key)
    with store.begin() as work:
        row = work.session.get_one(Staff, staff.id)
        with pytest.raises(sealed.CannotOpen):
            second_factor.passes(work, replace(rotated, secret_keys_before=""), row, code_at(NOW))
        assert second_factor.passes(work, rotated, row, code_at(NOW)) == "code"


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("seven quiet herons", True),
        ("korrekt-pferd-batterie", True),
        ("你好世界我们一起去充电站吧好", True),
        ("short one", False),
        ("password1234", False),
        ("Welcome2026!", False),
        ("anna.korhonen1", False),
        ("abababababab", False),
        ("1234567890123", False),
        ("x" * 201, False),
    ],
)
def test_weak_passwords_are_named(password: str, good: bool) -> None:
    why = passwords.weakness(password, "anna.korhonen@example.com", "Anna Korhonen")
    assert (why is None) is good


def test_no_password_fits_an_account_without_one() -> None:
    assert not passwords.fits("", "nobody's password")
    kept = passwords.hash_password("seven quiet herons")
    assert kept.startswith("$argon2id$")
    assert passwords.fits(kept, "seven quiet herons")
    assert not passwords.fits(kept, "seven quiet heron")
    assert not passwords.fits("not a hash", "x")


def test_the_first_admin_and_the_way_back_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nobody yet" in staff_command.listed(store)
    link = staff_command.add(store, SETTINGS, "Eva@Example.com", "Eva", "admin", None)
    assert link is not None and link.startswith("https://c.example/set-up/")
    assert "eva@example.com\tadmin\tEva\tnot set up" in staff_command.listed(store)
    with pytest.raises(staff_accounts.NotAllowed):
        staff_command.add(store, SETTINGS, "eva@example.com", "Eva", "admin", None)
    assert staff_command.reset(store, SETTINGS, "eva@example.com", "seven quiet herons") is None
    assert "\topen" in staff_command.listed(store)
    monkeypatch.setattr(sys, "stdin", io.StringIO("seven quiet herons\n"))
    assert staff_command.ask_password("eva") == "seven quiet herons"
    monkeypatch.setattr(sys, "stdin", io.StringIO("eva\n"))
    with pytest.raises(staff_accounts.NotAllowed):
        staff_command.ask_password("eva")


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 "
         "Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
         "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
         "Firefox on Linux"),
        ("python-httpx/0.28", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)  # fmt: skip
def test_browsers_have_names(agent: str, name: str) -> None:
    assert browsers.browser_name(agent) == name
