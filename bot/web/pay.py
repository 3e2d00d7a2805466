"""Where Checkout returns the rider to: the money is held, or it is not, and back to the chat."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, make_response, request

from bot.domain.money import Money
from bot.domain.payment import TAKEN_AT_ONCE
from bot.gateways.payments import read_pay_token
from bot.gateways.stripe_events import check_hold
from bot.gateways.translate import language, say
from bot.replies import Say, Value
from bot.store.charging import Hold
from bot.store.database import UnitOfWork
from bot.store.riders import Rider
from bot.web.context import Site

_GOOD: Final = frozenset({"held", "capturing", "captured", "saved"})
_PENDING: Final = frozenset({"creating", "waiting"})
_LOOKS: Final = 20  # how often the page asks again by itself, every 3 s
_REFRESH_S: Final = 3


def add_routes(routes: Blueprint, site: Site) -> None:
    """GET /pay/<token>/done and /pay/<token>/cancelled."""

    @routes.get("/pay/<token>/done")
    def pay_done(token: str) -> Response:
        hold_id = read_pay_token(site.settings, token)
        if hold_id is None:
            return _unknown(site)
        with site.store.begin() as work:
            hold = work.session.get(Hold, hold_id)
            if hold is None:
                return _unknown(site)
            if hold.state in _PENDING:
                check_hold(work, hold, "return")  # Stripe's event may be late or lost
            lang = _language(site, work, hold)
        if hold.state in _GOOD:
            return _page(site, hold, lang, _good(hold))
        if hold.state not in _PENDING:
            return _page(site, hold, lang, "released")
        response = _page(site, hold, lang, "pending")
        look = request.args.get("look", 0, type=int)
        if 0 <= look < _LOOKS:
            response.headers["Refresh"] = f"{_REFRESH_S}; url=?look={look + 1}"
        return response

    @routes.get("/pay/<token>/cancelled")
    def pay_cancelled(token: str) -> Response:
        hold_id = read_pay_token(site.settings, token)
        with site.store.read() as work:
            hold = work.session.get(Hold, hold_id) if hold_id is not None else None
            if hold is None:
                return _unknown(site)
            lang = _language(site, work, hold)
        return _page(site, hold, lang, "cancelled")


def _good(hold: Hold) -> str:
    if hold.purpose == "card":
        return "saved"
    return "paid" if hold.purpose in TAKEN_AT_ONCE else "held"


def _language(site: Site, work: UnitOfWork, hold: Hold) -> str:
    rider = work.session.get(Rider, hold.rider_id)
    return language(rider.lang) if rider is not None and rider.lang else site.browser.language()


def _page(site: Site, hold: Hold, lang: str, state: str) -> Response:
    def text(source: str, **values: Value) -> str:
        return say(lang, Say(source, values))

    body, status = site.page(
        "pay",
        state=state,
        amount=Money(hold.amount_minor, hold.currency),
        pay_url=hold.checkout_url if hold.state == "waiting" else None,
        chats_here=(visitor := site.browser.rider()) is not None and visitor.id == hold.rider_id,
        lang=lang,
        _=text,
    )
    response = make_response(body, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _unknown(site: Site) -> Response:
    return make_response(site.page("pay", 404, state="unknown"))
