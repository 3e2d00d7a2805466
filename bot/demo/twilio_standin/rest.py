"""Twilio's own API: Messages, media, Content, Verify and the typing indicator."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from bot.demo.twilio_standin import rendering
from bot.demo.twilio_standin.config import Config
from bot.demo.twilio_standin.faults import Faults
from bot.demo.twilio_standin.ledger import Ledger, Row, new_sid, parsed

API: Final = "/2010-04-01"
_ADDRESS: Final = re.compile(r"whatsapp:(\+[1-9]\d{5,14}|[A-Z]{2}\.[A-Za-z0-9.]{1,132})")
_VERIFY_SENDER: Final = "whatsapp:+15550100"
Answer = Response | AnyResponse | tuple[Response, int]


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
            return _error(401, 20003, "Authenticate")
        account = (request.view_args or {}).get("account", config.account_sid)
        if account != config.account_sid:
            return _error(404, 20404, f"The requested resource {request.path} was not found")
        return None

    @api.post(f"{messages}.json")
    def create_message(account: str) -> Answer:
        fault = faults.take()
        if fault.status:
            return _error(fault.status, 20429 if fault.status == 429 else 20500, "Asked-for fault")
        refusal = _refusal(request.form, config)
        if refusal is not None:
            return _error(400, *refusal)
        columns = _outbound(ledger, request.form)
        if isinstance(columns, str):
            return _error(400, int(columns.split(":")[0]), columns.split(":", 1)[1])
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
            return _error(500, 20500, "Asked-for fault")
        return jsonify(_resource(row, config)), 201

    @api.get(f"{messages}.json")
    def list_messages(account: str) -> Answer:
        return jsonify(_listing(ledger, config, request.args))

    @api.get(f"{messages}/<sid>.json")
    def fetch_message(account: str, sid: str) -> Answer:
        row = ledger.message(sid)
        return _not_found() if row is None else jsonify(_resource(row, config))

    @api.get(f"{messages}/<sid>/Media.json")
    def list_media(account: str, sid: str) -> Answer:
        rows = ledger.rows("SELECT * FROM media WHERE message_sid = ?", sid)
        return jsonify(media_list=[_media(row, config) for row in rows], page=0, page_size=50)

    @api.get(f"{messages}/<sid>/Media/<media>.json")
    def fetch_media(account: str, sid: str, media: str) -> Answer:
        row = ledger.row("SELECT * FROM media WHERE sid = ? AND message_sid = ?", media, sid)
        return _not_found() if row is None else jsonify(_media(row, config))

    @api.get(f"{messages}/<sid>/Media/<media>")
    def media_content(account: str, sid: str, media: str) -> Answer:
        row = ledger.row("SELECT sid FROM media WHERE sid = ? AND message_sid = ?", media, sid)
        if row is None:
            return _not_found()
        # As Twilio: the file itself lies elsewhere and needs no password.
        return redirect(f"{config.base_url}/demo/media/{media}", 307)

    @api.delete(f"{messages}/<sid>/Media/<media>")
    @api.delete(f"{messages}/<sid>/Media/<media>.json")
    def delete_media(account: str, sid: str, media: str) -> Answer:
        with ledger.write():
            ledger.run("DELETE FROM media WHERE sid = ? AND message_sid = ?", media, sid)
        return Response(status=204)

    _add_content(api, ledger, config)
    _add_verify(api, ledger, config)

    @api.post("/v2/Indicators/Typing.json")
    def typing() -> Answer:
        heard = ledger.message(request.form.get("messageId", ""))
        if heard is None or heard["direction"] != "inbound":
            return _error(400, 21610, "messageId is not an inbound WhatsApp message")
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
    checks = (
        (not to, 21604, "A 'To' phone number is required."),
        (not form.get("From"), 21603, "A 'From' phone number is required."),
        (form.get("From") != config.sender, 63007, "No Channel with the specified From address"),
        (not _ADDRESS.fullmatch(to), 21211, f"The 'To' number {to} is not a valid phone number."),
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


def _add_content(api: Blueprint, ledger: Ledger, config: Config) -> None:
    def resource(row: Row) -> dict[str, Any]:
        definition = parsed(row["definition"])
        url = f"https://content.twilio.com/v1/Content/{row['sid']}"
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row["created"]))
        links = {"approval_fetch": f"{url}/ApprovalRequests"}
        return {
            **definition, "sid": row["sid"], "account_sid": config.account_sid, "url": url,
            "date_created": moment, "date_updated": moment, "links": links,
        }  # fmt: skip

    @api.post("/v1/Content")
    def create_content() -> Answer:
        given = request.get_json(silent=True)
        given = given if isinstance(given, dict) else {}
        types = given.get("types")
        kept = {name: each for name, each in types.items() if each} if types else {}
        if not kept or not given.get("language"):
            return _error(400, 20001, "types and language are required")
        sid = new_sid("HX")
        with ledger.write():
            ledger.run(
                "INSERT INTO content VALUES (?, ?, 'unsubmitted', ?)",
                sid, json.dumps({**given, "types": kept}), time.time(),
            )  # fmt: skip
        row = ledger.row("SELECT * FROM content WHERE sid = ?", sid)
        assert row is not None
        return jsonify(resource(row)), 201

    @api.get("/v1/Content/<sid>")
    def fetch_content(sid: str) -> Answer:
        row = ledger.row("SELECT * FROM content WHERE sid = ?", sid)
        return _not_found() if row is None else jsonify(resource(row))

    @api.delete("/v1/Content/<sid>")
    def delete_content(sid: str) -> Answer:
        with ledger.write():
            ledger.run("DELETE FROM content WHERE sid = ?", sid)
        return Response(status=204)

    @api.post("/v1/Content/<sid>/ApprovalRequests/whatsapp")
    def approve(sid: str) -> Answer:
        row = ledger.row("SELECT * FROM content WHERE sid = ?", sid)
        if row is None:
            return _not_found()
        status = _verdict(parsed(row["definition"])["types"])
        with ledger.write():
            ledger.run("UPDATE content SET approval = ? WHERE sid = ?", status, sid)
        given = request.get_json(silent=True) or {}
        return jsonify(status=status, name=given.get("name"), category=given.get("category")), 201

    @api.get("/v1/Content/<sid>/ApprovalRequests")
    def approval(sid: str) -> Answer:
        row = ledger.row("SELECT * FROM content WHERE sid = ?", sid)
        if row is None:
            return _not_found()
        return jsonify(
            sid=sid, account_sid=config.account_sid, whatsapp={"status": row["approval"]}
        )


def _verdict(types: dict[str, Any]) -> str:
    """Meta's rules that a machine can check: no variable at an end, no two side by side."""
    body = str(next(iter(types.values())).get("body") or "").strip()
    ends = re.match(r"\{\{", body) or re.search(r"\}\}\W*$", body)
    adjacent = re.search(r"\}\}\s*\{\{", body)
    session_only = any(name in types for name in ("twilio/list-picker", "twilio/location"))
    return "rejected" if ends or adjacent or session_only else "approved"


