"""Twilio WhatsApp: reading its webhooks, and a client that speaks to Twilio or an emulator."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from bot.settings import Settings

log = structlog.get_logger()

TIMEOUT_S: Final = 10.0
MEDIA_MAX: Final = 10
PAYLOAD_MAX: Final = 256
_PHONE: Final = re.compile(r"\+[1-9]\d{5,17}")
# A business-scoped user id: country, a point, up to 128 letters and digits ("ENT." may precede).
_BSUID: Final = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")


@dataclass(frozen=True, slots=True)
class Inbound:
    """One WhatsApp message as it came; `media` is ((url, content type), …)."""

    sid: str
    text: str
    payload: str | None
    location: tuple[float, float] | None
    media: tuple[tuple[str, str], ...]
    reply_to_sid: str | None
    profile_name: str
    opt_out_type: str | None
    forwarded: bool


def read_inbound(params: Mapping[str, Any]) -> Inbound:
    """The message in a webhook's parameters; unknown and unreadable ones count as absent."""

    def get(name: str) -> str:
        value = params.get(name, "")
        # PostgreSQL's texts hold no NUL.
        return str(value[0] if isinstance(value, list) and value else value or "").replace("\0", "")

    count = get("NumMedia")
    media = [
        (get(f"MediaUrl{n}"), get(f"MediaContentType{n}") or "application/octet-stream")
        # Python refuses to read numbers of thousands of digits.
        for n in range(min(int(count[:9]), MEDIA_MAX) if count.isdecimal() else 0)
    ]
    return Inbound(
        sid=get("MessageSid"),
        text=get("Body"),
        # Routing is on the id behind a button or row, never on its title.
        payload=_payload(get("ButtonPayload") or get("ListId")),
        location=_location(get("Latitude"), get("Longitude")),
        media=tuple((url, type_) for url, type_ in media if url),
        reply_to_sid=get("OriginalRepliedMessageSid") or None,
        profile_name=get("ProfileName"),
        opt_out_type=get("OptOutType") or None,
        forwarded=get("Forwarded").lower() == "true"
        or get("FrequentlyForwarded").lower() == "true",
    )


def _payload(sent: str) -> str | None:
    """None also for what is longer than any id WhatsApp would have taken from us."""
    return sent if sent and len(sent) <= PAYLOAD_MAX else None


def _location(latitude: str, longitude: str) -> tuple[float, float] | None:
    try:
        lat, lng = float(latitude), float(longitude)
    except ValueError:
        return None
    # The comparison also refuses NaN.
    return (lat, lng) if -90 <= lat <= 90 and -180 <= lng <= 180 else None


def sender_addresses(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every address of the sender, the one in From first; empty when From is not WhatsApp's.

    From may be a phone number or a business-scoped user id; that id may also stand beside it
    under either of two names (the changelog and captured payloads disagree).
    """
    found = []
    sender = str(params.get("From", ""))
    if sender.startswith("whatsapp:"):
        value = sender.removeprefix("whatsapp:")
        if _PHONE.fullmatch(value):
            found.append(("whatsapp", value))
        elif _BSUID.fullmatch(value):
            found.append(("bsuid", value))
    if found:
        for name in ("ExternalUserId", "ExternalUserIdentifier"):
            beside = ("bsuid", str(params.get(name, "")).removeprefix("whatsapp:"))
            if _BSUID.fullmatch(beside[1]) and beside not in found:
                found.append(beside)
    return found


def signature_ok(settings: Settings, path: str, query: str, params: Any, signature: str) -> bool:
    """Whether Twilio signed this request. `path` and `query` are as sent, not un-escaped; the
    address is built from PUBLIC_URL since proxies change what we see of it."""
    url = settings.public_url.rstrip("/") + path + (f"?{query}" if query else "")
    validator = RequestValidator(settings.twilio_auth_token)
    return bool(signature) and bool(validator.validate(url, params, signature))


class _HttpClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK ships no types
    """The SDK's client with a time limit, and with all of Twilio's hosts moved to one address."""

    def __init__(self, base_url: str) -> None:
        quiet = logging.getLogger("twilio.http_client")
        quiet.setLevel(logging.WARNING)  # it logs bodies, which are personal data
        super().__init__(timeout=TIMEOUT_S, logger=quiet)
        self._base_url = base_url.rstrip("/")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        if self._base_url:
            parts = urlsplit(url)
            url = self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")
        return super().request(method, url, *args, **kwargs)


@lru_cache(maxsize=8)
def client(settings: Settings) -> Client:
    """The Twilio client of these settings; one a process, its connections are pooled."""
    return Client(
        settings.twilio_api_key or settings.twilio_account_sid,
        settings.twilio_api_secret or settings.twilio_auth_token,
        settings.twilio_account_sid,
        http_client=_HttpClient(settings.twilio_api_url),
    )


def typing(settings: Settings, sid: str) -> None:
    """Show "typing…" to whoever sent message `sid` (which also marks it read). Never waits and
    never raises: it is a courtesy."""

    def show() -> None:
        try:
            client(settings).messaging.v2.typing_indicator.create(
                channel="whatsapp", message_id=sid
            )
        except Exception as error:  # noqa: BLE001  a courtesy may fail in any way
            log.info("typing_not_shown", error=str(error)[:200])

    Thread(target=show, daemon=True, name="typing").start()
