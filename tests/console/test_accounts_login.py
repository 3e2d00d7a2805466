"""Getting into the console: what opens the door, and what does not."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from bot.services import audit, staff_login
from bot.store.staff import Audit, Staff, StaffSession
from tests.console.desk import Desk
from tests.console.door import PASSWORD, Browser, account, code_at


@pytest.fixture
def browser(desk: Desk) -> Browser:
    return Browser(desk)


def actions(desk: Desk) -> list[str]:
    """Actions of the audit log, oldest first."""
    with desk.world.store.read() as work:
        assert audit.first_broken(work) is None
        return list(work.session.scalars(select(Audit.action).order_by(Audit.id)))


def test_a_stranger_is_sent_to_the_login_and_back_where_they_wanted(
    desk: Desk, browser: Browser
) -> None:
    sent = browser.get("/account")
    assert sent.status_code == 302
    assert sent.headers["location"] == "/login?next=/account"
    staff = account(desk)
    first = browser.logs_in(staff.login, next="/account")
    assert first.headers["location"] == "/login/code?next=/account"
    assert not browser.is_in(), "a password alone opens nothing"
    second = browser.post(
        "/login/code", "/login/code", code=code_at(desk.world.now), next="/account"
    )
    assert second.headers["location"] == "/account"
    assert browser.is_in()
    assert "login" in actions(desk)


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_login_leads_nowhere_else(desk: Desk, browser: Browser, target: str) -> None:
    staff = account(desk)
    browser.logs_in(staff.login)
    done = browser.post("/login/code", "/login/code", code=code_at(desk.world.now), next=target)
    assert done.headers["location"] == "/"


def test_unknown_wrong_and_closed_get_the_same_answer(desk: Desk) -> None:
    staff, closed = account(desk), account(desk)
    with desk.world.store.begin() as work:
        work.session.execute(update(Staff).where(Staff.id == closed.id).values(active=False))
    answers = {
        re.sub(r"[0-9a-f]{64}", "TOKEN", answer.text.replace(login, "LOGIN"))
        for login, answer in (
            (login, Browser(desk).logs_in(login, password))
            for login, password in (
                (staff.login, "not the password"),
                ("nobody@example.com", PASSWORD),
                (closed.login, PASSWORD),
            )
        )
    }
    assert len(answers) == 1
    assert "Login or password is not right." in answers.pop()


def test_a_used_code_is_refused(desk: Desk) -> None:
    staff = account(desk)
    code = code_at(desk.world.now)
    for expected in (303, 400):
        browser = Browser(desk)
        browser.logs_in(staff.login)
        answer = browser.gives_code(code)
        assert answer.status_code == expected
    assert "was used already" in answer.text
    assert "factor.failed" in actions(desk)


@pytest.mark.parametrize(("seconds", "opens"), [(-30, True), (30, True), (-90, False), (90, False)])
def test_a_code_counts_one_step_to_either_side(
    desk: Desk, browser: Browser, seconds: int, opens: bool
) -> None:
    staff = account(desk)
    browser.logs_in(staff.login)
    from datetime import timedelta

    browser.gives_code(code_at(desk.world.now + timedelta(seconds=seconds)))
    assert browser.is_in() is opens


def test_guessing_waits_longer_and_longer_but_not_for_good(desk: Desk, browser: Browser) -> None:
    staff = account(desk)
    for _ in range(4):
        assert "is not right" in browser.logs_in(staff.login, "a wrong guess").text
    refused = browser.logs_in(staff.login)
    assert "Too many tries. Try again in 1 second." in refused.text
    desk.world.ahead += staff_login.FRESH
    assert browser.logs_in(staff.login).status_code == 303, "the right password still opens"


def test_an_unknown_account_waits_just_the_same(desk: Desk, browser: Browser) -> None:
    for _ in range(4):
        browser.logs_in("nobody@example.com", "a wrong guess")
    assert "Too many tries" in browser.logs_in("nobody@example.com").text


def test_strangers_do_not_lock_the_owner_out(desk: Desk) -> None:
    staff = account(desk)
    known = Browser(desk)
    known.logs_in(staff.login)
    known.gives_code(code_at(desk.world.now))
    known.post("/logout")
    stranger = Browser(desk)
    for _ in range(6):
        stranger.logs_in(staff.login, "a wrong guess")
    assert "Too many tries" in stranger.logs_in(staff.login).text
    assert known.logs_in(staff.login).status_code == 303, "a browser it knows is apart"


def test_codes_are_guarded_too(desk: Desk, browser: Browser) -> None:
    staff = account(desk)
    browser.logs_in(staff.login)
    for _ in range(6):
        browser.gives_code("000000")
    assert "Too many wrong codes" in browser.gives_code(code_at(desk.world.now)).text


def test_the_session_id_changes_with_each_step(desk: Desk, browser: Browser) -> None:
    staff = account(desk)
    browser.logs_in(staff.login)
    pending = browser.http.cookies["pilebot-staff"]
    browser.gives_code(code_at(desk.world.now))
    assert browser.http.cookies["pilebot-staff"] != pending
    browser.http.cookies.set("pilebot-staff", pending, domain="127.0.0.1")
    browser.http.cookies.set("pilebot-staff", pending, domain="127.0.0.1.local")
    with desk.world.store.read() as work:
        ended = work.session.scalars(
            select(StaffSession.revoked_at).where(StaffSession.staff_id == staff.id)
        ).all()
    assert sum(each is not None for each in ended) == 1


def test_the_first_login_enrols_and_shows_recovery_codes_once(desk: Desk, browser: Browser) -> None:
    staff = account(desk, "manager", factor=False)
    assert browser.logs_in(staff.login).headers["location"] == "/login/enrol"
    assert not browser.is_in()
    page = browser.get("/login/enrol").text
    assert "<svg" in page
    secret = "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page))
    assert "not right" in browser.post("/login/enrol", "/login/enrol", code="000000").text
    done = browser.post("/login/enrol", "/login/enrol", code=code_at(desk.world.now, secret))
    codes = re.findall(r"<li>([a-z0-9-]{19})</li>", done.text)
    assert len(set(codes)) == 10
    assert browser.is_in()
    with desk.world.store.read() as work:
        kept = work.session.get_one(Staff, staff.id)
        assert kept.totp_secret and secret not in kept.totp_secret
    # A recovery code opens once.
    for expected in (303, 400):
        lost_phone = Browser(desk)
        lost_phone.logs_in(staff.login)
        assert lost_phone.gives_code(codes[0].upper()).status_code == expected
    assert "factor.recovery_code" in actions(desk)


def test_logging_out_ends_the_session_and_wipes_the_browser(desk: Desk) -> None:
    agent = desk.agent()
    out = agent.post("/logout")
    assert out.headers["clear-site-data"] == '"storage"'
    agent.http.cookies.set("pilebot-staff", agent.token)
    assert agent.get("/account").status_code == 302


@pytest.mark.parametrize(
    ("role", "minutes", "still_in"),
    [("admin", 29, True), ("admin", 31, False), ("finance", 31, False), ("agent", 479, True),
     ("agent", 481, False)],
)  # fmt: skip
def test_idle_sessions_end_by_role(desk: Desk, role: str, minutes: int, still_in: bool) -> None:
    agent = desk.agent(role)
    desk.world.clock_passes(minutes * 60)
    assert (agent.get("/account").status_code == 200) is still_in


@pytest.mark.parametrize(
    ("asks", "keeps"),
    [
        (("/account", {}), True),
        (("/inbox/count", {}), True),
        (("/inbox/count", {"X-Background": "1"}), False),
        (("/events/poll", {}), False),
        (("/events/bell", {}), False),
    ],
    ids=str,
)
def test_an_open_page_alone_keeps_no_session(
    desk: Desk, asks: tuple[str, dict[str, str]], keeps: bool
) -> None:
    admin = desk.agent("admin")
    for _ in range(4):
        desk.world.clock_passes(10 * 60)
        admin.get(asks[0], headers=asks[1])
    assert (admin.get("/account").status_code == 200) is keeps


def test_a_session_ends_after_twelve_hours_however_busy(desk: Desk) -> None:
    agent = desk.agent("agent")
    for _ in range(6):
        assert agent.get("/account").status_code == 200
        desk.world.clock_passes(2 * 3600 + 60)
    assert agent.get("/account").status_code == 302


def test_a_set_up_link_opens_once(desk: Desk, browser: Browser) -> None:
    from bot.services import staff_accounts

    with desk.world.store.begin() as work:
        staff = staff_accounts.create(work, None, login="New@Example.com", name="Noa", role="agent")
        link = staff_accounts.link(desk.world.settings, staff, work.now)
    path = "/set-up/" + link.rpartition("/set-up/")[2]
    assert "Welcome, Noa" in browser.get(path).text
    for weak in ("short", "password1234", "aaaaaaaaaaaaaaa", "new@example.com"):
        assert browser.post(path, path, password=weak, again=weak).status_code == 400
    assert "not the same" in browser.post(path, path, password=PASSWORD, again="other words").text
    done = browser.post(path, path, password=PASSWORD, again=PASSWORD)
    assert done.headers["location"] == "/login/enrol"
    assert Browser(desk).get(path).status_code == 404
    assert Browser(desk).logs_in("new@example.com").status_code == 303


def test_a_set_up_link_lapses_and_cannot_be_forged(desk: Desk, browser: Browser) -> None:
    from bot.services import staff_accounts

    with desk.world.store.begin() as work:
        staff = staff_accounts.create(work, None, login="noa", name="Noa", role="agent")
        link = staff_accounts.link(desk.world.settings, staff, work.now)
    path = "/set-up/" + link.rpartition("/set-up/")[2]
    forged = path.replace(f"/{staff.id}:", f"/{staff.id + 1}:")
    for bad in (forged, path[:-1], path + "0", "/set-up/1:99999999999.", "/set-up/x"):
        assert browser.get(bad).status_code == 404
    desk.world.clock_passes(49 * 3600)
    assert browser.get(path).status_code == 404


def test_a_new_device_is_told_until_its_owner_says_so(desk: Desk) -> None:
    staff = account(desk)
    first = Browser(desk)
    first.logs_in(staff.login)
    first.gives_code(code_at(desk.world.now))
    assert "New device" not in first.get("/account").text, "the very first is no news"
    desk.world.clock_passes(60)
    other = Browser(desk)
    other.logs_in(staff.login)
    other.gives_code(code_at(desk.world.now))
    assert "not seen before" in first.get("/account").text
    assert "new on another device" in first.get("/").text
    assert "new on another device" in first.get("/more").text
    first.post("/account/devices/mine", "/account")
    assert "not seen before" not in first.get("/account").text
    assert "new on another device" not in first.get("/").text
    desk.world.clock_passes(60)
    other.post("/logout")
    other.logs_in(staff.login)
    other.gives_code(code_at(desk.world.now))
    assert "not seen before" not in first.get("/account").text, "it is known by now"
