"""Fetching media from a real HTTP server: credentials, redirects, limits."""

import base64
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from bot.errors import GiveUp, Refused, TryAgain
from bot.gateways import photos
from bot.settings import Settings

AUTH = "Basic " + base64.b64encode(b"ACtest:token").decode()
PHOTO = b"\xff\xd8\xff the photo"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Place:
    """A server on a port of its own that answers by path and remembers what it was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, str | None]] = []
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place.seen.append((self.path, self.headers.get("Authorization")))
                place.answers[self.path](self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def body(data: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def redirect(url: str, status: int = 307) -> Answer:
    return body(b"", status, Location=url)


@pytest.fixture
def api() -> Iterator[Place]:
    place = Place()
    yield place
    place.close()


@pytest.fixture
def storage() -> Iterator[Place]:
    place = Place()
    yield place
    place.close()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


def settings(api: Place | None, **more: Any) -> Settings:
    return Settings(
        public_url="https://pile.example", database_url="sqlite://", redis_url="redis://x",
        mqtt_url="mqtt://x", secret_key="x" * 32, twilio_account_sid="ACtest",
        twilio_auth_token="token", twilio_from="whatsapp:+14155238886", stripe_secret_key="sk",
        stripe_webhook_secret="wh", twilio_api_url=api.url if api else "", **more,
    )  # fmt: skip


def test_media_is_fetched_with_credentials(api: Place, http: httpx.Client) -> None:
    api.answers["/media"] = body(PHOTO)
    assert photos.fetch(f"{api.url}/media", settings(api), http) == PHOTO
    assert api.seen == [("/media", AUTH)]


def test_an_api_key_is_preferred(api: Place, http: httpx.Client) -> None:
    api.answers["/media"] = body(PHOTO)
    own = settings(api, twilio_api_key="SKkey", twilio_api_secret="secret")
    photos.fetch(f"{api.url}/media", own, http)
    assert api.seen[0][1] == "Basic " + base64.b64encode(b"SKkey:secret").decode()


def test_credentials_do_not_follow_to_another_host(
    api: Place, storage: Place, http: httpx.Client
) -> None:
    api.answers["/media"] = redirect("/media2")
    api.answers["/media2"] = redirect(f"{storage.url}/photo?signature=1")
    storage.answers["/photo?signature=1"] = body(PHOTO)
    assert photos.fetch(f"{api.url}/media", settings(api), http) == PHOTO
    assert api.seen == [("/media", AUTH), ("/media2", AUTH)]
    assert storage.seen == [("/photo?signature=1", None)]


def test_a_media_address_elsewhere_gets_no_credentials(
    api: Place, storage: Place, http: httpx.Client
) -> None:
    storage.answers["/photo"] = body(PHOTO)
    assert photos.fetch(f"{storage.url}/photo", settings(api), http) == PHOTO
    assert storage.seen == [("/photo", None)]


def test_a_media_address_elsewhere_that_does_not_answer_is_not_waited_for(
    api: Place, storage: Place, http: httpx.Client
) -> None:
    storage.close()
    with pytest.raises(Refused):
        photos.fetch(f"{storage.url}/photo", settings(api), http)


def test_redirects_without_end_are_given_up(api: Place, http: httpx.Client) -> None:
    api.answers["/media"] = redirect("/media")
    with pytest.raises(GiveUp, match="redirects"):
        photos.fetch(f"{api.url}/media", settings(api), http)
    assert len(api.seen) == photos.MAX_REDIRECTS + 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_dependency_that_is_away(api: Place, http: httpx.Client, status: int) -> None:
    api.answers["/media"] = body(b"", status)
    with pytest.raises(TryAgain):
        photos.fetch(f"{api.url}/media", settings(api), http)


def test_nobody_listens(api: Place, http: httpx.Client) -> None:
    api.close()
    with pytest.raises(TryAgain):
        photos.fetch(f"{api.url}/media", settings(api), http)


def test_a_connection_that_breaks_off(api: Place, http: httpx.Client) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(PHOTO)

    api.answers["/media"] = answer
    with pytest.raises(TryAgain):
        photos.fetch(f"{api.url}/media", settings(api), http)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_for_staff(api: Place, http: httpx.Client, status: int) -> None:
    api.answers["/media"] = body(b"", status)
    with pytest.raises(GiveUp):
        photos.fetch(f"{api.url}/media", settings(api), http)


@pytest.mark.parametrize("status", [404, 410, 204])
def test_media_that_is_gone_is_told_to_the_rider(
    api: Place, http: httpx.Client, status: int
) -> None:
    api.answers["/media"] = body(b"", status)
    with pytest.raises(Refused, match="send it again"):
        photos.fetch(f"{api.url}/media", settings(api), http)


def test_a_photo_that_says_it_is_too_large(api: Place, http: httpx.Client) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1001")
        handler.end_headers()  # and no byte of it: nobody waits for it

    api.answers["/media"] = answer
    with pytest.raises(Refused, match="too large"):
        photos.fetch(f"{api.url}/media", settings(api, media_max_bytes=1000), http)


def test_a_photo_that_turns_out_too_large(api: Place, http: httpx.Client) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()  # no length: until the connection closes
        handler.wfile.write(bytes(200_000))

    api.answers["/media"] = answer
    with pytest.raises(Refused, match="too large"):
        photos.fetch(f"{api.url}/media", settings(api, media_max_bytes=100_000), http)


def test_packed_bodies_are_not_unpacked(api: Place, http: httpx.Client) -> None:
    api.answers["/media"] = body(PHOTO, Content_Encoding="gzip")
    assert photos.fetch(f"{api.url}/media", settings(api), http) == PHOTO


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://api.twilio.com/x",
        "http://api.twilio.com/x",
        "https:///x",
        "http://[::1",
        "https://\x00/x",
    ],
)
def test_addresses_that_are_never_fetched(http: httpx.Client, url: str) -> None:
    with pytest.raises(GiveUp):
        photos.fetch(url, settings(None), http)


def test_a_redirect_to_a_local_file_is_not_followed(api: Place, http: httpx.Client) -> None:
    api.answers["/media"] = redirect("file:///etc/passwd")
    with pytest.raises((GiveUp, TryAgain)):
        photos.fetch(f"{api.url}/media", settings(api), http)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://api.twilio.com/2010-04-01/x", True),
        ("https://api.dublin.ie1.twilio.com/x", True),
        ("https://api.twilio.com.evil.test/x", False),
        ("https://evil.test/api.twilio.com", False),
        ("https://api.twilio.com@evil.test/x", False),
        ("https://mediaapitwilio.com/x", False),
    ],
)
def test_who_gets_credentials_without_an_api_address_of_our_own(url: str, sent: bool) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, content=iter([PHOTO]))

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        photos.fetch(url, settings(None), http)
    assert (seen == [AUTH]) is sent


def test_own_addresses_come_from_the_settings() -> None:
    assert photos.own_hosts(settings(None)) == ("pile.example",)
    assert photos.own_numbers(settings(None)) == ("whatsapp:+14155238886",)
