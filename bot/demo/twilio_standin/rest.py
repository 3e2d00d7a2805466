"""Twilio's own API: Messages, their media, the typing indicator; Content and Verify beside it."""

from __future__ import annotations

import hmac
import json
import re
import time
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.datastructures import MultiDict

from bot.demo.twilio_standin import content_api, rendering, verify_api
from bot.demo.twilio_standin.answers import Answer, error, not_found
from bot.demo.twilio_standin.config import Config
from bot.demo.twilio_standin.faults import Faults
from bot.demo.twilio_standin.ledger import Ledger, Row, new_sid, parsed

API: Final = "/2010-04-01"
_NO_CHANNEL: Final = "No Channel with the specified From address"
_NUMBER: Final = re.compile(r"\+[1-9]\d{5,14}")
_ADDRESS: Final = re.compile(r"whatsapp:(\+[1-9]\d{5,14}|[A-Z]{2}\.[A-Za-z0-9.]{1,132})")


def blueprint(ledger: Ledger, config: Config, faults: Faults) -> Blueprint:
    """Every route wants Basic auth with the account's SID and token."""
    api = Blueprint("twilio", __name__)
    messages = f"{API}/Accounts/<account>/Messages"

    @api.before_request
    def authenticate() -> Answer | None:
        given = request.authorization
        token = (given.password if given else None) or ""
        user = (given.username if given else None) or ""
        if user != config.account_sid or not hmac.compare_digest(
            token.encode(), config.auth_token.encode()
        ):
            return error(401, 20003, "Authenticate")
        account = (request.view_args or {}).get("account", config.account_sid)
        if account != config.account_sid:
            return error(404, 20404, f"The requested resource {request.path} was not found")
        return None

    @api.post(f"{messages}.json")
    def create_message(account: str) -> Answer:
        fault = faults.take()
        if fault.status:
            return error(fault.status, 20429 if fault.status == 429 else 20500, "Asked-for fault")
        refusal = _refusal(request.form, config)
        if refusal is not None:
            return error(400, *refusal)
        columns = _outbound(ledger, request.form)
        if isinstance(columns, str):
            return error(400, int(columns.split(":")[0]), columns.split(":", 1)[1])
        sid = new_sid("MM" if columns["num_media"] else "SM")
        phone = columns["recipient"].removeprefix("whatsapp:")
        if not fault.lost:
            with ledger.write():
                ledger.phone(phone)
                ledger.add_message(sid=sid, phone=phone, **columns)
                ledger.add_task("deliver", phone, sid, due=time.time())
        if fault.hang_s:
            time.sleep(fault.hang_s)
        row = ledger.message(sid)
        if row is None:
            return error(500, 20500, "Asked-for fault")
        return jsonify(_resource(row, config)), 201

    @api.get(f"{messages}.json")
    def list_messages(account: str) -> Answer:
        return jsonify(_listing(ledger, config, request.args))

    @api.get(f"{messages}/<sid>.json")
    def fetch_message(account: str, sid: str) -> Answer:
        row = ledger.message(sid)
        return not_found() if row is None else jsonify(_resource(row, config))

    @api.get(f"{messages}/<sid>/Media.json")
    def list_media(account: str, sid: str) -> Answer:
        rows = ledger.rows("SELECT * FROM media WHERE message_sid = ?", sid)
        return jsonify(media_list=[_media(row, config) for row in rows], page=0, page_size=50)

    @api.get(f"{messages}/<sid>/Media/<media>.json")
    def fetch_media(account: str, sid: str, media: str) -> Answer:
        row = ledger.row("SELECT * FROM media WHERE sid = ? AND message_sid = ?", media, sid)
        return not_found() if row is None else jsonify(_media(row, config))

    @api.get(f"{messages}/<sid>/Media/<media>")
    def media_content(account: str, sid: str, media: str) -> Answer:
        row = ledger.row("SELECT sid FROM media WHERE sid = ? AND message_sid = ?", media, sid)
        if row is None:
            return not_found()
        # As Twilio: the file itself lies elsewhere and needs no password.
        return redirect(f"{config.base_url}/demo/media/{media}", 307)

    @api.delete(f"{messages}/<sid>/Media/<media>")
    @api.delete(f"{messages}/<sid>/Media/<media>.json")
    def delete_media(account: str, sid: str, media: str) -> Answer:
        with ledger.write():
            ledger.run("DELETE FROM media WHERE sid = ? AND message_sid = ?", media, sid)
        return Response(status=204)

    content_api.add_routes(api, ledger, config)
    verify_api.add_routes(api, ledger, config)

    @api.post("/v2/Indicators/Typing.json")
    def typing() -> Answer:
        heard = ledger.message(request.form.get("messageId", ""))
        if heard is None or heard["direction"] != "inbound":
            return error(400, 21610, "messageId is not an inbound WhatsApp message")
        with ledger.write():
            until = time.time() + 25
            ledger.run("UPDATE phone SET typing_until = ? WHERE number = ?", until, heard["phone"])
            ledger.change_message(heard["sid"], status="read")
        return jsonify(success=True)

    return api


