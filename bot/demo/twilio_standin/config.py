"""What the stand-in is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """`pace_s` is the time between sent, delivered and read; `webhook` may end in "#rc=3&rp=all"
    as at Twilio; `status` is used for messages that name no callback of their own."""

    base_url: str
    data: Path
    webhook: str
    status: str
    account_sid: str
    auth_token: str
    sender: str  # whatsapp:+14155238886
    verify_sid: str
    pace_s: float = 0.4
    sms_sender: str = "+15005550006"  # Twilio's own number for tries
