"""Voice notes become words over real HTTP and are served like typed text."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from bot.gateways.transcriber import MAX_BYTES, HttpTranscriber
from bot.settings import Settings
from bot.store.riders import Message
from tests.world import World, open_world, served

PHONE = "+358401234567"
VOICE = b"OggS" + bytes(300)


@dataclass
class Whisper:
    """A small server that speaks the transcription API; `says` is its next answer."""

    says: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    only_json: bool = False
    delay_s: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self) -> ResponseReturnValue:
        file = request.files["file"]
        self.asked.append(
            {
                **request.form,
                "key": request.headers.get("Authorization"),
                "name": file.filename,
                "type": file.mimetype,
                "audio": file.read(),
            }
        )
        time.sleep(self.delay_s)
        if self.only_json and request.form["response_format"] != "json":
            return jsonify(error="unsupported response_format"), 400
        return jsonify(self.says), self.status


@contextmanager
def running() -> Iterator[Whisper]:
    whisper = Whisper()
    flask = Flask("whisper")
    flask.post("/v1/audio/transcriptions")(whisper.answer)
    with served(flask) as port:
        whisper.url = f"http://127.0.0.1:{port}"
        yield whisper


@pytest.fixture
def whisper() -> Iterator[Whisper]:
    with running() as server:
        yield server


def said(text: str, log_p: float = -0.1, silent: float = 0.0) -> dict[str, Any]:
    return {"text": text, "segments": [{"avg_logprob": log_p, "no_speech_prob": silent}]}


def transcriber(url: str, timeout_s: int = 5) -> HttpTranscriber:
    needed = dict.fromkeys(
        ("public_url", "database_url", "redis_url", "mqtt_url", "secret_key", "twilio_account_sid",
         "twilio_auth_token", "twilio_from", "stripe_secret_key", "stripe_webhook_secret"), "x",
    )  # fmt: skip
    settings = Settings(
        **needed,  # type: ignore[arg-type]  # all of these are texts
        transcriber_url=url,
        transcriber_key="k-1",
        transcriber_model="small",
        transcriber_timeout_s=timeout_s,
    )
    return HttpTranscriber(settings, httpx.Client(trust_env=False))


# -- the adapter --------------------------------------------------------------------------------


def test_words_and_how_sure(whisper: Whisper) -> None:
    whisper.says = said(" stop the\n charge ", -0.2, 0.5)
    heard = transcriber(whisper.url)(VOICE, "audio/ogg; codecs=opus")
    assert heard is not None
    assert heard.text == "stop the charge"
    assert heard.confidence == pytest.approx(math.exp(-0.2) * 0.5)
    (asked,) = whisper.asked
    assert asked["audio"] == VOICE
    assert (asked["name"], asked["type"], asked["model"]) == ("voice.ogg", "audio/ogg", "small")
    assert asked["key"] == "Bearer k-1"


def test_a_server_that_tells_no_probabilities(whisper: Whisper) -> None:
    whisper.only_json, whisper.says = True, {"text": "hola"}
    heard = transcriber(whisper.url)(VOICE, "audio/mp4")
    assert heard is not None
    assert (heard.text, heard.confidence) == ("hola", 0.5)
    assert [each["response_format"] for each in whisper.asked] == ["verbose_json", "json"]


def test_card_numbers_are_hidden(whisper: Whisper) -> None:
    whisper.says = said("my card is 4242 4242 4242 4242")
    heard = transcriber(whisper.url)(VOICE, "audio/ogg")
    assert heard is not None
    assert "4242 4242" not in heard.text
    assert heard.card_hidden


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {"text": "  "}),
        (200, {"text": 7}),
        (200, ["?"]),
        (200, {}),
        (500, {"error": "no"}),
        (401, {"error": "key"}),
        (400, {"error": "format"}),
    ],
)
def test_no_words(whisper: Whisper, status: int, answer: Any) -> None:
    whisper.status, whisper.says = status, answer
    assert transcriber(whisper.url)(VOICE, "audio/ogg") is None


def test_too_slow_too_large_too_far(whisper: Whisper) -> None:
    whisper.says, whisper.delay_s = said("hello"), 1.5
    assert transcriber(whisper.url, timeout_s=1)(VOICE, "audio/ogg") is None
    asked = len(whisper.asked)
    assert transcriber(whisper.url)(b"", "audio/ogg") is None
    assert transcriber(whisper.url)(bytes(MAX_BYTES + 1), "audio/ogg") is None
    assert len(whisper.asked) == asked
    assert transcriber("http://127.0.0.1:9")(VOICE, "audio/ogg") is None


# -- in the conversation ------------------------------------------------------------------------


@pytest.fixture
def world(whisper: Whisper, tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, transcriber_url=whisper.url) as opened:
        yield opened


def speak(world: World) -> Message:
    """Send a voice note; its line once it is served."""

    def lines() -> list[Message]:
        with world.store.read() as work:
            by_rider = select(Message).where(Message.author == "rider").order_by(Message.id)
            return list(work.session.scalars(by_rider))

    before = len(lines())
    url = f"{world.twilio_url}/demo/phones/{PHONE}/messages"
    form = {"file": ("v.ogg", VOICE, "audio/ogg")}
    world.http.post(url, files=form).raise_for_status()
    world.until(lambda: len(lines()) > before, "no voice note")
    return lines()[-1]


def test_a_voice_note_is_served_like_typed_text(world: World, whisper: Whisper) -> None:
    whisper.says = said("ten twenty three dash two seven")
    line = speak(world)
    assert whisper.asked[-1]["audio"] == VOICE
    assert line.text == "ten twenty three dash two seven"
    assert (line.body["kind"], line.body["transcript"]) == ("audio", line.text)
    assert line.understood is not None
    assert line.understood["entities"] == {"pile_code": "1023-27"}
    world.bot_says(PHONE, "Start charging?")


def test_doubtful_words_are_told(world: World, whisper: Whisper) -> None:
    whisper.says = said("help", log_p=-2.0)
    speak(world)
    world.bot_says(PHONE, 'I heard: "help"')


def test_danger_in_a_voice_note_counts(world: World, whisper: Whisper) -> None:
    whisper.says = said("the charger is on fire, there is smoke", log_p=-2.0)
    line = speak(world)
    assert line.understood is not None
    assert line.understood["intent"] == "safety_emergency"


def test_a_voice_note_that_stays_unread_asks_to_type(world: World, whisper: Whisper) -> None:
    whisper.status = 503
    line = speak(world)
    assert line.body["other_media"] == "audio/ogg"
    world.bot_says(PHONE, "Please type your message")


def test_without_a_transcriber_the_bot_asks_to_type(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        speak(world)
        world.bot_says(PHONE, "Please type your message")
