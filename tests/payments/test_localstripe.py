"""Our money code against a Stripe that others wrote: localstripe, stateful, in its own process.

It is GPL: it is started from its own environment and spoken to over HTTP, never imported. What it
lacks stands in `GAPS` and `GAPS_OF_THE_FLOW`. Each entry is shown to be lacking still, so that an
upgrade which closes one fails here and the entry goes. The flow sends what we always send, through
an `Adapter` that takes out exactly the listed parameters and adds exactly the listed fields.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
import stripe
from flask import Flask, Response, request

from bot.errors import GiveUp
from bot.gateways.stripe_client import client_for
from bot.gateways.stripe_events import EVENTS as HEARD
from bot.settings import Settings
from bot.store.charging import Hold, Refund
from bot.store.database import Store
from bot.web import stripe_webhook
from tests.payments.conftest import KEY, SECRET, World, eventually, make_settings, serve_late

VENV: Final = Path(__file__).resolve().parents[2] / ".venv-localstripe"

pytestmark = [
    pytest.mark.skipif(
        not (VENV / ".ready-localstripe").exists() and not os.environ.get("CI"),
        reason="localstripe is not installed: no .venv-localstripe (./run test makes it)",
    ),
    pytest.mark.xdist_group("localstripe"),
]

Pairs = list[tuple[str, str]]
Intent = dict[str, Any]

NEEDS_3DS: Final = "4000002500003155"

# --- what it lacks ----------------------------------------------------------------------------

# Parameters of ours that it refuses: the adapter takes them out.
PARAMETERS: Final = {
    "POST /v1/payment_intents": ("allowed_payment_method_types", "description"),
    "GET /v1/payment_intents": ("created", "customer"),
    "POST /v1/refunds": ("reason",),
}


def _capturable(intent: Intent) -> int:
    charge = intent["latest_charge"]
    held = intent["status"] == "requires_capture"
    return int(charge["amount"] - charge["amount_refunded"]) if held else 0


def _received(intent: Intent) -> int:
    """It writes what a partial capture lets go as a refund that names no payment intent."""
    charge = intent["latest_charge"]
    if not charge or not charge["captured"]:
        return 0
    refunds = charge["refunds"]["data"]
    let_go = sum(each["amount"] for each in refunds if each["payment_intent"] is None)
    return int(charge["amount"] - let_go)


# Fields of a payment intent that we read and it does not tell: the adapter adds them.
FIELDS: Final[dict[str, Callable[[Intent], Any]]] = {
    "amount_capturable": _capturable,
    "amount_received": _received,
    "cancellation_reason": lambda _: None,
}

ROUTES: Final = ("POST /v1/checkout/sessions", "GET /v1/checkout/sessions", "GET /v1/disputes")

# Of what we subscribe to and the flow sets off, it sends payment_intent.succeeded alone.
UNSENT: Final = (
    "payment_intent.amount_capturable_updated", "payment_intent.canceled", "charge.captured",
    "refund.created", "payment_method.detached",
)  # fmt: skip


class Adapter(stripe.RequestsClient):
    """The SDK's own HTTP client, less and plus the gaps; keeps what was asked and answered."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[tuple[str, int]] = []
        self.forms: dict[str, Pairs] = {}  # as our code sent them, the latest of each call

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """One request without what is refused, and its answer with what is missing."""
        parts = urlsplit(url)
        call = f"{method.upper()} {parts.path}"
        form = parse_qsl(post_data or parts.query, keep_blank_values=True)
        self.forms[call] = form
        kept = urlencode([pair for pair in form if _name(pair) not in PARAMETERS.get(call, ())])
        if post_data:
            post_data = kept
        else:
            url = parts._replace(query=kept).geturl()
        body, status, told = super().request(method, url, headers, post_data)
        self.calls.append((call, status))
        return _completed(body), status, told


def _name(pair: tuple[str, str]) -> str:
    return pair[0].partition("[")[0]


def _completed(body: bytes) -> bytes:
    try:
        thing = json.loads(body)
    except ValueError:
        return body
    if thing.get("object") != "payment_intent":
        return body
    return json.dumps({**thing, **{name: tell(thing) for name, tell in FIELDS.items()}}).encode()


