"""One's own account: password, second factor, devices, preferences."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from bot.services import preferences
from bot.store.staff import Staff
from tests.console.desk import Desk
from tests.console.door import PASSWORD, Browser, account, code_at
from tests.world import World

NEW = "three calm otters swim"


def logged_in(desk: Desk, staff: Staff) -> Browser:
    """Another browser of somebody, a minute later: each code counts once."""
    desk.world.clock_passes(60)
    browser = Browser(desk)
    browser.logs_in(staff.login)
    browser.gives_code(code_at(desk.world.now))
    assert browser.is_in()
    return browser


def test_a_new_password_ends_the_other_devices(desk: Desk) -> None:
    staff = account(desk)
    here, there = logged_in(desk, staff), logged_in(desk, staff)
    wrong = here.post("/account/password", "/account", now="not it", new=NEW, again=NEW)
    assert "Your present password is not right" in wrong.text
    weak = here.post("/account/password", "/account", now=PASSWORD, new="aino", again="aino")
    assert "at least 12" in weak.text
    here.post("/account/password", "/account", now=PASSWORD, new=NEW, again=NEW)
    assert here.is_in()
    assert not there.is_in()
    assert "not right" in Browser(desk).logs_in(staff.login).text
    assert Browser(desk).logs_in(staff.login, NEW).status_code == 303


def test_guessing_the_password_from_inside_is_slowed_too(desk: Desk) -> None:
    agent = logged_in(desk, account(desk))
    for _ in range(6):
        agent.post("/account/password", "/account", now="a guess", new=NEW, again=NEW)
    told = agent.post("/account/password", "/account", now=PASSWORD, new=NEW, again=NEW)
    assert "Too many tries" in told.text


def test_one_device_or_all_others_are_logged_out(world: World, desk: Desk) -> None:
    staff = account(desk)
    here, there, third = (logged_in(desk, staff) for _ in range(3))
    page = here.get("/account").text
    other = re.findall(r"/account/devices/(\d+)/end", page)
    assert len(other) == 2
    here.post(f"/account/devices/{other[-1]}/end", "/account")
    assert [here.is_in(), there.is_in(), third.is_in()] == [True, False, True]
    here.post("/account/devices/end-others", "/account")
    assert [here.is_in(), third.is_in()] == [True, False]


def test_nobody_ends_somebody_elses_session(desk: Desk) -> None:
    mine, theirs = desk.agent("agent"), desk.agent("agent")
    mine.post("/account/devices/2/end")
    mine.post("/account/devices/1/end")
    assert theirs.get("/account").status_code == 200


def test_replacing_the_authenticator_needs_the_old_one(world: World, desk: Desk) -> None:
    staff = account(desk)
    browser = logged_in(desk, staff)
    world.clock_passes(6 * 60)
    page = browser.get("/account/second-factor").text
    assert "Code from your authenticator app" in page
    secret = "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page))
    where = "/account/second-factor"
    browser.post(where, where, new_code=code_at(world.now, secret), code="000000")
    with world.store.read() as work:
        kept = work.session.get_one(Staff, staff.id).totp_secret
    assert kept == staff.totp_secret
    done = browser.post(where, where, new_code=code_at(world.now, secret), code=code_at(world.now))
    assert len(re.findall(r"<li>([a-z0-9-]{19})</li>", done.text)) == 10
    world.clock_passes(60)
    again = Browser(desk)
    again.logs_in(staff.login)
    assert again.gives_code(code_at(world.now)).status_code == 400, "the old app is out"
    assert again.gives_code(code_at(world.now, secret)).status_code == 303


def test_new_recovery_codes_replace_the_old(world: World, desk: Desk) -> None:
    browser = logged_in(desk, account(desk))
    made = [browser.post("/account/recovery-codes", "/account").text for _ in range(2)]
    first, second = (set(re.findall(r"<li>([a-z0-9-]{19})</li>", text)) for text in made)
    assert len(first) == len(second) == 10
    assert not first & second


def test_preferences_are_kept_and_shown(world: World, desk: Desk) -> None:
    agent = desk.agent("agent")
    agent.post(
        "/account/preferences", theme="dark", sounds="mine", **{"key-take_over": "X", "keys": ""}
    )
    with world.store.read() as work:
        kept = work.session.scalars(
            select(Staff.preferences).where(Staff.id == agent.staff_id)
        ).one()
    assert preferences.of(kept) == {
        "theme": "dark", "sounds": "mine", "keys": False, "keymap": {"take_over": "x"}
    }  # fmt: skip
    assert 'data-theme="dark"' in agent.get("/account").text
    agent.post("/account/preferences", theme="pink", sounds="loud", keys="on")
    with world.store.read() as work:
        kept = work.session.get_one(Staff, agent.staff_id).preferences
    assert preferences.of(kept) == dict(preferences.DEFAULTS)


@pytest.mark.parametrize("key", ["j", "J "])
def test_two_actions_cannot_share_a_key(world: World, desk: Desk, key: str) -> None:
    agent = desk.agent("agent")
    told = agent.post("/account/preferences", theme="dark", **{"key-take_over": key})
    assert "same key" in agent.get(told.headers["location"]).text
    with world.store.read() as work:
        assert work.session.get_one(Staff, agent.staff_id).preferences == {}
