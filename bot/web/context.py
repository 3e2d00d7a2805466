"""What every page of the riders' site is made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import render_template

from bot.gateways.translate import say
from bot.replies import Say, Value
from bot.settings import Settings
from bot.store.database import Store
from bot.web.browser import Browser


@dataclass(frozen=True, slots=True)
class Site:
    """What every page of the site needs."""

    store: Store
    settings: Settings
    browser: Browser

    def text(self, text: str, **values: Value) -> str:
        """An English source sentence in the language of this request."""
        return say(self.browser.language(), Say(text, values))

    def whatsapp_link(self, text: str) -> str:
        """A link that opens a WhatsApp chat with us, with `text` ready to send."""
        base = self.settings.whatsapp_link_url.rstrip("/") or "https://wa.me"
        number = "".join(filter(str.isdigit, self.settings.twilio_from))
        return f"{base}/{number}?text={quote(text)}"

    def page(self, name: str, status: int = 200, **values: Any) -> tuple[str, int]:
        """A rendered page of templates/site/."""
        return render_template(f"site/{name}.html", **values), status
