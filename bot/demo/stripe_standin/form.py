"""Stripe's wire form: `a[b][0]=c` in, refusals in Stripe's error shape out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Params = dict[str, Any]

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


class Refusal(Exception):
    """An answer other than 2xx. `stored`: kept under the idempotency key, as Stripe does with
    everything that happens after a request began to execute."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type_: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        stored: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.stored = stored
        fields = {"type": type_, "message": message, "code": code, "param": param, **more}
        self.error = {name: value for name, value in fields.items() if value is not None}


def nested(pairs: Iterable[tuple[str, str]]) -> Params:
    """Form pairs as nested dicts and lists."""
    root: Params = {}
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None:
            raise Refusal(f"Invalid parameter name: {key}", code="parameter_unknown", param=key)
        steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        node = root
        for step in steps[:-1]:
            below = node.setdefault(step, {})
            if not isinstance(below, dict):
                raise Refusal(f"Invalid parameter: {key}", param=key)
            node = below
        last = steps[-1] if steps[-1] != "" else str(len(node))
        node[last] = value
    return {name: _lists(value) for name, value in root.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_lists(node[key]) for key in sorted(node, key=int)]
    return {key: _lists(value) for key, value in node.items()}


def whole(value: Any, name: str) -> int:
    """An integer parameter."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,12}", value):
        raise Refusal(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def text(value: Any, name: str) -> str:
    """A string parameter."""
    if not isinstance(value, str):
        raise Refusal(f"Invalid string: {value}", param=name)
    if value == "":
        raise Refusal(
            f"You passed an empty string for '{name}'.", code="parameter_invalid_empty", param=name
        )
    return value


def yes(value: Any, name: str) -> bool:
    """A boolean parameter."""
    if value not in ("true", "false"):
        raise Refusal(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def mapping(value: Any, name: str) -> Params:
    """A hash parameter."""
    if not isinstance(value, dict):
        raise Refusal(f"Invalid object: {value}", param=name)
    return value


def metadata(value: Any, name: str) -> dict[str, str]:
    """Metadata: at most 50 keys of 40 characters, values of 500."""
    found = mapping(value, name)
    for key, item in found.items():
        if not isinstance(item, str) or len(key) > 40 or len(item) > 500:
            raise Refusal(f"Invalid metadata: {key}", param=f"{name}[{key}]")
    if len(found) > 50:
        raise Refusal("Metadata can have up to 50 keys", param=name)
    return found


def sequence(value: Any, name: str) -> list[Any]:
    """An array parameter."""
    if not isinstance(value, list):
        raise Refusal(f"Invalid array: {value}", param=name)
    return value


def one_of(*allowed: str) -> Callable[[Any, str], str]:
    """A parameter with a closed set of values."""

    def check(value: Any, name: str) -> str:
        if value not in allowed:
            listed = ", ".join(allowed)
            raise Refusal(f"Invalid {name}: must be one of {listed}", param=name)
        return str(value)

    return check


def take(
    params: Params,
    known: Mapping[str, Callable[[Any, str], Any]],
    *,
    within: str = "",
    required: tuple[str, ...] = (),
) -> Params:
    """The parameters with their types; refuses unknown and missing ones as Stripe does."""
    result: Params = {}
    for name, value in params.items():
        full = f"{within}[{name}]" if within else name
        if name not in known:
            raise Refusal(
                f"Received unknown parameter: {full}", code="parameter_unknown", param=full
            )
        result[name] = known[name](value, full)
    for name in required:
        if name not in result:
            full = f"{within}[{name}]" if within else name
            raise Refusal(f"Missing required param: {full}.", code="parameter_missing", param=full)
    return result
