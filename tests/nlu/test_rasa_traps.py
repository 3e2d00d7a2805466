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
    requests: tuple[tuple[str, float], ...] = ()
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
                requests = [{"name": n, "confidence": p} for n, p in self.server.requests]
                answer = {"intent_ranking": ranking, "entities": [], "requests": requests}
                self._answer(200, answer)
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
    known = frozenset(["session_active", "has_booking"])
    likelier = 2 if intent in ("stop_charge", "cancel_booking") else 1  # for what is known
    server.ranking = ((intent, 0.45), ("community", 0.40 * likelier))
    meant = nlu("xyzzy plugh frobnicate", context=known)
    assert (meant.intent, meant.secondary) == ("unclear", intent)
    server.ranking = ((intent, 0.7), ("community", 0.1))
    assert nlu("xyzzy plugh frobnicate", context=known).intent == intent


def test_a_question_needs_no_margin_but_some_confidence(server: Scripted) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = (("pricing_question", 0.45), ("community", 0.40))
    assert nlu("xyzzy plugh frobnicate").intent == "pricing_question"
    server.ranking = tuple((intent, 1 / len(INTENTS)) for intent in INTENTS)
    assert nlu("xyzzy plugh frobnicate").intent == "unclear"


def test_danger_that_only_rasa_sees_counts_even_where_it_is_not_its_first_guess(
    server: Scripted,
) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = (("find_pile", 0.6), ("safety_emergency", 0.35))
    meant = nlu("xyzzy plugh frobnicate")
    assert (meant.intent, meant.engine) == ("safety_emergency", "rasa")
    server.ranking = (("find_pile", 0.8), ("safety_emergency", 0.2))
    assert nlu("xyzzy plugh frobnicate").intent == "find_pile"


def test_words_of_danger_count_unless_rasa_is_sure_of_something_else(server: Scripted) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = (("rate_or_feedback", 0.97), ("safety_emergency", 0.01))
    assert nlu("this new charger is pure fire").intent == "rate_or_feedback"
    server.ranking = (("rate_or_feedback", 0.8), ("safety_emergency", 0.1))
    meant = nlu("this new charger is pure fire")
    assert (meant.intent, meant.engine) == ("safety_emergency", "safety")
    server.mood = "error"
    assert nlu("this new charger is pure fire").intent == "safety_emergency"


def test_denied_danger_needs_more_than_suspicion(server: Scripted) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = (("safety_emergency", 0.6), ("report_fault", 0.4))
    assert nlu("no smoke, the screen stays dark").intent == "report_fault"


def test_danger_at_the_end_of_a_long_story_is_seen(server: Scripted) -> None:
    server.ranking = (("find_pile", 0.5), ("safety_emergency", 0.1))
    story = "we drove and drove and then had coffee " * 40
    meant = Nlu(Rasa(server.url, "", PATIENT_S))(f"{story} and smoke comes out of the plug")
    assert meant.intent == "safety_emergency"
    assert server.asked[0][1]["text"].endswith("smoke comes out of the plug")


def test_what_names_another_trade_is_out_of_scope(server: Scripted) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = (("refund", 0.9), ("out_of_scope", 0.02))
    assert nlu("netflix took my money twice").intent == "out_of_scope"
    assert nlu("my charger took my money, netflix did not").intent == "refund"


def test_two_requests_are_served_in_their_order(server: Scripted) -> None:
    nlu = Nlu(Rasa(server.url, "", PATIENT_S))
    server.ranking = (("invoice_or_receipt", 0.9), ("stop_charge", 0.1))
    server.requests = (("stop_charge", 0.95), ("invoice_or_receipt", 0.9))
    meant = nlu("xyzzy plugh and frobnicate", context=frozenset(["session_active"]))
    assert (meant.intent, meant.also) == ("stop_charge", ("invoice_or_receipt",))
    # Nothing runs that could be stopped: one request.
    assert nlu("xyzzy plugh and frobnicate").also == ()


@pytest.mark.parametrize(
    "pieces",
    [
        (("refund", 0.95), ("refund", 0.9)),
        (("greet", 0.99), ("refund", 0.9)),
        (("refund", 0.95), ("find_pile", 0.5)),
        (("report_fault", 0.99), ("refund", 0.95)),  # the fault is the reason
        (("refund", 0.95), ("out_of_scope", 0.9), ("find_pile", 0.9)),
    ],
)
def test_one_request_stays_one(server: Scripted, pieces: tuple[tuple[str, float], ...]) -> None:
    server.ranking = (("refund", 0.9), ("community", 0.01))
    server.requests = pieces
    meant = Nlu(Rasa(server.url, "", PATIENT_S))("xyzzy plugh and frobnicate")
    assert (meant.intent, meant.also) == ("refund", ())


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
