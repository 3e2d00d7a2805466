"""The sections: each known by an icon of its own, none lost in folds, links only to what opens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.console import navigation
from bot.domain.rights import RIGHTS, ROLES
from tests.console.desk import Desk
from tests.console.journey import PHONE, charging
from tests.console.test_bookings import OTHER, booked
from tests.world import World

ICONS = Path(navigation.__file__).parent / "static/icons.svg"


def test_every_section_and_group_has_an_icon_of_its_own() -> None:
    used = [each.icon for each in navigation.SECTIONS] + list(navigation.GROUPS.values())
    assert len(used) == len(set(used))
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', ICONS.read_text(encoding="utf-8")))
    assert set(used) <= drawn
    assert {each.group for each in navigation.SECTIONS} == {"", *navigation.GROUPS}


@pytest.mark.parametrize("role", ROLES)
def test_all_sections_of_a_role_are_on_the_page_for_phones_and_open(desk: Desk, role: str) -> None:
    person = desk.agent(role)
    more = person.get("/more").text.split('<main id="main"')[1]
    for each in navigation.SECTIONS[:-1]:
        shown = f"<span>{each.label}</span>" in more
        assert shown == (role in RIGHTS[each.right]), each.label
    for url in re.findall(r'class="tile" href="([^"]+)"', more):
        assert person.get(url, follow_redirects=True).status_code == 200, url


def test_the_group_of_a_page_is_unfolded_and_what_lies_below_marks_its_section(
    world: World, desk: Desk
) -> None:
    mia = desk.agent("manager", "Mia")
    assert "open>" not in mia.get("/").text.split("</nav>")[0]
    for path, group, section in (
        ("/entities", "Money", "Invoices"), ("/team/hours", "Setup", "Team"),
        ("/forecasts/1", "Network", "Forecasts"),
    ):  # fmt: skip
        page = mia.get(path).text.split("</nav>")[0]
        unfolded = page.split('<details class="nav-group" open>')[1].split("</details>")[0]
        assert f"<span>{group}</span>" in unfolded
        here = unfolded.split('aria-current="page"')[1]
        assert re.findall(r"<span>([\w ]+)</span>", here)[0] == section
    world.rider_says(PHONE, "agent")
    page = mia.get(f"/conversations/{desk.conversation(PHONE).id}").text
    assert re.search(r'title="Inbox" aria-current="page"', page)


def test_nobody_is_sent_to_a_conversation_out_of_reach(world: World, desk: Desk) -> None:
    charging(world)
    row = booked(world, OTHER, "1023-16", "in 2 hours")
    technician, agent = desk.agent("technician"), desk.agent("agent")
    for path in (f"/bookings/{row.id}", "/piles/P001023"):
        assert "/conversations/" in agent.get(path).text, path
        assert "/conversations/" not in technician.get(path).text, path
