"""What becomes of a message after it left: Twilio's status callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from sqlalchemy import select

from bot.gateways.delivery import WINDOW_CLOSED, advance, send_as_template
from bot.store.database import UnitOfWork
from bot.store.queues import Outbox
from bot.store.riders import Message

log = structlog.get_logger()

# https://www.twilio.com/docs/api/errors, in words that tell staff what to do.
_MEANINGS: Final = {
    63003: "This number is not on WhatsApp.",
    63007: "Our WhatsApp sender is not set up for this account.",
    63014: "The rider has blocked us.",
    63016: "The 24-hour window was closed.",
    63018: "WhatsApp's rate limit was reached.",
    63019: "WhatsApp could not fetch the picture or document from us.",
    63021: "WhatsApp refused the form of the message.",
    63024: "This number is not on WhatsApp.",
    63038: "The account's daily limit was reached.",
    21610: "The rider has opted out at Twilio.",
}


_LONGEST_ID: Final = 20  # digits; Python refuses to read thousands


def on_whatsapp_status(work: UnitOfWork, body: Mapping[str, Any]) -> None:
    """Apply one status callback. They come in any order and more than once; only a step up
    counts. A message WhatsApp refused for the closed window goes out once more as a template."""
    message = _message(work, body)
    if message is None:
        log.info("status_of_foreign_message", sid=body.get("MessageSid"))
        return
    if message.provider_id is None:
        message.provider_id = body["MessageSid"]  # the answer to our call was lost
    if not advance(message, body["MessageStatus"]):
        return
    if message.status not in ("failed", "undelivered"):
        message.error = None
        return
    code = int(body["ErrorCode"][:9]) if str(body.get("ErrorCode", "")).isdecimal() else 0
    said = _MEANINGS.get(code) or body.get("ChannelStatusMessage") or "WhatsApp did not say why."
    message.error = f"{code}: {said}"
    if code == WINDOW_CLOSED and message.source_key:
        _as_template(work, message.source_key)


def _message(work: UnitOfWork, body: Mapping[str, Any]) -> Message | None:
    """By SID, or by the row id we put into the callback address when the SID never reached us."""
    sid = body["MessageSid"]
    found = work.session.scalars(
        select(Message).where(Message.provider_id == sid).with_for_update()
    ).first()
    row_id = str(body.get("m", ""))
    if found is None and row_id.isdecimal() and len(row_id) < _LONGEST_ID:
        found = work.session.get(Message, int(row_id), with_for_update=True)
    return found if found is not None and found.provider_id in (None, sid) else None


def _as_template(work: UnitOfWork, source_key: str) -> None:
    key = source_key.split("#")[0]
    effect = work.session.scalars(select(Outbox).where(Outbox.key == key)).first()
    if effect is not None:
        send_as_template(work, key, effect.body)
