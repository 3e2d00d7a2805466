"""The Stripe SDK talking to the stand-in in this process: all of both, no sockets, no waiting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe
from flask import Flask


class DirectClient(stripe.HTTPClient):
    """Hands each request to the stand-in's app; repeats as the SDK does, but at once."""

    name = "direct"

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self._app = app.test_client()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """One request and its answer."""
        parts = urlsplit(url)
        answer = self._app.open(
            parts.path, method=method.upper(), query_string=parts.query, data=post_data,
            headers=dict(headers or {}), base_url=f"http://{parts.netloc}",
        )  # fmt: skip
        return answer.get_data(as_text=True), answer.status_code, dict(answer.headers)

    def _sleep_time_seconds(self, *_: Any, **__: Any) -> float:
        return 0.0

    def close(self) -> None:
        """Nothing is open."""


def connect(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the SDK's new clients speak to `app`."""
    monkeypatch.setattr(stripe, "RequestsClient", lambda **_: DirectClient(app))
