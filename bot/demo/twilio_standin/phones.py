"""The phones' side: what people do with WhatsApp, as JSON for the phone page and programs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, abort, jsonify, request

from bot.demo.twilio_standin import rendering
from bot.demo.twilio_standin.config import Config
from bot.demo.twilio_standin.faults import Fault, Faults
from bot.demo.twilio_standin.ledger import Ledger, Row, new_sid, parsed
from bot.demo.twilio_standin.postman import WINDOW_S, Postman

WAIT_MAX_S: Final = 25.0


def blueprint(ledger: Ledger, config: Config, faults: Faults, postman: Postman) -> Blueprint:
    """Open to every page on this machine: nothing here is worth protecting."""
    demo = Blueprint("phones", __name__, url_prefix="/demo")

    @demo.after_request
    def allow(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
        return response

    @demo.get("/phones")
    def phones() -> Response:
        rows = ledger.rows(
            "SELECT p.*, m.chat, m.created FROM phone p LEFT JOIN message m ON m.seq = "
            "(SELECT max(seq) FROM message WHERE phone = p.number "
            "AND status NOT IN ('queued', 'failed')) ORDER BY m.seq DESC"
        )
        return jsonify(
            phones=[
                {
                    "number": row["number"],
                    "name": row["name"],
                    "last": parsed(row["chat"]).get("text", ""),
                    "at": row["created"],
                }
                for row in rows
            ]
        )

    @demo.post("/phones/<number>")
    def change_phone(number: str) -> Response:
        given = request.get_json()
        number = _number(number)
        with ledger.write():
            ledger.phone(number)
            if "name" in given:
                ledger.run("UPDATE phone SET name = ? WHERE number = ?", given["name"], number)
            if "window" in given:
                age_s = 0 if given["window"] == "open" else WINDOW_S + 1
                ledger.run(
                    "UPDATE phone SET heard_at = ? WHERE number = ?", time.time() - age_s, number
                )
        return jsonify(number=number)

    @demo.get("/phones/<number>/messages")
    def messages(number: str) -> Response:
        after = request.args.get("after", 0, type=int)
        until = time.monotonic() + min(request.args.get("wait", 0.0, type=float), WAIT_MAX_S)
        number = _number(number)
        was_typing = _typing(ledger, number)
        with ledger.changed:
            while True:
                rows = ledger.rows(
                    "SELECT * FROM message WHERE phone = ? AND rev > ? "
                    "AND status NOT IN ('queued', 'failed') ORDER BY seq", number, after,
                )  # fmt: skip
                typing = _typing(ledger, number)
                left_s = until - time.monotonic()
                if rows or left_s <= 0 or typing != was_typing:
                    break
                ledger.changed.wait(left_s)
            cursor = max([after, *(row["rev"] for row in rows)])
        shown = [rendering.chat_message(row) for row in rows]
        return jsonify(messages=shown, cursor=cursor, typing=typing)

    @demo.post("/phones/<number>/messages")
    def send(number: str) -> tuple[Response, int]:
        number = _number(number)
        files = [file for name in request.files for file in request.files.getlist(name)]
        given: Mapping[str, Any] = request.form if files else (request.get_json(silent=True) or {})
        sids = []
        with ledger.write():
            phone = ledger.phone(number)
            if not files:
                sids.append(_receive(ledger, config, phone, given, None))
            # WhatsApp sends every photo as a message of its own; the caption is the first one's.
            for place, file in enumerate(files):
                photo = (file.read(), file.mimetype or "image/jpeg", file.filename or "photo.jpg")
                caption = given if place == 0 else {}
                sids.append(_receive(ledger, config, phone, caption, photo))
        return jsonify(sid=sids[0], sids=sids), 201

    @demo.get("/media/<sid>")
    def media(sid: str) -> Response:
        row = ledger.row("SELECT * FROM media WHERE sid = ?", sid)
        if row is None:
            abort(404)
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(row["data"], content_type=row["content_type"], headers=headers)

    @demo.post("/faults")
    def add_fault() -> Response:
        given = request.get_json()
        times = int(given.get("times", 1))
        if "code" in given:
            postman.async_errors.extend([int(given["code"])] * times)
        else:
            faults.add(
                Fault(
                    status=int(given.get("status", 0)),
                    hang_s=float(given.get("hang_s", 0)),
                    lost=bool(given.get("lost", False)),
                    times=times,
                )
            )
        return jsonify(ok=True)

    @demo.delete("/faults")
    def clear_faults() -> Response:
        faults.clear()
        postman.async_errors.clear()
        return jsonify(ok=True)

    return demo


def _number(raw: str) -> str:
    """+E.164 however the plus was written, or a business-scoped user id as it is."""
    raw = raw.strip().removeprefix("whatsapp:")
    return raw if raw[:1].isalpha() else "+" + raw.strip().lstrip("+")


def _typing(ledger: Ledger, number: str) -> bool:
    row = ledger.row("SELECT typing_until FROM phone WHERE number = ?", number)
    return row is not None and row[0] > time.time()


def _receive(
    ledger: Ledger,
    config: Config,
    phone: Row,
    given: Mapping[str, Any],
    photo: tuple[bytes, str, str] | None,
) -> str:
    """A message from a phone: stored, and its webhook on the way. Inside `write`."""
    number = phone["number"]
    sid = new_sid("MM" if photo else "SM")
    chat, params = _what(ledger, number, given)
    if photo is not None:
        data, kind, name = photo
        media = ledger.add_media(sid, kind, name, data)
        api = f"{config.base_url}/2010-04-01/Accounts/{config.account_sid}"
        params |= {
            "NumMedia": "1",
            "MediaContentType0": kind,
            "MediaUrl0": f"{api}/Messages/{sid}/Media/{media}",
            "MessageType": "image" if kind.startswith("image/") else kind.split("/")[0],
        }
        chat["kind"] = "image" if kind.startswith("image/") else "document"
        url = f"{config.base_url}/demo/media/{media}"
        chat["media"] = {"url": url, "type": kind, "name": name}
    params = {**_envelope(config, phone, sid), **params, **given.get("params", {})}
    ledger.run("UPDATE phone SET heard_at = ? WHERE number = ?", time.time(), number)
    ledger.add_message(
        sid=sid, phone=number, direction="inbound", sender=f"whatsapp:{number}",
        recipient=config.sender, body=params["Body"], status="received",
        num_media=int(params["NumMedia"]), chat=json.dumps(chat), params=json.dumps(params),
        sent=time.time(),
    )  # fmt: skip
    for _ in range(int(given.get("repeat", 1))):
        ledger.add_task("webhook", number, sid, due=time.time())
    return sid


def _envelope(config: Config, phone: Row, sid: str) -> dict[str, str]:
    """The fields every WhatsApp webhook of Twilio has."""
    number = phone["number"]
    digest = hashlib.sha256(number.encode()).hexdigest()[:16].upper()
    by_id = number[:1].isalpha()
    country = "FI" if number.startswith("+358") else "US"
    who = number if by_id else f"{country}.{digest}"
    metadata = {"type": "whatsapp", "data": {"context": {"ProfileName": phone["name"]}}}
    envelope = {
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ProfileName": phone["name"] or "Rider",
        "MessageType": "text",
        "SmsSid": sid,
        "SmsStatus": "received",
        "Body": "",
        "To": config.sender,
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": config.account_sid,
        "ChannelMetadata": json.dumps(metadata),
        "From": f"whatsapp:{number}",
        "ExternalUserId": who,
        "ApiVersion": "2010-04-01",
    }
    return envelope if by_id else {**envelope, "WaId": number.lstrip("+")}


def _what(
    ledger: Ledger, number: str, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What the phone shows of its own message, and the webhook's fields for it."""
    if "lat" in given:
        place = {"lat": float(given["lat"]), "lng": float(given["lng"])}
        label, address = str(given.get("label") or ""), str(given.get("address") or "")
        params = {
            "MessageType": "location",
            "Latitude": str(place["lat"]),
            "Longitude": str(place["lng"]),
            **({"Label": label} if label else {}),
            **({"Address": address} if address else {}),
        }
        location = {**place, "label": label, "address": address}
        return {"kind": "location", "text": label, "location": location}, params
    payload = given.get("payload") or given.get("list_id")
    if payload:
        return _tap(ledger, number, str(payload), given)
    text = str(given.get("text") or "")
    return {"kind": "text", "text": text}, {"Body": text}


def _tap(
    ledger: Ledger, number: str, payload: str, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """A tapped button or list row; title and message are found when they are not given."""
    asked = given.get("reply_to")
    title = given.get("title")
    is_row = "list_id" in given
    for row in ledger.rows(
        "SELECT sid, chat FROM message WHERE phone = ? AND direction <> 'inbound' "
        "AND (? IS NULL OR sid = ?) ORDER BY seq DESC LIMIT 50", number, asked, asked,
    ):  # fmt: skip
        chat = parsed(row["chat"])
        option = next((each for each in chat.get("options", []) if each["id"] == payload), None)
        if option is not None:
            asked, title = row["sid"], title or option["title"]
            is_row = chat["kind"] == "list"
            break
    title = str(title or payload)
    params = {"Body": title, "MessageType": "interactive" if is_row else "button"}
    params |= (
        {"ListId": payload, "ListTitle": title}
        if is_row
        else {"ButtonPayload": payload, "ButtonText": title}
    )
    if asked:
        params["OriginalRepliedMessageSid"] = str(asked)
        params["OriginalRepliedMessageSender"] = "whatsapp"
    return {"kind": "text", "text": title, "reply_to": asked}, params
