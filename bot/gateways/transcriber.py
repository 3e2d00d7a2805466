"""Voice notes to text over `POST /v1/audio/transcriptions`, as OpenAI's API and whisper servers do.

Self-hosted servers that speak it: whisper.cpp, faster-whisper-server/speaches, vLLM, LocalAI. A
voice note that cannot be had in time is None: the rider is asked to type.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any, Final

import httpx
import structlog

from bot.domain.cards import hide_cards
from bot.settings import Settings
from bot.understanding import Transcript

log = structlog.get_logger()

MAX_BYTES: Final = 16_000_000  # the longest voice note that WhatsApp delivers
_MAX_ANSWER: Final = 500_000
_MAX_CHARS: Final = 2000
_UNKNOWN: Final = 0.5  # confidence where the server tells none
# The ending of the file's name tells servers the format; WhatsApp's notes are ogg with Opus.
_ENDINGS: Final = {
    "audio/ogg": "ogg", "audio/opus": "ogg", "audio/mpeg": "mp3", "audio/mp4": "m4a",
    "audio/aac": "aac", "audio/amr": "amr", "audio/wav": "wav", "audio/x-wav": "wav",
    "audio/webm": "webm",
}  # fmt: skip


class HttpTranscriber:
    """bot.understanding.Transcribe over HTTP; `transcriber_timeout_s` bounds the whole call."""

    def __init__(self, settings: Settings, http: httpx.Client) -> None:
        self._url = f"{settings.transcriber_url.rstrip('/')}/v1/audio/transcriptions"
        self._key = settings.transcriber_key
        self._model = settings.transcriber_model
        self._timeout_s = settings.transcriber_timeout_s
        self._http = http

    def __call__(self, audio: bytes, content_type: str) -> Transcript | None:
        """The words; None where it is too large or empty, nobody answers in time or spoke."""
        if not audio or len(audio) > MAX_BYTES:
            return None
        deadline = time.monotonic() + self._timeout_s
        try:
            # Some models answer only in plain "json", without times and probabilities.
            for form in ("verbose_json", "json"):
                status, body = self._ask(audio, content_type, form, deadline)
                if status == 200:
                    return _read(json.loads(body))
                if status not in (400, 422):
                    break
            log.warning("transcriber_refused", status=status)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, OSError) as error:
            log.warning("transcriber_failed", why=type(error).__name__)
        return None

    def _ask(
        self, audio: bytes, content_type: str, form: str, deadline: float
    ) -> tuple[int, bytes]:
        kind = content_type.partition(";")[0].strip().lower()
        file = (f"voice.{_ENDINGS.get(kind, 'ogg')}", audio, kind or "audio/ogg")
        left_s = max(0.1, deadline - time.monotonic())
        request = self._http.build_request(
            "POST",
            self._url,
            files={"file": file},
            data={"model": self._model, "response_format": form, "temperature": "0"},
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(left_s, connect=min(3.0, left_s)),
        )
        response = self._http.send(request, stream=True, follow_redirects=False)
        try:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER or time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer takes too long or is too long")
            return response.status_code, bytes(body)
        finally:
            response.close()


def _read(answer: Any) -> Transcript | None:
    text = answer.get("text") if isinstance(answer, dict) else None
    if not isinstance(text, str) or not text.strip():
        return None
    words = " ".join(text.replace("\0", "").split())[:_MAX_CHARS]
    hidden, had_card = hide_cards(words)
    return Transcript(hidden, _confidence(answer.get("segments")), card_hidden=had_card)


def _confidence(segments: Any) -> float:
    """The mean probability of a token, less where the server thinks that nobody spoke."""
    told = [
        (float(each["avg_logprob"]), float(each.get("no_speech_prob", 0.0)))
        for each in segments or ()
        if isinstance(each, dict) and isinstance(each.get("avg_logprob"), int | float)
    ]
    if not told:
        return _UNKNOWN
    return min(
        math.exp(min(log_p, 0.0)) * (1 - min(max(silent, 0.0), 1.0)) for log_p, silent in told
    )
