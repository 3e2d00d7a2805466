"""Logging in and looking after the team in a real browser: by keyboard, on a phone, accessible."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.browsing import AXE, VIEWS, WAIT_MS
from tests.console.desk import Desk
from tests.console.door import PASSWORD, account, code_at

pytestmark = pytest.mark.browser
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def page(request: pytest.FixtureRequest, desk: Desk, browser: Browser) -> Iterator[Page]:
    size, scheme = getattr(request, "param", ((360, 740), "light"))
    context = browser.new_context(
        base_url=desk.url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]  # "light" or "dark"
    )
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None,
    )
    yield page
    context.close()
    assert errors == []


def flaws(page: Page, name: str) -> list[str]:
    """What axe finds, with everything folded open, and whether the page is too wide."""
    page.evaluate("document.querySelectorAll('#main details').forEach(each => each.open = true)")
    found: list[str] = []
    if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        found.append(f"{name}: wider than the screen")
    page.evaluate(AXE)
    found += page.evaluate(
        "tags => axe.run({runOnly: tags}).then(r => r.violations.map("
        "v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`))",
        TAGS,
    )
    return [f"{name}: {each}" for each in found]


@pytest.mark.parametrize("page", [view.values for view in VIEWS], indirect=True, ids=str)
def test_the_way_in_by_keyboard_alone(desk: Desk, page: Page) -> None:
    staff = account(desk, "admin", factor=False)
    bad: list[str] = []
    page.goto("/account")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    bad += flaws(page, "login")
    page.keyboard.type(staff.login)
    page.keyboard.press("Tab")
    page.keyboard.type("a wrong guess")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    bad += flaws(page, "login again")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    bad += flaws(page, "enrol")
    secret = "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page.content()))
    page.get_by_label("Type the six digits").focus()
    page.keyboard.type(code_at(desk.world.now, secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Keep your recovery codes")).to_be_visible()
    bad += flaws(page, "recovery codes")
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    page.goto("/account")
    bad += flaws(page, "account")
    page.get_by_role("button", name="Log out").first.click()
    desk.world.clock_passes(60)
    page.get_by_label("Login").fill(staff.login)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    bad += flaws(page, "code")
    page.keyboard.type(code_at(desk.world.now, secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    assert bad == []


@pytest.mark.parametrize("page", [view.values for view in VIEWS], indirect=True, ids=str)
def test_team_and_audit_are_accessible(desk: Desk, page: Page) -> None:
    admin, other = desk.agent("admin", "Eva Lind"), desk.agent("agent", "Olli Virtanen")
    other.get("/audit")
    cookie = {"name": "pilebot-staff", "value": admin.token, "url": desk.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict does
    desk.world.clock_passes(6 * 60)  # what asks for a fresh factor shows its field
    bad: list[str] = []
    for path in (
        "/team", f"/team/{other.staff_id}", "/team/new", "/team/hours", "/audit",
        "/audit?to=2020-01-01", "/account", "/account/second-factor", "/login",
    ):  # fmt: skip
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        bad += flaws(page, path)
    assert bad == []


def test_a_new_colleague_from_the_admins_link_to_the_inbox(
    desk: Desk, page: Page, browser: Browser
) -> None:
    admin = desk.agent("admin", "Eva Lind")
    cookie = {"name": "pilebot-staff", "value": admin.token, "url": desk.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict does
    page.goto("/team")
    page.get_by_role("link", name="New account").click()
    page.get_by_label("Name").fill("Noa Berg")
    page.get_by_label("Login").fill("noa@example.com")
    page.get_by_label("Technician").check()
    page.get_by_role("button", name="Make the account").click()
    link = page.get_by_label("Link").input_value()
    context = browser.new_context(viewport={"width": 360, "height": 740})
    noa = context.new_page()
    noa.goto(desk.url + "/set-up/" + link.rpartition("/set-up/")[2])
    assert flaws(noa, "set-up") == []
    noa.get_by_label("New password").fill("seven quiet herons")
    noa.get_by_label("The same once more").fill("seven quiet herons")
    noa.get_by_role("button", name="Set password").click()
    expect(noa.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    context.close()


def test_what_a_page_fetches_by_itself_says_so(desk: Desk, page: Page) -> None:
    admin = desk.agent("admin")
    cookie = {"name": "pilebot-staff", "value": admin.token, "url": desk.url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict does
    page.goto("/")
    page.wait_for_function("document.querySelector('#incidents') && window.htmx")
    with page.expect_request("**/incidents/bar*") as asked:
        page.evaluate("htmx.trigger('#incidents', 'live')")
    assert asked.value.headers["x-background"] == "1"
