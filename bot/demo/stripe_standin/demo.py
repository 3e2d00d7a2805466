"""What a tester or program may do that Stripe's API does not offer: pay, expire, dispute, break."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from bot.demo.stripe_standin.book import Thing
from bot.demo.stripe_standin.checkout import Checkout
from bot.demo.stripe_standin.engine import Engine, public
from bot.demo.stripe_standin.faults import Faults
from bot.demo.stripe_standin.form import Refusal


def blueprint(engine: Engine, checkout: Checkout, faults: Faults) -> Blueprint:
    """JSON in, the changed object out; refusals keep Stripe's error shape."""
    routes = Blueprint("stripe_demo", __name__, url_prefix="/demo")

    def act(change: Callable[[], Thing]) -> Response:
        with engine.book.turn():
            try:
                return jsonify(public(change()))
            except Refusal as refusal:
                response = jsonify({"error": refusal.error})
                response.status_code = refusal.status
                return response

    def said() -> dict[str, Any]:
        body = request.get_json(silent=True)
        return body if isinstance(body, dict) else {}

    @routes.get("/checkout")
    def sessions() -> Response:
        """Open pay pages, newest first."""
        with engine.book.turn():
            found = [public(each) for each in engine.book.newest("checkout.session", status="open")]
        return jsonify({"data": found})

    @routes.post("/checkout/<session_id>/pay")
    def pay(session_id: str) -> Response:
        """{"card": "4242…", "approve": true}: pay the page; approve answers the bank's question;
        {"method": "paynow"} pays by something slower, if the page offers it."""
        body = said()
        number, approve = str(body.get("card", "4242424242424242")), bool(body.get("approve", True))
        method = str(body.get("method", "card"))
        return act(lambda: checkout.pay(session_id, number, approved=approve, method=method))

    @routes.post("/checkout/<session_id>/expire")
    def expire_page(session_id: str) -> Response:
        """The time of the page is up."""
        return act(lambda: checkout.expire(checkout.find(session_id)))

    @routes.post("/payment_intents/<intent_id>/expire")
    def expire_hold(intent_id: str) -> Response:
        """The card network lets the hold go before it is captured."""
        return act(lambda: engine.expire_hold(engine.find("payment_intent", intent_id)))

    @routes.post("/payment_intents/<intent_id>/arrive")
    def arrive(intent_id: str) -> Response:
        """{"succeeded": true}: slow money has come, or never will."""
        succeeded = bool(said().get("succeeded", True))
        return act(
            lambda: checkout.arrive(engine.find("payment_intent", intent_id), succeeded=succeeded)
        )

    @routes.post("/payment_intents/<intent_id>/dispute")
    def dispute(intent_id: str) -> Response:
        """{"reason": "fraudulent"}: the cardholder contests the charge."""
        reason = str(said().get("reason", "fraudulent"))
        return act(lambda: engine.dispute(engine.find("payment_intent", intent_id), reason))

    @routes.post("/refunds/<refund_id>/fail")
    def fail_refund(refund_id: str) -> Response:
        """The bank sends a refund back."""
        return act(lambda: engine.fail_refund(engine.find("refund", refund_id)))

    @routes.post("/events/<event_id>/resend")
    def resend(event_id: str) -> Response:
        """Deliver an event once more."""

        def again() -> Thing:
            event = engine.find("event", event_id)
            engine.book.deliver_later(event_id, engine.clock())
            return event

        return act(again)

    @routes.post("/webhook")
    def webhook() -> Response:
        """{"enabled": false}: events from now on get lost, until enabled again."""
        engine.events_enabled = bool(said().get("enabled", True))
        return jsonify({"enabled": engine.events_enabled})

    @routes.post("/lapse")
    def lapse() -> Response:
        """What is past its time lapses now."""
        with engine.book.turn():
            checkout.lapse()
            engine.lapse()
        return jsonify({})

    @routes.delete("/everything")
    def begin_anew() -> Response:
        """An account nobody has used."""
        faults.clear()
        with engine.book.turn():
            engine.book.forget_everything()
        return jsonify({})

    @routes.delete("/idempotency")
    def prune() -> Response:
        """A day passes for the idempotency keys."""
        with engine.book.turn():
            engine.book.forget_answers()
        return jsonify({})

    @routes.post("/faults")
    def order_fault() -> tuple[Response, int]:
        """A fault as in faults.Fault, for the next matching API requests."""
        try:
            faults.order(said())
        except TypeError as error:
            return jsonify({"error": str(error)}), 400
        return jsonify({}), 200

    @routes.delete("/faults")
    def clear_faults() -> Response:
        """No more faults."""
        faults.clear()
        return jsonify({})

    return routes
