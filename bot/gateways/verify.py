"""One-time codes through Twilio Verify, for the web login."""

from __future__ import annotations

from requests import RequestException
from twilio.base.exceptions import TwilioRestException

from bot.errors import Refused, TryAgain
from bot.gateways.whatsapp import client
from bot.settings import Settings

# https://www.twilio.com/docs/api/errors: 60200 invalid parameter, 60202 too many checks,
# 60203 too many sends, 60205 SMS to a landline, 21211 invalid number.
_WRONG_NUMBER = {60200, 60205, 21211}
_TOO_MANY = {60202, 60203}


def start_code(settings: Settings, phone: str, *, channel: str = "whatsapp") -> None:
    """Send a code to +E.164 `phone` by "whatsapp" or "sms"; it holds for ten minutes.

    Raises Refused (wrong number, too many codes, no code login here) or TryAgain.
    """
    try:
        _service(settings).verifications.create(to=phone, channel=channel)
    except TwilioRestException as error:
        raise _meaning(error) from error
    except RequestException as error:
        raise TryAgain(f"Verify is not reachable: {error}") from error


def check_code(settings: Settings, phone: str, code: str) -> bool:
    """Whether this is the code sent to `phone`. A code that lapsed or was used is just wrong.

    Raises Refused (too many tries) or TryAgain.
    """
    if not 4 <= len(code) <= 10:
        return False
    try:
        check = _service(settings).verification_checks.create(to=phone, code=code)
    except TwilioRestException as error:
        if error.status == 404:
            return False
        raise _meaning(error) from error
    except RequestException as error:
        raise TryAgain(f"Verify is not reachable: {error}") from error
    return bool(check.status == "approved")


def _service(settings: Settings):  # type: ignore[no-untyped-def]  # noqa: ANN202  # the SDK ships no types
    if not settings.twilio_verify_sid:
        raise Refused("Login by code is not available here. Ask for a link in the chat instead.")
    return client(settings).verify.v2.services(settings.twilio_verify_sid)


def _meaning(error: TwilioRestException) -> Exception | TwilioRestException:
    if error.code in _TOO_MANY:
        return Refused("That were too many tries. Please wait ten minutes and ask for a new code.")
    if error.code in _WRONG_NUMBER:
        return Refused(
            "That number does not work. Please write it with the country code, as +358401234567."
        )
    if error.status == 429 or error.status >= 500:
        return TryAgain(f"Verify answered {error.status}")
    return error
