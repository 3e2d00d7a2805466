"""Every route with every role, without a token, from elsewhere, and read only where it says GET."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from flask import Flask
from sqlalchemy import func, select

import app
from bot.domain.rights import ROLES
from bot.services.riders import rider_for
from bot.store.base import Base
from bot.store.riders import Conversation, Message
from bot.store.staff import Audit
from tests.console.desk import Agent, Desk
from tests.console.routes_table import MONEY, table
from tests.world import World

PHONE: Final = "+358401234567"
TABLE: Final = table()
TEXTS: Final = {"pile_id": "P001023"}


@pytest.fixture
def flask(world: World) -> Flask:
    return app.make_console(world.settings, world.store)


def rules(flask: Flask, method: str) -> Iterator[tuple[str, str]]:
    """Endpoint and an address for each route of a method; every id is 1."""
    with flask.test_request_context():
        for rule in flask.url_map.iter_rules():
            endpoint = rule.endpoint.removeprefix("console.")
            if method not in (rule.methods or ()) or endpoint == "static":
                continue
            values: dict[str, Any] = {
                name: 1 if type(converter).__name__ == "IntegerConverter" else TEXTS.get(name, "x")
                for name, converter in rule._converters.items()
            }
            built = rule.build(values)
            assert built is not None
            yield endpoint, built[1]


def ask(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """Only the head of the answer: one of the routes never ends."""
    with client.stream(method, path, **options) as answer:
        return answer


def denials(world: World, right: str) -> int:
    """How often the guard noted that somebody lacked a right."""
    with world.store.read() as work:
        noted = select(func.count()).where(Audit.action == "denied", Audit.object == right)
        return work.session.scalar(noted) or 0


def test_every_route_is_listed_and_nothing_else(flask: Flask) -> None:
    endpoints = {rule.endpoint.removeprefix("console.") for rule in flask.url_map.iter_rules()} - {
        "static"
    }
    assert endpoints - TABLE.keys() == set(), "add these to tests/console/routes_table.py"
    assert TABLE.keys() - endpoints == set(), "these are no more"


def test_an_admin_moves_no_money() -> None:
    for endpoint, roles in TABLE.items():
        if any(word in endpoint for word in MONEY) and endpoint not in ("tariffs_page",):
            reads = endpoint.endswith(("_page", "_preview")) and "tariff" in endpoint
            assert reads or "admin" not in roles, endpoint


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_in_where_it_should_and_nowhere_else(
    world: World, desk: Desk, flask: Flask, role: str
) -> None:
    add_rider(world)
    desk.agent("agent")  # has id 1, as its session: what is done to them is not done to ours
    rights = flask.extensions["rights"]
    agent = desk.agent(role)
    wrong: list[str] = []
    for method in ("GET", "POST"):
        for endpoint, path in rules(flask, method):
            expected = TABLE.get(endpoint, frozenset())
            if "public" in expected:
                continue
            before = denials(world, rights[endpoint])
            fields = {} if method == "GET" else {"data": {"csrf": agent.csrf()}}
            answer = ask(agent.http, method, path, **fields)
            denied = denials(world, rights[endpoint]) > before
            if answer.status_code >= 500 or answer.status_code == 401:
                wrong.append(f"{method} {endpoint}: {answer.status_code}")
            if denied != (role not in expected) or (denied and answer.status_code != 403):
                wrong.append(f"{method} {endpoint}: {answer.status_code}, denied: {denied}")
    assert not wrong


def test_a_stranger_gets_in_nowhere(world: World, desk: Desk, flask: Flask) -> None:
    add_rider(world)
    stranger = httpx.Client(base_url=desk.url, timeout=20)
    desk.clients.append(stranger)
    token = Agent(desk, 0, "", stranger).csrf()
    for endpoint, path in rules(flask, "GET"):
        answer = ask(stranger, "GET", path)
        if "public" in TABLE.get(endpoint, ()):
            assert answer.status_code in (200, 302, 404), endpoint
        else:
            sent = answer.status_code == 302 and "/login" in answer.headers["location"]
            assert sent or answer.status_code == 401, f"{endpoint}: {answer.status_code}"
    for endpoint, path in rules(flask, "POST"):
        answer = ask(stranger, "POST", path, data={"csrf": token})
        if "public" not in TABLE.get(endpoint, ()):
            assert answer.status_code == 401, f"{endpoint}: {answer.status_code}"


def test_no_form_works_without_its_token_or_from_elsewhere(desk: Desk, flask: Flask) -> None:
    agent, other = desk.agent("manager"), desk.agent("manager")
    for endpoint, path in rules(flask, "POST"):
        for about, options in (
            ("none", {}),
            ("wrong", {"data": {"csrf": "0" * 64}}),
            ("somebody else's", {"data": {"csrf": other.csrf()}}),
            (
                "from elsewhere",
                {"data": {"csrf": agent.csrf()}, "headers": {"Origin": "https://evil.example"}},
            ),
        ):
            answer = ask(agent.http, "POST", path, **options)
            assert answer.status_code == 403, f"{endpoint} with {about} token"


@pytest.mark.parametrize("role", ["manager", "admin", "agent"])
def test_reading_changes_nothing(world: World, desk: Desk, flask: Flask, role: str) -> None:
    agent = desk.agent(role)
    add_rider(world, owner_id=agent.staff_id)
    changed: list[str] = []
    for endpoint, path in rules(flask, "GET"):
        if role not in TABLE.get(endpoint, ()) and "public" not in TABLE.get(endpoint, ()):
            continue  # who is denied leaves a row in the audit log
        before = fingerprints(world)
        ask(agent.http, "GET", path)
        after = fingerprints(world)
        changed += [f"{endpoint}: {name}" for name in before if before[name] != after[name]]
    assert not changed


@pytest.mark.parametrize("role", ROLES)
def test_no_route_shows_a_riders_number(world: World, desk: Desk, flask: Flask, role: str) -> None:
    """Neither as an address, nor in a name or a text, nor in what a search finds."""
    agent = desk.agent(role)
    add_rider(world, owner_id=agent.staff_id)
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", PHONE)
        rider.name = f"Aino {PHONE}"
        chat = work.session.scalars(select(Conversation)).one()
        chat.last_at = work.now
        told = f"call me: 040 123 4567 or {PHONE} or aino@example.com"
        for author in ("rider", "bot", "agent"):
            work.session.add(
                Message(
                    conversation_id=chat.id, at=work.now, author=author, channel="whatsapp",
                    text=told, body={"kind": "text", "text": told},
                )
            )  # fmt: skip
    paths = [path for _, path in rules(flask, "GET")]
    paths += [
        "/?tab=mine",
        "/?tab=all",
        "/search?q=Aino",
        "/search?q=call",
        f"/search?q={PHONE[1:]}",
    ]
    leaks: list[str] = []
    seen = 0
    for path in paths:
        with agent.http.stream("GET", path) as answer:
            if "event-stream" in answer.headers.get("content-type", ""):
                continue  # carries references only: test_stream.py
            body = answer.read().decode(errors="replace")
        typed = path.partition("q=")[2]  # a search shows what was typed into it
        body = body.replace(f'value="{typed}"', "").replace(path.replace("&", "&amp;"), "")
        digits = re.sub(r"[\s().-]", "", body)
        seen += "call me" in body
        for secret in ("358401234567", "0401234567", "aino@example.com"):
            if secret in digits and secret != typed:
                leaks.append(f"{path}: {secret}")
    assert not leaks
    assert seen or role == "technician", "the chat itself was read at least once"


def add_rider(world: World, owner_id: int | None = None) -> None:
    """A rider with a conversation, in the queue or with somebody."""
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", PHONE)
        work.session.flush()
        chat = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider.id)
        ).one()
        chat.owner, chat.owner_id = "human" if owner_id else "queue", owner_id
        chat.queued_at = work.now


def fingerprints(world: World) -> dict[str, str]:
    """A hash over the rows of every table, without signs of life."""
    with world.store.read() as work:
        return {
            name: hashlib.sha256(
                repr(
                    work.session.execute(
                        select(*(column for column in each.columns if column.name != "seen_at"))
                    ).all()
                ).encode()
            ).hexdigest()
            for name, each in Base.metadata.tables.items()
        }
