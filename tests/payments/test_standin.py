"""The stand-in Stripe keeps to what Stripe documents, and survives being killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from flask import Flask, request

from bot.demo.stripe_standin import create_app
from bot.demo.stripe_standin.server import serving
from tests.payments.conftest import KEY, SECRET, eventually, serve_late

SAVED: Any = {"currency": "eur", "confirm": True, "off_session": True, "capture_method": "manual"}
PAGE: Any = {
    "mode": "payment", "success_url": "http://localhost/done",
    "line_items": [{"quantity": 2, "price_data": {
        "currency": "eur", "unit_amount": 700, "product_data": {"name": "Charging"}}}],
}  # fmt: skip


class Webhook:
    """An endpoint that checks every delivery with Stripe's own code."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.refuse = 0
        self.app = Flask("endpoint")
        self.app.add_url_rule("/hook", view_func=self._receive, methods=["POST"])

    def _receive(self) -> tuple[str, int]:
        if self.refuse:
            self.refuse -= 1
            return "", 500
        header = request.headers["Stripe-Signature"]
        self.events.append(stripe.Webhook.construct_event(request.get_data(), header, SECRET))
        return "", 200

    def types(self) -> list[str]:
        return [event.type for event in self.events]


class Clock:
    """The wall clock, moved ahead by the test."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def client_of(url: str, key: str = KEY) -> stripe.StripeClient:
    return stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=0)


@pytest.fixture
def hook() -> Webhook:
    return Webhook()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(hook: Webhook, clock: Clock) -> Iterator[str]:
    with serve_late() as (hook_url, put_app):
        put_app(hook.app)
        app = create_app(f"{hook_url}/hook", SECRET, KEY, events=None, clock=clock)
        with serving(app) as url:
            yield url
        app.extensions["stripe_standin"]()


@pytest.fixture
def api(url: str) -> stripe.StripeClient:
    return client_of(url)


def saved(api: stripe.StripeClient, card: str = "pm_card_visa") -> Any:
    customer = api.v1.customers.create({"name": "Aino"})
    method = api.v1.payment_methods.attach(card, {"customer": customer.id})
    return SAVED | {"customer": customer.id, "payment_method": method.id}


def held(api: stripe.StripeClient, amount: int = 1000) -> stripe.PaymentIntent:
    return api.v1.payment_intents.create(saved(api) | {"amount": amount})


def refusal(call: Callable[[], Any]) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("key", ["sk_test_wrong", "x"])
def test_wrong_key_is_refused(url: str, key: str) -> None:
    error = refusal(lambda: client_of(url, key).v1.payment_intents.list({}))
    assert isinstance(error, stripe.AuthenticationError)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": "many"}, "parameter_invalid_integer", "amount"),
        ({"customer": "cus_gone"}, "resource_missing", "customer"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"confirm": False}, None, "off_session"),
        ({"currency": ""}, "parameter_invalid_empty", "currency"),
    ],
)
def test_wrong_parameters_are_refused(
    api: stripe.StripeClient, change: Any, code: str | None, param: str
) -> None:
    params = saved(api) | {"amount": 1000} | change
    error = refusal(lambda: api.v1.payment_intents.create(params))
    assert isinstance(error, stripe.InvalidRequestError)
    assert (error.code, error.param) == (code, param)
    assert api.v1.payment_intents.list({}).data == []


def test_missing_parameter_is_refused(api: stripe.StripeClient) -> None:
    error = refusal(lambda: api.v1.payment_intents.create(saved(api)))
    assert error.code == "parameter_missing"


def test_capture_within_the_hold_only_and_once(api: stripe.StripeClient) -> None:
    intent = held(api, 1000)
    capture = api.v1.payment_intents.capture
    assert refusal(lambda: capture(intent.id, {"amount_to_capture": 1001})).code == (
        "amount_too_large"
    )
    assert refusal(lambda: capture(intent.id, {"amount_to_capture": 0})).code == (
        "parameter_invalid_integer"
    )
    assert capture(intent.id, {"amount_to_capture": 300}).amount_received == 300
    again = refusal(lambda: capture(intent.id, {"amount_to_capture": 300}))
    assert again.code == "payment_intent_unexpected_state"
    assert refusal(lambda: api.v1.payment_intents.cancel(intent.id)).code == again.code


def test_declined_intent_is_in_the_error(api: stripe.StripeClient) -> None:
    params = saved(api, "pm_card_authenticationRequired") | {"amount": 1000}
    error = refusal(lambda: api.v1.payment_intents.create(params))
    assert isinstance(error, stripe.CardError)
    assert (error.http_status, error.code) == (402, "authentication_required")
    assert error.error is not None
    intent = error.error.payment_intent
    assert intent is not None
    assert intent.status == "requires_payment_method"


def test_cards_that_never_work_cannot_be_kept(api: stripe.StripeClient) -> None:
    customer = api.v1.customers.create({})
    method = api.v1.payment_methods.create(
        {"type": "card", "card": {"number": "4000000000000002", "exp_month": 1, "exp_year": 2031}}
    )
    error = refusal(lambda: api.v1.payment_methods.attach(method.id, {"customer": customer.id}))
    assert error.code == "card_declined"


def test_same_key_same_answer_other_parameters_refused(api: stripe.StripeClient) -> None:
    params = saved(api) | {"amount": 1000}
    option: Any = {"idempotency_key": "k1"}
    create = api.v1.payment_intents.create
    first = create(params, option)
    second = create(params, option)
    assert first.id == second.id
    assert second.last_response is not None
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    changed = refusal(lambda: create(params | {"amount": 1001}, option))
    assert isinstance(changed, stripe.IdempotencyError)


def test_declines_are_kept_under_the_key_but_wrong_parameters_are_not(
    api: stripe.StripeClient,
) -> None:
    create = api.v1.payment_intents.create
    broke = saved(api, "pm_card_chargeCustomerFail") | {"amount": 1000}
    for _ in range(2):
        assert isinstance(
            refusal(lambda: create(broke, {"idempotency_key": "k1"})), stripe.CardError
        )
    assert len(api.v1.payment_intents.list({}).data) == 1
    good = saved(api)
    refusal(lambda: create(good | {"amount": 1}, {"idempotency_key": "k2"}))
    assert create(good | {"amount": 100}, {"idempotency_key": "k2"}).status == "requires_capture"


def test_lists_page_filter_and_expand(api: stripe.StripeClient) -> None:
    params = saved(api)
    made = [api.v1.payment_intents.create(params | {"amount": 100 + n}).id for n in range(5)]
    held(api)
    listed = api.v1.payment_intents.list(
        {"customer": params["customer"], "limit": 2, "expand": ["data.latest_charge"]}
    )
    assert listed.has_more
    charge = listed.data[0].latest_charge
    assert isinstance(charge, stripe.Charge)
    assert [each.id for each in listed.auto_paging_iter()] == made[::-1]


def test_search_by_metadata(api: stripe.StripeClient) -> None:
    params = saved(api) | {"amount": 1000}
    mine = api.v1.payment_intents.create(params | {"metadata": {"hold_id": "7"}})
    api.v1.payment_intents.create(params | {"metadata": {"hold_id": "8"}})
    query = "metadata['hold_id']:'7' AND status:'requires_capture'"
    assert [each.id for each in api.v1.payment_intents.search({"query": query}).data] == [mine.id]


@pytest.mark.parametrize("minutes", [29, 24 * 60 + 1])
def test_page_life_is_between_half_an_hour_and_a_day(
    api: stripe.StripeClient, minutes: int
) -> None:
    at = int(time.time()) + minutes * 60
    error = refusal(lambda: api.v1.checkout.sessions.create(PAGE | {"expires_at": at}))
    assert getattr(error, "param", None) == "expires_at"


def test_page_runs_out_with_time(api: stripe.StripeClient, clock: Clock, hook: Webhook) -> None:
    page = api.v1.checkout.sessions.create(PAGE)
    assert page.amount_total == 1400
    clock.ahead = 25 * 3600
    eventually(lambda: "checkout.session.expired" in hook.types())
    assert api.v1.checkout.sessions.retrieve(page.id).status == "expired"
    assert isinstance(
        refusal(lambda: api.v1.checkout.sessions.expire(page.id)), stripe.InvalidRequestError
    )


def test_hold_lapses_with_time(api: stripe.StripeClient, clock: Clock, hook: Webhook) -> None:
    intent = held(api)
    clock.ahead = (4 * 24 + 17) * 3600
    eventually(lambda: hook.types().count("payment_intent.amount_capturable_updated") == 1)
    assert api.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
    clock.ahead = (4 * 24 + 19) * 3600
    eventually(lambda: "charge.expired" in hook.types())
    assert api.v1.payment_intents.retrieve(intent.id).status == "canceled"


def test_intent_of_an_unpaid_page_cannot_be_cancelled_directly(
    api: stripe.StripeClient, url: str
) -> None:
    page = api.v1.checkout.sessions.create(PAGE)
    httpx.post(f"{url}/demo/checkout/{page.id}/pay", json={"card": "4000000000000002"})
    intent = api.v1.checkout.sessions.retrieve(page.id).payment_intent
    error = refusal(lambda: api.v1.payment_intents.cancel(str(intent)))
    assert error.code == "payment_intent_unexpected_state"


def test_refunds_stay_within_what_was_taken(api: stripe.StripeClient) -> None:
    intent = held(api, 1000)
    refund = api.v1.refunds.create
    assert refusal(lambda: refund({"payment_intent": intent.id})).code == "charge_not_captured"
    api.v1.payment_intents.capture(intent.id, {"amount_to_capture": 600})
    assert isinstance(
        refusal(lambda: refund({"payment_intent": intent.id, "amount": 601})),
        stripe.InvalidRequestError,
    )
    assert refund({"payment_intent": intent.id, "amount": 200}).status == "succeeded"
    assert refund({"payment_intent": intent.id}).amount == 400
    assert refusal(lambda: refund({"payment_intent": intent.id})).code == "charge_already_refunded"


def test_events_are_signed_retried_and_tell_the_state_of_their_moment(
    api: stripe.StripeClient, hook: Webhook
) -> None:
    hook.refuse = 2
    intent = held(api)
    api.v1.payment_intents.capture(intent.id)
    eventually(lambda: "payment_intent.succeeded" in hook.types())
    eventually(lambda: "payment_intent.created" in hook.types())
    states = {event.type: event.data.object for event in hook.events}
    held_then = states["payment_intent.amount_capturable_updated"]
    assert (held_then["status"], held_then["amount_capturable"]) == ("requires_capture", 1000)
    assert len({event.id for event in hook.events}) == len(hook.events)


def test_events_can_be_listed_and_sent_again(
    api: stripe.StripeClient, url: str, hook: Webhook
) -> None:
    held(api)
    event = api.v1.events.list({"type": "charge.succeeded"}).data[0]
    eventually(lambda: event.id in [each.id for each in hook.events])
    assert httpx.post(f"{url}/demo/events/{event.id}/resend").is_success
    eventually(lambda: [each.id for each in hook.events].count(event.id) == 2)


def test_private_fields_never_leave(api: stripe.StripeClient, url: str) -> None:
    page = api.v1.checkout.sessions.create(PAGE)
    httpx.post(f"{url}/demo/checkout/{page.id}/pay", json={})
    paid = api.v1.checkout.sessions.retrieve(page.id, {"expand": ["payment_intent.latest_charge"]})
    events = api.v1.events.list({"limit": 100})
    for thing in (paid, events, held(api)):
        assert '"_' not in str(thing)


def test_unknown_paths_and_bodies_do_not_break_it(url: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    assert httpx.get(f"{url}/v1/unicorns", headers=headers).status_code == 404
    for body in (b"a[b=1", b"a=1&a[b]=2", b"%ff=%ff", b"metadata[x][y]=1", b"amount=" + b"9" * 50):
        answer = httpx.post(
            f"{url}/v1/payment_intents", content=body,
            headers=headers | {"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        assert answer.status_code == 400
    assert httpx.post(f"{url}/demo/faults", json={"wings": 2}).status_code == 400
    assert httpx.post(f"{url}/demo/refunds/re_0/fail").status_code == 404


@contextmanager
def process(port: int, data: Path, hook_url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The stand-in as the demo's supervisor starts it."""
    command = [
        sys.executable, "-m", "bot.demo.stripe_standin", "--port", str(port), "--data", str(data),
        "--webhook-url", f"{hook_url}/hook", "--webhook-secret", SECRET, "--api-key", KEY,
    ]  # fmt: skip
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(url), within_s=40)
        yield running, url
    finally:
        running.kill()
        running.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").is_success
    except httpx.HTTPError:
        return False


