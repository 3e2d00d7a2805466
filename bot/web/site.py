"""The riders' site: start page, the piles' short addresses, login and the web chat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from flask import Blueprint, render_template

from bot.gateways.translate import say
from bot.replies import Say, Value
from bot.settings import Settings
from bot.store.database import Store
from bot.web.browser import Browser

ASSETS: Final = Path(__file__).resolve().parent / "static"


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


def blueprint(store: Store, settings: Settings) -> Blueprint:
    """All pages for riders.

    Routes: / /terms /whatsapp.svg /p /p/<code> /p/<code>/continue /login /login/code
    /login/<token> /logout /chat /chat/messages /pay/<token>/done
    /pay/<token>/cancelled and the static files under /assets.
    """
    from bot.web import chat, login, pages, pay

    site = Site(store, settings, Browser(store, settings))
    routes = Blueprint(
        "site",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/assets",
    )

    @routes.context_processor
    def _for_templates() -> dict[str, Any]:
        return {
            "_": site.text,
            "lang": site.browser.language(),
            "csrf": site.browser.csrf,
            "brand": settings.brand,
            "rider": site.browser.rider(),
            "whatsapp_link": site.whatsapp_link,
        }

    routes.after_request(site.browser.remember_visit)
    pages.add_routes(routes, site)
    login.add_routes(routes, site)
    chat.add_routes(routes, site)
    pay.add_routes(routes, site)
    return routes
