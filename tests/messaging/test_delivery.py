"""One reply on its way to the rider, over real HTTP to the stand-in Twilio."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from bot.errors import GiveUp, TryAgain
from bot.gateways import delivery, templates, whatsapp
from bot.gateways.delivery import Delivery
from bot.gateways.statuses import on_whatsapp_status
from bot.replies import Choose, Link, MapPicture, Option, Pin, Receipt, Say
from bot.store.messaging import ContentTemplate
from bot.store.queues import Inbox, Outbox
from bot.store.riders import Media, Message, Rider

from .conftest import PNG, World, until

YES_NO = Choose(Say("Start charging?"), [Option("=yes", Say("Yes")), Option("=no", Say("No"))])


def test_text_reaches_the_phone_and_its_row_knows_the_sid(world: World) -> None:
    assert world.deliver("k1", world.body(Say("Hello {name}.", {"name": "Aino"}))) == "done"
    (row,) = world.messages()
    (listed,) = world.listed()
    assert row.provider_id == listed["sid"]
    assert row.text == listed["body"] == listed["demo"]["text"] == "Hello Aino."
    assert world.shown()[0]["text"] == "Hello Aino."