def test_killed_in_mid_flight_it_goes_on_where_it_was(tmp_path: Path, hook: Webhook) -> None:
    data = tmp_path / "stripe.db"
    with serve_late() as (hook_url, put_app):
        port = _free_port()
        with process(port, data, "http://127.0.0.1:1") as (running, url):  # nobody listens
            api = client_of(url)
            params = saved(api) | {"amount": 1000}
            intent = api.v1.payment_intents.create(params, {"idempotency_key": "k1"})
            running.send_signal(signal.SIGKILL)
            running.wait(10)
        put_app(hook.app)
        with process(port, data, hook_url) as (running, url):
            api = client_of(url)
            assert api.v1.payment_intents.create(params, {"idempotency_key": "k1"}).id == intent.id
            eventually(lambda: "payment_intent.amount_capturable_updated" in hook.types())
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_turns_of_several_threads_do_not_mix(url: str, api: stripe.StripeClient) -> None:
    params = saved(api)
    errors: list[Exception] = []

    def hold(number: int) -> None:
        try:
            intent = api.v1.payment_intents.create(params | {"amount": 100 + number})
            assert api.v1.payment_intents.capture(intent.id).amount_received == 100 + number
        except Exception as error:  # noqa: BLE001 - collected for the assertion below
            errors.append(error)

    threads = [threading.Thread(target=hold, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
