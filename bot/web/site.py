"""The riders' site: start page, the piles' short addresses, login and the web chat."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from flask import Blueprint

from bot.settings import Settings
from bot.store.database import Store
from bot.web import case_answer, chat, login, pages, pay
from bot.web.browser import Browser
from bot.web.context import Site

ASSETS: Final = Path(__file__).resolve().parent / "static"


def blueprint(store: Store, settings: Settings) -> Blueprint:
    """All pages for riders.

    Routes: / /terms /whatsapp.svg /p /p/<code> /p/<code>/continue /login /login/code
    /login/<token> /logout /chat /chat/messages /pay/<token>/done
    /pay/<token>/cancelled /case/<token> and the static files under /assets.
    """
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
    case_answer.add_routes(routes, site)
    return routes
