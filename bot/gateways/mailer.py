"""Sends e-mail about cases by SMTP; what the server refuses is not tried again."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from bot.errors import GiveUp, TryAgain
from bot.gateways.pager import post
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Mailer:
    """Delivers outbox rows of kind "mail"; call it outside any transaction."""

    settings: Settings

    def __call__(self, key: str, body: Mapping[str, Any]) -> str:
        """Deliver {to, subject, text}. Raises TryAgain and GiveUp."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self.settings.mail_from, str(body["to"])
        mail["Subject"] = " ".join(str(body["subject"]).split())
        mail["Auto-Submitted"] = "auto-replied"
        mail.set_content(f"{body['text']}\n\n{self.settings.brand}\n")
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
