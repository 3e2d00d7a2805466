"""How payments move in the stand-in: intents, charges, refunds, disputes, and the events of it.

Private fields begin with "_" and never leave the process.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from bot.demo.stripe_standin import cards
from bot.demo.stripe_standin.book import Book, Thing
from bot.demo.stripe_standin.form import Refusal

API_VERSION: Final = "2026-10-28.endive"
DAY_S: Final = 86_400
# Validity of holds online (docs.stripe.com): with the rider present, and Visa without.
PRESENT_HOLD_S: Final = 7 * DAY_S
VISA_ABSENT_HOLD_S: Final = 4 * DAY_S + 18 * 3600
# Smallest charge in Stripe's minor units; anything else is taken as 50.
MINIMUM: Final = {"eur": 50, "usd": 50, "gbp": 30, "sek": 300, "jpy": 50, "huf": 17500}
CANCELLABLE: Final = (
    "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture",
)  # fmt: skip


class Engine:
    """Changes objects in the book; each change queues the events Stripe would send."""

    def __init__(self, book: Book, clock: Callable[[], float] = time.time) -> None:
        self.book = book
        self.clock = clock
        self.events_enabled = True  # False: events happen but get lost on the way

    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock())

    def new(self, kind: str, prefix: str, **fields: Any) -> Thing:
        """A fresh object of Stripe's common shape."""
        thing_id = f"{prefix}_{secrets.token_hex(12)}"
        return {
            "id": thing_id, "object": kind, "created": self.now(), "livemode": False, **fields,
        }  # fmt: skip

    def find(self, kind: str, thing_id: str, param: str = "id") -> Thing:
        """An object of a kind. Raises Stripe's 404."""
        thing = self.book.get(thing_id)
        if thing is None or thing["object"] != kind:
            raise Refusal(
                f"No such {kind}: '{thing_id}'", status=404, code="resource_missing", param=param
            )
        return thing

    def tell(self, kind: str, thing: Thing) -> None:
        """Queue an event about the object as it is now."""
        event = self.new(
            "event", "evt", type=kind, api_version=API_VERSION, pending_webhooks=1,
            request={"id": None, "idempotency_key": None}, data={"object": public(thing)},
        )  # fmt: skip
        self.book.save(event)
        if self.events_enabled:
            self.book.deliver_later(event["id"], self.clock())

    # Payment methods and intents.

    def new_method(self, number: str, month: int = 12, year: int = 2030) -> Thing:
        """A payment method of a card number. Raises Stripe's incorrect_number."""
        digits = cards.clean(number)
        if digits is None:
            raise card_error("Your card number is incorrect.", "incorrect_number")
        brand = cards.brand(digits)
        method = self.new(
            "payment_method", "pm", type="card", customer=None, metadata={},
            billing_details={"address": None, "email": None, "name": None, "phone": None},
            card={
                "brand": brand, "display_brand": brand, "last4": digits[-4:], "exp_month": month,
                "exp_year": year, "country": "FI", "funding": "credit",
                "fingerprint": digits[::-1], "checks": None, "wallet": None,
            },
            allow_redisplay="unspecified", _number=digits, _set_up=False,
        )  # fmt: skip
        return self.book.save(method)

    def attach(self, method: Thing, customer: str) -> Thing:
        """Keep a payment method with a customer."""
        method["customer"] = customer
        self.tell("payment_method.attached", method)
        return self.book.save(method)

    def new_intent(self, amount: int, currency: str, **fields: Any) -> Thing:
        """A payment intent that waits for a payment method."""
        check_amount(amount, currency)
        intent = self.new("payment_intent", "pi") | {
            "amount": amount, "amount_capturable": 0, "amount_details": {"tip": {}},
            "amount_received": 0, "allowed_payment_method_types": None, "application": None,
            "application_fee_amount": None, "automatic_payment_methods": None,
            "canceled_at": None, "cancellation_reason": None, "capture_method": "automatic",
            "confirmation_method": "automatic", "currency": currency, "customer": None,
            "description": None, "last_payment_error": None, "latest_charge": None,
            "metadata": {}, "next_action": None, "on_behalf_of": None, "payment_method": None,
            "payment_method_options": {}, "payment_method_types": ["card"], "processing": None,
            "receipt_email": None, "review": None, "setup_future_usage": None, "shipping": None,
            "source": None, "statement_descriptor": None, "statement_descriptor_suffix": None,
            "status": "requires_payment_method", "transfer_data": None, "transfer_group": None,
        } | fields  # fmt: skip
        intent["client_secret"] = f"{intent['id']}_secret_{secrets.token_hex(8)}"
        if intent["payment_method"]:
            intent["status"] = "requires_confirmation"
        self.tell("payment_intent.created", intent)
        return self.book.save(intent)

    def confirm(
        self, intent: Thing, method: Thing, *, off_session: bool, approved: bool = False
    ) -> Thing:
        """Charge (or hold) the card. Raises Stripe's card errors; the failure is on the intent."""
        if intent["status"] not in (
            "requires_payment_method", "requires_confirmation", "requires_action",
        ):  # fmt: skip
            raise unexpected_state(intent, "confirm")
        card = cards.behaviour(method["_number"])
        intent["payment_method"] = method["id"]
        if card.decline is not None:
            self._decline(intent, method, *card.decline)
        if self._asks_bank(card, method, off_session) and not approved:
            if off_session:
                code = "authentication_required"
                self._decline(intent, method, code, code)
            return self._challenge(intent)
        return self._authorise(intent, method, off_session)

    def set_up(
        self, number: str, customer: str | None, *, approved: bool, **fields: Any
    ) -> Thing | None:
        """Keep a card without charging it; None while the bank wants a word. Raises Stripe's card
        errors."""
        method = self.new_method(number)
        card = cards.behaviour(method["_number"])
        if card.decline is not None and not method["_number"].endswith("0341"):
            code, decline_code = card.decline
            raise card_error("Your card was declined.", code, decline_code=decline_code)
        if card.challenge != "never" and not approved:
            return None
        method["_set_up"] = True
        if customer is not None:
            self.attach(method, customer)
        setup = self.new("setup_intent", "seti") | {
            "customer": customer, "description": None, "metadata": {}, "usage": "off_session",
            "payment_method": method["id"], "status": "succeeded", "last_setup_error": None,
        } | fields  # fmt: skip
        self.tell("setup_intent.succeeded", setup)
        return self.book.save(setup)

    def process(self, intent: Thing, kind: str) -> Thing:
        """Pay by a method whose money takes its time."""
        method = self.new(
            "payment_method", "pm", type=kind, customer=None, metadata={}, _number="", _set_up=False
        )
        self.book.save(method)
        intent |= {"status": "processing", "payment_method": method["id"], "_kind": kind}
        self.tell("payment_intent.processing", intent)
        return self.book.save(intent)

    def arrive(self, intent: Thing, *, succeeded: bool) -> Thing:
        """What is being processed comes to its end."""
        if intent["status"] != "processing":
            raise unexpected_state(intent, "finish")
        if succeeded:
            method = self.find("payment_method", intent["payment_method"])
            return self._authorise(intent, method, off_session=False)
        error = {"type": "card_error", "code": "payment_intent_payment_attempt_failed"}
        intent |= {
            "status": "requires_payment_method", "payment_method": None,
            "last_payment_error": error,
        }  # fmt: skip
        self.book.save(intent)
        self.tell("payment_intent.payment_failed", intent)
        return intent

    def capture(self, intent: Thing, amount: int | None = None) -> Thing:
        """Take a held amount, all or part; the rest is released."""
        if intent["status"] != "requires_capture":
            raise unexpected_state(intent, "capture")
        amount = intent["amount_capturable"] if amount is None else amount
        if amount > intent["amount_capturable"]:
            raise Refusal(
                "The capture amount must be less than or equal to the amount capturable: "
                f"{amount} > {intent['amount_capturable']}",
                code="amount_too_large", param="amount_to_capture",
            )  # fmt: skip
        if amount < 1:
            raise Refusal(
                "This value must be greater than or equal to 1.",
                code="parameter_invalid_integer", param="amount_to_capture",
            )  # fmt: skip
        charge = self.find("charge", intent["latest_charge"])
        charge |= {"captured": True, "amount_captured": amount}
        intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
        self.book.save(charge)
        self.book.save(intent)
        self.tell("charge.captured", charge)
        self.tell("payment_intent.succeeded", intent)
        self._dispute_if_such_a_card(intent)
        return intent

    def cancel(self, intent: Thing, reason: str | None = None, *, expired: bool = False) -> Thing:
        """Give a hold back, or end an intent that was never paid."""
        if intent["status"] not in CANCELLABLE:
            raise unexpected_state(intent, "cancel")
        if intent.get("_checkout") and intent["status"] != "requires_capture":
            raise Refusal(
                "You cannot cancel this PaymentIntent because it was created by a Checkout "
                "Session: expire the session instead.",
                code="payment_intent_unexpected_state", stored=True,
            )  # fmt: skip
        held = intent["status"] == "requires_capture"
        intent |= {
            "status": "canceled", "canceled_at": self.now(), "amount_capturable": 0,
            "cancellation_reason": reason,
        }  # fmt: skip
        self.book.save(intent)
        if held:
            charge = self.find("charge", intent["latest_charge"])
            charge |= {"refunded": True, "amount_refunded": charge["amount"]}
            self.book.save(charge)
            self.tell("charge.expired" if expired else "charge.refunded", charge)
        self.tell("payment_intent.canceled", intent)
        return intent

    def expire_hold(self, intent: Thing) -> Thing:
        """The card network lets the hold go."""
        if intent["status"] != "requires_capture":
            raise unexpected_state(intent, "expire")
        return self.cancel(intent, "automatic", expired=True)

    def lapse(self) -> None:
        """What time alone does: holds past their capture_before."""
        for intent in self.book.newest("payment_intent", status="requires_capture"):
            charge = self.find("charge", intent["latest_charge"])
            if charge["payment_method_details"]["card"]["capture_before"] <= self.now():
                self.expire_hold(intent)

    # Refunds and disputes.

    def refund(self, charge: Thing, amount: int | None, **fields: Any) -> Thing:
        """Give captured money back."""
        if not charge["captured"]:
            raise Refusal(
                f"Charge {charge['id']} has not been captured.", code="charge_not_captured"
            )
        left = charge["amount_captured"] - charge["amount_refunded"]
        if left <= 0:
            raise Refusal(
                f"Charge {charge['id']} has already been refunded.",
                code="charge_already_refunded", stored=True,
            )  # fmt: skip
        amount = left if amount is None else amount
        if not 0 < amount <= left:
            raise Refusal(
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
                param="amount", stored=True,
            )  # fmt: skip
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self.book.save(charge)
        refund = self.new("refund", "re") | {
            "amount": amount, "balance_transaction": None, "charge": charge["id"],
            "currency": charge["currency"], "destination_details": None, "metadata": {},
            "payment_intent": charge["payment_intent"], "reason": None, "receipt_number": None,
            "source_transfer_reversal": None, "status": "succeeded",
            "transfer_reversal": None,
        } | fields  # fmt: skip
        self.book.save(refund)
        self.tell("charge.refunded", charge)
        self.tell("refund.created", refund)
        method = self.book.get(charge["payment_method"] or "")
        if method is not None and cards.behaviour(method["_number"]).refund_fails:
            self.fail_refund(refund)
        return refund

    def fail_refund(self, refund: Thing) -> Thing:
        """The bank sends a refund back, as happens days after it succeeded."""
        charge = self.find("charge", refund["charge"])
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        self.book.save(charge)
        refund |= {"status": "failed", "failure_reason": "unknown"}
        self.book.save(refund)
        self.tell("refund.updated", refund)
        self.tell("refund.failed", refund)
        return refund

    def dispute(self, intent: Thing, reason: str) -> Thing:
        """The cardholder contests a captured charge."""
        if intent["status"] != "succeeded":
            raise unexpected_state(intent, "dispute")
        charge = self.find("charge", intent["latest_charge"])
        charge["disputed"] = True
        self.book.save(charge)
        dispute = self.new(
            "dispute", "dp", amount=charge["amount_captured"], charge=charge["id"],
            currency=charge["currency"], payment_intent=intent["id"], reason=reason,
            status="needs_response", metadata={}, is_charge_refundable=False,
        )  # fmt: skip
        self.tell("charge.dispute.created", dispute)
        return self.book.save(dispute)

    # The steps of a confirmation.

    def _asks_bank(self, card: cards.TestCard, method: Thing, off_session: bool) -> bool:
        if card.challenge == "unless_set_up":
            return not (off_session and method["_set_up"])
        return card.challenge == "always"

    def _challenge(self, intent: Thing) -> Thing:
        intent |= {
            "status": "requires_action",
            "next_action": {
                "type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"},
            },
        }  # fmt: skip
        self.tell("payment_intent.requires_action", intent)
        return self.book.save(intent)

    def _decline(self, intent: Thing, method: Thing, code: str, decline_code: str) -> None:
        message = (
            "Your card was declined. This transaction requires authentication."
            if code == "authentication_required"
            else "Your card was declined."
        )
        charge = self._new_charge(intent, method, PRESENT_HOLD_S) | {
            "status": "failed", "paid": False, "failure_code": code, "failure_message": message,
        }  # fmt: skip
        self.book.save(charge)
        error = {
            "type": "card_error", "code": code, "decline_code": decline_code, "message": message,
            "charge": charge["id"], "payment_method": public(method),
        }  # fmt: skip
        intent |= {
            "status": "requires_payment_method", "payment_method": None,
            "latest_charge": charge["id"], "last_payment_error": error, "next_action": None,
        }  # fmt: skip
        self.book.save(intent)
        self.tell("charge.failed", charge)
        self.tell("payment_intent.payment_failed", intent)
        raise card_error(
            message, code, decline_code=decline_code, charge=charge["id"],
            payment_intent=public(intent), payment_method=public(method),
        )  # fmt: skip

    def _authorise(self, intent: Thing, method: Thing, off_session: bool) -> Thing:
        manual = intent["capture_method"] == "manual"
        visa_absent = off_session and method.get("card", {}).get("brand") == "visa"
        lasts = VISA_ABSENT_HOLD_S if visa_absent else PRESENT_HOLD_S
        charge = self._new_charge(intent, method, lasts if manual else None)
        intent |= {
            "payment_method": method["id"], "latest_charge": charge["id"],
            "last_payment_error": None, "next_action": None,
        }  # fmt: skip
        options = intent["payment_method_options"].get(method["type"], {})
        keeps = intent["setup_future_usage"] or options.get("setup_future_usage")
        if keeps and intent["customer"]:
            method["_set_up"] = True
            if method["customer"] is None:
                self.attach(method, intent["customer"])
            self.book.save(method)
        if manual:
            intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
            self.book.save(charge)
            self.tell("charge.succeeded", charge)
            self.tell("payment_intent.amount_capturable_updated", intent)
            return self.book.save(intent)
        charge |= {"captured": True, "amount_captured": charge["amount"]}
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        self.book.save(charge)
        self.book.save(intent)
        self.tell("charge.succeeded", charge)
        self.tell("payment_intent.succeeded", intent)
        self._dispute_if_such_a_card(intent)
        return intent

    def _new_charge(self, intent: Thing, method: Thing, hold_s: int | None) -> Thing:
        return self.new("charge", "ch") | {
            "amount": intent["amount"], "amount_captured": 0, "amount_refunded": 0,
            "balance_transaction": None, "captured": False, "currency": intent["currency"],
            "customer": intent["customer"], "description": intent["description"],
            "disputed": False, "failure_code": None, "failure_message": None,
            "metadata": intent["metadata"], "paid": True, "payment_intent": intent["id"],
            "payment_method": method["id"], "refunded": False, "status": "succeeded",
            "receipt_url": None,
            "payment_method_details": self._details(intent, method, hold_s),
        }  # fmt: skip

    def _details(self, intent: Thing, method: Thing, hold_s: int | None) -> Thing:
        if method["type"] != "card":
            return {"type": method["type"], method["type"]: {"reference": None}}
        card = method["card"]
        return {
            "type": "card",
            "card": {
                "amount_authorized": intent["amount"], "brand": card["brand"],
                "capture_before": self.now() + hold_s if hold_s else None,
                "country": card["country"], "exp_month": card["exp_month"],
                "exp_year": card["exp_year"], "funding": card["funding"],
                "last4": card["last4"], "network": card["brand"], "wallet": None,
                "extended_authorization": {"status": "disabled"},
                "incremental_authorization": {"status": "unavailable"},
                "multicapture": {"status": "unavailable"},
                "overcapture": {
                    "status": "unavailable", "maximum_amount_capturable": intent["amount"],
                },
            },
        }  # fmt: skip

    def _dispute_if_such_a_card(self, intent: Thing) -> None:
        method = self.book.get(intent["payment_method"] or "")
        if method is not None and cards.behaviour(method["_number"]).disputed:
            self.dispute(intent, "fraudulent")


def check_amount(amount: int, currency: str) -> None:
    """Stripe's limits for one payment."""
    if amount < MINIMUM.get(currency, 50):
        raise Refusal(
            f"Amount must be at least {MINIMUM.get(currency, 50)} {currency}",
            code="amount_too_small", param="amount",
        )  # fmt: skip
    if amount > 99_999_999:
        raise Refusal("Amount is too large", code="amount_too_large", param="amount")


def public(thing: Thing) -> Thing:
    """An object as others may see it."""
    return {name: value for name, value in thing.items() if not name.startswith("_")}


def card_error(message: str, code: str, **more: Any) -> Refusal:
    """Stripe's 402."""
    return Refusal(message, status=402, type_="card_error", code=code, stored=True, **more)


def unexpected_state(intent: Thing, verb: str) -> Refusal:
    """Stripe's answer to what an intent's status does not allow."""
    code = "payment_intent_unexpected_state"
    return Refusal(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code=code, payment_intent=public(intent), stored=True,
    )  # fmt: skip
