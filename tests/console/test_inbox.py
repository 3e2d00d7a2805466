"""The inbox: who waits, in which order, what a role sees of it, and nobody's number in clear."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.services import desk as desk_service
from bot.services import handoff
from bot.services.riders import rider_for
from bot.settings import Settings
from bot.store.desk import OpeningHours
from bot.store.riders import Conversation, Message
from bot.store.staff import Audit
from tests.console.desk import Desk
from tests.world import World

PHONES = {"Aino": "+358405550001", "Carlos": "+358405550002", "王芳": "+358405550003"}


def waits(world: World, name: str, why: str, words: str, *, minutes: int = 1) -> int:
    """A rider in the queue for some minutes; the conversation's id."""
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", PHONES[name], name=name)
        chat = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider.id)
        ).one()
        handoff.to_queue(work, chat, reason=why)
        chat.queued_at = chat.waiting_since = work.now - timedelta(minutes=minutes)
        chat.last_at = chat.last_whatsapp_at = work.now
        body = {"kind": "text", "text": words}
        work.session.add(
            Message(
                conversation_id=chat.id, at=work.now, author="rider", channel="whatsapp",
                text=words, body=body,
            )
        )  # fmt: skip
        return chat.id


def names(page: str) -> list[str]:
    """The riders of a list, in order."""
    return re.findall(r'row-who"><b>([^<]+)</b>', page)


def test_danger_first_then_priority_then_who_waited_longest(desk: Desk) -> None:
    waits(desk.world, "Aino", "asked", "hello?", minutes=50)
    waits(desk.world, "Carlos", "refund", "mi dinero", minutes=2)
    waits(desk.world, "王芳", "safety", "冒烟了", minutes=1)
    assert names(desk.agent().get("/").text) == ["王芳", "Carlos", "Aino"]


def test_no_number_is_in_the_list_the_search_or_what_riders_wrote(desk: Desk) -> None:
    waits(desk.world, "Aino", "asked", "call me at +358 40 555 0001 or aino@example.com")
    for role in ("agent", "manager", "admin"):
        agent = desk.agent(role)
        for path in ("/", "/?tab=all", "/search?q=call", "/search?q=0405550001"):
            page = agent.get(path)
            assert page.status_code == 200
            shown = page.text.replace("0405550001", "", page.text.count("0405550001 "))
            assert "+358405550001" not in shown.replace(" ", "")
            assert "aino@example.com" not in shown


def test_a_search_by_number_finds_and_is_noted_without_the_number(desk: Desk) -> None:
    waits(desk.world, "Aino", "asked", "hello")
    assert names(desk.agent().get("/search", params={"q": "5550001"}).text) == ["Aino"]
    with desk.world.store.read() as work:
        (noted,) = work.session.scalars(select(Audit).where(Audit.action == "search_phone"))
        assert noted.after == {"hits": 1}


@pytest.mark.parametrize("asked", ["冒烟", "GUN is", "gun", "100 %", "aino", "1023", "Kamppi"])
def test_search_finds_words_of_any_script_names_and_piles(desk: Desk, asked: str) -> None:
    waits(desk.world, "王芳", "safety", "充电枪冒烟了 the gun is at 100 %")
    waits(desk.world, "Aino", "asked", "hello")
    page = desk.agent("manager").get("/search", params={"q": asked}).text
    assert "Nothing found" not in page


@pytest.mark.parametrize("asked", ["", "%", "_", "'; drop table message; --", "x" * 5000, "\x00"])
def test_odd_searches_are_answered(desk: Desk, asked: str) -> None:
    waits(desk.world, "Aino", "asked", "hello")
    page = desk.agent().get("/search", params={"q": asked})
    assert page.status_code == 200
    assert names(page.text) == []


def test_what_a_rider_writes_never_becomes_markup(desk: Desk) -> None:
    waits(desk.world, "Aino", "asked", "<script>alert(1)</script><img src=x onerror=alert(1)>")
    for path in ("/", "/search?q=script"):
        page = desk.agent().get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_filters_narrow_and_nonsense_is_ignored(desk: Desk) -> None:
    waits(desk.world, "Aino", "asked", "hello")
    waits(desk.world, "Carlos", "refund", "dinero")
    agent = desk.agent()
    assert names(agent.get("/?reason=refund").text) == ["Carlos"]
    assert names(agent.get("/?label=refund").text) == ["Carlos"]
    assert len(names(agent.get("/?reason=%00&station=abc&lang=xx&before=garbage").text)) == 2


def test_an_agent_does_not_read_what_another_resolved(desk: Desk) -> None:
    anna, boris = desk.agent(name="Anna"), desk.agent(name="Boris")
    number = waits(desk.world, "Aino", "asked", "hello")
    anna.post(f"/conversations/{number}/claim")
    epoch = desk.conversation(PHONES["Aino"]).epoch
    anna.post(f"/conversations/{number}/resolve", epoch=epoch)
    assert names(anna.get("/?tab=resolved").text) == ["Aino"]
    assert names(boris.get("/?tab=resolved").text) == []
    assert names(boris.get("/search?q=hello").text) == []


