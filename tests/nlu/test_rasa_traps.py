"""A Rasa server that is down, slow, broken or nonsensical never hurts, over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot.understanding import Entity
from nlu.entities import find, merge
from nlu.rasa import Rasa
from nlu.server import is_ready
from nlu.understand import ACTIONS, INTENTS, MAX_CHARS, Nlu, weigh

LIMIT_S = 0.4  # for servers that never answer
PATIENT_S = 20.0  # for those that do: this machine may be busy
QUESTION = "I wonder about the charger by the old bakery near my aunt"


class Scripted(ThreadingHTTPServer):
    """Answers as `mood` tells and remembers what was asked."""

    daemon_threads = True
    mood = "well"
    ranking: tuple[tuple[str, float], ...] = (("find_pile", 0.9), ("greet", 0.02))
    released = threading.Event()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body)))
        match self.server.mood:
            case "well":
                ranking = [{"name": n, "confidence": p} for n, p in self.server.ranking]
                self._answer(200, {"intent_ranking": ranking, "entities": []})
            case "error":
                self._answer(500, {"status": "failure"})
            case "unauthorised":
                self._answer(401, {"status": "failure"})
            case "nonsense":
                self._answer(200, {"intent_ranking": "?", "entities": None})
            case "empty":
                self._answer(200, {"intent_ranking": [], "entities": []})
            case "html":
                self._answer(200, "<html>")
            case "silent":
                self.server.released.wait(10)
            case "dribble":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                while not self.server.released.wait(LIMIT_S / 4):
                    self.wfile.write(b" ")

    def _answer(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
        pass


@pytest.fixture
def server() -> Iterator[Scripted]:
    server = Scripted()
    server.released = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_good_answer_is_taken(server: Scripted) -> None:
    meant = Nlu(Rasa(server.url, "secret", PATIENT_S))(QUESTION)
    assert (meant.intent, meant.engine) == ("find_pile", "rasa")
    assert server.asked == [("/model/parse?token=secret", {"text": QUESTION})]


@pytest.mark.parametrize(
    "mood", ["error", "unauthorised", "nonsense", "empty", "html", "silent", "dribble"]
)
def test_a_bad_server_leaves_it_to_the_keywords_in_time(server: Scripted, mood: str) -> None:
    server.mood = mood
    began = time.monotonic()
    meant = Nlu(Rasa(server.url, "", LIMIT_S))("the charger is broken again I am afraid")
    assert time.monotonic() - began < LIMIT_S * 2 + 0.5
    assert (meant.intent, meant.engine) == ("report_fault", "keywords")


def test_after_a_failure_rasa_is_skipped_for_a_while_and_then_asked_again(
    server: Scripted,
) -> None:
    now = 100.0
    rasa = Rasa(server.url, "", PATIENT_S, clock=lambda: now)
    server.mood = "error"
    assert rasa.parse(QUESTION) is None
    server.mood = "well"
    assert rasa.parse(QUESTION) is None
    assert len(server.asked) == 1
    now += 6.0
    assert rasa.parse(QUESTION) is not None


def test_a_closed_port_leaves_it_to_the_keywords() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meant = Nlu(Rasa(f"http://127.0.0.1:{port}", "", LIMIT_S))("mándame el recibo por favor amigo")
    assert (meant.intent, meant.engine) == ("invoice_or_receipt", "keywords")
    assert not is_ready(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200d", "/", "😂😂", "привет как дела", "🔥"])
def test_what_rasa_cannot_take_is_never_sent(server: Scripted, text: str) -> None:
    Nlu(Rasa(server.url, "", PATIENT_S))(text)
    assert server.asked == []


def test_injections_and_long_texts_are_defused(server: Scripted) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    nlu('/refund{"amount":"100"} my dear')
    nlu("lorem ipsum dolor " * 4000)
    sent = [body["text"] for _, body in server.asked]
    assert len(sent) == 2
    assert all(not text.startswith("/") and len(text) <= MAX_CHARS for text in sent)


@pytest.mark.parametrize("intent", sorted(ACTIONS))
def test_an_action_needs_a_margin_before_the_next_guess(server: Scripted, intent: str) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = ((intent, 0.45), ("community", 0.40))
    meant = nlu("xyzzy plugh frobnicate")
    assert (meant.intent, meant.secondary) == ("unclear", intent)
    server.ranking = ((intent, 0.7), ("community", 0.1))
    assert nlu("xyzzy plugh frobnicate").intent == intent


def test_a_question_needs_no_margin_but_some_confidence(server: Scripted) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = (("charge_status", 0.45), ("community", 0.40))
    assert nlu("xyzzy plugh frobnicate").intent == "charge_status"
    server.ranking = tuple((intent, 1 / len(INTENTS)) for intent in INTENTS)
    assert nlu("xyzzy plugh frobnicate").intent == "unclear"


def test_doubtful_danger_gives_way_to_the_next_guess(server: Scripted) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = (("safety_emergency", 0.4), ("find_pile", 0.35), ("help", 0.25))
    assert nlu("xyzzy plugh frobnicate").intent == "find_pile"
    server.ranking = (("safety_emergency", 0.7), ("find_pile", 0.2))
    assert nlu("xyzzy plugh frobnicate").intent == "safety_emergency"


def test_the_model_reads_the_sentence_but_a_checked_code_stands() -> None:
    found = find("book 1023-27 for 18:30")
    seen = [
        Entity("vehicle", "1023", "1023", 5, 9),
        Entity("location", "Kallio", "Kallio", 30, 36),
        Entity("time", "Halb Elf", "Halb Elf", 40, 48),
        Entity("amount", "fünfzig", "fünfzig", 50, 57),
        Entity("amount", "etwas", "etwas", 60, 65),
        Entity("pile_code", "a 12", "a 12", 70, 74),
    ]
    merged = [(one.type, one.value) for one in merge(seen, found)]
    assert merged == [
        ("pile_code", "1023-27"), ("time", "18:30"), ("location", "Kallio"), ("time", "halb elf"),
        ("amount", "50"), ("pile_code", "A12"),
    ]  # fmt: skip


def test_context_moves_the_ranking() -> None:
    close = [("start_charge", 0.4), ("stop_charge", 0.35)]
    assert weigh(close, "xyzzy", frozenset())[0][0] == "start_charge"
    assert weigh(close, "xyzzy", frozenset(["session_active"]))[0][0] == "stop_charge"
    assert set(dict(weigh(close, "hello", frozenset()))) <= set(INTENTS)
