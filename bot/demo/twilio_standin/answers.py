"""Answers every part of the stand-in's API gives."""

from __future__ import annotations

from flask import Response, jsonify, request
from werkzeug.wrappers import Response as AnyResponse

Answer = Response | AnyResponse | tuple[Response, int]


def not_found() -> Answer:
    return error(404, 20404, f"The requested resource {request.path} was not found")


def error(status: int, code: int, message: str) -> Answer:
    """The form every error of Twilio's API has."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return jsonify(code=code, message=message, more_info=more, status=status), status
