"""Reaching people in an emergency: addresses, and which news from a pile are danger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from bot.domain.masking import mask_phone

Channel = Literal["whatsapp", "sms", "email", "webhook"]

EVERY: Final = timedelta(seconds=60)
ESCALATE_AFTER: Final = timedelta(minutes=3)

_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}")
_EMAIL: Final = re.compile(r"[^\s@,]+@[^\s@,]+\.[^\s@,]+")
_CHANNEL_NAMES: Final[dict[Channel, str]] = {
    "whatsapp": "WhatsApp", "sms": "SMS", "email": "e-mail", "webhook": "webhook",
}  # fmt: skip

# techCodes and OCPP 1.6 names of what can hurt people, without case and punctuation. The rest is
# a fault: the charge ends and the connector is not offered.
_DANGEROUS: Final = frozenset(
    (
        "overtemp", "overtemperature", "hightemperature", "temperature", "smoke", "fire",
        "groundfailure", "groundfault", "residualcurrent", "rcd", "insulation", "insulationfault",
        "arc", "arcfault", "powerswitchfailure", "weldedcontactor", "waterleak", "flood", "tilt",
        "crash",
    )
)  # fmt: skip


# Whose word it is that there is danger: Incident.source.
REPORTED_BY: Final[dict[str, str]] = {
    "rider": "a rider", "pile": "the pile", "staff": "our staff", "email": "an e-mail",
    "partner": "a partner",
}  # fmt: skip


class WrongAddress(ValueError):
    """Nobody can be reached there; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody is reached."""

    channel: Channel
    to: str  # +E.164, an e-mail address, a URL

    @property
    def shown(self) -> str:
        """For logs and pages: which channel, and just enough of where."""
        name = _CHANNEL_NAMES[self.channel]
        if self.channel == "email":
            return f"{name} {self.to[0]}•••@{self.to.rpartition('@')[2]}"
        if self.channel == "webhook":  # its path is often the secret
            return f"{name} {self.to.split('/')[2].rpartition('@')[2]}"
        return f"{name} {mask_phone(self.to)}"


_BY_PHONE: Final[Mapping[str, Channel]] = {"whatsapp": "whatsapp", "sms": "sms"}


def read_address(text: str, *, phone: Channel = "whatsapp") -> Address:
    """ "whatsapp:+358…", "sms:+358…", "mailto:a@b.fi", "https://…", or a bare number or e-mail
    address; a bare number is reached by `phone`. Raises WrongAddress."""
    text = text.strip()
    scheme, _, rest = text.partition(":")
    number = re.sub(r"[\s().-]", "", rest if scheme in ("whatsapp", "sms") else text)
    if scheme in ("http", "https") and "/" in rest and len(rest) > 3:
        return Address("webhook", text)
    if _PHONE.fullmatch(number):
        return Address(_BY_PHONE.get(scheme, phone), number)
    mail = rest if scheme == "mailto" else text
    if _EMAIL.fullmatch(mail):
        return Address("email", mail)
    raise WrongAddress("neither a phone number with +, nor an e-mail address, nor a web address")


def is_dangerous(code: str) -> bool:
    """Whether a pile's alarm is more than a fault."""
    return re.sub(r"[^a-z]", "", code.casefold()) in _DANGEROUS
