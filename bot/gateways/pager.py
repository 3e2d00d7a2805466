"""Delivers pages about danger: WhatsApp and SMS by Twilio, e-mail by SMTP, JSON to a webhook."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpx
import structlog
from requests import RequestException
from twilio.base.exceptions import TwilioRestException

from bot.domain.paging import Address, Channel
from bot.gateways import templates
from bot.gateways.whatsapp import client
from bot.services import paging
from bot.settings import Settings
from bot.store.database import Store
from bot.store.desk import Incident

log = structlog.get_logger()

TIMEOUT_S: Final = 5.0  # many addresses may be waiting behind one that hangs
SMS_MAX: Final = 459  # three parts
_ALARM: Final = "DANGER"  # how bot/services/paging.py begins


class NotSent(Exception):
    """The page did not get out; the message says why and is shown to staff."""


@dataclass(frozen=True, slots=True)
class _Page:
    """A page on its way; who sends it answers what went wrong with the one before, or ""."""

    settings: Settings
    to: str
    text: str
    url: str
    incident_id: int | None = None


@dataclass(frozen=True, slots=True)
class Pager:
    """Delivers outbox rows of kind "page"; call it outside any transaction."""

    store: Store
    settings: Settings

    def __call__(self, key: str, body: Mapping[str, Any]) -> str:
        """Deliver {incident_id, channel, to}: "done", "failed", or "dropped" when somebody has
        acknowledged. Nothing is tried again: the next round comes within a minute."""
        address = Address(body["channel"], body["to"])
        if "text" in body:
            return self._once(address, str(body["text"]), str(body["path"]))
        incident_id = int(body["incident_id"])
        with self.store.read() as work:
            incident = work.session.get_one(Incident, incident_id)
            if incident.state != "open":
                return "dropped"
            text = paging.page_text(work, self.settings, incident)
        url = paging.incident_url(self.settings, incident_id)
        error, trouble = _send(address, _Page(self.settings, address.to, text, url, incident_id))
        if error or trouble:
            log.error(
                "page_failed", incident_id=incident_id, channel=address.channel,
                why=error or trouble,
            )  # fmt: skip
        with self.store.begin() as work:
            incident = work.session.get_one(Incident, incident_id)
            paging.delivered(work, incident, address, error=error[:200], trouble=trouble[:200])
        return "failed" if error else "done"

    def _once(self, address: Address, text: str, path: str) -> str:
        """A page without an incident (bot/services/paging.py: page_once)."""
        url = f"{self.settings.console_url.rstrip('/')}{path}"
        page = _Page(self.settings, address.to, f"{text} {url}", url)
        error, _ = _send(address, page)
        if error:
            log.error("page_failed", path=path, channel=address.channel, why=error)
        return "failed" if error else "done"


def _send(address: Address, page: _Page) -> tuple[str, str]:
    """What went wrong with a page, and with the one before it."""
    try:
        return "", _SEND[address.channel](page)
    except NotSent as why:
        return str(why), ""
    except (OSError, smtplib.SMTPException, httpx.HTTPError, RequestException) as away:
        return type(away).__name__, ""
    except TwilioRestException as refused:
        return f"{refused.code or refused.status}: {refused.msg}", ""


def _whatsapp(page: _Page) -> str:
    """By the approved template "alarm" where there is one: staff rarely wrote to us today, and
    WhatsApp takes free words only within a day."""
    said: dict[str, Any] = {"body": page.text}
    filled = templates.alarm(page.settings, page.text, page.url)
    if filled is not None:
        said = {
            "content_sid": filled.sid,
            "content_variables": templates.variables_json(filled.variables),
        }
    return _twilio(page.settings, f"whatsapp:{page.to}", page.settings.twilio_from, said)


def _sms(page: _Page) -> str:
    if not page.settings.sms_from:
        raise NotSent("SMS_FROM is not set")
    text = page.text
    if len(text) > SMS_MAX:
        text = f"{text[: SMS_MAX - len(page.url) - 3]}… {page.url}"
    return _twilio(page.settings, page.to, page.settings.sms_from, {"body": text})


def _twilio(settings: Settings, to: str, sender: str, said: Mapping[str, Any]) -> str:
    """Twilio takes a message first and tells later that it could not be delivered."""
    messages = client(settings).messages
    made = messages.create(to=to, from_=sender, **said)
    for earlier in messages.list(to=to, limit=3):
        if earlier.sid == made.sid or _ALARM not in (earlier.body or ""):
            continue
        if earlier.status in ("failed", "undelivered"):
            return f"the page before was not delivered (Twilio error {earlier.error_code})"
        break
    return ""


def _email(page: _Page) -> str:
    if not page.settings.smtp_url:
        raise NotSent("SMTP_URL is not set")
    mail = EmailMessage()
    mail["From"], mail["To"] = page.settings.mail_from, page.to
    danger = page.incident_id is not None
    mail["Subject"] = (
        f"DANGER: incident {page.incident_id}, please acknowledge" if danger else page.text[:80]
    )
    mail["Importance"] = "high"
    again = "\n\nPaged every minute until somebody acknowledges." if danger else ""
    mail.set_content(f"{page.text}{again}\n")
    post(page.settings, mail)
    return ""


def post(settings: Settings, mail: EmailMessage) -> None:
    """Hand a letter to the mail server of the settings. Raises as smtplib does."""
    server = urlsplit(settings.smtp_url)
    host, safe = server.hostname or "localhost", ssl.create_default_context()
    with _open(server.scheme, host, server.port, safe) as smtp:
        smtp.ehlo()
        if server.scheme == "smtp" and smtp.has_extn("starttls"):
            smtp.starttls(context=safe)
        if server.username:
            smtp.login(unquote(server.username), unquote(server.password or ""))
        smtp.send_message(mail)


def _open(scheme: str, host: str, port: int | None, safe: ssl.SSLContext) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=safe)
    return smtplib.SMTP(host, port or 587, timeout=TIMEOUT_S)


def _webhook(page: _Page) -> str:
    """`text` is what chat tools show; the rest is for alerting tools."""
    body = {"text": page.text, "incident": page.incident_id, "url": page.url, "severity": "P1"}
    answer = httpx.post(page.to, json=body, timeout=TIMEOUT_S)
    if answer.status_code >= 300:
        raise NotSent(f"HTTP {answer.status_code}")
    return ""


_SEND: Final[Mapping[Channel, Callable[[_Page], str]]] = {
    "whatsapp": _whatsapp,
    "sms": _sms,
    "email": _email,
    "webhook": _webhook,
}
