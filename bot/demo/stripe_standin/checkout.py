"""Checkout sessions of the stand-in: made by the API, finished by the rider on the pay page."""

from __future__ import annotations

from typing import Any, Final

from bot.demo.stripe_standin.book import Thing
from bot.demo.stripe_standin.engine import Engine, check_amount
from bot.demo.stripe_standin.form import Refusal

SHORTEST_S: Final = 30 * 60
LONGEST_S: Final = 24 * 3600


class Checkout:
    """Opens, pays and expires Checkout sessions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def open(self, base_url: str, wanted: dict[str, Any]) -> Thing:
        """A session; `wanted` are the checked parameters of the API."""
        engine, now = self.engine, self.engine.now()
        expires_at = wanted.get("expires_at", now + LONGEST_S)
        if not SHORTEST_S <= expires_at - now <= LONGEST_S:
            raise Refusal(
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.",
                param="expires_at",
            )
        if "customer" in wanted and "customer_creation" in wanted:
            raise Refusal("You may only specify one of these parameters: customer, "
                          "customer_creation.", param="customer_creation")  # fmt: skip
        if "customer" in wanted:
            engine.find("customer", wanted["customer"], "customer")
        setup = wanted["mode"] == "setup"
        currency, total, name = wanted.get("currency"), None, ""
        if not setup:
            prices = [line["price_data"] for line in wanted["line_items"]]
            currency, name = prices[0]["currency"], prices[0]["product_data"]["name"]
            total = sum(
                line["price_data"]["unit_amount"] * line["quantity"]
                for line in wanted["line_items"]
            )
            check_amount(total, prices[0]["currency"])
        session = engine.new("checkout.session", "cs_test") | {
            "allowed_payment_method_types": wanted.get("allowed_payment_method_types"),
            "amount_subtotal": total,
            "amount_total": total,
            "automatic_tax": {"enabled": False, "status": None}, "cancel_url":
            wanted.get("cancel_url"), "client_reference_id": wanted.get("client_reference_id"),
            "currency": currency, "customer": wanted.get("customer"),
            "customer_creation": wanted.get("customer_creation"), "customer_details": None,
            "customer_email": None, "custom_fields": [], "custom_text": {},
            "expires_at": expires_at, "locale": wanted.get("locale"),
            "metadata": wanted.get("metadata", {}), "mode": wanted["mode"], "payment_intent": None,
            "payment_link": None, "payment_method_types": ["card"],
            "payment_status": "no_payment_required" if setup else "unpaid",
            "setup_intent": None, "shipping_options": [], "status": "open",
            "success_url": wanted["success_url"], "ui_mode": "hosted",
            "_name": name, "_intent": wanted.get("payment_intent_data", {}),
            "_setup": wanted.get("setup_intent_data", {}),
        }  # fmt: skip
        session["url"] = f"{base_url}/c/pay/{session['id']}"
        return engine.book.save(session)

    def find(self, session_id: str) -> Thing:
        """A session as it is now: an open one past its time is expired first."""
        session = self.engine.find("checkout.session", session_id)
        if session["status"] == "open" and session["expires_at"] <= self.engine.now():
            return self.expire(session)
        return session

    def expire(self, session: Thing) -> Thing:
        """Close an open session."""
        if session["status"] != "open":
            raise Refusal(
                f"Only Checkout Sessions with a status in [\"open\"] can be expired. This "
                f"Checkout Session has a status of {session['status']}.",
                stored=True,
            )  # fmt: skip
        session |= {"status": "expired", "url": None}
        self.engine.book.save(session)
        self.engine.tell("checkout.session.expired", session)
        return session

    def lapse(self) -> None:
        """Close what nobody paid in time."""
        for session in self.engine.book.newest("checkout.session", status="open"):
            if session["expires_at"] <= self.engine.now():
                self.expire(session)

    def pay(self, session_id: str, number: str, *, approved: bool, method: str = "card") -> Thing:
        """The rider pays with a card; status stays "open" while the bank wants a word.

        Another `method` of the page is one whose money is on its way for a while (the demo's
        /payment_intents/<id>/arrive ends that). Raises the card errors; the rider may try another
        card in the same session.
        """
        session = self.find(session_id)
        if session["status"] != "open":
            raise Refusal(f"This Checkout Session is {session['status']}.")
        engine = self.engine
        if method not in (session["allowed_payment_method_types"] or ["card"]):
            raise Refusal(f"This page does not offer {method}.", param="payment_method")
        if session["mode"] == "setup":
            return self._set_up(session, number, approved)
        if method != "card":
            return self._complete(session, engine.process(self._intent_of(session), method))
        card = engine.new_method(number)
        intent = self._intent_of(session)
        intent = engine.confirm(intent, card, off_session=False, approved=approved)
        if intent["status"] == "requires_action":
            return session
        return self._complete(session, intent)

    def _complete(self, session: Thing, intent: Thing) -> Thing:
        paid = intent["status"] == "succeeded"
        session |= {
            "status": "complete", "url": None, "customer": intent["customer"],
            "payment_status": "paid" if paid else "unpaid",
        }  # fmt: skip
        self.engine.book.save(session)
        self.engine.tell("checkout.session.completed", session)
        return session

    def _set_up(self, session: Thing, number: str, approved: bool) -> Thing:
        """A card is entered that is only kept."""
        customer = self._customer_of(session)
        setup = self.engine.set_up(number, customer, approved=approved, **session["_setup"])
        if setup is None:
            return session
        session |= {
            "status": "complete", "url": None, "customer": customer, "setup_intent": setup["id"],
        }  # fmt: skip
        self.engine.book.save(session)
        self.engine.tell("checkout.session.completed", session)
        return session

    def arrive(self, intent: Thing, *, succeeded: bool) -> Thing:
        """Money that was on its way has come, or never will."""
        intent = self.engine.arrive(intent, succeeded=succeeded)
        session = self.engine.find("checkout.session", intent["_checkout"])
        if succeeded:
            session["payment_status"] = "paid"
            self.engine.book.save(session)
        ending = "succeeded" if succeeded else "failed"
        self.engine.tell(f"checkout.session.async_payment_{ending}", session)
        return intent

    def _customer_of(self, session: Thing) -> str | None:
        engine = self.engine
        if session["customer"] is None and session["customer_creation"] == "always":
            customer = engine.new("customer", "cus", email=None, name=None, metadata={})
            session["customer"] = engine.book.save(customer)["id"]
            engine.tell("customer.created", customer)
        found: str | None = session["customer"]
        return found

    def _intent_of(self, session: Thing) -> Thing:
        """The session's intent; like Stripe's, it comes into being at the first try to pay."""
        engine = self.engine
        if session["payment_intent"]:
            return engine.find("payment_intent", session["payment_intent"])
        intent = engine.new_intent(
            session["amount_total"], session["currency"], customer=self._customer_of(session),
            _checkout=session["id"], **session["_intent"],
        )  # fmt: skip
        session["payment_intent"] = intent["id"]
        engine.book.save(session)
        return intent
