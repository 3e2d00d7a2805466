"""The stand-in's pay page: where Checkout sends the rider, on plain forms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from babel.core import UnknownLocaleError
from babel.numbers import format_currency
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from bot.demo.stripe_standin.book import Thing
from bot.demo.stripe_standin.checkout import Checkout
from bot.demo.stripe_standin.engine import Engine
from bot.demo.stripe_standin.form import Refusal
from bot.domain.money import exponent
from bot.gateways.stripe_client import from_stripe

DECLINING = "4000000000000002"
DEFAULT = "4242424242424242"


def blueprint(engine: Engine, checkout: Checkout, brand: str) -> Blueprint:
    """GET shows the page; POST `action` is pay, decline, cancel, approve or refuse."""
    routes = Blueprint(
        "stripe_pages", __name__, template_folder="templates", static_folder="static",
        static_url_path="/c/static",
    )  # fmt: skip

    def page(session: Thing, status: int = 200, **more: Any) -> ResponseReturnValue:
        shown = {
            "brand": brand, "session": session, "amount": _amount(session),
            "manual": session["_intent"].get("capture_method") == "manual",
            "setup": session["mode"] == "setup",
            "error": None, "asking": None, "card": DEFAULT,
        }  # fmt: skip
        return render_template("stripe_standin/checkout.html", **(shown | more)), status

    @routes.get("/c/pay/<session_id>")
    def show(session_id: str) -> ResponseReturnValue:
        with engine.book.turn():
            try:
                session = checkout.find(session_id)
            except Refusal as refusal:
                return str(refusal), refusal.status
        if session["status"] == "complete":
            return redirect(session["success_url"], 303)
        return page(session)

    @routes.post("/c/pay/<session_id>")
    def act(session_id: str) -> ResponseReturnValue:
        action, card = request.form.get("action", ""), request.form.get("card", DEFAULT)
        with engine.book.turn():
            try:
                session = checkout.find(session_id)
            except Refusal as refusal:
                return str(refusal), refusal.status
            if action == "cancel":
                return redirect(session["cancel_url"] or session["success_url"], 303)
            if action == "refuse":
                return page(session, error="Your bank could not confirm that it is you.")
            number = DECLINING if action == "decline" else card
            try:
                session = checkout.pay(session_id, number, approved=action == "approve")
            except Refusal as refusal:
                return page(checkout.find(session_id), 402, error=str(refusal), card=card)
        if session["status"] == "open":
            return page(session, asking=card)
        return redirect(session["success_url"], 303)

    return routes


def _amount(session: Thing) -> str:
    if session["amount_total"] is None:  # a card is only kept
        return ""
    currency = session["currency"].upper()
    minor = from_stripe(session["amount_total"], currency)
    major = Decimal(minor).scaleb(-exponent(currency))
    locale = (session["locale"] or "en").replace("-", "_")
    try:
        return format_currency(major, currency, locale=locale)
    except (UnknownLocaleError, ValueError):
        return format_currency(major, currency, locale="en")