def test_bulk_label_and_resolve_only_touch_what_is_mine(desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    mine = waits(desk.world, "Aino", "asked", "hello")
    other = waits(desk.world, "Carlos", "asked", "hola")
    anna.post(f"/conversations/{mine}/claim")
    assert anna.post("/inbox/bulk", what="label", label=" VIP ", id=[mine, other]).is_redirect
    assert "vip" in anna.get("/?tab=mine").text
    assert anna.get(f"/conversations/{mine}").text.count("Label: vip") == 1, "as one by one"
    anna.post("/inbox/bulk", what="resolve", id=[mine, other])
    assert desk.conversation(PHONES["Aino"]).status == "resolved"
    assert desk.conversation(PHONES["Carlos"]).owner == "queue"
    assert "1 are not yours" in anna.get("/").text


def test_a_saved_view_is_ones_own(desk: Desk) -> None:
    anna, boris = desk.agent(), desk.agent()
    anna.post("/views", name="Big refunds", query="tab=queue&reason=refund")
    page = anna.get("/").text
    assert "tab=queue&amp;reason=refund" in page
    assert "Big refunds" not in boris.get("/").text
    (view,) = re.findall(r"/views/(\d+)/delete", page)
    boris.post(f"/views/{view}/delete")
    assert "Big refunds" in anna.get("/").text
    anna.post(f"/views/{view}/delete")
    assert "reason=refund" not in anna.get("/").text


def test_long_lists_are_read_page_by_page_without_gaps(desk: Desk) -> None:
    with desk.world.store.begin() as work:
        for number in range(120):
            rider = rider_for(work, "whatsapp", f"+35850100{number:04d}", name=f"R{number}")
            chat = work.session.scalars(
                select(Conversation).where(Conversation.rider_id == rider.id)
            ).one()
            chat.last_at = work.now - timedelta(minutes=number // 2)  # some at the same moment
    manager, seen, path = desk.agent("manager"), [], "/?tab=all"
    while path:
        page = manager.get(path).text
        seen += names(page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert sorted(seen) == sorted(f"R{number}" for number in range(120))


# --- the desk ------------------------------------------------------------------------------------


def push(desk: Desk) -> Settings:
    values = {name: getattr(desk.world.settings, name) for name in desk.world.settings.__slots__}
    return Settings(**{**values, "desk_assignment": "push"})


def test_an_offer_goes_to_who_fits_and_then_to_the_next(desk: Desk) -> None:
    anna, boris = desk.agent(name="Anna"), desk.agent(name="Boris", capacity=1)
    number = waits(desk.world, "Aino", "asked", "hello")
    settings = push(desk)
    desk_service.tick(desk.world.store, settings)
    chat = desk.conversation(PHONES["Aino"])
    assert chat.offered_to == anna.staff_id
    assert "is waiting" in anna.get("/offers").text
    assert "is waiting" not in boris.get("/offers").text
    anna.post(f"/offers/{number}/decline")
    desk_service.tick(desk.world.store, settings)
    assert desk.conversation(PHONES["Aino"]).offered_to == boris.staff_id
    desk.world.ahead += timedelta(seconds=26)  # Boris lets it pass: Anna is asked again
    desk_service.tick(desk.world.store, settings)
    assert desk.conversation(PHONES["Aino"]).offered_to == anna.staff_id
    assert boris.post(f"/conversations/{number}/claim").is_redirect  # whoever takes it, has it
    assert desk.conversation(PHONES["Aino"]).owner_id == boris.staff_id


def test_the_backlog_is_offered_in_order_as_room_appears(desk: Desk) -> None:
    waits(desk.world, "Aino", "asked", "hello", minutes=9)
    waits(desk.world, "Carlos", "refund", "dinero", minutes=3)  # long enough for any skill
    settings = push(desk)
    desk_service.tick(desk.world.store, settings)
    assert desk.conversation(PHONES["Carlos"]).offered_to is None  # nobody is there
    anna = desk.agent(name="Anna", presence="away")
    anna.post("/presence", presence="online")
    desk_service.tick(desk.world.store, settings)
    assert desk.conversation(PHONES["Carlos"]).offered_to == anna.staff_id
    assert desk.conversation(PHONES["Aino"]).offered_to is None  # one offer at a time


def test_a_rider_of_somebody_who_vanished_goes_back_to_the_queue(desk: Desk) -> None:
    anna = desk.agent(name="Anna")
    number = waits(desk.world, "Aino", "asked", "hello")
    anna.post(f"/conversations/{number}/claim")
    desk.world.rider_says(PHONES["Aino"], "are you there?")
    desk.world.ahead += timedelta(seconds=100)
    desk_service.tick(desk.world.store, desk.world.settings)
    assert desk.conversation(PHONES["Aino"]).owner == "human"
    desk.world.ahead += timedelta(seconds=60)
    desk_service.tick(desk.world.store, desk.world.settings)
    chat = desk.conversation(PHONES["Aino"])
    assert (chat.owner, chat.last_owner_id) == ("queue", anna.staff_id)
    assert "Anna was offline" in desk.agent().get(f"/conversations/{number}").text


def test_riders_are_told_honestly_how_long_it_takes(desk: Desk) -> None:
    phone = "+358401234567"
    world = desk.world
    waits(world, "Aino", "asked", "hello")
    world.rider_says(phone, "agent")
    world.bot_says(phone, "Nobody is free at this moment; you are number 2 in line")
    world.rider_says(phone, "bot")
    desk.agent(name="Anna")
    world.rider_says(phone, "agent")
    world.bot_says(phone, "You are number 2 in line, about 8 min")
    world.rider_says(phone, "bot")
    with world.store.begin() as work:
        closed = [OpeningHours(weekday=day, opens_min=0, closes_min=0) for day in range(7)]
        work.session.add_all(closed)
    world.rider_says(phone, "agent")
    world.bot_says(phone, "Nobody is at our desk these days")


def test_presence_is_what_was_chosen(desk: Desk) -> None:
    anna = desk.agent()
    assert anna.post("/presence", presence="busy").is_redirect
    assert "Busy" in anna.get("/").text
    assert anna.post("/presence", presence="dancing").status_code == 400
