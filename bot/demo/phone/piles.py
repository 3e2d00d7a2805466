"""The wall of piles: what the simulator tells, joined with the demo city's names."""

from __future__ import annotations

from typing import Any, Final

import httpx
from flask import Blueprint, Response, abort, jsonify, request

from bot.demo.helsinki import STATIONS
from bot.demo.phone.config import PhoneConfig
from bot.domain.codes import evse_code

CONNECTORS: Final = {
    "IEC_62196_T2": "Type 2",
    "IEC_62196_T2_COMBO": "CCS",
    "CHADEMO": "CHAdeMO",
    "schuko": "Schuko",
}
PILE_ACTIONS: Final = frozenset({"offline", "online", "power", "misbehave", "remote"})
EVSE_ACTIONS: Final = frozenset({"plug", "unplug", "stop", "fault", "wear", "clear"})


class Seen:
    """What the simulator does not tell: since when a charge runs, and what was done to a line."""

    def __init__(self) -> None:
        self.began: dict[str, int] = {}  # transaction → meter when it was first seen, in Wh
        self.line: dict[str, str] = {}  # pile → "cut", "silent" or "power"; absent: it works
        self.replies: dict[str, str] = {}

    def note(self, pile_id: str, action: str, body: dict[str, Any]) -> None:
        """Remember what somebody did to a pile."""
        if action == "offline":
            self.line[pile_id] = str(body.get("how", "cut"))
        elif action == "power" and not body.get("on"):
            self.line[pile_id] = "power"
        elif action in ("online", "power"):
            self.line.pop(pile_id, None)
        else:
            self.replies[pile_id] = str(body.get("replies", "ok"))

    def trouble(self, row: dict[str, Any]) -> tuple[str, str]:
        """("" or why nothing gets through, how replies go) of a pile."""
        pile_id = row["pile_id"]
        line = "power" if row.get("powered") is False else self.line.get(pile_id, "")
        if "online" in row:
            line = "" if row["online"] else line or "cut"
        return line, str(row.get("replies", self.replies.get(pile_id, "ok")))


def blueprint(config: PhoneConfig, http: httpx.Client) -> Blueprint:
    """GET and POST /api/piles, POST /api/piles/<id>/<action> and …/evses/<n>/<action>."""
    api = Blueprint("piles", __name__, url_prefix="/api")
    known = places()
    seen = Seen()

    @api.get("/piles")
    def all_piles() -> tuple[Response, int]:
        answer = http.get(f"{config.piles_url}/piles")
        if answer.status_code >= 400:
            return jsonify(error="The simulated piles do not answer."), 503
        told = answer.json()
        rows = told["piles"] if isinstance(told, dict) else told
        return jsonify(piles=[_pile(row, known, seen) for row in rows]), 200

    @api.post("/piles")
    def put_up() -> tuple[Response, int]:
        body = request.get_json(silent=True) or {}
        return _pass_on(http, f"{config.piles_url}/piles", body)

    @api.post("/piles/<pile_id>/<action>")
    def pile_action(pile_id: str, action: str) -> tuple[Response, int]:
        if action not in PILE_ACTIONS:
            abort(404)
        body = request.get_json(silent=True) or {}
        answer = _pass_on(http, f"{config.piles_url}/piles/{pile_id}/{action}", body)
        if answer[1] == 200:
            seen.note(pile_id, action, body)
        return answer

    @api.post("/piles/<pile_id>/evses/<int:number>/<action>")
    def evse_action(pile_id: str, number: int, action: str) -> tuple[Response, int]:
        if action not in EVSE_ACTIONS:
            abort(404)
        url = f"{config.piles_url}/piles/{pile_id}/evses/{number}/{action}"
        return _pass_on(http, url, request.get_json(silent=True) or {})

    return api


def _pass_on(http: httpx.Client, url: str, body: dict[str, Any]) -> tuple[Response, int]:
    answer = http.post(url, json=body)
    if answer.status_code >= 400:
        return jsonify(error="The pile did not do that."), answer.status_code
    return jsonify(ok=True), 200


def places() -> dict[str, dict[str, Any]]:
    """Station, model and connectors by pile number."""
    found = {}
    for station in STATIONS:
        for number, pile in enumerate(station.piles, start=station.first_number):
            found[str(number)] = {
                "station": station.name,
                "lat": station.lat,
                "lng": station.lng,
                "model": pile.model,
                "connectors": [CONNECTORS.get(each, each) for each in pile.connectors],
                "power_label": _power(pile.max_power_w),
            }
    return found


def _pile(row: dict[str, Any], places: dict[str, dict[str, Any]], seen: Seen) -> dict[str, Any]:
    number = str(row["pile_id"]).lstrip("P0")
    place = places.get(number, {})
    connectors = place.get("connectors", [])
    evses = []
    for each in row["evses"]:
        at = int(each["number"])
        meter_wh = int(each.get("meter_wh") or 0)
        transaction = each.get("transaction_id")
        start_wh = seen.began.setdefault(transaction, meter_wh) if transaction else meter_wh
        evses.append(
            {
                "number": at,
                "code": evse_code(number, at),
                "connector": connectors[at - 1] if at <= len(connectors) else "",
                "power_label": place.get("power_label", ""),
                "state": _state(each),
                "plugged": bool(each.get("plugged")),
                "power_w": each.get("power_w") or 0,
                "session_wh": meter_wh - start_wh,
                "soc": each.get("soc"),
                "worn": each.get("worn") or 0,
            }
        )
    line, replies = seen.trouble(row)
    return {
        "pile_id": row["pile_id"],
        "number": number,
        "station": place.get("station", ""),
        "lat": place.get("lat"),
        "lng": place.get("lng"),
        "model": place.get("model", ""),
        "online": not line,
        "line": line,
        "replies": replies,
        "evses": evses,
    }


def _state(evse: dict[str, Any]) -> str:
    if evse.get("faults"):
        return "faulted"
    if evse.get("transaction_id"):
        return "charging" if evse.get("charging_state") == "Charging" else "finished"
    return "plugged" if evse.get("plugged") else "free"


def _power(watts: int) -> str:
    return f"{watts / 1000:g} kW" if watts >= 1000 else f"{watts} W"
