"""Photos riders send: fetched within limits from Twilio, then read (`decode`, `Eyes`)."""

from __future__ import annotations

import re
import time
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from bot.errors import GiveUp, Refused, TryAgain
from bot.gateways.eyes import Eyes
from bot.gateways.qr import Problem, Reading, decode, sniff
from bot.replies import N_
from bot.settings import Settings

__all__ = ["Eyes", "Problem", "Reading", "decode", "fetch", "own_hosts", "own_numbers", "sniff"]

MAX_REDIRECTS: Final = 5
TIMEOUT: Final = httpx.Timeout(8.0, connect=5.0)
GONE: Final = N_("I could not open that photo any more. Please send it again.")
DEADLINE_S: Final = 25.0  # a slow trickle must not hold a rider's stream
# Twilio's own API hosts, regions and edges included: api.twilio.com, api.dublin.ie1.twilio.com
_TWILIO: Final = re.compile(r"api(\.[a-z0-9-]+){0,2}\.twilio\.com")


def own_hosts(settings: Settings) -> tuple[str, ...]:
    """The hosts our stickers may name."""
    return (urlsplit(settings.public_url).netloc,)


def own_numbers(settings: Settings) -> tuple[str, ...]:
    """The WhatsApp numbers our stickers may write to."""
    return (settings.twilio_from,)


def fetch(url: str, settings: Settings, http: httpx.Client) -> bytes:
    """The bytes behind a Twilio media URL.

    Twilio asks for Basic auth and then redirects to a storage host: credentials go to the API's
    own host only. Raises TryAgain (network, 429, 5xx), Refused (gone, too large) and GiveUp
    (our credentials or the address are wrong).
    """
    deadline = time.monotonic() + DEADLINE_S
    try:
        ours = _is_twilios(urlsplit(url), settings)
        for _ in range(MAX_REDIRECTS + 1):
            place = urlsplit(url)
            _check(place, settings)
            auth = _credentials(settings) if _is_api(place, settings) else None
            request = http.build_request(
                "GET", url, headers={"Accept-Encoding": "identity"}, timeout=TIMEOUT
            )
            response = http.send(request, auth=auth, stream=True, follow_redirects=False)
            try:
                if response.next_request is None:
                    return _body(response, settings.media_max_bytes, deadline)
                url = str(response.next_request.url)
            finally:
                response.close()
    except (httpx.InvalidURL, ValueError) as error:  # urlsplit's error is a ValueError
        raise GiveUp(f"media address: {error}") from error
    except httpx.HTTPError as error:
        if not ours:  # Twilio names its own addresses: nothing will be there later either
            raise Refused(GONE) from error
        raise TryAgain(f"media: {type(error).__name__}") from error
    raise GiveUp("media: too many redirects")


def _body(response: httpx.Response, max_bytes: int, deadline: float) -> bytes:
    status = response.status_code
    if status == 429 or status >= 500:
        raise TryAgain(f"media: HTTP {status}")
    if status in (401, 403):
        raise GiveUp(f"media: HTTP {status}: the Twilio credentials are refused")
    if status != 200:
        raise Refused(GONE)
    declared = response.headers.get("Content-Length", "0")
    data = bytearray()
    if not declared.isdecimal() or int(declared) <= max_bytes:
        for chunk in response.iter_raw(65536):  # raw: nothing is unpacked, so nothing explodes
            data += chunk
            if len(data) > max_bytes:
                break
            if time.monotonic() > deadline:
                raise TryAgain("media: too slow")
        else:
            return bytes(data)
    raise Refused(
        "That file is too large for me. Please send it as a photo, or type the code that is "
        "printed on the pile."
    )


def _check(place: SplitResult, settings: Settings) -> None:
    """Only HTTPS, and plain HTTP where Twilio's API is set to plain HTTP (an emulator)."""
    plain = urlsplit(settings.twilio_api_url).scheme == "http"
    if place.scheme not in (("http", "https") if plain else ("https",)) or not place.hostname:
        raise GiveUp(f"media: {place.scheme}://{place.hostname} is no address to fetch from")


def _is_api(place: SplitResult, settings: Settings) -> bool:
    if settings.twilio_api_url:
        own = urlsplit(settings.twilio_api_url)
        return (place.scheme, place.netloc) == (own.scheme, own.netloc)
    return _is_twilios_own(place)


def _is_twilios(place: SplitResult, settings: Settings) -> bool:
    return _is_api(place, settings) or _is_twilios_own(place)


def _is_twilios_own(place: SplitResult) -> bool:
    return place.scheme == "https" and _TWILIO.fullmatch(place.netloc) is not None


def _credentials(settings: Settings) -> tuple[str, str]:
    if settings.twilio_api_key:
        return settings.twilio_api_key, settings.twilio_api_secret
    return settings.twilio_account_sid, settings.twilio_auth_token
