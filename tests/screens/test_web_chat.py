"""The web chat's HTTP side: what is shown, what is taken in once, and what is refused."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import select
from werkzeug.test import TestResponse

from bot.services.riders import rider_for
from bot.store import inbox
from bot.store.database import Store
from bot.store.queues import Inbox
from bot.store.riders import Conversation, Media
from tests.screens.bot_double import add_message
from tests.screens.city import Clock

ID = "0f8c6c1e-4a51-4f0a-9b07-9d6a1d6f7a01"


@pytest.fixture
def csrf(client: FlaskClient, session_token: str) -> str:
    """The token of a logged-in browser."""
    client.set_cookie("pilebot", session_token)
    found = re.search(r'name="csrf" value="(\w+)"', client.get("/chat").text)
    assert found
    return found[1]


def send(client: FlaskClient, csrf: str, body: Any, **more: Any) -> TestResponse:
    headers = {"X-CSRF-Token": csrf}
    return client.post("/chat/messages", json=body, headers=headers, **more)


def rows(store: Store) -> list[Inbox]:
    with store.read() as work:
        return list(work.session.scalars(select(Inbox).order_by(Inbox.id)))


def jpeg(side: int = 40) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(written, "JPEG")
    return written.getvalue()


# Sending


def test_a_message_becomes_one_inbox_row_however_often_it_is_sent(
    client: FlaskClient, csrf: str, store: Store, rider_id: int
) -> None:
    answers = [send(client, csrf, {"id": ID, "text": "1023-27"}) for _ in range(5)]
    assert [a.status_code for a in answers] == [202, 200, 200, 200, 200]
    (row,) = rows(store)
    assert (row.source, row.source_id, row.kind) == ("web", ID, "web.message")
    assert row.stream == f"rider:{rider_id}"
    assert row.body == {"text": "1023-27"}


def test_a_tap_and_a_location_keep_what_they_mean(
    client: FlaskClient, csrf: str, store: Store
) -> None:
    send(client, csrf, {"id": "tap-00001", "text": "Yes, start", "payload": "=yes"})
    send(client, csrf, {"id": "place-0001", "lat": 60.1699, "lng": 24.9384})
    tap, place = rows(store)
    assert tap.body == {"text": "Yes, start", "payload": "=yes"}
    assert place.body == {"location": {"lat": 60.1699, "lng": 24.9384}}


def photo_form(data: bytes, **fields: str) -> dict[str, Any]:
    return {"id": ID, **fields, "photo": (io.BytesIO(data), "x.jpg")}


def test_a_photo_is_stored_and_named_in_the_row_once(
    client: FlaskClient, csrf: str, store: Store
) -> None:
    for _ in range(2):
        sent = client.post(
            "/chat/messages",
            data=photo_form(jpeg(), text="this one"),
            headers={"X-CSRF-Token": csrf},
        )
        assert sent.status_code in (200, 202)
    (row,) = rows(store)
    with store.read() as work:
        (media,) = work.session.scalars(select(Media)).all()
        assert media.data == jpeg()
        assert media.content_type == "image/jpeg"
        assert media.expires_at - media.created_at == timedelta(days=1)
    assert row.body == {"text": "this one", "media_id": media.id}


def test_a_photo_just_under_the_limit_passes(client: FlaskClient, csrf: str, store: Store) -> None:
    data = jpeg() + b"\0" * 290_000  # more than werkzeug keeps of a form in memory at once
    form = photo_form(data)
    sent = client.post("/chat/messages", data=form, headers={"X-CSRF-Token": csrf})
    assert sent.status_code == 202


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a not for us", b"<svg onload=alert(1)>", b"RIFF1234AVI ", b"%PDF-1.7"],
    ids=["empty", "gif", "svg", "avi", "pdf"],
)
def test_what_is_no_photo_is_refused_with_a_word(
    client: FlaskClient, csrf: str, store: Store, data: bytes
) -> None:
    refused = client.post("/chat/messages", data=photo_form(data), headers={"X-CSRF-Token": csrf})
    assert refused.status_code == 422
    assert "JPEG" in refused.get_json()["error"]
    assert rows(store) == []


def test_a_photo_over_the_limit_is_refused(client: FlaskClient, csrf: str, store: Store) -> None:
    headers = {"X-CSRF-Token": csrf}
    just_over = client.post(
        "/chat/messages", data=photo_form(jpeg() + b"\0" * 300_000), headers=headers
    )
    assert just_over.status_code == 422
    far_over = client.post(
        "/chat/messages", data=photo_form(jpeg() + b"\0" * 3_000_000), headers=headers
    )
    assert far_over.status_code == 413
    assert rows(store) == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"id": ID},
        {"id": ID, "text": "   "},
        {"id": ID, "text": 5},
        {"id": ID, "text": "a\x00b"},
        {"id": ID, "text": "x" * 1601},
        {"id": ID, "payload": "x" * 257},
        {"id": "short", "text": "hi"},
        {"id": "spaces in the id", "text": "hi"},
        {"id": 7, "text": "hi"},
        {"id": ID, "lat": 91, "lng": 0},
        {"id": ID, "lat": 60},
        {"id": ID, "lat": "north", "lng": 0},
        {"id": ID, "lat": float("nan"), "lng": 0},
        {"id": ID, "lat": 10**400, "lng": 0},
    ],
)
def test_garbage_is_refused_politely(
    client: FlaskClient, csrf: str, store: Store, body: Any
) -> None:
    refused = send(client, csrf, body)
    assert refused.status_code == 422
    assert refused.get_json()["error"]
    assert rows(store) == []


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("id", "text", "payload", "lat", "lng"), json_like)
    )
)
def test_no_body_breaks_the_server(client: FlaskClient, csrf: str, body: dict[str, Any]) -> None:
    assert send(client, csrf, body).status_code in (200, 202, 422, 429)


def test_raw_garbage_does_not_break_the_server(client: FlaskClient, csrf: str) -> None:
    for content_type in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
        answer = client.post(
            "/chat/messages",
            data=b"\xff\xfe{[--x\r\n",
            headers={"X-CSRF-Token": csrf, "Content-Type": content_type},
        )
        assert 400 <= answer.status_code < 500


def test_sending_needs_a_login_and_the_token(client: FlaskClient, csrf: str, store: Store) -> None:
    body = {"id": ID, "text": "hi"}
    assert client.post("/chat/messages", json=body).status_code == 403
    assert send(client, "0" * 64, body).status_code == 403
    stranger = client.application.test_client()
    assert send(stranger, csrf, body).status_code == 401
    assert rows(store) == []


def test_a_flood_is_slowed_down(client: FlaskClient, csrf: str, clock: Clock) -> None:
    for number in range(40):
        assert send(client, csrf, {"id": f"message-{number}", "text": "x"}).status_code == 202
    slowed = send(client, csrf, {"id": "one-too-many", "text": "x"})
    assert slowed.status_code == 429
    clock.passes(seconds=61)
    assert send(client, csrf, {"id": "one-too-many", "text": "x"}).status_code == 202


# Reading


def news(client: FlaskClient, after: str = "") -> dict[str, Any]:
    answer = client.get(f"/chat/messages?after={after}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def test_the_whole_conversation_is_shown_whatever_the_channel(
    client: FlaskClient, csrf: str, store: Store, rider_id: int
) -> None:
    with store.begin() as work:
        asked = add_message(work, rider_id, "rider", {"kind": "text", "text": "stop"})
        asked.channel = "whatsapp"
        add_message(work, rider_id, "bot", {"kind": "text", "text": "Stopped."})
        add_message(work, rider_id, "rider", {"kind": "text", "text": "hi"}, source_key=f"web:{ID}")
    shown = news(client)
    assert [m["text"] for m in shown["messages"]] == ["stop", "Stopped.", "hi"]
    assert [m["direction"] for m in shown["messages"]] == ["in", "out", "in"]
    assert [m["status"] for m in shown["messages"]] == ["read", "sent", "delivered"]
    assert shown["messages"][2]["client_id"] == ID


def test_nobody_sees_another_riders_messages(client: FlaskClient, csrf: str, store: Store) -> None:
    with store.begin() as work:
        other = rider_for(work, "whatsapp", "+358409999999")
        secret = add_message(work, other.id, "bot", {"kind": "text", "text": "secret"})
        number = secret.id
    assert news(client)["messages"] == []
    assert news(client, str(number - 1))["messages"] == []
    before = client.get(f"/chat/messages?before={number + 1}").get_json()
    assert before["messages"] == []


def test_a_poll_brings_what_is_new_and_the_ticks_of_what_is_old(
    client: FlaskClient, csrf: str, store: Store, rider_id: int, clock: Clock
) -> None:
    with store.begin() as work:
        first = add_message(work, rider_id, "rider", {"kind": "text", "text": "hi"})
        first_id = str(first.id)
    cursor = news(client)["cursor"]
    clock.passes(minutes=1)
    assert news(client, cursor)["messages"] == []
    with store.begin() as work:
        add_message(work, rider_id, "bot", {"kind": "text", "text": "Hello"})
    later = news(client, cursor)
    assert [m["text"] for m in later["messages"]] == ["Hello"]
    assert later["ticks"] == {first_id: "read"}


def test_a_lower_id_that_commits_late_is_not_missed(
    client: FlaskClient, csrf: str, store: Store, rider_id: int
) -> None:
    """PostgreSQL hands out ids before it commits: 7 may appear after 8 was read."""
    with store.begin() as work:
        add_message(work, rider_id, "bot", {"kind": "text", "text": "late"}, id=7)
        add_message(work, rider_id, "bot", {"kind": "text", "text": "early"}, id=8)
    assert "late" in [m["text"] for m in news(client, "8")["messages"]]


def test_long_histories_come_in_pages(
    client: FlaskClient, csrf: str, store: Store, rider_id: int, clock: Clock
) -> None:
    with store.begin() as work:
        for number in range(70):
            add_message(work, rider_id, "bot", {"kind": "text", "text": str(number)})
    clock.passes(minutes=5)
    newest = news(client)
    assert newest["earlier"] is True
    assert [newest["messages"][0]["text"], newest["messages"][-1]["text"]] == ["10", "69"]
    oldest = client.get(f"/chat/messages?before={newest['messages'][0]['id']}").get_json()
    assert [m["text"] for m in oldest["messages"]] == [str(number) for number in range(10)]
    assert oldest["earlier"] is False


def test_typing_shows_while_the_bot_works_but_not_while_a_person_owns_the_chat(
    client: FlaskClient, csrf: str, store: Store, rider_id: int, clock: Clock
) -> None:
    assert news(client)["typing"] is False
    send(client, csrf, {"id": ID, "text": "hi"})
    assert news(client)["typing"] is True
    with store.begin() as work:
        inbox.put(
            work, source="timer", source_id="x", stream="rider:99", kind="t", body={},
            available_at=work.now + timedelta(hours=1),
        )  # fmt: skip
        work.session.query(Conversation).filter_by(rider_id=rider_id).update({"owner": "human"})
    assert news(client)["typing"] is False
    with store.begin() as work:
        work.session.query(Conversation).filter_by(rider_id=rider_id).update({"owner": "bot"})
    clock.passes(minutes=1)
    assert news(client)["typing"] is False


def test_own_files_are_addressed_by_path(
    client: FlaskClient, csrf: str, store: Store, rider_id: int
) -> None:
    media = {"url": "http://localhost/media/abc/r.pdf", "type": "application/pdf", "name": "r.pdf"}
    with store.begin() as work:
        add_message(work, rider_id, "auto", {"kind": "document", "text": "", "media": media})
    assert news(client)["messages"][0]["media"]["url"] == "/media/abc/r.pdf"


@pytest.mark.parametrize("cursor", ["x", "-1", "1" * 30, "１", "1;drop"])
def test_a_bad_cursor_is_refused(client: FlaskClient, csrf: str, cursor: str) -> None:
    assert client.get("/chat/messages", query_string={"after": cursor}).status_code == 400


def test_the_chat_page_needs_a_login(client: FlaskClient) -> None:
    assert client.get("/chat").location == "/login"
    assert client.get("/chat/messages").status_code == 401


def test_the_chat_page_is_never_kept_by_caches(client: FlaskClient, csrf: str) -> None:
    assert client.get("/chat").headers["Cache-Control"] == "no-store"
    assert client.get("/chat/messages").headers["Cache-Control"] == "no-store"
