"""Twilio's webhooks through the real Flask app: captured payloads, duplicates, garbage."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from bot.gateways.whatsapp import read_inbound
from bot.services.outbound import conversation_of
from bot.services.riders import rider_for
from bot.store.database import Store
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Message, Rider, RiderAddress
from bot.web import whatsapp_webhook
from tests.messaging.conftest import ACCOUNT, TOKEN, make_settings, sign

URL = "https://bot.example/webhooks/whatsapp"
Payload = Callable[[str], dict[str, str]]


@pytest.fixture
def http(store: Store) -> FlaskClient:
    return make_http(store)


def make_http(store: Store, public_url: str = "https://bot.example") -> FlaskClient:
    app = Flask("test")
    app.register_blueprint(whatsapp_webhook.blueprint(store, make_settings(public_url=public_url)))
    return app.test_client()


def post(http: FlaskClient, params: dict[str, Any], path: str = "", token: str = TOKEN) -> Any:
    """The request as Twilio sends it."""
    return http.post(
        "/webhooks/whatsapp" + path,
        data=urlencode(params, doseq=True),
        content_type="application/x-www-form-urlencoded; charset=utf-8",
        headers=sign(URL + path, params, token),
    )


def inbox(store: Store) -> list[Inbox]:
    with store.read() as work:
        return list(work.session.scalars(select(Inbox).order_by(Inbox.id)))


def count(store: Store, table: Any) -> int:
    with store.read() as work:
        return int(work.session.scalars(select(func.count()).select_from(table)).one())


def assert_empty_twiml(answer: TestResponse) -> None:
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert answer.text.endswith("<Response/>")


CAPTURED = sorted(path.stem for path in (Path(__file__).parent / "fixtures").glob("*.json"))


@pytest.mark.parametrize("name", CAPTURED)
def test_a_captured_message_becomes_one_verbatim_row(
    http: FlaskClient, store: Store, payload: Payload, name: str
) -> None:
    params = payload(name)
    assert_empty_twiml(post(http, params))
    (row,) = inbox(store)
    assert (row.source, row.source_id, row.kind) == (
        "twilio",
        params["MessageSid"],
        "whatsapp.message",
    )
    assert row.body == params
    with store.read() as work:
        (conversation,) = work.session.scalars(select(Conversation))
    assert row.stream == f"rider:{conversation.rider_id}"
    assert conversation.last_whatsapp_sid == params["MessageSid"]
    assert conversation.last_channel == "whatsapp"
    assert conversation.last_whatsapp_at == conversation.last_inbound_at is not None


def test_what_is_read_of_each_captured_message(payload: Payload) -> None:
    read = {name: read_inbound(payload(name)) for name in CAPTURED}
    assert read["text"].text == "Where can I charge near Kamppi?"
    assert read["button"].payload == "start_charge?pile=1023-27"
    assert read["button"].reply_to_sid == "SM" + "e5" * 16
    assert read["list"].payload == "find_pile?station=5"
    assert read["location"].location == (60.1699, 24.9384)
    assert [kind for _, kind in read["photo"].media] == ["image/jpeg"]
    assert read["photo"].text == "this one"
    assert [kind for _, kind in read["voice"].media] == ["audio/ogg"]
    assert len(read["ten_photos"].media) == 10
    assert read["forwarded"].forwarded
    assert not read["text"].forwarded
    assert read["unicode"].text == "  ¿Dónde? 充电桩在哪里 \U0001f50c 1+1=2 & 50% \n *bold*\t"
    assert read["opt_out"].opt_out_type == "STOP"
    assert read_inbound({"Body": "a\0b"}).text == "ab"


def test_a_payload_longer_than_any_of_ours_counts_as_absent() -> None:
    assert read_inbound({"ButtonPayload": "stop_charge?session=" + "9" * 5000}).payload is None
    assert read_inbound({"ListId": "=" + "x" * 255}).payload == "=" + "x" * 255


@pytest.mark.parametrize(
    "odd",
    [
        {"NumMedia": "-1"}, {"NumMedia": "many"}, {"NumMedia": "99999999"},
        {"NumMedia": "9" * 5000}, {"NumMedia": "1"},
        {"Latitude": "north", "Longitude": "1"}, {"Latitude": "91", "Longitude": "1"},
        {"Latitude": "nan", "Longitude": "nan"}, {"Latitude": "1"}, {"Body": ["a", "b"]}, {},
    ],
)  # fmt: skip
def test_odd_fields_count_as_absent(odd: dict[str, Any]) -> None:
    inbound = read_inbound(odd)
    assert (inbound.location, inbound.media) == (None, ())


def test_the_same_message_five_times_is_one_row_and_one_rider(
    http: FlaskClient, store: Store, payload: Payload
) -> None:
    for _ in range(5):
        assert_empty_twiml(post(http, payload("text")))
    assert len(inbox(store)) == count(store, Rider) == count(store, Conversation) == 1


def test_a_phone_and_its_user_id_are_one_rider(
    http: FlaskClient, store: Store, payload: Payload
) -> None:
    post(http, payload("text"))
    post(http, payload("bsuid"))
    assert len({row.stream for row in inbox(store)}) == count(store, Rider) == 1
    with store.read() as work:
        kinds = {row.kind: row.value for row in work.session.scalars(select(RiderAddress))}
        assert work.session.scalars(select(Rider)).one().name == "Aino"
    assert kinds == {"whatsapp": "+358401234567", "bsuid": "FI.1A2B3C4D5E6F7081"}


def test_a_user_id_alone_is_a_rider_and_learns_the_phone_later(
    http: FlaskClient, store: Store, payload: Payload
) -> None:
    post(http, payload("bsuid"))
    post(http, payload("text"))
    assert count(store, Rider) == 1
    assert count(store, RiderAddress) == 2


def test_an_old_duplicate_does_not_open_the_window_again(
    http: FlaskClient, store: Store, payload: Payload
) -> None:
    post(http, payload("text"))
    with store.begin() as work:
        work.session.scalars(select(Conversation)).one().last_whatsapp_at = None
    post(http, payload("text"))
    with store.read() as work:
        assert work.session.scalars(select(Conversation)).one().last_whatsapp_at is None


# Signatures


@pytest.mark.parametrize("signature", [None, "", "x", "ü", "A" * 5000])
def test_a_missing_or_wrong_signature_is_forbidden(
    http: FlaskClient, store: Store, payload: Payload, signature: str | None
) -> None:
    headers = {} if signature is None else {"X-Twilio-Signature": signature.encode("latin-1")}
    answer = http.post("/webhooks/whatsapp", data=payload("text"), headers=headers)
    assert answer.status_code == 403
    assert inbox(store) == []


def test_another_token_another_account_or_a_changed_field_is_forbidden(
    http: FlaskClient, store: Store, payload: Payload
) -> None:
    params = payload("text")
    assert post(http, params, token="other").status_code == 403
    assert post(http, params | {"AccountSid": "AC" + "0" * 32}).status_code == 403
    changed = http.post(
        "/webhooks/whatsapp", data=params | {"Body": "stop"}, headers=sign(URL, params)
    )
    assert changed.status_code == 403
    assert inbox(store) == []


@pytest.mark.parametrize(
    "query", ["m=1", "a=%2Fx%20y&b=%C3%A9", "a=1&a=2", "plus=a+b", "e=", "%7E=~"]
)
def test_a_query_is_signed_as_it_was_sent(http: FlaskClient, payload: Payload, query: str) -> None:
    params = payload("text")
    headers = sign(f"{URL}?{query}", params)
    answer = http.post(f"/webhooks/whatsapp?{query}", data=params, headers=headers)
    assert answer.status_code == 200


def test_the_public_address_counts_not_the_one_the_proxy_used(
    store: Store, payload: Payload
) -> None:
    http = make_http(store, "https://charge.example:8443/bot/")
    params = payload("text")
    for url in (
        "https://charge.example:8443/bot/webhooks/whatsapp",
        "https://charge.example/bot/webhooks/whatsapp",  # Twilio signs with and without the port
    ):
        assert (
            http.post(
                "/webhooks/whatsapp",
                data=params,
                headers=sign(url, params),
                base_url="http://10.0.0.7:8000",
            ).status_code
            == 200
        )


_NODE_SIGN = """
const twilio = require("twilio");
const all = JSON.parse(require("fs").readFileSync(0, "utf8"));
const {token, url, cases} = all;
console.log(JSON.stringify(cases.map(p => twilio.webhookSignature
  ? twilio.webhookSignature(token, url, p)
  : require("twilio/lib/webhooks/webhooks").getExpectedTwilioSignature(token, url, p))));
