"""The /v1 routes: what of Stripe's API this product uses, with auth and idempotency."""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Final

from flask import Blueprint, Response, request

from bot.demo.stripe_standin import cards
from bot.demo.stripe_standin.book import Thing
from bot.demo.stripe_standin.checkout import Checkout
from bot.demo.stripe_standin.engine import Engine, public
from bot.demo.stripe_standin.faults import Fault, Faults
from bot.demo.stripe_standin.form import (
    Params,
    Refusal,
    mapping,
    metadata,
    nested,
    one_of,
    sequence,
    take,
    text,
    whole,
    yes,
)

View = Callable[..., Thing]

_METHODS: Final = {"payment_method_types": sequence}
_CAPTURE: Final = one_of("automatic", "automatic_async", "manual")
_FUTURE: Final = one_of("off_session", "on_session")


def blueprint(engine: Engine, checkout: Checkout, faults: Faults, api_key: str) -> Blueprint:
    """Routes of the API, every one behind the key and inside one turn of the book."""
    routes = Blueprint("stripe_api", __name__, url_prefix="/v1")
    desk = _Desk(engine, checkout)

    def route(method: str, path: str, view: View) -> None:
        @wraps(view)
        def serve(**ids: str) -> Response:
            return _serve(engine, faults, api_key, view, ids)

        routes.add_url_rule(path, f"{method} {path}", serve, methods=[method])

    for line, view in desk.routes().items():
        method, path = line.split()
        route(method, path, view)
    return routes


def _serve(
    engine: Engine, faults: Faults, api_key: str, view: View, ids: dict[str, str]
) -> Response:
    fault = faults.take(f"{request.method} {request.path}")
    if fault is not None and not fault.after:
        return fault.strike()
    with engine.book.turn():
        answer = _answered(engine, fault, api_key, view, ids)
    return fault.strike() if fault is not None else answer


def _answered(
    engine: Engine, fault: Fault | None, api_key: str, view: View, ids: dict[str, str]
) -> Response:
    """The answer to the request at hand, from the idempotency store when it was given before."""
    key = request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
    pairs = _pairs()
    said = f"{request.method} {request.path} {sorted(pairs)}"
    try:
        _check_key(api_key)
        if key and (stored := engine.book.stored_answer(key)):
            if stored[0] != said:
                raise Refusal(
                    "Keys for idempotent requests can only be used with the same parameters "
                    f"they were first used with. Try using a key other than '{key}'.",
                    type_="idempotency_error",
                )
            return _answer(stored[1], stored[2], replayed=True)
        params = nested(pairs)
        expand = [str(each) for each in params.pop("expand", [])]
        thing = view(params, **ids)
        body, status = json.dumps(_expanded(engine, thing, expand)), 200
    except Refusal as refusal:
        body, status = json.dumps({"error": refusal.error}), refusal.status
        if not refusal.stored:
            return _answer(status, body)
    if fault is not None and fault.stored:
        status, body = fault.status, fault.body()
    if key:
        engine.book.store_answer(key, said, status, body)
    return _answer(status, body)


def _pairs() -> list[tuple[str, str]]:
    given = request.form if request.method == "POST" else request.args
    return [(name, value) for name in given for value in given.getlist(name)]


def _answer(status: int, body: str, *, replayed: bool = False) -> Response:
    response = Response(body, status, mimetype="application/json")
    response.headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _check_key(api_key: str) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            given = base64.b64decode(given).decode().partition(":")[0]
        except ValueError:
            given = ""
    if not given:
        raise Refusal("You did not provide an API key.", status=401)
    if not hmac.compare_digest(given.encode(), api_key.encode()):
        raise Refusal(f"Invalid API Key provided: {given[:7]}****", status=401)


_REFERENCES: Final = {
    "latest_charge": "charge", "payment_intent": "payment_intent", "charge": "charge",
    "payment_method": "payment_method", "customer": "customer", "setup_intent": "setup_intent",
}  # fmt: skip


def _expanded(engine: Engine, thing: Thing, paths: list[str]) -> Thing:
    """The object as it leaves, with the ids at `paths` replaced by their objects."""
    shown = public(thing)
    if shown["object"] == "list":
        below = [path.removeprefix("data.") for path in paths]
        shown["data"] = [_expanded(engine, each, below) for each in shown["data"]]
        return shown
    for path in paths:
        name, _, rest = path.partition(".")
        if name not in _REFERENCES or name not in shown:
            raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
        value = shown[name]
        if value is None:
            continue
        target = engine.find(_REFERENCES[name], value if isinstance(value, str) else value["id"])
        shown[name] = _expanded(engine, target, [rest] if rest else [])
    return shown


