"""Riders' phones: what the page sends and shows, through the stand-in for Twilio."""

from __future__ import annotations

from typing import Any

import httpx
from flask import Blueprint, Response, abort, jsonify, request
from werkzeug.datastructures import FileStorage

from bot.demo.phone.config import PhoneConfig

WAIT_S = 8  # how long a poll waits for news; short, so that switching riders frees it soon


def blueprint(config: PhoneConfig, http: httpx.Client) -> Blueprint:
    """/api/phones/<address>/messages and /api/media."""
    api = Blueprint("phones", __name__, url_prefix="/api")
    sent: dict[str, str] = {}  # client id → message SID: a repeated request sends nothing twice

    @api.get("/phones/<address>/messages")
    def messages(address: str) -> tuple[Response, int]:
        after = request.args.get("after") or "0"
        wait = WAIT_S if after != "0" else 0
        answer = http.get(
            f"{config.twilio_url}/demo/phones/{address}/messages",
            params={"after": after, "wait": wait},
        )
        if answer.status_code >= 400:
            return jsonify(error="The phone could not be read."), answer.status_code
        news = answer.json()
        for message in news["messages"]:
            _show(message)
        news["cursor"] = str(news["cursor"])
        return jsonify(news), 200

    @api.post("/phones/<address>/messages")
    def send(address: str) -> tuple[Response, int]:
        photo = request.files.get("photo")
        given: Any = request.form if photo is not None else request.get_json()
        client_id = str(given.get("id", ""))
        if client_id in sent:
            return jsonify(id=sent[client_id]), 200
        path = f"{config.twilio_url}/demo/phones/{address}/messages"
        if photo is not None:
            answer = _send_file(http, path, photo, given.get("text", ""))
        else:
            answer = http.post(path, json=_as_phone_does(given))
        if answer.status_code >= 400:
            return jsonify(error="The message could not be sent."), answer.status_code
        sid = str(answer.json()["sid"])
        if client_id:
            sent[client_id] = sid
        return jsonify(id=sid), 201

    @api.get("/media")
    def media() -> Response:
        """A picture or document of a message, from the page's own origin."""
        url = request.args.get("url", "")
        if not url.startswith((f"{config.twilio_url}/", f"{config.public_url}/")):
            abort(404)
        answer = http.get(url)
        if answer.status_code != 200:
            abort(404)
        response = Response(answer.content, content_type=answer.headers.get("Content-Type"))
        if place := answer.headers.get("Content-Disposition"):
            response.headers["Content-Disposition"] = place
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.cache_control.max_age = 3600
        return response

    return api


def _show(message: dict[str, Any]) -> None:
    """A message of the stand-in as this page shows it."""
    if message["status"] == "received":  # Twilio's word for what came from the phone
        message["status"] = "delivered"
    media = message.get("media")
    if media and media.get("url"):
        media["url"] = f"/api/media?{httpx.QueryParams(url=media['url'])}"
    if isinstance(message.get("error"), dict):
        message["error"] = str(message["error"].get("message") or "")


def _as_phone_does(given: dict[str, Any]) -> dict[str, Any]:
    """The stand-in's fields for what the chat front end sends."""
    if given.get("payload"):
        tap = "list_id" if given.get("list") else "payload"
        return {tap: given["payload"], "title": given.get("text"), "reply_to": given.get("to")}
    if given.get("lat") is not None:
        return {"lat": given["lat"], "lng": given["lng"], "label": given.get("label") or ""}
    return {"text": given.get("text", "")}


def _send_file(http: httpx.Client, path: str, photo: FileStorage, text: str) -> httpx.Response:
    file = (photo.filename or "photo.jpg", photo.read(), photo.mimetype or "image/jpeg")
    return http.post(path, data={"text": text}, files={"photo": file})
