"""Content and its approval: POST, GET and DELETE /v1/Content."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from flask import Blueprint, Response, jsonify, request

from bot.demo.twilio_standin.answers import Answer, error, not_found
from bot.demo.twilio_standin.config import Config
from bot.demo.twilio_standin.ledger import Ledger, Row, new_sid, parsed


def add_routes(api: Blueprint, ledger: Ledger, config: Config) -> None:
    """The routes of Content; its approval is decided at once."""

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
            return error(400, 20001, "types and language are required")
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
        return not_found() if row is None else jsonify(resource(row))

    @api.delete("/v1/Content/<sid>")
    def delete_content(sid: str) -> Answer:
        with ledger.write():
            ledger.run("DELETE FROM content WHERE sid = ?", sid)
        return Response(status=204)

    @api.post("/v1/Content/<sid>/ApprovalRequests/whatsapp")
    def approve(sid: str) -> Answer:
        row = ledger.row("SELECT * FROM content WHERE sid = ?", sid)
        if row is None:
            return not_found()
        status = _verdict(parsed(row["definition"])["types"])
        with ledger.write():
            ledger.run("UPDATE content SET approval = ? WHERE sid = ?", status, sid)
        given = request.get_json(silent=True) or {}
        return jsonify(status=status, name=given.get("name"), category=given.get("category")), 201

    @api.get("/v1/Content/<sid>/ApprovalRequests")
    def approval(sid: str) -> Answer:
        row = ledger.row("SELECT * FROM content WHERE sid = ?", sid)
        if row is None:
            return not_found()
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
