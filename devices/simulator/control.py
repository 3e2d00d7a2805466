"""The hands of the demo: plain HTTP on loopback to plug, unplug, break and silence piles.

    GET  /piles                              every pile with its EVSEs
    GET  /piles/P001023                      one of them
    POST /piles                              another one: {"pile_id", "secret", "kind": "ebike" |
                                              "ac" | "dc", "sockets", "max_power_w"}
    POST /piles/P001023/evses/2/plug         {"capacity_wh", "soc", "max_power_w"}, all optional
    POST /piles/P001023/evses/2/unplug
    POST /piles/P001023/evses/2/stop         the stop button on the pile
    POST /piles/P001023/evses/2/fault        {"kind": "GroundFault" | "EmergencyStop" |
                                              "ConnectorLock" | "OverTemp" | "NoEnergy" |
                                              "DoorOpen" | "MeterJump",
                                              "code": the maker's own, optional}
    POST /piles/P001023/evses/2/wear         {"worn": 0.5, "per_charge": 0.05}, shares: it gets
                                              warmer, and starts fail now and then
    POST /piles/P001023/evses/2/clear        every fault is repaired, wear too
    POST /piles/P001023/offline              {"how": "cut" | "silent"}, cut when not said
    POST /piles/P001023/online
    POST /piles/P001023/power                {"on": true | false}
    POST /piles/P001023/misbehave            {"replies": "ok" | "lost" | "late" | "double",
                                              "late_s": 8, "dedupe": true,
                                              "plug_in_timeout_s": 180}, all optional
    POST /piles/P001023/remote               {"fail": ["log", "log_silent", "settings", "download",
                                              "signature", "install", "firmware_silent"]}: what of
                                              remote work goes wrong from now on

Answers are JSON: the pile's state, or {"error"} with 400, 404 or 405.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from devices.simulator.evse import FAULTS, Payload, now
from devices.simulator.line import REPLIES, Line
from devices.simulator.orders import UnknownEvseError
from devices.simulator.remote import FAILS
from devices.simulator.spec import PileSpec, spec_from

_MAX_BODY: Final = 65_536
_TIMEOUT_S: Final = 10
_REASONS: Final = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
}  # fmt: skip


class RequestError(Exception):
    """A request that cannot be served, with its HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Control:
    """Serves the requests for all piles of the process."""

    def __init__(
        self, lines: Mapping[str, Line], add: Callable[[PileSpec], Line] | None = None
    ) -> None:
        self._lines, self._add = lines, add

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, one request."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                status, body = await self._answer(reader)
                raw = json.dumps(body).encode()
                head = (
                    f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(raw)}\r\nConnection: close\r\n\r\n"
                )
                writer.write(head.encode() + raw)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the other side is gone, or never meant it
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, Any]:
        try:
            method, path, body = await _read(reader)
            return 200, self.handle(method, path, body)
        except RequestError as error:
            return error.status, {"error": str(error)}

    def handle(self, method: str, path: str, body: Payload) -> Any:
        """Carry out one request; returns the JSON to answer with. Raises RequestError."""
        match method, path.strip("/").split("/"):
            case "GET", ["piles"]:
                return {"piles": [line.pile.view() for line in self._lines.values()]}
            case "POST", ["piles"]:
                return self._put_up(body)
            case "GET", ["piles", pile_id]:
                return self._line(pile_id).pile.view()
            case "POST", ["piles", pile_id, what]:
                line = self._line(pile_id)
                _at_pile(line, what, body)
                return line.pile.view()
            case "POST", ["piles", pile_id, "evses", number, what]:
                line = self._line(pile_id)
                _at_evse(line, number, what, body)
                return line.pile.view()
            case (("GET" | "POST"), _):
                raise RequestError(404, "no such address")
            case _:
                raise RequestError(405, "GET or POST")

    def _put_up(self, body: Payload) -> Any:
        try:
            spec = spec_from(body)
        except (KeyError, TypeError, ValueError):
            raise RequestError(400, "no pile can be like that") from None
        if self._add is None:
            raise RequestError(400, f"{spec.pile_id} cannot be put up")
        return self._add(spec).pile.view()

    def _line(self, pile_id: str) -> Line:
        if pile_id not in self._lines:
            raise RequestError(404, f"no pile {pile_id}")
        return self._lines[pile_id]


def _at_pile(line: Line, what: str, body: Payload) -> None:
    match what:
        case "offline" if body.get("how", "cut") == "cut":
            line.cut()
        case "offline":
            line.mute()
        case "online":
            line.restore()
        case "power" if body.get("on", False):
            line.pile.restore_power()
            line.restore()
        case "power":
            line.pile.cut_power()
            line.cut()
        case "misbehave":
            replies = body.get("replies", line.replies)
            if replies not in REPLIES:
                raise RequestError(400, f"replies is one of {', '.join(REPLIES)}")
            line.replies = replies
            line.late_s = float(body.get("late_s", line.late_s))
            pile = line.pile
            pile.dedupe = bool(body.get("dedupe", pile.dedupe))
            pile.plug_in_timeout_s = float(body.get("plug_in_timeout_s", pile.plug_in_timeout_s))
        case "remote":
            wanted = body.get("fail")
            if not isinstance(wanted, list) or not set(map(str, wanted)) <= FAILS:
                raise RequestError(400, f"fail is a list of {', '.join(sorted(FAILS))}")
            line.pile.remote.failing = set(wanted)
        case _:
            raise RequestError(404, "no such address")


def _at_evse(line: Line, number: str, what: str, body: Payload) -> None:
    try:
        evse = line.pile.evse(int(number))
    except (ValueError, UnknownEvseError):
        raise RequestError(404, f"no EVSE {number}") from None
    match what:
        case "plug":
            try:
                evse.plug(now(), body)
            except (TypeError, ValueError):
                raise RequestError(400, "capacity_wh, soc and max_power_w are numbers") from None
        case "unplug":
            evse.unplug(now())
        case "stop":
            evse.press_stop(now())
        case "fault":
            if body.get("kind") not in FAULTS:
                raise RequestError(400, f"kind is one of {', '.join(sorted(FAULTS))}")
            evse.break_down(now(), body["kind"], str(body.get("code", "")))
        case "wear":
            try:
                evse.wear.set_to(float(body.get("worn", 0.5)), float(body.get("per_charge", 0)))
            except (TypeError, ValueError):
                raise RequestError(400, "worn and per_charge are shares, 0 to 1") from None
        case "clear":
            evse.repair(now())
        case _:
            raise RequestError(404, "no such address")
    line.pile.touch()


async def _read(reader: asyncio.StreamReader) -> tuple[str, str, Payload]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    try:
        method, path, _version = head[0].split(" ")
        named = (line.split(":", 1) for line in head[1:] if ":" in line)
        headers = {name.strip().lower(): value.strip() for name, value in named}
        length = int(headers.get("content-length", "0"))
    except ValueError:
        raise RequestError(400, "not HTTP") from None
    if not 0 <= length <= _MAX_BODY:
        raise RequestError(400, "body is too large")
    raw = await reader.readexactly(length)
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        raise RequestError(400, "body is not JSON") from None
    if not isinstance(body, dict):
        raise RequestError(400, "body is not a JSON object")
    return method, path.split("?")[0], body
