"""Sends e-mail about cases by SMTP; what the server refuses is not tried again."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from bot.errors import GiveUp, TryAgain
from bot.gateways.pager import post
from bot.gateways.translate import say
from bot.replies import Say, load
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Mailer:
    """Delivers outbox rows of kind "mail"; call it outside any transaction."""

    settings: Settings

    def __call__(self, key: str, body: Mapping[str, Any]) -> str:
        """Deliver {to, subject, text, or say and lang}. Raises TryAgain and GiveUp."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self.settings.mail_from, str(body["to"])
        mail["Subject"] = " ".join(str(body["subject"]).split())
        mail["Auto-Submitted"] = "auto-replied"
        mail.set_content(f"{text_of(body)}\n\n{self.settings.brand}\n")
        try:
            post(self.settings, mail)
        except smtplib.SMTPResponseException as refused:
            if refused.smtp_code >= 500:
                raise GiveUp(f"mail server: {refused.smtp_code}") from refused
            raise TryAgain(f"mail server: {refused.smtp_code}") from refused
        except smtplib.SMTPRecipientsRefused as refused:
            raise GiveUp("the address is refused") from refused
        except (OSError, smtplib.SMTPException) as away:
            raise TryAgain(f"mail server: {type(away).__name__}") from away
        return "done"


def text_of(body: Mapping[str, Any]) -> str:
    """A person's words as they stand, ours in the reader's language."""
    if "say" not in body:
        return str(body["text"])
    said = load(body["say"])
    assert isinstance(said, Say)
    return say(body.get("lang") or "en", said)
