"""Verify: one-time codes, sent to the phone and checked."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
from typing import Any, Final

from flask import Blueprint, jsonify, request

from bot.demo.twilio_standin.answers import Answer, error, not_found
from bot.demo.twilio_standin.config import Config
from bot.demo.twilio_standin.ledger import Ledger, new_sid

_SENDER: Final = "whatsapp:+15550100"


def add_routes(api: Blueprint, ledger: Ledger, config: Config) -> None:
    """The routes of a Verify service."""

    def resource(sid: str, to: str, channel: str, status: str) -> dict[str, Any]:
        return {
            "sid": sid, "service_sid": config.verify_sid, "account_sid": config.account_sid,
            "to": to, "channel": channel, "status": status, "valid": status == "approved",
        }  # fmt: skip

    @api.post("/v2/Services/<service>/Verifications")
    def start(service: str) -> Answer:
        to, channel = request.form.get("To", ""), request.form.get("Channel", "")
        if service != config.verify_sid:
            return not_found()
        if not re.fullmatch(r"\+[1-9]\d{5,14}", to) or channel not in ("sms", "whatsapp"):
            return error(400, 60200, "Invalid parameter `To` or `Channel`")
        since = time.time() - 600
        pending = ledger.rows(
            "SELECT * FROM verification WHERE recipient = ? AND created > ?", to, since
        )
        if len(pending) >= 5:
            return error(429, 60203, "Max send attempts reached")
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
                sid=message, phone=to, direction="outbound-api", sender=_SENDER,
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
            return not_found()
        if row["checks"] >= 5:
            return error(429, 60202, "Max check attempts reached")
        right = hmac.compare_digest(request.form.get("Code", "").encode(), row["code"].encode())
        status = "approved" if right else "pending"
        with ledger.write():
            ledger.run(
                "UPDATE verification SET status = ?, checks = checks + 1 WHERE sid = ?",
                status, row["sid"],
            )  # fmt: skip
        return jsonify(resource(row["sid"], to, row["channel"], status)), 201
