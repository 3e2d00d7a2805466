"""OCPP 2.0.1 RPC frames: parsing, writing and validation against the OCA schemas.

The schemas are those shipped in PyPI `ocpp`; fastjsonschema compiles each when first needed
(about twenty times faster per frame than jsonschema, and it checks date-time).
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

import fastjsonschema

# Brokers are set to 65536 for a whole packet; an oversize publish would be re-sent for ever.
MAX_FRAME_BYTES: Final = 60_000
MAX_MESSAGE_ID: Final = 36

# JSON schema rule -> OCPP 2.0.1 part 4, table 7 (RPC error codes).
_CODE_OF_RULE: Final = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
}


class FrameError(Exception):
    """A frame that cannot be taken: `code` is OCPP's RPC error code.

    `message_id` is None when the frame is so broken that nobody can be answered.
    """

    def __init__(self, code: str, why: str, message_id: str | None = None) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code
        self.why = why
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class Call:
    """[2, messageId, action, payload]: a request, either way."""

    message_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """[3, messageId, payload]: the answer to a Call."""

    message_id: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Error:
    """[4, messageId, code, description, details]: a Call could not be worked on."""

    message_id: str
    code: str
    description: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Send:
    """[6, messageId, action, payload]: told once, never answered."""

    message_id: str
    action: str
    payload: dict[str, Any]


Frame = Call | Result | Error | Send


def parse(raw: bytes) -> Frame:
    """The frame in `raw`; its payload is not yet checked against a schema. Raises FrameError."""
    if len(raw) > MAX_FRAME_BYTES:
        raise FrameError("RpcFrameworkError", f"frame of {len(raw)} bytes is too large")
    try:
        parts = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
        _refuse_odd_text(raw, parts)
    except (ValueError, RecursionError) as error:
        raise FrameError("RpcFrameworkError", f"not JSON: {error}") from None
    if not isinstance(parts, list) or len(parts) < 3 or isinstance(parts[0], bool):
        raise FrameError("RpcFrameworkError", "not a JSON array of an RPC frame")
    kind, message_id, *rest = parts
    if not isinstance(message_id, str) or not 1 <= len(message_id) <= MAX_MESSAGE_ID:
        raise FrameError("RpcFrameworkError", "messageId is not a string of 1 to 36 characters")
    match kind, rest:
        case 2, [str(action), dict(payload)]:
            return Call(message_id, action, payload)
        case 3, [dict(payload)]:
            return Result(message_id, payload)
        case 4, [str(code), str(description), dict(details)]:
            return Error(message_id, code, description, details)
        case 6, [str(action), dict(payload)]:
            return Send(message_id, action, payload)
        case 2 | 3 | 4 | 6, _:
            # Only a broken CALL may be answered: answering an answer could go on for ever.
            answerable = message_id if kind == 2 else None
            raise FrameError("RpcFrameworkError", f"frame of type {kind} is malformed", answerable)
        case _:
            raise FrameError("MessageTypeNotSupported", "unknown message type")


def write(frame: Frame) -> bytes:
    """The frame as compact JSON. Raises FrameError when it would be too large to send."""
    parts: list[Any]
    match frame:
        case Call(message_id, action, payload):
            parts = [2, message_id, action, payload]
        case Result(message_id, payload):
            parts = [3, message_id, payload]
        case Error(message_id, code, description, details):
            parts = [4, message_id, code, description[:255], details]
        case Send(message_id, action, payload):
            parts = [6, message_id, action, payload]
    raw = json.dumps(parts, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    if len(raw) > MAX_FRAME_BYTES:
        raise FrameError("RpcFrameworkError", f"frame of {len(raw)} bytes is too large")
    return raw


def check_request(action: str, payload: dict[str, Any], message_id: str | None = None) -> None:
    """Validate the payload of a CALL. Raises FrameError; NotImplemented for an unknown action."""
    _check(f"{action}Request", payload, message_id)


def check_response(action: str, payload: dict[str, Any], message_id: str | None = None) -> None:
    """Validate the payload of the CALLRESULT to `action`. Raises FrameError."""
    _check(f"{action}Response", payload, message_id)


def _check(schema: str, payload: dict[str, Any], message_id: str | None) -> None:
    validate = _validator(schema)
    if validate is None:
        raise FrameError("NotImplemented", f"no such message: {schema[:60]}", message_id)
    try:
        validate(payload)
    except fastjsonschema.JsonSchemaValueException as error:
        code = _CODE_OF_RULE.get(error.rule or "", "PropertyConstraintViolation")
        raise FrameError(code, f"{schema}: {error.message[:200]}", message_id) from None


@cache
def _schema_names() -> frozenset[str]:
    return frozenset(path.stem for path in _schema_folder().glob("*.json"))


@cache
def _schema_folder() -> Path:
    spec = importlib.util.find_spec("ocpp")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "v201" / "schemas"


def _validator(schema: str) -> Callable[[Any], Any] | None:
    # The name comes from the wire: it must be one of ours before it becomes a path or a cache key.
    return _compile(schema) if schema in _schema_names() else None


@cache
def _compile(schema: str) -> Callable[[Any], Any]:
    text = (_schema_folder() / f"{schema}.json").read_text(encoding="utf-8-sig")
    compiled: Callable[[Any], Any] = fastjsonschema.compile(json.loads(text), use_default=False)
    return compiled


def _refuse_odd_text(raw: bytes, parts: Any) -> None:
    """Raises ValueError for texts that no database and no encoder takes: NUL, half a surrogate."""
    if b"\\u0000" in raw:
        raise ValueError("NUL in a text")
    if b"\\ud" in raw.lower():
        json.dumps(parts, ensure_ascii=False).encode()


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
