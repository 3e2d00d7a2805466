"""Canned replies: kept by language, filled from the live state, never sent half filled."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from bot.services import canned
from bot.store.desk import CannedReply
from bot.store.riders import Rider
from tests.console.desk import Agent, Desk
from tests.console.journey import PHONE, charging
from tests.world import World


def save(agent: Agent, shortcut: str, text: str, lang: str = "en", **more: str) -> int:
    blank = {"option_title": "", "option_detail": "", "option_action": ""}
    form = {"shortcut": shortcut, "lang": lang, "text": text} | blank | more
    return agent.post("/canned/save", **form).status_code


def test_a_reply_is_made_changed_and_deleted(world: World, desk: Desk) -> None:
    anna = desk.agent()
    assert save(anna, "/Refund-Sent", "It is on its way, {rider}.", option_title="Thanks") == 303
    with world.store.read() as work:
        row = work.session.scalars(select(CannedReply)).one()
    assert (row.shortcut, row.updated_by) == ("refund-sent", anna.staff_id)
    assert [each["title"] for each in row.options] == ["Thanks"]
    assert save(anna, "refund-sent", "Sent.", id=str(row.id)) == 303
    assert "Sent." in anna.get("/canned").text
    assert anna.post(f"/canned/{row.id}/delete").status_code == 303
    assert "No canned replies yet" in anna.get("/canned").text


@pytest.mark.parametrize(
    ("shortcut", "text", "why"),
    [
        ("has space", "Hello", "letters, digits"),
        ("hello", " ", "1 to 1600"),
        ("hello", "Dear {ridder}", "There is no variable {ridder}"),
        ("known", "Twice", "already a /known"),
    ],
)
def test_what_cannot_be_kept_is_told_and_stays_in_the_form(
    desk: Desk, shortcut: str, text: str, why: str
) -> None:
    anna = desk.agent()
    save(anna, "known", "Once")
    form = {"shortcut": shortcut, "lang": "en", "text": text, "option_title": ""}
    refused = anna.post("/canned/save", **form)
    assert refused.status_code == 422
    assert why in refused.text
    assert text.strip() in refused.text


def test_the_riders_language_comes_before_english(world: World, desk: Desk) -> None:
    anna = desk.agent()
    save(anna, "hi", "Hello")
    save(anna, "hi", "Hola", "es")
    save(anna, "bye", "Goodbye")
    with world.store.read() as work:
        assert [each.text for each in canned.find(work, "/h", "es")] == ["Hola"]
        assert [each.text for each in canned.find(work, "", "es")] == ["Goodbye", "Hola"]
        assert [each.text for each in canned.find(work, "", "zh")] == ["Goodbye", "Hello"]
        assert canned.find(work, "100%", "en") == []


def test_variables_are_the_live_charge(world: World, desk: Desk) -> None:
    charging(world, PHONE)
    anna = desk.agent()
    save(anna, "now", "{rider}: {pile} at {station}, {energy}, {cost}, by {agent}")
    with world.store.begin() as work:
        work.session.scalars(select(Rider)).one().name = "Aino Aalto"
    number = desk.conversation(PHONE).id
    shown = anna.get(f"/conversations/{number}/canned?q=now").text
    assert re.search(r"Aino: 1023-27 at Kamppi, 4 kWh, €1\.20, by Agent", shown), shown


def test_nothing_known_stays_visible() -> None:
    assert canned.fill("{rider}, {cost} {odd}", {"rider": "Aino"}) == (
        "Aino, {cost} {odd}", ["cost", "odd"],
    )  # fmt: skip
    assert canned.unfilled("{cost} {odd} {cost}") == ["cost"]