class Peer:
    """localstripe as it is, without the adapter."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, call: str, form: Pairs | dict[str, str], key: str = "") -> httpx.Response:
        """One request with a plain form."""
        method, path = call.split()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key}
        query, body = ("", urlencode(form)) if method == "POST" else (f"?{urlencode(form)}", None)
        return httpx.request(
            method, f"{self.url}{path}{query}", content=body, headers=headers, auth=(KEY, "")
        )

    def held(self, card: str = "pm_card_visa", key: str = "") -> Intent:
        """A plain hold of 5 euros."""
        form = {
            "amount": "500", "currency": "eur", "payment_method": card, "off_session": "true",
            "capture_method": "manual", "confirm": "true",
        }  # fmt: skip
        answer: Intent = self.call("POST /v1/payment_intents", form, key).json()
        return answer

    def card(self, number: str) -> str:
        """A card made from its number."""
        card = {"number": number, "exp_month": "12", "exp_year": "2040", "cvc": "123"}
        form = {"type": "card", **{f"card[{name}]": value for name, value in card.items()}}
        return str(self.call("POST /v1/payment_methods", form).json()["id"])


def refuses(call: str, name: str, peer: Peer, forms: dict[str, Pairs]) -> bool:
    """Our real form, with only this one of the listed parameters left in it."""
    assert name in {_name(pair) for pair in forms[call]}, f"{call}: we send {name} no longer"
    others = set(PARAMETERS[call]) - {name}
    answer = peer.call(call, [pair for pair in forms[call] if _name(pair) not in others])
    return answer.status_code == 400 and answer.json()["error"]["message"] == f"Unexpected {name}"


def keeps_quiet(event: str, peer: Peer, _forms: dict[str, Pairs]) -> bool:
    return not events(peer, event)


def events(peer: Peer, event: str) -> list[Any]:
    """Events of a type, whether or not anybody listens."""
    return list(peer.call("GET /v1/events", {"type": event}).json()["data"])


def leaves_out(name: str, peer: Peer) -> bool:
    return name not in peer.held()


def leaves_out_of_charges(name: str, peer: Peer) -> bool:
    return name not in peer.held()["latest_charge"]


def has_no_route(call: str, peer: Peer) -> bool:
    return peer.call(call, []).text == "404: Not Found"


def forgets_keys(peer: Peer) -> bool:
    return bool(peer.held(key="once")["id"] != peer.held(key="once")["id"])


def captures_nothing(peer: Peer) -> bool:
    path = f"/v1/payment_intents/{peer.held()['id']}/capture"
    return peer.call(f"POST {path}", {"amount_to_capture": "0"}).is_success


def refunds_too_much(peer: Peer) -> bool:
    intent = peer.held()["id"]
    peer.call(f"POST /v1/payment_intents/{intent}/capture", [])
    form = {"payment_intent": intent, "amount": "501"}
    return peer.call("POST /v1/refunds", form).is_success


def names_no_code(call: str, peer: Peer) -> bool:
    intent = peer.held()["id"]
    peer.call(f"POST /v1/payment_intents/{intent}/cancel", [])
    answer = peer.call(call.format(canceled=intent), [])
    return answer.is_client_error and "code" not in answer.json()["error"]


def ignores_off_session(peer: Peer) -> bool:
    """Stripe declines with `authentication_required` when the rider is away."""
    return bool(peer.held(peer.card(NEEDS_3DS)).get("status") == "requires_action")


def has_no_ready_made(card: str, peer: Peer) -> bool:
    return "error" in peer.held(card)


# What shows only behind our own calls.
GAPS_OF_THE_FLOW: Final[dict[str, Callable[[Peer, dict[str, Pairs]], bool]]] = {
    **{
        f"{call} refuses {name}": partial(refuses, call, name)
        for call, names in PARAMETERS.items()
        for name in names
    },
    **{f"no event {event}": partial(keeps_quiet, event) for event in UNSENT},
}

GAPS: Final[dict[str, Callable[[Peer], bool]]] = {
    **{f"no payment_intent.{name}": partial(leaves_out, name) for name in FIELDS},
    "no charge.payment_method_details": partial(leaves_out_of_charges, "payment_method_details"),
    **{f"no {call}": partial(has_no_route, call) for call in ROUTES},
    "idempotency keys are ignored": forgets_keys,
    "a capture of 0 is accepted": captures_nothing,
    "a refund of more than was captured is accepted": refunds_too_much,
    "no code resource_missing": partial(names_no_code, "GET /v1/payment_intents/pi_none"),
    "no code payment_intent_unexpected_state": partial(
        names_no_code, "POST /v1/payment_intents/{canceled}/cancel"
    ),
    "off_session is ignored": ignores_off_session,
    "no pm_card_authenticationRequired": partial(
        has_no_ready_made, "pm_card_authenticationRequired"
    ),
}


@pytest.mark.parametrize("gap", GAPS)
def test_what_it_lacks_it_lacks_still(peer: Peer, gap: str) -> None:
    assert GAPS[gap](peer), f"localstripe has closed the gap {gap!r}: take it off the list"


def test_what_our_flow_misses_it_misses_still(world: World, peer: Peer) -> None:
    world.deliver("void", lost(world))
    hold = captured(world, 2000, 725)
    world.deliver_refund(world.refund(hold, 300))
    card = world.rider_row(world.rider("pm_card_visa")).stripe_payment_method
    world.stripe.v1.payment_methods.detach(card or "")
    assert events(peer, "payment_intent.succeeded")
    forms = adapter(world).forms
    closed = [gap for gap, lacks in GAPS_OF_THE_FLOW.items() if not lacks(peer, forms)]
    assert closed == [], "localstripe has closed these gaps: take them off the list"


# --- the process --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("localstripe")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(VENV / "bin" / "python"), "-m", "localstripe.server", "--from-scratch"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=folder, stdout=log, stderr=log,
            env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def peer(address: str) -> Peer:
    assert httpx.delete(f"{address}/_config/data").is_success
    return Peer(address)


@pytest.fixture
def world(store: Store, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The hands of the other payment tests, on localstripe in place of our own stand-in."""
    monkeypatch.setattr(stripe, "RequestsClient", Adapter)
    client_for.cache_clear()
    world = World(store, make_settings(STRIPE_API_URL=peer.url))
    yield world
    world.demo.close()
    client_for.cache_clear()


