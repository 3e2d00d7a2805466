"""Outside the 24-hour window: an approved template with its variables, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

import app
from bot.gateways import templates
from bot.store.riders import Conversation, Message
from tests.console.desk import Agent, Desk, open_desk
from tests.world import World

PHONE = "+358401234567"


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    """A desk whose templates are approved, with a rider who wrote more than a day ago."""
    approved = templates.register(world.settings)
    world.settings = replace(world.settings, twilio_templates=approved)
    world.deliveries = app.make_deliveries(world.settings, world.store)
    world.rider_says(PHONE, "agent")
    with open_desk(world) as desk:
        yield desk


@pytest.fixture
def anna(desk: Desk) -> Agent:
    """Who took the rider over before the window closed."""
    agent = desk.agent(name="Anna")
    assert agent.post("/conversations/1/claim").status_code == 303
    desk.world.settle()
    long_ago = desk.world.now - timedelta(hours=25)
    with desk.world.store.begin() as work:
        work.session.execute(update(Conversation).values(last_whatsapp_at=long_ago))
    return agent


def agents_lines(world: World) -> list[Message]:
    with world.store.read() as work:
        mine = select(Message).where(Message.author == "agent").order_by(Message.id)
        return list(work.session.scalars(mine))


def key_of(agent: Agent, name: str) -> str:
    page = agent.get("/conversations/1").text
    found = re.search(rf'name="key" value="([^"]+-{name})"', page)
    assert found, page
    return found[1]


def test_the_picker_is_there_with_the_words_that_were_typed(anna: Agent) -> None:
    refused = anna.post("/conversations/1/send", mode="reply", key="k", text="Are you there?")
    assert refused.status_code == 409
    assert "News about your charging: {text} Answer this message to go on." in refused.text
    assert re.search(r'name="t_text"[^>]*value="Are you there\?"', refused.text)


def test_a_template_reaches_the_phone_once(desk: Desk, anna: Agent) -> None:
    key = key_of(anna, "notice")
    for _ in range(2):
        sent = anna.post(
            "/conversations/1/template", name="notice", lang="en", key=key, t_text="It is mended."
        )
        assert sent.status_code == 303, sent.text
    words = "News about your charging: It is mended. Answer this message to go on."
    desk.world.bot_says(PHONE, words)
    (line,) = agents_lines(desk.world)
    assert (line.text, line.staff_id) == (words, anna.staff_id)
    assert line.status in ("queued", "sent", "delivered", "read")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "notice", "t_text": " "}, "needs its text"),
        ({"name": "gone", "t_text": "x"}, "not approved any more"),
        ({"name": "link", "t_text": "x", "t_url": "http://evil.example"}, "https://"),
        ({"name": "link", "t_text": "x"}, "needs its url"),
    ],
)
def test_a_template_that_is_not_whole_is_refused(
    desk: Desk, anna: Agent, fields: dict[str, str], why: str
) -> None:
    refused = anna.post("/conversations/1/template", lang="en", key="k", **fields)
    assert refused.status_code == 409
    assert why in refused.text
    desk.world.settle()
    assert agents_lines(desk.world) == []


def test_what_failed_is_tried_again_once(desk: Desk, anna: Agent) -> None:
    with desk.world.store.begin() as work:
        work.session.execute(update(Conversation).values(last_whatsapp_at=desk.world.now))
    anna.post("/conversations/1/send", mode="reply", key="k", text="Hello again")
    desk.world.bot_says(PHONE, "Hello again")
    desk.world.until(  # else the news that it was read overtakes the failure below
        lambda: [each.status for each in agents_lines(desk.world)] == ["read"],
        "never read", PHONE,
    )  # fmt: skip
    (line,) = agents_lines(desk.world)
    again = f"/conversations/1/messages/{line.id}/retry"
    assert anna.post(again).status_code == 409  # it did not fail
    with desk.world.store.begin() as work:
        failed = update(Message).where(Message.id == line.id).values(status="failed")
        work.session.execute(failed)
    assert anna.post(again).status_code == 303
    desk.world.bot_says(PHONE, "Hello again")
    assert anna.post(again).status_code == 409  # once
    assert len(agents_lines(desk.world)) == 2