def _refusal(form: MultiDict[str, str], config: Config) -> tuple[int, str] | None:
    """Why Messages.create is refused at once: (code, message)."""
    to, body = form.get("To", ""), form.get("Body", "")
    callback = form.get("StatusCallback", "")
    host = urlsplit(callback).hostname or ""
    sms = not to.startswith("whatsapp:")
    known, sender = (_NUMBER, config.sms_sender) if sms else (_ADDRESS, config.sender)
    no_sender = (21606, "The 'From' phone number is not ours") if sms else (63007, _NO_CHANNEL)
    checks = (
        (not to, 21604, "A 'To' phone number is required."),
        (not form.get("From"), 21603, "A 'From' phone number is required."),
        (not known.fullmatch(to), 21211, f"The 'To' number {to} is not a valid phone number."),
        (form.get("From") != sender, *no_sender),
        (len(body) > 1600, 21617, "The message body exceeds the 1600 character limit."),
        (
            not (body.strip() or form.get("MediaUrl") or form.get("ContentSid")),
            21619,
            "A text message body or media urls must be specified.",
        ),
        (bool(callback) and (not host or "_" in host), 21609, "The StatusCallback is not valid."),
    )
    return next(((code, text) for wrong, code, text in checks if wrong), None)


def _outbound(ledger: Ledger, form: MultiDict[str, str]) -> dict[str, Any] | str:
    """The columns of a new outbound message, or "<code>:<why not>"."""
    media = form.getlist("MediaUrl")[:1]
    content_sid = form.get("ContentSid")
    raw_variables = form.get("ContentVariables") or "{}"
    params: dict[str, Any] = {"media": media}
    chat = rendering.of_message(form, media)
    if content_sid:
        content = ledger.row("SELECT * FROM content WHERE sid = ?", content_sid)
        if content is None:
            return "21655:The ContentSid is invalid."
        variables = _variables(raw_variables)
        if variables is None:
            return "21656:The ContentVariables parameter is invalid."
        definition = parsed(content["definition"])
        params["approved"] = content["approval"] == "approved"
        try:
            chat = rendering.of_content(
                definition["types"], {**(definition.get("variables") or {}), **variables}
            )
        except (rendering.Invalid, KeyError, TypeError, ValueError) as error:
            params["invalid"] = str(error)
            chat = {"kind": "text", "text": ""}
    return {
        "direction": "outbound-api",
        "sender": form["From"],
        "recipient": form["To"],
        "body": chat["text"],
        "status": "queued",
        "num_media": len(media),
        "content_sid": content_sid,
        "content_variables": raw_variables if content_sid else None,
        "callback": form.get("StatusCallback"),
        "chat": json.dumps(chat),
        "params": json.dumps(params),
    }


def _variables(raw: str) -> dict[str, str] | None:
    try:
        loaded = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(loaded, dict):
        return None
    # Twilio takes no empty values.
    good = all(isinstance(value, str) and value for value in loaded.values())
    return loaded if good else None


def _resource(row: Row, config: Config) -> dict[str, Any]:
    """A message as Twilio's API gives it, plus "demo"."""
    uri = f"{API}/Accounts/{config.account_sid}/Messages/{row['sid']}"
    return {
        "account_sid": config.account_sid,
        "api_version": "2010-04-01",
        "body": row["body"],
        "date_created": formatdate(row["created"]).replace("-0000", "+0000"),
        "date_sent": formatdate(row["sent"] or row["created"]).replace("-0000", "+0000"),
        "date_updated": formatdate(row["updated"]).replace("-0000", "+0000"),
        "direction": row["direction"],
        "error_code": row["error_code"],
        "error_message": row["error_message"],
        "from": row["sender"],
        "messaging_service_sid": None,
        "num_media": str(row["num_media"]),
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": row["sid"],
        "status": row["status"],
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": row["recipient"],
        "uri": f"{uri}.json",
        "content_sid": row["content_sid"],
        "content_variables": row["content_variables"],
        "demo": rendering.chat_message(row),
    }


def _media(row: Row, config: Config) -> dict[str, Any]:
    path = f"{API}/Accounts/{config.account_sid}/Messages/{row['message_sid']}/Media/{row['sid']}"
    return {
        "sid": row["sid"],
        "account_sid": config.account_sid,
        "parent_sid": row["message_sid"],
        "content_type": row["content_type"],
        "date_created": formatdate(row["created"]).replace("-0000", "+0000"),
        "date_updated": formatdate(row["created"]).replace("-0000", "+0000"),
        "uri": f"{path}.json",
    }


def _listing(ledger: Ledger, config: Config, args: MultiDict[str, str]) -> dict[str, Any]:
    """Newest first, filtered by To, From and DateSent (also DateSent> and DateSent<), in pages."""
    where, values = ["hidden = 0"], []
    for name, column in (("To", "recipient"), ("From", "sender")):
        if args.get(name):
            where.append(f"{column} = ?")
            # A plus that was not escaped arrives as a space.
            values.append(args[name].replace(": ", ":+").strip())
    for name, test in (("DateSent>", ">="), ("DateSent<", "<="), ("DateSent", "LIKE")):
        if args.get(name):
            moment = "strftime('%Y-%m-%dT%H:%M:%SZ', created, 'unixepoch')"
            where.append(f"{moment} {test} ?")
            values.append(args[name] + ("%" if test == "LIKE" else ""))
    size = max(1, min(args.get("PageSize", 50, type=int), 1000))
    page = max(0, args.get("Page", 0, type=int))
    rows = ledger.rows(
        f"SELECT * FROM message WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ? OFFSET ?",  # noqa: S608  names are ours
        *values, size + 1, page * size,
    )  # fmt: skip
    path = f"{API}/Accounts/{config.account_sid}/Messages.json"
    following = {**args.to_dict(), "PageSize": size, "Page": page + 1}
    return {
        "messages": [_resource(row, config) for row in rows[:size]],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + min(len(rows), size) - 1,
        "uri": request.full_path,
        "first_page_uri": path,
        "previous_page_uri": None,
        "next_page_uri": f"{path}?{urlencode(following)}" if len(rows) > size else None,
    }
