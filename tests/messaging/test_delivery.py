"""One reply on its way to the rider, over real HTTP to the stand-in Twilio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.errors import GiveUp, TryAgain
from bot.gateways import templates, whatsapp
from bot.gateways.delivery import Delivery, send_as_template
from bot.gateways.statuses import on_whatsapp_status
from bot.replies import Choose, Document, Link, MapPicture, Option, Picture, Pin, Receipt, Say
from bot.services.riders import rider_for
from bot.store.messaging import ContentTemplate
from bot.store.queues import Outbox
from bot.store.riders import Conversation, Media, Message, Rider
from tests.messaging.conftest import PHONE, PNG, World, until

YES_NO = Choose(Say("Start charging?"), [Option("=yes", Say("Yes")), Option("=no", Say("No"))])
STATIONS = Choose(
    Say("Near you:"),
    [
        Option(f"find_pile?station={n}", Say("Station {n}", {"n": n}), Say("{n} m", {"n": 100 * n}))
        for n in range(1, 7)
    ],
)
MAP = MapPicture(60.17, 24.94, (), Say("Around you"))


def contents(world: World) -> Sequence[ContentTemplate]:
    with world.store.read() as work:
        return work.session.scalars(select(ContentTemplate)).all()


def outbox(world: World) -> Sequence[Outbox]:
    with world.store.read() as work:
        return work.session.scalars(select(Outbox).order_by(Outbox.id)).all()


def has_status(world: World, status: str) -> bool:
    """A callback has moved some message to this status."""
    return any(row.status == status for row in world.messages())


def with_templates(world: World) -> Delivery:
    """A delivery whose account has the approved templates."""
    settings = world.settings
    mapping = templates.register(settings)
    values = {name: getattr(settings, name) for name in settings.__slots__}
    approved = type(settings)(**(values | {"twilio_templates": mapping}))
    return Delivery(
        world.store, approved, world.deliver.draw_map, world.deliver.receipt, world.deliver.invoice
    )


def test_text_reaches_the_phone_and_its_row_knows_the_sid(world: World) -> None:
    assert world.deliver("k", world.body(Say("Hello {name}.", {"name": "Aino"}))) == "done"
    (row,) = world.messages()
    (listed,) = world.listed()
    assert row.provider_id == listed["sid"]
    assert row.text == listed["body"] == listed["demo"]["text"] == "Hello Aino."
    assert world.shown()[0]["text"] == "Hello Aino."


def test_statuses_come_back_signed_and_end_as_read(world: World) -> None:
    world.deliver("k", world.body(Say("Hello.")))
    until(lambda: has_status(world, "read"))
    (row,) = world.messages()
    assert (row.status, row.error) == ("read", None)


def test_buttons_reach_the_phone_with_their_payloads(world: World) -> None:
    world.deliver("k", world.body(YES_NO))
    (shown,) = world.shown()
    assert shown["kind"] == "buttons"
    assert shown["text"] == "Start charging?"
    assert shown["options"] == [{"id": "=yes", "title": "Yes"}, {"id": "=no", "title": "No"}]
    (row,) = world.messages()
    assert {name: shown[name] for name in row.body} == row.body


def test_a_list_reaches_the_phone_with_rows_and_label(world: World) -> None:
    world.deliver("k", world.body(STATIONS))
    (shown,) = world.shown()
    assert (shown["kind"], shown["button"], len(shown["options"])) == ("list", "Choose", 6)
    assert shown["options"][5] == {
        "id": "find_pile?station=6",
        "title": "Station 6",
        "description": "600 m",
    }
    (row,) = world.messages()
    assert {name: shown[name] for name in row.body} == row.body


def test_a_link_reaches_the_phone_with_its_whole_address(world: World) -> None:
    url = "https://pay.example/c/abc_DEF?x=1&y=%2F#top"
    world.deliver("k", world.body(Link(Say("Add a card."), Say("Add card"), url)))
    (shown,) = world.shown()
    assert shown["link"] == {"title": "Add card", "url": url}


def test_a_place_reaches_the_phone_as_a_location(world: World) -> None:
    pin = Pin(60.1699, 24.9384, "Kamppi Garage", "Urho Kekkosen katu 1")
    world.deliver("k", world.body(pin))
    (shown,) = world.shown()
    assert shown["location"] == {
        "lat": 60.1699,
        "lng": 24.9384,
        "label": "Kamppi Garage",
        "address": "Urho Kekkosen katu 1",
    }


def test_a_map_is_fetched_by_twilio_and_twilio_gives_it_back(world: World) -> None:
    world.deliver("k", world.body(MAP))
    (shown,) = world.shown()
    assert (shown["kind"], shown["text"]) == ("image", "Around you")
    (listed,) = world.listed()
    auth = (world.settings.twilio_account_sid, world.settings.twilio_auth_token)
    media = world.twilio.get(listed["subresource_uris"]["media"], auth=auth).json()
    uri = media["media_list"][0]["uri"].removesuffix(".json")
    assert world.twilio.get(uri).status_code == 401
    fetched = world.twilio.get(uri, auth=auth, follow_redirects=True)
    assert (fetched.content, fetched.headers["Content-Type"]) == (PNG, "image/png")


def test_a_receipt_is_a_text_and_then_a_named_pdf(world: World) -> None:
    world.deliver("k", world.body(Receipt(7), author="auto"))
    text, pdf = world.shown(2)
    assert text["text"] == "Your receipt."
    assert (pdf["kind"], pdf["media"]["name"]) == ("document", "receipt-7.pdf")
    assert httpx.get(pdf["media"]["url"]).content == b"%PDF-1.7 7"
    keys = [row.source_key for row in world.messages()]
    assert keys == ["k", "k#1"]


def test_stored_media_goes_out_and_lost_media_is_given_up(world: World) -> None:
    with world.store.begin() as work:
        stored = Media(
            token="t" * 32,
            content_type="image/png",
            name="station.png",
            data=PNG,
            created_at=work.now,
            expires_at=work.now + timedelta(days=1),
        )
        work.session.add(stored)
        work.session.flush()
        media_id = stored.id
    world.deliver("k", world.body(Picture(media_id, Say("The entrance"))))
    assert world.shown()[0]["media"]["name"] == "station.png"
    with pytest.raises(GiveUp):
        world.deliver("k2", world.body(Document(media_id + 1, "x.pdf", Say(""))))


def test_contents_are_made_once_for_every_shape(world: World) -> None:
    world.deliver("k1", world.body(YES_NO))
    other = Choose(Say("Stop now?"), [Option("=1", Say("Yes")), Option("=2", Say("No"))])
    world.deliver("k2", world.body(other))
    assert len(contents(world)) == 1
    world.deliver("k3", world.body(STATIONS))
    assert len(contents(world)) == 2
    assert [each["text"] for each in world.shown(3)][:2] == ["Start charging?", "Stop now?"]


def test_a_content_deleted_at_twilio_is_made_anew(world: World) -> None:
    world.deliver("k1", world.body(YES_NO))
    (content,) = contents(world)
    auth = (world.settings.twilio_account_sid, world.settings.twilio_auth_token)
    world.twilio.delete(f"/v1/Content/{content.sid}", auth=auth).raise_for_status()
    with pytest.raises(TryAgain):
        world.deliver("k2", world.body(YES_NO))
    assert world.deliver("k2", world.body(YES_NO)) == "done"
    assert len(world.shown(2)) == 2


def test_the_same_effect_delivered_again_says_nothing_twice(world: World) -> None:
    for _ in range(3):
        assert world.deliver("k", world.body(Receipt(7))) == "done"
    assert len(world.listed()) == len(world.messages()) == 2


# The fence


@pytest.mark.parametrize("change", [{"owner": "human"}, {"owner": "queue"}, {"epoch": 1}])
def test_the_bot_is_silent_while_the_chat_is_not_its_own(
    world: World, change: dict[str, Any]
) -> None:
    world.conversation(**change)
    assert world.deliver("k", world.body(Say("Hello."))) == "dropped"
    assert world.messages() == []
    assert world.listed() == []


@pytest.mark.parametrize("author", ["auto", "agent", "system"])
def test_facts_and_people_are_heard_whoever_owns_the_chat(world: World, author: str) -> None:
    world.conversation(owner="human", epoch=3)
    assert world.deliver("k", world.body(Say("Charging ended."), author)) == "done"
    assert world.shown()[0]["text"] == "Charging ended."
    assert world.messages()[0].author == author


def test_a_takeover_between_two_tries_silences_the_second(world: World) -> None:
    world.fault(status=503)
    with pytest.raises(TryAgain):
        world.deliver("k", world.body(Say("Hello.")))
    world.conversation(owner="human", epoch=1)
    assert world.deliver("k", world.body(Say("Hello."))) == "dropped"
    (row,) = world.messages()
    assert row.status == "failed"
    assert row.error is not None
    assert "taken over" in row.error
    assert world.listed() == []


def test_a_takeover_while_rendering_silences_the_reply(world: World) -> None:
    def taken_over(picture: MapPicture, translate: Callable[[str], str]) -> bytes:
        world.conversation(owner="human", epoch=1)
        return PNG

    deliver = Delivery(
        world.store, world.settings, taken_over, world.deliver.receipt, world.deliver.invoice
    )
    assert deliver("k", world.body(MAP)) == "dropped"
    assert world.messages() == []
    assert world.listed() == []


# Channels


def test_an_answer_goes_where_the_rider_last_was(world: World) -> None:
    world.conversation(last_channel="web")
    world.deliver("k", world.body(YES_NO))
    (row,) = world.messages()
    assert (row.channel, row.status, row.body["kind"]) == ("web", "sent", "buttons")
    assert world.listed() == []


def test_a_fact_goes_to_whatsapp_even_when_the_rider_is_on_the_web(world: World) -> None:
    world.conversation(last_channel="web")
    world.deliver("k", world.body(Say("Charging ended."), "auto"))
    assert world.shown()[0]["text"] == "Charging ended."


def test_a_rider_of_the_web_alone_gets_facts_there(world: World) -> None:
    with world.store.begin() as work:
        rider = rider_for(work, "web", "session-1")
        conversation = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider.id)
        ).one()
    body = {**world.body(Say("Charging ended."), "auto"), "conversation_id": conversation.id}
    assert world.deliver("k", body) == "done"
    assert world.messages()[0].channel == "web"


def test_a_rider_known_by_user_id_alone_is_reached_by_it(world: World) -> None:
    with world.store.begin() as work:
        rider = rider_for(work, "bsuid", "FI.ABC123")
        conversation = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider.id)
        ).one()
        conversation.last_whatsapp_at = work.now
    body = {**world.body(Say("Hello.")), "conversation_id": conversation.id}
    assert world.deliver("k", body) == "done"
    sid = world.messages()[0].provider_id
    auth = (world.settings.twilio_account_sid, world.settings.twilio_auth_token)
    path = f"/2010-04-01/Accounts/{auth[0]}/Messages/{sid}.json"
    assert world.twilio.get(path, auth=auth).json()["to"] == "whatsapp:FI.ABC123"


# The 24-hour window


def test_outside_the_window_nothing_leaves_without_a_template_and_staff_see_it(
    world: World,
) -> None:
    world.clock.ahead = timedelta(hours=23, minutes=56)
    with pytest.raises(GiveUp):
        world.deliver("k", world.body(Say("Charging ended."), "auto"))
    (row,) = world.messages()
    assert (row.status, row.text) == ("failed", "Charging ended.")
    assert world.listed() == []


def test_just_inside_the_window_it_is_free_form(world: World) -> None:
    world.clock.ahead = timedelta(hours=23, minutes=54)
    world.deliver("k", world.body(Say("Charging ended."), "auto"))
    assert world.shown()[0]["text"] == "Charging ended."


def test_outside_the_window_an_approved_template_says_it(world: World) -> None:
    deliver = with_templates(world)
    world.twilio.post(f"/demo/phones/{PHONE}", json={"window": "closed"})
    world.clock.ahead = timedelta(hours=30)
    assert deliver("k1", world.body(Say("Pile 1023\nis free."), "auto")) == "done"
    assert deliver("k2", world.body(Receipt(7), "auto")) == "done"
    notice, receipt = world.shown(2)
    assert "Pile 1023 is free." in notice["text"]
    assert "receipt-7.pdf" in receipt["text"]
    url = next(word for word in receipt["text"].split() if word.startswith("http"))
    assert httpx.get(url).content == b"%PDF-1.7 7"
    assert [row.text for row in world.messages()] == [notice["text"], receipt["text"]]


def test_a_window_found_closed_by_whatsapp_falls_back_to_the_template_once(world: World) -> None:
    deliver = with_templates(world)
    world.twilio.post(f"/demo/phones/{PHONE}", json={"window": "closed"})
    body = world.body(Say("Charging ended."), "auto")
    with world.store.begin() as work:
        work.session.add(
            Outbox(
                key="k", lane="worker", stream="conversation:1", kind="message", body=body,
                state="done", attempts=1, created_at=work.now, due_at=work.now,
            )
        )  # fmt: skip
    deliver("k", body)  # our clock says the window is open, WhatsApp's does not
    until(lambda: has_status(world, "failed"))
    again = [row for row in outbox(world) if row.key == "k:template"]
    assert len(again) == 1
    assert deliver(again[0].key, again[0].body) == "done"
    assert "Charging ended." in world.shown()[0]["text"]
    first, second = world.messages()
    assert (first.status, first.error) == ("failed", "63016: The 24-hour window was closed.")
    assert second.status not in ("failed", "undelivered")  # its callbacks may be in already


def test_a_template_that_whatsapp_does_not_take_is_not_tried_for_ever(world: World) -> None:
    deliver = with_templates(world)
    auth = (world.settings.twilio_account_sid, world.settings.twilio_auth_token)
    for sid in templates.read_mapping(deliver.settings.twilio_templates).values():
        world.twilio.delete(f"/v1/Content/{sid}", auth=auth)
    body = world.body(Say("Charging ended."), "auto", template=True)
    with pytest.raises(GiveUp):
        deliver("k:template", body)
    with world.store.begin() as work:
        send_as_template(work, "k:template", body)
    assert outbox(world) == []
    assert world.messages()[0].status == "failed"


def test_other_failures_are_marked_for_staff_and_not_repeated(world: World) -> None:
    world.fault(code=63018)
    world.deliver("k", world.body(Say("Hello.")))
    until(lambda: has_status(world, "failed"))
    (row,) = world.messages()
    assert (row.status, row.error) == ("failed", "63018: WhatsApp's rate limit was reached.")
    assert outbox(world) == []


# Opting out


def mute(world: World) -> None:
    with world.store.begin() as work:
        work.session.scalars(select(Rider)).one().muted_at = work.now


def test_who_opted_out_still_gets_facts_and_answers_but_no_news(world: World) -> None:
    mute(world)
    assert world.deliver("fact", world.body(Say("Charging ended."), "auto")) == "done"
    assert world.deliver("answer", world.body(Say("Hello."), "bot")) == "done"
    assert world.deliver("news", world.body(Say("New stations!"), "system")) == "dropped"
    assert [each["text"] for each in world.shown(2)] == ["Charging ended.", "Hello."]


# When Twilio is away


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_or_broken_twilio_is_tried_again(world: World, status: int) -> None:
    world.fault(status=status, times=2)
    for _ in range(2):
        with pytest.raises(TryAgain):
            world.deliver("k", world.body(Say("Hello.")))
    assert world.deliver("k", world.body(Say("Hello."))) == "done"
    assert len(world.listed()) == len(world.messages()) == 1
    assert world.messages()[0].error is None


def test_an_unreachable_twilio_is_tried_again(world: World) -> None:
    values = {name: getattr(world.settings, name) for name in world.settings.__slots__}
    away = type(world.settings)(**(values | {"twilio_api_url": "http://127.0.0.1:9"}))
    deliver = Delivery(
        world.store, away, world.deliver.draw_map, world.deliver.receipt, world.deliver.invoice
    )
    with pytest.raises(TryAgain):
        deliver("k", world.body(Say("Hello.")))
    assert world.deliver("k", world.body(Say("Hello."))) == "done"
    assert len(world.shown()) == 1


@pytest.mark.parametrize("reply", [Say("Paid 2.40."), YES_NO, MAP, Pin(60.1, 24.9, "Here", "St 1")])
def test_after_a_timeout_a_message_that_arrived_is_found_and_not_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch, reply: Any
) -> None:
    world.deliver("earlier", world.body(reply))  # the same words said before do not count
    monkeypatch.setattr(whatsapp.client(world.settings).http_client, "timeout", 1.0)
    world.fault(hang_s=2.0)
    with pytest.raises(TryAgain):
        world.deliver("k", world.body(reply))
    monkeypatch.setattr(whatsapp.client(world.settings).http_client, "timeout", 10)
    until(lambda: world.messages()[1].status == "read")
    with world.store.begin() as work:  # as if its callbacks, which tell the SID, were lost too
        row = work.session.get_one(Message, world.messages()[1].id)
        row.provider_id, row.status = None, "queued"
    assert world.deliver("k", world.body(reply)) == "done"
    assert {row.provider_id for row in world.messages()} == {each["sid"] for each in world.listed()}
    assert len(world.listed()) == 2


def test_after_a_timeout_a_message_that_got_lost_is_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whatsapp.client(world.settings).http_client, "timeout", 1.0)
    world.fault(hang_s=2.0, lost=True)
    with pytest.raises(TryAgain):
        world.deliver("k", world.body(Say("Hello.")))
    monkeypatch.setattr(whatsapp.client(world.settings).http_client, "timeout", 10)
    assert world.listed() == []
    assert world.deliver("k", world.body(Say("Hello."))) == "done"
    assert len(world.shown()) == 1


def test_a_status_callback_tells_the_sid_that_a_timeout_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whatsapp.client(world.settings).http_client, "timeout", 1.0)
    world.fault(hang_s=2.0)
    with pytest.raises(TryAgain):
        world.deliver("k", world.body(Say("Hello.")))
    until(lambda: has_status(world, "read"))
    (row,) = world.messages()
    assert (row.provider_id, row.status) == (world.listed()[0]["sid"], "read")
    assert world.deliver("k", world.body(Say("Hello."))) == "done"
    assert len(world.listed()) == 1


def test_a_number_twilio_refuses_is_given_up_with_its_reason(world: World) -> None:
    with world.store.begin() as work:
        rider = rider_for(work, "whatsapp", "+0")
        conversation = work.session.scalars(
            select(Conversation).where(Conversation.rider_id == rider.id)
        ).one()
        conversation.last_whatsapp_at = work.now
    with pytest.raises(GiveUp, match="21211"):
        world.deliver("k", {**world.body(Say("Hi.")), "conversation_id": conversation.id})
    assert world.messages()[0].status == "failed"


# Statuses


def new_message(world: World, status: str = "queued") -> Message:
    with world.store.begin() as work:
        message = Message(
            conversation_id=world.conversation_id, at=work.now, author="bot",
            channel="whatsapp", body={}, provider_id="SM1", status=status,
        )  # fmt: skip
        work.session.add(message)
    return message


@pytest.mark.parametrize(
    ("news", "last"),
    [
        (["sent", "delivered", "read"], "read"),
        (["read", "delivered", "sent"], "read"),
        (["delivered", "sent", "sent", "queued"], "delivered"),
        (["delivered", "failed"], "delivered"),
        (["undelivered", "sent"], "undelivered"),
        (["failed", "delivered"], "delivered"),
        (["sent", "made_up"], "sent"),
    ],
)
def test_statuses_only_climb(world: World, news: list[str], last: str) -> None:
    new_message(world)
    for status in news:
        with world.store.begin() as work:
            on_whatsapp_status(work, {"MessageSid": "SM1", "MessageStatus": status})
    assert world.messages()[0].status == last


def test_a_status_of_a_message_that_is_not_ours_changes_nothing(world: World) -> None:
    message = new_message(world)
    with world.store.begin() as work:
        for body in ({"m": str(message.id)}, {"m": "999"}, {"m": "x"}, {}):
            on_whatsapp_status(work, {"MessageSid": "SM2", "MessageStatus": "read", **body})
    assert [(row.provider_id, row.status) for row in world.messages()] == [("SM1", "queued")]


# Typing


def test_typing_shows_on_the_phone_until_the_answer_comes(world: World) -> None:
    url = f"/demo/phones/{PHONE}/messages"
    sid = world.twilio.post(url, json={"text": "hi"}).json()["sid"]
    whatsapp.typing(world.settings, sid)
    until(lambda: world.twilio.get(url).json()["typing"])
    world.deliver("k", world.body(Say("Hello.")))
    world.shown()
    assert not world.twilio.get(url).json()["typing"]
    shown = world.twilio.get(url).json()["messages"]
    assert next(each for each in shown if each["id"] == sid)["status"] == "read"


def test_typing_for_an_unknown_message_harms_nobody(world: World) -> None:
    whatsapp.typing(world.settings, "SM-unknown")
    assert world.deliver("k", world.body(Say("Hello."))) == "done"
