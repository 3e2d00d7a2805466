"""Stripe's webhook: what is not Stripe's is refused, what is gets kept once."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.store.database import Store
from bot.store.queues import Inbox
from bot.web import stripe_webhook
from tests.payments.conftest import SECRET, make_settings

EVENT: dict[str, Any] = {
    "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1,
    "data": {
        "object": {
            "id": "cs_test_1", "object": "checkout.session", "payment_intent": "pi_1",
            "metadata": {"hold_id": "7", "hold_ref": "7-1", "note": "private"},
            "customer_details": {"name": "Aino", "email": "aino@example.com"},
        }
    },
}  # fmt: skip


@pytest.fixture
def web(store: Store) -> Iterator[FlaskClient]:
    app = Flask("web")
    app.register_blueprint(stripe_webhook.blueprint(store, make_settings()))
    with app.test_client() as client:
        yield client


def sign(raw: bytes, at: float | None = None, secret: str = SECRET) -> str:
    """The header as docs.stripe.com/webhooks describes it."""
    moment = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


def post(web: FlaskClient, event: Any, header: str | None = None) -> int:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    signed = sign(raw) if header is None else header
    return web.post("/webhooks/stripe", data=raw, headers={"Stripe-Signature": signed}).status_code


def kept(store: Store) -> list[Inbox]:
    with store.read() as work:
        return list(work.session.scalars(select(Inbox)))


def test_signed_event_is_kept_without_personal_data(web: FlaskClient, store: Store) -> None:
    assert post(web, EVENT) == 200
    (row,) = kept(store)
    assert (row.source, row.source_id, row.stream, row.kind) == (
        "stripe", "evt_1", "payment:pi_1", "stripe.event",
    )  # fmt: skip
    assert row.body["event"]["data"]["object"]["metadata"] == {"hold_id": "7", "hold_ref": "7-1"}
    assert "Aino" not in json.dumps(row.body)


def test_same_event_five_times_is_kept_once(web: FlaskClient, store: Store) -> None:
    assert [post(web, EVENT) for _ in range(5)] == [200] * 5
    assert len(kept(store)) == 1


def test_second_of_two_signatures_counts_while_the_secret_is_rolled(web: FlaskClient) -> None:
    raw = json.dumps(EVENT).encode()
    moment = int(time.time())
    old = sign(raw, moment, "whsec_old").split(",")[1]
    new = sign(raw, moment).split(",")[1]
    assert post(web, raw, f"t={moment},{old},{new}") == 200


RAW = json.dumps(EVENT).encode()


BAD_HEADERS: dict[str, Callable[[], str]] = {
    "none": lambda: "",
    "nonsense": lambda: "nonsense",
    "empty values": lambda: "t=,v1=",
    "no signature": lambda: "t=1",
    "no time": lambda: "v1=aa",
    "time is no number": lambda: "t=x,v1=aa",
    "not ascii": lambda: "t=1,v1=é",
    "endless number": lambda: "t=" + "9" * 5000 + ",v1=aa",
    "another secret": lambda: sign(RAW, secret="whsec_wrong"),
    "an hour old": lambda: sign(RAW, time.time() - 3600),
    "an hour ahead": lambda: sign(RAW, time.time() + 3600),
    "another body": lambda: sign(b"another body"),
    "another scheme": lambda: sign(RAW).replace("v1", "v0"),
}


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_bad_signature_is_refused(web: FlaskClient, store: Store, header: str) -> None:
    assert post(web, RAW, BAD_HEADERS[header]()) == 400
    assert kept(store) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"12",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"object": "v2.core.event", "id": "evt_2"}',
        b'{"object": "event"}',
        b'{"object": "event", "id": "evt_3", "data": {}}',
        b'{"object": "event", "id": "evt_3", "data": {"object": {"id": 5}}}',
        b'{"object": "event", "id": "evt\\u0000", "data": {"object": {"id": "pi_1"}}}',
        json.dumps(EVENT | {"id": "e" * 200}).encode(),
    ],
)
def test_signed_garbage_is_refused(web: FlaskClient, store: Store, body: bytes) -> None:
    assert post(web, body) == 400
    assert kept(store) == []


def test_large_body_is_refused_unread(web: FlaskClient) -> None:
    assert post(web, b"x" * 1_000_000) == 413


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "object", "data", "type", "metadata"]), inner)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
    signed=st.booleans(),
    header=st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=60),
)
def test_nothing_makes_it_fall_over(
    web: FlaskClient, body: bytes, signed: bool, header: str
) -> None:
    assert post(web, body, sign(body) if signed else header) in (200, 400)


RECORDED: Final = json.loads(
    (Path(__file__).parent / "stripe_signatures.json").read_text(encoding="utf-8")
)["signed"]


@pytest.mark.parametrize("made", RECORDED, ids=lambda made: made["timestamp"])
def test_signatures_made_by_stripes_node_sdk_are_accepted(
    store: Store, monkeypatch: pytest.MonkeyPatch, made: dict[str, Any]
) -> None:
    """Recorded of an independent signer: Stripe's own, in another language."""
    app = Flask("web")
    app.register_blueprint(
        stripe_webhook.blueprint(store, make_settings(STRIPE_WEBHOOK_SECRET=made["secret"]))
    )
    raw, moment = made["payload"].encode(), made["timestamp"]
    assert sign(raw, moment, made["secret"]) == made["header"]  # the signer of these tests agrees
    forged = made["header"].translate(str.maketrans("0123456789", "1234567890"))
    forged = forged.replace(forged.partition(",")[0], f"t={moment}")
    with app.test_client() as web:
        for later, body, header, answer in (
            (299, raw, made["header"], 200),
            (301, raw, made["header"], 400),
            (-301, raw, made["header"], 400),
            (0, raw + b" ", made["header"], 400),
            (0, raw, forged, 400),
        ):
            monkeypatch.setattr(time, "time", lambda later=later: float(moment + later))
            assert post(web, body, header) == answer, (later, header)
    assert len(kept(store)) == 1
