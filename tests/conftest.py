"""What each test's own service would build just like the last one's is built once per process.

A test opens the whole service anew: its routes, templates and TLS settings are the same each time
and took a third of all the tests' time. Nothing that a test could change is shared.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx._transports.default as httpx_transports
import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class _Templates(BytecodeCache):
    """Compiled templates by their source's checksum."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        code = self._code.get((bucket.key, bucket.checksum))
        if code is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_build_url: Callable[..., Any] = Rule._compile_builder
_url_builders: dict[tuple[Any, ...], Any] = {}


def _known_builder(rule: Rule, append_unknown: bool = True) -> Any:
    """The function that writes a rule's addresses; it is given its rule when it is called."""
    defaults = tuple(sorted((rule.defaults or {}).items()))
    key = (rule.rule, tuple(rule._trace), defaults, append_unknown)
    if key not in _url_builders:
        _url_builders[key] = _build_url(rule, append_unknown)
    return _url_builders[key]


_transports = vars(httpx_transports)
_transports["create_ssl_context"] = cache(_transports["create_ssl_context"])  # reads certificates
Rule._compile_builder = _known_builder  # type: ignore[method-assign, assignment]  # compiles Python
Flask.jinja_options = {"bytecode_cache": _Templates()}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium: nothing is downloaded."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    return {
        **browser_type_launch_args,
        "executable_path": chromium,
        "chromium_sandbox": False,
        "args": [
            "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
        ],
    }  # fmt: skip