def adapter(world: World) -> Adapter:
    client = world.stripe._requestor._client
    assert isinstance(client, Adapter)
    return client


# --- the flow -----------------------------------------------------------------------------------


def captured(world: World, held: int, taken: int) -> Hold:
    hold = world.hold(world.rider("pm_card_visa"), held)
    assert world.place(hold)["outcome"] == "held"
    world.set(hold, state="capturing", capture_minor=taken, captures=1)
    world.deliver("capture", hold)
    return hold


def lost(world: World) -> Hold:
    """A hold that stands at Stripe and of which a crash left nothing in our row."""
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.set(hold, payment_intent=None, state="voiding")
    return hold


def test_a_hold_is_captured_in_part(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    assert world.place(hold)["outcome"] == "held"
    intent = world.intent(hold)
    assert (intent.status, intent.amount, intent.currency) == ("requires_capture", 2000, "eur")
    assert isinstance(intent.latest_charge, stripe.Charge)
    shortest = timedelta(days=4, hours=18).total_seconds()
    ends = world.row(hold).capture_before
    assert ends is not None
    assert ends.timestamp() == intent.latest_charge.created + shortest
    world.set(hold, state="capturing", capture_minor=725, captures=1)
    world.deliver("capture", hold)
    world.deliver("capture", hold)  # asked twice, taken once
    assert world.outcomes(hold) == ["held", "captured"]
    assert world.results(hold)[-1]["amount_minor"] == 725
    charge = world.intent(hold).latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.captured, charge.amount_refunded) == (True, 2000 - 725)
    captures = [call for call, _ in adapter(world).calls if call.endswith("/capture")]
    assert len(captures) == 1