class _Desk:
    """The views: checked parameters in, objects out."""

    def __init__(self, engine: Engine, checkout: Checkout) -> None:
        self.engine = engine
        self.checkout = checkout

    def routes(self) -> dict[str, View]:
        """Method and path of every view."""
        intent, session = "/payment_intents/<intent_id>", "/checkout/sessions/<session_id>"
        return {
            "POST /customers": self.create_customer,
            "GET /customers/<customer_id>": self.get_customer,
            "POST /payment_methods": self.create_method,
            "GET /payment_methods/<method_id>": self.get_method,
            "POST /payment_methods/<method_id>/attach": self.attach_method,
            "POST /payment_methods/<method_id>/detach": self.detach_method,
            "POST /payment_intents": self.create_intent,
            "GET /payment_intents": self.list_intents,
            "GET /payment_intents/search": self.search_intents,
            f"GET {intent}": self.get_intent,
            f"POST {intent}/confirm": self.confirm_intent,
            f"POST {intent}/capture": self.capture_intent,
            f"POST {intent}/cancel": self.cancel_intent,
            "POST /checkout/sessions": self.create_session,
            "GET /checkout/sessions": self.list_sessions,
            f"GET {session}": self.get_session,
            f"POST {session}/expire": self.expire_session,
            "POST /refunds": self.create_refund,
            "GET /refunds": self.list_refunds,
            "GET /refunds/<refund_id>": self.get_refund,
            "GET /charges/<charge_id>": self.get_charge,
            "GET /setup_intents/<setup_id>": self.get_setup,
            "GET /events": self.list_events,
            "GET /events/<event_id>": self.get_event,
        }

    # Customers and cards.

    def create_customer(self, params: Params) -> Thing:
        """POST /customers."""
        known = {
            "name": text, "email": text, "phone": text, "description": text,
            "metadata": metadata, "preferred_locales": sequence,
        }  # fmt: skip
        blank: Thing = {
            "name": None,
            "email": None,
            "phone": None,
            "description": None,
            "metadata": {},
        }
        customer = self.engine.new("customer", "cus") | blank | take(params, known)
        self.engine.tell("customer.created", customer)
        return self.engine.book.save(customer)

    def get_customer(self, params: Params, customer_id: str) -> Thing:
        """GET /customers/<id>."""
        return self.engine.find("customer", customer_id)

    def create_method(self, params: Params) -> Thing:
        """POST /payment_methods: a raw test card number, or a token like tok_visa."""
        given = take(params, {"type": one_of("card"), "card": mapping}, required=("type", "card"))
        card = take(
            given["card"],
            {"number": text, "exp_month": whole, "exp_year": whole, "cvc": text, "token": text},
            within="card",
        )
        token = str(card.get("token", "")).replace("tok_", "pm_card_")
        number = card.get("number") or cards.READY_MADE.get(token, "")
        return self.engine.new_method(number, card.get("exp_month", 12), card.get("exp_year", 2030))

    def get_method(self, params: Params, method_id: str) -> Thing:
        """GET /payment_methods/<id>."""
        return self._method(method_id)

    def attach_method(self, params: Params, method_id: str) -> Thing:
        """POST /payment_methods/<id>/attach."""
        given = take(params, {"customer": text}, required=("customer",))
        customer = self.engine.find("customer", given["customer"], "customer")
        method = self._method(method_id)
        if cards.behaviour(method["_number"]).decline and not method["_number"].endswith("0341"):
            code, decline_code = cards.behaviour(method["_number"]).decline or ("", "")
            raise Refusal(
                "Your card was declined.", status=402, type_="card_error", code=code,
                decline_code=decline_code, stored=True,
            )  # fmt: skip
        return self.engine.attach(method, customer["id"])

    def detach_method(self, params: Params, method_id: str) -> Thing:
        """POST /payment_methods/<id>/detach."""
        method = self._method(method_id)
        method |= {"customer": None, "_detached": True}
        self.engine.tell("payment_method.detached", method)
        return self.engine.book.save(method)

    def _method(self, method_id: str) -> Thing:
        if method_id in cards.READY_MADE:
            return self.engine.new_method(cards.READY_MADE[method_id])
        return self.engine.find("payment_method", method_id, "payment_method")

    # Payment intents.

    def create_intent(self, params: Params) -> Thing:
        """POST /payment_intents."""
        known = {
            "amount": whole, "currency": text, "customer": text, "payment_method": text,
            "allowed_payment_method_types": sequence, "capture_method": _CAPTURE, "confirm": yes,
            "off_session": yes, "description": text, "metadata": metadata,
            "setup_future_usage": _FUTURE, "return_url": text, "statement_descriptor_suffix": text,
        }  # fmt: skip
        given = take(params, known, required=("amount", "currency"))
        confirm, off_session = given.pop("confirm", False), given.pop("off_session", None)
        given.pop("return_url", None)
        if off_session is not None and not confirm:
            raise Refusal("off_session can only be used with confirm=true.", param="off_session")
        if "customer" in given:
            self.engine.find("customer", given["customer"], "customer")
        method = self._method(given["payment_method"]) if "payment_method" in given else None
        if method is not None:
            self._check_owner(method, given.get("customer"))
            given["payment_method"] = method["id"]
        intent = self.engine.new_intent(given.pop("amount"), given.pop("currency"), **given)
        if not confirm:
            return intent
        if method is None:
            raise Refusal(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state", stored=True,
            )  # fmt: skip
        return self.engine.confirm(intent, method, off_session=bool(off_session))

    def _check_owner(self, method: Thing, customer: str | None) -> None:
        if method.get("_detached"):
            raise Refusal(
                "The provided PaymentMethod was previously used or detached and may not be used "
                "again.", code="payment_method_unexpected_state", param="payment_method",
            )  # fmt: skip
        if method["customer"] is not None and method["customer"] != customer:
            raise Refusal(
                "The provided PaymentMethod belongs to another Customer.", param="payment_method"
            )

    def get_intent(self, params: Params, intent_id: str) -> Thing:
        """GET /payment_intents/<id>."""
        return self.engine.find("payment_intent", intent_id)

    def confirm_intent(self, params: Params, intent_id: str) -> Thing:
        """POST /payment_intents/<id>/confirm."""
        given = take(params, {"payment_method": text, "off_session": yes, "return_url": text})
        intent = self.engine.find("payment_intent", intent_id)
        method = self._method(given.get("payment_method") or intent["payment_method"] or "")
        self._check_owner(method, intent["customer"])
        return self.engine.confirm(intent, method, off_session=given.get("off_session", False))

    def capture_intent(self, params: Params, intent_id: str) -> Thing:
        """POST /payment_intents/<id>/capture."""
        known = {"amount_to_capture": whole, "metadata": metadata}
        given = take(params, known)
        intent = self.engine.find("payment_intent", intent_id)
        return self.engine.capture(intent, given.get("amount_to_capture"))

    def cancel_intent(self, params: Params, intent_id: str) -> Thing:
        """POST /payment_intents/<id>/cancel."""
        reason = one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer")
        given = take(params, {"cancellation_reason": reason})
        intent = self.engine.find("payment_intent", intent_id)
        return self.engine.cancel(intent, given.get("cancellation_reason"))

    def list_intents(self, params: Params) -> Thing:
        """GET /payment_intents."""
        return self._list("payment_intent", params, {"customer": text})

    def search_intents(self, params: Params) -> Thing:
        """GET /payment_intents/search: `metadata['k']:'v'`, `status:'v'`, joined by AND."""
        given = take(params, {"query": text, "limit": whole, "page": text}, required=("query",))
        found: Iterator[Thing] = self.engine.book.newest("payment_intent")
        for clause in given["query"].split(" AND "):
            match = re.fullmatch(r"(?:metadata\['(\w+)'\]|(\w+)):'([^']*)'", clause.strip())
            if match is None:
                raise Refusal("We were unable to parse your search query.", param="query")
            found = filter(_where(match[1], match[2], match[3]), found)
        data = list(found)[: given.get("limit", 10)]
        return {
            "object": "search_result", "url": "/v1/payment_intents/search", "has_more": False,
            "next_page": None, "data": [public(each) for each in data],
        }  # fmt: skip

    # Checkout.

    def create_session(self, params: Params) -> Thing:
        """POST /checkout/sessions, modes payment and setup."""
        known = {
            "mode": one_of("payment", "setup"), "currency": text, "setup_intent_data": mapping,
            "payment_method_options": mapping, "allowed_payment_method_types": sequence,
            "line_items": sequence, "payment_intent_data": mapping, "client_reference_id": text,
            "metadata": metadata, "expires_at": whole, "success_url": text, "cancel_url": text,
            "customer": text, "customer_creation": one_of("always", "if_required"),
            "locale": text,
        }  # fmt: skip
        given = take(params, known, required=("mode", "success_url"))
        if given["mode"] == "setup":
            return self._create_setup(given)
        take(params, known, required=("line_items",))
        given["line_items"] = [self._line(line) for line in given["line_items"]]
        data = {
            "capture_method": _CAPTURE, "setup_future_usage": _FUTURE, "description": text,
            "metadata": metadata,
        }  # fmt: skip
        if "payment_intent_data" in given:
            given["payment_intent_data"] = take(
                given["payment_intent_data"], data, within="payment_intent_data"
            )
        if "payment_method_options" in given:
            options = {"card": mapping}
            take(given["payment_method_options"], options, within="payment_method_options")
            given["payment_intent_data"] = given.get("payment_intent_data", {}) | {
                "payment_method_options": given["payment_method_options"]
            }
        return self.checkout.open(request.host_url.rstrip("/"), given)

    def _create_setup(self, given: Params) -> Thing:
        for name in ("line_items", "payment_intent_data"):
            if name in given:
                raise Refusal(f"You can not pass `{name}` in `setup` mode.", param=name)
        if not {"currency", "allowed_payment_method_types"} & given.keys():
            raise Refusal("Missing required param: currency.", code="parameter_missing",
                          param="currency")  # fmt: skip
        given["setup_intent_data"] = take(
            given.get("setup_intent_data", {}), {"description": text, "metadata": metadata},
            within="setup_intent_data",
        )  # fmt: skip
        return self.checkout.open(request.host_url.rstrip("/"), given)

    def get_setup(self, params: Params, setup_id: str) -> Thing:
        """GET /setup_intents/<id>."""
        return self.engine.find("setup_intent", setup_id)

    def _line(self, line: Any) -> Params:
        within = "line_items[0]"
        both = ("price_data", "quantity")
        given = take(
            mapping(line, within), {"price_data": mapping, "quantity": whole}, within=within,
            required=both,
        )  # fmt: skip
        price = {"currency": text, "unit_amount": whole, "product_data": mapping}
        within = f"{within}[price_data]"
        given["price_data"] = take(given["price_data"], price, within=within, required=tuple(price))
        product = {"name": text, "description": text}
        take(given["price_data"]["product_data"], product, within=within, required=("name",))
        return given

    def get_session(self, params: Params, session_id: str) -> Thing:
        """GET /checkout/sessions/<id>."""
        return self.checkout.find(session_id)

    def expire_session(self, params: Params, session_id: str) -> Thing:
        """POST /checkout/sessions/<id>/expire."""
        return self.checkout.expire(self.checkout.find(session_id))

    def list_sessions(self, params: Params) -> Thing:
        """GET /checkout/sessions."""
        known = {"customer": text, "payment_intent": text, "status": text}
        return self._list("checkout.session", params, known)

    # Refunds, charges, events.

    def create_refund(self, params: Params) -> Thing:
        """POST /refunds."""
        known = {
            "payment_intent": text, "charge": text, "amount": whole, "metadata": metadata,
            "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
        }  # fmt: skip
        given = take(params, known)
        charge_id = given.pop("charge", None)
        intent_id = given.pop("payment_intent", None)
        if charge_id is None:
            intent = self.engine.find("payment_intent", intent_id or "", "payment_intent")
            charge_id = intent["latest_charge"] or ""
        charge = self.engine.find("charge", charge_id, "charge")
        return self.engine.refund(charge, given.pop("amount", None), **given)

    def get_refund(self, params: Params, refund_id: str) -> Thing:
        """GET /refunds/<id>."""
        return self.engine.find("refund", refund_id)

    def list_refunds(self, params: Params) -> Thing:
        """GET /refunds."""
        return self._list("refund", params, {"payment_intent": text, "charge": text})

    def get_charge(self, params: Params, charge_id: str) -> Thing:
        """GET /charges/<id>."""
        return self.engine.find("charge", charge_id)

    def list_events(self, params: Params) -> Thing:
        """GET /events."""
        return self._list("event", params, {"type": text})

    def get_event(self, params: Params, event_id: str) -> Thing:
        """GET /events/<id>."""
        return self.engine.find("event", event_id)

    def _list(self, kind: str, params: Params, filters: dict[str, Any]) -> Thing:
        known = filters | {"limit": whole, "starting_after": text, "created": mapping}
        given = take(params, known)
        limit, after = given.pop("limit", 10), given.pop("starting_after", None)
        since = int(given.pop("created", {}).get("gte", 0))
        if "customer" in given:
            self.engine.find("customer", given["customer"], "customer")
        if not 1 <= limit <= 100:
            raise Refusal("Invalid limit: must be between 1 and 100.", param="limit")
        found = [
            each for each in self.engine.book.newest(kind, **given) if each["created"] >= since
        ]
        if after is not None:
            ids = [each["id"] for each in found]
            found = found[ids.index(after) + 1 :] if after in ids else []
        return {
            "object": "list", "url": request.path, "has_more": len(found) > limit,
            "data": found[:limit],
        }  # fmt: skip


def _where(key: str | None, field: str | None, value: str) -> Callable[[Thing], bool]:
    if key is not None:
        return lambda thing: thing["metadata"].get(key) == value
    return lambda thing: thing.get(field or "") == value
