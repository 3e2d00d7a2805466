"""Recording riders' WhatsApp messages, from the webhook or, when those were lost, from the list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from requests import RequestException
from sqlalchemy import select
from twilio.base.exceptions import TwilioRestException

from bot.domain.cards import hide_cards
from bot.errors import TryAgain
from bot.gateways.whatsapp import client, read_inbound, sender_addresses
from bot.services.riders import note_inbound, rider_for_any
from bot.settings import Settings
from bot.store import inbox
from bot.store.database import Store, UnitOfWork
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Message, RiderAddress

log = structlog.get_logger()

# A webhook may take Twilio's 15 seconds and its retries; before that nothing is missing.
_ON_ITS_WAY: Final = timedelta(seconds=60)
_LISTED_MAX: Final = 500
# Where Twilio puts words of the rider. A card number in them is never kept.
_WORDS: Final = ("Body", "ButtonText", "ListTitle", "ProfileName", "Label", "Address")


def record(work: UnitOfWork, params: Mapping[str, Any]) -> bool:
    """One inbox row for a message with a MessageSid and a WhatsApp sender, and its rider's
    window opened; False when the message is known already. Card numbers are hidden before."""
    params = _without_cards(params)
    inbound = read_inbound(params)
    rider = rider_for_any(work, sender_addresses(params), name=inbound.profile_name)
    new = inbox.put(
        work,
        source="twilio",
        source_id=inbound.sid,
        stream=f"rider:{rider.id}",
        kind="whatsapp.message",
        body=dict(params),
    )
    if new:
        note_inbound(work, rider.id, "whatsapp", sid=inbound.sid)
    return new


def _without_cards(params: Mapping[str, Any]) -> dict[str, Any]:
    kept, found = dict(params), False
    for name in _WORDS:
        if isinstance(params.get(name), str):
            kept[name], hidden = hide_cards(params[name])
            found = found or hidden
    return {**kept, "CardHidden": "true"} if found else kept


def catch_up(store: Store, settings: Settings, *, back: timedelta = timedelta(hours=2)) -> int:
    """Record messages of the last hours whose webhook never reached us; how many there were.

    Twilio's list has texts, photos and senders, not button ids: a text that is the title of a
    button the rider has before him counts as a tap on it. Raises TryAgain when Twilio is away.
    """
    now = store.clock()
    twilio = client(settings)
    try:
        listed = twilio.messages.list(
            to=settings.twilio_from, date_sent_after=now - back, limit=_LISTED_MAX
        )
        with store.read() as work:
            sids = [each.sid for each in listed]
            known = set(
                work.session.scalars(
                    select(Inbox.source_id).where(
                        Inbox.source == "twilio", Inbox.source_id.in_(sids)
                    )
                )
            )
        missed = [
            each
            for each in reversed(listed)
            if each.sid not in known and each.date_created < now - _ON_ITS_WAY
        ]
        found = [_params(settings, each) for each in missed]
    except (TwilioRestException, RequestException) as error:
        raise TryAgain(f"Twilio's list: {error}") from error
    count = 0
    for params in found:
        if sender_addresses(params):
            with store.begin() as work:
                count += record(work, params | _tap(work, params))
    if count:
        log.warning("messages_caught_up", count=count)
    return count


def _params(settings: Settings, message: Any) -> dict[str, Any]:
    """A listed message in the form its webhook would have had."""
    params: dict[str, Any] = {
        "MessageSid": message.sid,
        "AccountSid": settings.twilio_account_sid,
        "From": message.from_,
        "To": message.to,
        "Body": message.body or "",
        "NumMedia": str(message.num_media or "0"),
        "CaughtUp": "true",
    }
    if params["NumMedia"] != "0":
        base = settings.twilio_api_url.rstrip("/") or "https://api.twilio.com"
        for number, media in enumerate(message.media.list(limit=10)):
            params[f"MediaUrl{number}"] = base + str(media.uri).removesuffix(".json")
            params[f"MediaContentType{number}"] = media.content_type
    return params


def _tap(work: UnitOfWork, params: Mapping[str, Any]) -> dict[str, Any]:
    """The button the rider most likely tapped: of our latest message with options, by title."""
    kind, value = sender_addresses(params)[0]
    latest = work.session.scalars(
        select(Message)
        .join(Conversation, Message.conversation_id == Conversation.id)
        .join(RiderAddress, RiderAddress.rider_id == Conversation.rider_id)
        .where(RiderAddress.kind == kind, RiderAddress.value == value, Message.author != "rider")
        .order_by(Message.id.desc())
        .limit(5)
    )
    for message in latest:
        for option in message.body.get("options", []):
            if option["title"] == params["Body"]:
                return {"ButtonPayload": option["id"], "ButtonText": option["title"]}
    return {}