"""


def test_signatures_made_by_twilios_node_sdk_are_accepted(
    http: FlaskClient, payload: Payload, tmp_path: Path
) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm is not installed")
    fetched = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--prefer-offline", "twilio@6.2.0"],
        cwd=tmp_path, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    if fetched.returncode != 0:
        pytest.skip("the Node SDK cannot be fetched here")
    cases = [payload(name) for name in CAPTURED]
    signed = subprocess.run(
        [node, "-e", _NODE_SIGN], cwd=tmp_path, capture_output=True, timeout=60, check=True,
        input=json.dumps({"token": TOKEN, "url": URL, "cases": cases}), text=True,
    )  # fmt: skip
    for params, signature in zip(cases, json.loads(signed.stdout), strict=True):
        headers = {"X-Twilio-Signature": signature}
        assert http.post("/webhooks/whatsapp", data=params, headers=headers).status_code == 200


# Garbage


@pytest.mark.parametrize(
    "changes",
    [
        {"MessageSid": ""}, {"MessageSid": "x"}, {"MessageSid": "SM" + "1" * 200},
        {"MessageSid": "SM'; drop table"}, {"From": ""}, {"From": "+358401234567"},
        {"From": "whatsapp:"}, {"From": "whatsapp:hello"}, {"From": "whatsapp:+12\u0000345678"},
        {"From": "whatsapp:+" + "1" * 40}, {"From": "messenger:123456"},
    ],
)  # fmt: skip
def test_a_signed_message_without_a_name_or_sender_is_a_bad_request(
    http: FlaskClient, store: Store, payload: Payload, changes: dict[str, str]
) -> None:
    assert post(http, payload("text") | changes).status_code == 400
    assert inbox(store) == []


def test_only_message_sid_from_and_account_are_needed(http: FlaskClient, store: Store) -> None:
    params = {"MessageSid": "SM" + "1" * 32, "From": "whatsapp:+4915112345678"}
    assert_empty_twiml(post(http, params | {"AccountSid": ACCOUNT}))
    assert len(inbox(store)) == 1


def test_unknown_repeated_and_hostile_fields_are_kept(
    http: FlaskClient, store: Store, payload: Payload
) -> None:
    odd: dict[str, Any] = {
        "New": "é\u0000",
        "Twice": ["a", "b"],
        "ProfileName": "\u0000\u202e" * 99,
    }
    assert_empty_twiml(post(http, payload("text") | odd))
    assert inbox(store)[0].body["Twice"] == ["a", "b"]


@pytest.mark.parametrize("path", ["/webhooks/whatsapp", "/webhooks/whatsapp/status"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""), (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"a=%ff&%00=%zz&&&=", "application/x-www-form-urlencoded"),
        (b'{"MessageSid": 1}', "application/json"), (b"{", "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"), (b"\x00" * 5000, "image/jpeg"),
        (b"a=1&" * 5000, "application/x-www-form-urlencoded"),
    ],
)  # fmt: skip
def test_garbage_is_refused_and_never_an_error_of_ours(
    http: FlaskClient, store: Store, path: str, body: bytes, kind: str
) -> None:
    answer = http.post(path, data=body, content_type=kind, headers={"X-Twilio-Signature": "x"})
    assert 400 <= answer.status_code < 500
    assert inbox(store) == []


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"],
)
def test_a_body_of_a_megabyte_is_refused(http: FlaskClient, store: Store, kind: str) -> None:
    headers = {"X-Twilio-Signature": "x"}
    answer = http.post(
        "/webhooks/whatsapp", data=b"Body=" + b"x" * 1_000_000, content_type=kind, headers=headers
    )
    assert answer.status_code == 413
    assert inbox(store) == []


def test_only_post_is_served(http: FlaskClient) -> None:
    assert http.get("/webhooks/whatsapp").status_code == 405


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    params=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
        max_size=6,
    )
)
def test_any_signed_form_is_taken_or_refused(http: FlaskClient, params: dict[str, str]) -> None:
    fixed = {"AccountSid": ACCOUNT, "MessageSid": "SM12345678", "From": "whatsapp:+358401234567"}
    assert post(http, params | fixed).status_code == 200
    assert post(http, params | {"AccountSid": ACCOUNT}).status_code in (200, 400)


# Status callbacks


def test_a_status_is_applied_at_once_and_only_climbs(http: FlaskClient, store: Store) -> None:
    sid = "SM" + "9" * 32
    with store.begin() as work:
        rider = rider_for(work, "whatsapp", "+358401234567")
        conversation = conversation_of(work, rider.id)
        message = Message(
            conversation_id=conversation.id, at=work.now, author="bot", channel="whatsapp",
            body={}, status="queued",
        )  # fmt: skip
        work.session.add(message)
        work.session.flush()
        row_id = message.id
    for status in ("sent", "delivered", "sent", "delivered"):
        params = {"MessageSid": sid, "AccountSid": ACCOUNT, "MessageStatus": status}
        assert_empty_twiml(post(http, params, f"/status?m={row_id}"))
    with store.read() as work:
        row = work.session.get_one(Message, row_id)
    assert (row.provider_id, row.status) == (sid, "delivered")
    assert inbox(store) == []


def test_a_status_of_an_unknown_message_is_taken_quietly(http: FlaskClient) -> None:
    params = {"MessageSid": "SM" + "8" * 32, "AccountSid": ACCOUNT, "MessageStatus": "read"}
    assert_empty_twiml(post(http, params, "/status"))


@pytest.mark.parametrize("row_id", ["9" * 19, "9" * 30, "9" * 5000, "-1", "x", "%00"])
def test_a_status_for_a_row_that_cannot_be_is_taken_quietly(http: FlaskClient, row_id: str) -> None:
    params = {"MessageSid": "SM" + "8" * 32, "AccountSid": ACCOUNT, "MessageStatus": "read"}
    assert_empty_twiml(post(http, params, f"/status?m={row_id}"))


@pytest.mark.parametrize("status", ["", "x" * 200, "Sent now", "\u0000"])
def test_a_status_without_a_status_is_a_bad_request(
    http: FlaskClient, store: Store, status: str
) -> None:
    params = {"MessageSid": "SM" + "9" * 32, "AccountSid": ACCOUNT, "MessageStatus": status}
    assert post(http, params, "/status").status_code == 400
    assert inbox(store) == []