def _add_verify(api: Blueprint, ledger: Ledger, config: Config) -> None:
    def resource(sid: str, to: str, channel: str, status: str) -> dict[str, Any]:
        return {
            "sid": sid, "service_sid": config.verify_sid, "account_sid": config.account_sid,
            "to": to, "channel": channel, "status": status, "valid": status == "approved",
        }  # fmt: skip

    @api.post("/v2/Services/<service>/Verifications")
    def start(service: str) -> Answer:
        to, channel = request.form.get("To", ""), request.form.get("Channel", "")
        if service != config.verify_sid:
            return _not_found()
        if not re.fullmatch(r"\+[1-9]\d{5,14}", to) or channel not in ("sms", "whatsapp"):
            return _error(400, 60200, "Invalid parameter `To` or `Channel`")
        since = time.time() - 600
        pending = ledger.rows(
            "SELECT * FROM verification WHERE recipient = ? AND created > ?", to, since
        )
        if len(pending) >= 5:
            return _error(429, 60203, "Max send attempts reached")
        sid, code = new_sid("VE"), f"{secrets.randbelow(1_000_000):06d}"
        text = f"{code} is your verification code. For your security, do not share this code."
        with ledger.write():
            ledger.run("DELETE FROM verification WHERE recipient = ? AND created <= ?", to, since)
            ledger.run(
                "UPDATE verification SET status = 'canceled' WHERE recipient = ? "
                "AND status = 'pending'", to,
            )  # fmt: skip
            ledger.run(
                "INSERT INTO verification VALUES (?, ?, ?, ?, 'pending', 0, ?)",
                sid, to, channel, code, time.time(),
            )  # fmt: skip
            ledger.phone(to)
            message = new_sid("SM")
            ledger.add_message(
                sid=message, phone=to, direction="outbound-api", sender=_VERIFY_SENDER,
                recipient=f"whatsapp:{to}", body=text, status="queued", hidden=1,
                chat=json.dumps({"kind": "text", "text": text}),
                params=json.dumps({"approved": True}),
            )  # fmt: skip
            ledger.add_task("deliver", to, message, due=time.time())
        return jsonify(resource(sid, to, channel, "pending")), 201

    @api.post("/v2/Services/<service>/VerificationCheck")
    def check(service: str) -> Answer:
        to = request.form.get("To", "")
        row = ledger.row(
            "SELECT * FROM verification WHERE recipient = ? AND status = 'pending' "
            "AND created > ? ORDER BY created DESC LIMIT 1", to, time.time() - 600,
        )  # fmt: skip
        if service != config.verify_sid or row is None:
            return _not_found()
        if row["checks"] >= 5:
            return _error(429, 60202, "Max check attempts reached")
        right = hmac.compare_digest(request.form.get("Code", "").encode(), row["code"].encode())
        status = "approved" if right else "pending"
        with ledger.write():
            ledger.run(
                "UPDATE verification SET status = ?, checks = checks + 1 WHERE sid = ?",
                status, row["sid"],
            )  # fmt: skip
        return jsonify(resource(row["sid"], to, row["channel"], status)), 201


def _not_found() -> Answer:
    return _error(404, 20404, f"The requested resource {request.path} was not found")


def _error(status: int, code: int, message: str) -> Answer:
    """The form every error of Twilio's API has."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return jsonify(code=code, message=message, more_info=more, status=status), status