def test_a_hold_is_given_back(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    world.set(hold, state="voiding")
    world.deliver("void", hold)
    world.deliver("void", hold)
    assert world.outcomes(hold) == ["held", "void"]
    assert world.intent(hold).status == "canceled"


def test_what_a_crash_left_is_found_by_our_mark_and_given_back(world: World) -> None:
    other = world.hold(world.rider("pm_card_visa"))
    world.place(other)
    hold = lost(world)
    world.deliver("void", hold)
    assert world.intent(hold).status == "canceled"
    assert world.intent(other).status == "requires_capture"


def test_a_hold_that_lapsed_is_told(world: World, peer: Peer) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    peer.call(f"POST /v1/payment_intents/{world.row(hold).payment_intent}/cancel", [])
    world.set(hold, state="capturing", capture_minor=725, captures=1)
    world.deliver("capture", hold)
    assert world.outcomes(hold) == ["held", "expired"]


def test_more_than_is_held_is_never_taken(world: World) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    asked = len(adapter(world).calls)
    world.set(hold, state="capturing", capture_minor=2001, captures=1)
    with pytest.raises(GiveUp, match="cannot capture 2001"):
        world.deliver("capture", hold)
    assert len(adapter(world).calls) == asked  # our own no
    world.set(hold, amount_minor=3000)
    with pytest.raises(GiveUp, match="capture of 2001 refused"):
        world.deliver("capture", hold)
    assert adapter(world).calls[-1][1] == 400  # theirs
    assert world.outcomes(hold) == ["held", "failed"]
    assert world.intent(hold).status == "requires_capture"


def test_a_declined_card_leads_to_the_pay_page(world: World) -> None:
    hold = world.hold(world.rider("pm_card_chargeCustomerFail"))
    with pytest.raises(GiveUp, match="404"):  # it has no Checkout
        world.deliver("hold", hold)
    assert adapter(world).calls[-2:] == [
        ("POST /v1/payment_intents", 402),
        ("POST /v1/checkout/sessions", 404),
    ]
    (intent,) = world.intents()
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "card_declined"


def waiting_for_the_bank(world: World, peer: Peer) -> tuple[Hold, stripe.PaymentIntent]:
    """A hold for which the bank wants the rider; no page, so the row is told of the intent."""
    hold = world.hold(world.rider(peer.card(NEEDS_3DS)))
    with pytest.raises(GiveUp, match="404"):
        world.deliver("hold", hold)
    assert adapter(world).calls[-1] == ("POST /v1/checkout/sessions", 404)
    (intent,) = world.intents()
    world.set(hold, payment_intent=intent.id, state="waiting")
    world.deliver("check", hold)
    assert intent.status == "requires_action"
    assert world.outcomes(hold) == []  # no energy before the bank agrees
    return hold, intent


def test_a_bank_that_wants_the_rider_is_waited_for(world: World, peer: Peer) -> None:
    hold, intent = waiting_for_the_bank(world, peer)
    form = {"client_secret": intent.client_secret or "", "success": "true"}
    assert peer.call(f"POST /v1/payment_intents/{intent.id}/_authenticate", form).is_success
    world.deliver("check", hold)
    assert world.outcomes(hold) == ["held"]


def test_a_hold_that_waits_for_the_bank_is_given_back(world: World, peer: Peer) -> None:
    hold, _ = waiting_for_the_bank(world, peer)
    world.set(hold, state="voiding")
    world.deliver("void", hold)
    assert world.outcomes(hold) == ["void"]
    assert world.intent(hold).status == "canceled"


def given_back(world: World, refund: Refund) -> list[stripe.Refund]:
    """What stands at localstripe for one refund of ours."""
    refunds = world.stripe.v1.refunds.list({"limit": 100}).data
    return [each for each in refunds if _mark(each).get("refund_id") == str(refund.id)]


def _mark(refund: stripe.Refund) -> dict[str, Any]:
    return refund.to_dict()["metadata"] or {}


def test_a_refund_is_given_once(world: World) -> None:
    hold = captured(world, 2000, 1500)
    refund = world.refund(hold, 400)
    world.deliver_refund(refund)
    world.deliver_refund(refund)
    assert world.outcomes(hold) == ["held", "captured", "refunded"]
    (given,) = given_back(world, refund)
    assert (given.amount, given.status) == (400, "succeeded")
    assert world.intent(hold).amount_received == 1500  # what was taken stays what it was


def test_a_refund_whose_key_is_pruned_is_looked_for_first(world: World) -> None:
    hold = captured(world, 2000, 1500)
    refund = world.refund(hold, 400, age=timedelta(hours=21))
    world.deliver_refund(refund)
    with world.store.begin() as work:
        work.session.get_one(Refund, refund.id).provider_id = None  # a crash before we knew
    world.deliver_refund(refund)
    assert len(given_back(world, refund)) == 1


def test_its_signed_event_gets_in_and_a_forged_one_does_not(
    world: World, peer: Peer, store: Store
) -> None:
    hold = world.hold(world.rider("pm_card_visa"))
    world.place(hold)
    intent = world.row(hold).payment_intent or ""
    with serve_late() as (web_url, put_app):
        app, answers = receiver(store, world.settings, intent)
        put_app(app)
        for name, secret in (("forger", "whsec_other"), ("ours", SECRET)):
            hook = {"url": f"{web_url}/webhooks/stripe", "secret": secret, "events": HEARD}
            assert httpx.post(f"{peer.url}/_config/webhooks/{name}", json=hook).is_success
        world.set(hold, state="capturing", capture_minor=725, captures=1)
        # Taken, and the answer lost: the event is what tells us.
        world.stripe.v1.payment_intents.capture(intent, {"amount_to_capture": 725})
        eventually(lambda: len(answers) == 2)
    assert answers == [400, 200]
    assert world.events() == ["payment_intent.succeeded"]
    world.work_off()
    assert world.outcomes(hold) == ["held", "captured"]
    assert world.results(hold)[-1]["amount_minor"] == 725


def receiver(store: Store, settings: Settings, intent: str) -> tuple[Flask, list[int]]:
    """The product's webhook and what it answered; events of earlier tests come late, past it."""
    app, answers = Flask("web"), list[int]()
    app.register_blueprint(stripe_webhook.blueprint(store, settings))

    @app.before_request
    def only_of_this_test() -> tuple[str, int] | None:
        return None if intent in request.get_data(as_text=True) else ("", 204)

    @app.after_request
    def keep(answer: Response) -> Response:
        if answer.status_code != 204:
            answers.append(answer.status_code)
        return answer

    return app, answers
