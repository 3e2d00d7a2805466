"""Ask the Rasa server: one bounded HTTP call, and a breaker that skips it after a failure."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bot.understanding import Entity

_SKIP_S: Final = 5.0  # how long Rasa is left alone after it failed
_MAX_ANSWER: Final = 200_000  # bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rasa's view of one text: intents by falling probability, entities by place, and of a text
    that may hold several requests the intent of each piece, in order."""

    ranking: tuple[tuple[str, float], ...]
    entities: tuple[Entity, ...]
    requests: tuple[tuple[str, float], ...] = ()


class Rasa:
    """A client for `POST /model/parse`.

    `timeout_s` bounds the whole call. The connection is made at first use in each process, since
    workers fork.
    """

    def __init__(
        self,
        url: str,
        token: str,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = f"{url.rstrip('/')}/model/parse"
        self._token = token
        self._timeout_s = timeout_s
        self._clock = clock
        self._skip_until = 0.0
        self._client: httpx.Client | None = None
        self._pid = 0

    def parse(self, text: str) -> Parsed | None:
        """Rasa's answer, or None when it is away, slow or talks nonsense. Never raises."""
        if self._clock() < self._skip_until:
            return None
        try:
            return _read(self._ask(text))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError, OSError):
            self._skip_until = self._clock() + _SKIP_S
            return None

    def _ask(self, text: str) -> Any:
        connection = self._connection()
        deadline = self._clock() + self._timeout_s
        request = {"params": {"token": self._token}, "json": {"text": text}}
        with connection.stream("POST", self._url, **request) as answer:  # type: ignore[arg-type] # one dict for two keywords
            answer.raise_for_status()
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if self._clock() > deadline or len(body) > _MAX_ANSWER:
                    raise httpx.ReadTimeout("the answer takes too long or is too long")
        return json.loads(body)

    def _connection(self) -> httpx.Client:
        if self._client is None or self._pid != os.getpid():
            timeout = httpx.Timeout(self._timeout_s, connect=min(0.5, self._timeout_s))
            self._client = httpx.Client(timeout=timeout, trust_env=False)
            self._pid = os.getpid()
        return self._client


def _read(answer: Any) -> Parsed:
    ranking = tuple(
        (str(one["name"]), float(one["confidence"])) for one in answer["intent_ranking"]
    )
    if not ranking:
        raise ValueError("Rasa ranked no intent")
    entities = tuple(
        Entity(
            str(one["entity"]),
            str(one["value"]),
            str(one["value"]),
            int(one["start"]),
            int(one["end"]),
        )
        for one in answer["entities"]
    )
    requests = tuple(
        (str(one["name"]), float(one["confidence"])) for one in answer.get("requests", ())
    )
    return Parsed(ranking, entities, requests)
