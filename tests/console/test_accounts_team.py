"""Accounts and the team: who changes whom, and what that does at once."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import select

from bot.gateways.translate import LANGUAGES
from bot.services import staff_login, team
from bot.services.audit import Actor
from bot.services.riders import rider_for
from bot.services.staff_accounts import NotAllowed, change_role, set_active
from bot.store.desk import ConversationMark
from bot.store.riders import Conversation
from bot.store.staff import Audit, Staff
from tests.console.desk import Agent, Desk
from tests.console.door import PASSWORD, Browser, account, code_at
from tests.world import World


def person(world: World, staff_id: int) -> Staff:
    """A row of the staff as it stands."""
    with world.store.read() as work:
        return work.session.get_one(Staff, staff_id)


def test_an_admin_makes_an_account_and_its_owner_sets_it_up(world: World, desk: Desk) -> None:
    eva = desk.agent("admin", "Eva")
    made = eva.post("/team/new", login="Noa@Example.com", name="Noa Berg", role="finance")
    link = re.search(r'value="http://[^"]+(/set-up/[^"]+)"', made.text)
    assert link, made.text
    browser = Browser(desk)
    chosen = browser.post(link[1], link[1], password=PASSWORD, again=PASSWORD)
    assert chosen.headers["location"] == "/login/enrol", "finance needs a second factor"
    assert (
        "has an account already"
        in eva.post("/team/new", login="noa@example.com", name="Noa", role="agent").text
    )


@pytest.mark.parametrize(
    ("login", "name", "role"), [("", "A", "agent"), ("a b", "A", "agent"), ("a", "", "agent"),
                                ("a", "A", "root")],
)  # fmt: skip
def test_impossible_accounts_are_refused(desk: Desk, login: str, name: str, role: str) -> None:
    made = desk.agent("admin").post("/team/new", login=login, name=name, role=role)
    assert made.status_code == 400


def test_a_new_role_ends_every_session_and_is_audited(world: World, desk: Desk) -> None:
    eva, olli = desk.agent("admin"), desk.agent("agent")
    assert "Say why" in flashed(eva, eva.post(f"/team/{olli.staff_id}/role", role="manager"))
    eva.post(f"/team/{olli.staff_id}/role", role="manager", reason="leads the desk now")
    assert person(world, olli.staff_id).role == "manager"
    assert olli.get("/").status_code == 302
    with world.store.read() as work:
        row = work.session.scalars(select(Audit).where(Audit.action == "staff.role")).one()
    assert (row.before, row.after) == ({"role": "agent"}, {"role": "manager"})
    assert (row.staff_id, row.reason) == (eva.staff_id, "leads the desk now")


@pytest.mark.parametrize("what", ["role", "active", "factor", "link"])
def test_nobody_changes_their_own_account(world: World, desk: Desk, what: str) -> None:
    eva = desk.agent("admin")
    desk.agent("admin")
    before = person(world, eva.staff_id)
    told = eva.post(f"/team/{eva.staff_id}/{what}", role="manager", active="no", reason="because")
    assert "Nobody changes their own account" in flashed(eva, told)
    after = person(world, eva.staff_id)
    assert (after.role, after.active) == (before.role, before.active)


def test_the_last_admin_stays(world: World, desk: Desk) -> None:
    eva = desk.agent("admin")
    with world.store.begin() as work, pytest.raises(NotAllowed, match="only admin"):
        set_active(work, None, eva.staff_id, False, "by command")
    other = Actor(desk.agent("admin").staff_id, "admin")
    with world.store.begin() as work:
        change_role(work, other, eva.staff_id, "agent", "two are enough for that")
    assert person(world, eva.staff_id).role == "agent"


def test_a_closed_account_is_out_at_once_and_its_chats_go_back(world: World, desk: Desk) -> None:
    eva, olli = desk.agent("admin"), desk.agent("agent", "Olli")
    with world.store.begin() as work:
        rider_for(work, "whatsapp", "+358401234567")
        work.session.flush()
        chat = work.session.scalars(select(Conversation)).one()
        chat.owner, chat.owner_id, epoch = "human", olli.staff_id, chat.epoch
    eva.post(f"/team/{olli.staff_id}/active", active="no", reason="left the company")
    assert olli.get("/").status_code == 302
    with world.store.read() as work:
        chat = work.session.scalars(select(Conversation)).one()
        assert (chat.owner, chat.owner_id, chat.epoch) == ("queue", None, epoch + 1)
        mark = work.session.scalars(select(ConversationMark)).one()
        assert "Olli" in mark.text
    eva.post(f"/team/{olli.staff_id}/active", active="yes", reason="came back")
    assert person(world, olli.staff_id).active


def test_a_lost_phone_is_reset_by_another_admin(world: World, desk: Desk) -> None:
    eva, lost = desk.agent("admin"), account(desk, "manager")
    eva.post(f"/team/{lost.id}/factor", reason="new phone, seen in person")
    browser = Browser(desk)
    assert browser.logs_in(lost.login).headers["location"] == "/login/enrol"


def test_what_must_be_sure_asks_again_after_five_minutes(world: World, desk: Desk) -> None:
    staff = account(desk, "admin")
    other = desk.agent("agent")
    eva = Browser(desk)
    eva.logs_in(staff.login)
    eva.gives_code(code_at(world.now))
    page = f"/team/{other.staff_id}"
    assert "Code from your authenticator app" not in eva.get(page).text
    world.clock_passes(staff_login.FRESH.total_seconds() + 1)
    assert "Code from your authenticator app" in eva.get(page).text
    eva.post(f"{page}/role", page, role="manager", reason="promoted")
    assert "give your code" in eva.get(page).text
    eva.post(f"{page}/role", page, role="manager", reason="promoted", code="000000")
    assert "Nothing was done" in eva.get(page).text
    assert person(world, other.staff_id).role == "agent"
    eva.post(f"{page}/role", page, role="manager", reason="promoted", code=code_at(world.now))
    assert person(world, other.staff_id).role == "manager"
    assert "Code from your authenticator app" not in eva.get(page).text, "fresh again"


def test_a_manager_sets_how_people_work_but_no_accounts(world: World, desk: Desk) -> None:
    mia, olli = desk.agent("manager"), desk.agent("agent")
    mia.post(
        f"/team/{olli.staff_id}", name="Olli V", langs=["fi", "zh", "tlh"], skills=["technical"],
        capacity="6", page_address="+358401112223",
    )  # fmt: skip
    row = person(world, olli.staff_id)
    assert (row.name, row.langs, row.skills, row.capacity) == (
        "Olli V", ["fi", "zh"], ["technical"], 6
    )  # fmt: skip
    wrong = mia.post(f"/team/{olli.staff_id}", name="X", page_address="call me")
    assert "Nothing was saved" in flashed(mia, wrong)
    assert person(world, olli.staff_id).page_address == "+358401112223"
    assert mia.post(f"/team/{olli.staff_id}/role", role="admin", reason="x").status_code == 403
    assert "Change role" not in mia.get(f"/team/{olli.staff_id}").text


def test_languages_are_those_that_riders_are_served_in() -> None:
    assert set(LANGUAGES) <= set(team.LANGUAGES)


def test_hours_and_holidays(world: World, desk: Desk) -> None:
    mia = desk.agent("manager")
    days = {f"open-{day}": "on" for day in range(5)}
    times = {f"opens-{d}": "08:00" for d in range(7)} | {f"closes-{d}": "17:30" for d in range(7)}
    mia.post("/team/hours", when="week", **days, **times)
    mia.post("/team/hours/days", date="2026-12-24", what="closed")
    mia.post("/team/hours/days", date="2026-12-31", what="open", opens="10:00", closes="00:00")
    with world.store.read() as work:
        week = team.week(work)
        assert week is not None
        assert [each.closed for each in week] == [False] * 5 + [True] * 2
        assert week[0] == team.Hours(480, 1050)
        assert [hours for _, hours in team.special_days(work)] == [
            team.CLOSED,
            team.Hours(600, 1440),
        ]
    assert (
        "it must close after it opens"
        in mia.post("/team/hours", when="week", **days, **(times | {"closes-0": "07:00"})).text
    )
    assert "Choose a date" in mia.post("/team/hours/days", date="soon", what="closed").text
    mia.post("/team/hours/days", date="2026-12-24", what="usual")
    mia.post("/team/hours", when="always")
    with world.store.read() as work:
        assert team.week(work) is None
        assert len(team.special_days(work)) == 1


def flashed(agent: Agent, answer: httpx.Response) -> str:
    """The page that an answer leads to."""
    assert answer.status_code == 303, answer.text
    return agent.get(answer.headers["location"]).text
