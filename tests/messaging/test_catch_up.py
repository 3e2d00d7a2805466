"""Messages whose webhook never reached us are found in Twilio's list."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from bot.errors import TryAgain
from bot.gateways.inbound import catch_up
from bot.gateways.whatsapp import read_inbound
from bot.replies import Choose, Option, Say
from bot.store.queues import Inbox
from bot.store.riders import Conversation
from tests.messaging.conftest import PHONE, PNG, World, make_settings, until

CHAT = f"/demo/phones/{PHONE}/messages"


def rows(world: World) -> list[Inbox]:
    with world.store.read() as work:
        return list(
            work.session.scalars(select(Inbox).where(Inbox.source == "twilio").order_by(Inbox.id))
        )


def lose_all(world: World, count: int) -> list[Inbox]:
    """As if the webhooks of the first `count` messages had never come."""
    lost: list[Inbox] = until(lambda: found if len(found := rows(world)) == count else None)
    with world.store.begin() as work:
        work.session.execute(delete(Inbox).where(Inbox.source == "twilio"))
    return lost


def test_lost_messages_come_back_once_in_order_with_photos_and_taps(world: World) -> None:
    world.deliver("k", world.body(Choose(Say("Start?"), [Option("go?a=1", Say("Yes"))])))
    world.shown()
    world.twilio.post(CHAT, json={"text": "hi"})
    world.twilio.post(CHAT, data={"text": "look"}, files=[("photo", ("a.png", PNG, "image/png"))])
    world.twilio.post(CHAT, json={"payload": "go?a=1"})
    lost = lose_all(world, 3)
    world.conversation(last_whatsapp_at=None)
    assert catch_up(world.store, world.settings) == 0  # the webhooks may still be on their way
    world.clock.ahead = timedelta(minutes=3)
    assert catch_up(world.store, world.settings) == 3
    assert catch_up(world.store, world.settings) == 0
    found = rows(world)
    assert [row.source_id for row in found] == [row.source_id for row in lost]
    assert [row.stream for row in found] == [row.stream for row in lost]
    for before, after in zip(lost, found, strict=True):
        first, second = read_inbound(before.body), read_inbound(after.body)
        assert (first.text, first.media, first.payload) == (
            second.text,
            second.media,
            second.payload,
        )
    with world.store.read() as work:
        assert work.session.scalars(select(Conversation)).one().last_whatsapp_at is not None


def test_what_is_too_old_or_known_is_left_alone(world: World) -> None:
    world.twilio.post(CHAT, json={"text": "hi"})
    until(lambda: rows(world))
    world.clock.ahead = timedelta(minutes=3)
    assert catch_up(world.store, world.settings) == 0
    lose_all(world, 1)
    world.clock.ahead = timedelta(hours=3)
    assert catch_up(world.store, world.settings) == 0


def test_twilio_away_is_said_so(world: World) -> None:
    with pytest.raises(TryAgain):
        catch_up(world.store, make_settings(twilio_api_url="http://127.0.0.1:9"))
